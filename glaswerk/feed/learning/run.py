"""One fit of a cell, from reading the log to the epoch that is cut with the new model; and the way back."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import psycopg

from glaswerk.cell import postgres
from glaswerk.cell.config import Cell
from glaswerk.cell.locks import Lock
from glaswerk.feed import epochs
from glaswerk.feed.learning import store
from glaswerk.feed.learning.archive import Catalogued, Events, read_events
from glaswerk.feed.learning.fit import fit
from glaswerk.feed.learning.recorded import read_slots
from glaswerk.feed.policies import policy_in_force, take_over_built_in

SEED: Final = 1
_VIDEOS: Final = """
SELECT v.id, v.duration_ms FROM videos_video v JOIN people_person p ON p.id = v.creator_id
WHERE v.state = 'ready' AND v.taken_down_at IS NULL AND v.visibility IN ('public', 'followers') AND p.is_active
ORDER BY v.id
"""


class Busy(Exception):  # noqa: N818 - it says what is the case, not that something broke.
    """Another fit runs on this cell."""


@contextmanager
def _locked(cell: Cell) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(postgres.database_url(cell), autocommit=True) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [Lock.LEARNER]).fetchone()
        if row is None or not row[0]:
            raise Busy("another fit of this cell is running")
        take_over_built_in(connection)
        yield connection


def learn(cell: Cell, force: bool = False, progress: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Fit from the archive, and let the model serve unless it is worse than what serves now (or `force`).

    Returns {"state": "in_service"|"refused"|"unchanged", "model": hash or "", "reason", "epoch": the one that was cut or "", "figures"}.
    Raises Busy, and PolicyError for a policy that cannot be read; the model in service stays.
    """
    say = progress or (lambda line: None)
    began = time.monotonic()
    with _locked(cell) as connection:
        policy = policy_in_force(connection).policy
        say("reading the event archive")
        events = _of_people_here(connection, read_events(cell.archive / "events"))
        rows = np.array(connection.execute(_VIDEOS).fetchall(), dtype=np.int64).reshape(-1, 2)
        videos = Catalogued(rows[:, 0].copy(), rows[:, 1].copy())
        say("making recorded slates again")
        slots = read_slots(connection, cell)
        before = store.model_in_service(connection.cursor(), cell)
        fitted = fit(events, videos, slots, policy, before, SEED, progress=say)
        model, figures, refused = fitted.model, fitted.figures, fitted.refused
        figures["seconds"] = round(time.monotonic() - began, 1)
        figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        if model is None:
            store.note_refused(connection, "", figures, refused)
            return _answer("refused", "", refused, "", figures)
        if before is not None and before.sha256 == model.sha256:
            store.note_refused(connection, model.sha256, figures, "")
            return _answer("unchanged", model.sha256, "the log gives the very model that is in service", "", figures)
        refused = refused or _rolled_back(connection, model.sha256)
        if refused and not force:
            store.note_refused(connection, model.sha256, figures, refused)
            return _answer("refused", model.sha256, refused, "", figures)
        store.keep(cell, model)
        reason = f"in service by force, though {refused}" if refused else ""
        store.put_in_service(connection, model.sha256, figures, reason)
        store.remove_old_files(connection, cell)
        return _answer("in_service", model.sha256, reason, epochs.cut(cell), figures)


def roll_back(cell: Cell, sha256: str | None = None, reason: str = "") -> dict[str, Any]:
    """Let the model before (or a named one) serve again, and cut an epoch with it at once.

    Returns {"model": hash or "", "epoch"}. Raises Busy, store.NoSuchModel and PolicyError.
    """
    with _locked(cell) as connection:
        # A policy that cannot be read is found before anything changes.
        policy_in_force(connection)
        model = store.roll_back(connection, cell, sha256, reason)
        return {"model": model, "epoch": epochs.cut(cell)}


def _of_people_here(connection: "psycopg.Connection[Any]", events: Events) -> Events:
    """Without the events of accounts that are gone, and of viewers without profiling; visitors who never signed in have negative ids."""
    here = np.array([row[0] for row in connection.execute("SELECT id FROM people_person")], dtype=np.int64)
    without = np.array([row[0] for row in connection.execute(epochs.UNPROFILED)], dtype=np.int64)
    return events.where(((events.viewer < 0) | np.isin(events.viewer, here)) & ~np.isin(events.viewer, without))


def _rolled_back(connection: "psycopg.Connection[Any]", sha256: str) -> str:
    row = connection.execute(
        "SELECT reason FROM feed_learnedmodel WHERE sha256 = %s AND state = 'rolled_back'", [sha256]
    ).fetchone()
    return "" if row is None else f"this very model was rolled back{': ' if row[0] else ''}{row[0]}"


def _answer(state: str, model: str, reason: str, epoch: str, figures: dict[str, Any]) -> dict[str, Any]:
    return {"state": state, "model": model, "reason": reason, "epoch": epoch, "figures": figures}
