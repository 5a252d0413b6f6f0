"""Recorded slates as what heads are fitted on: every slot with the bins and signals that it was ranked by, and what came of it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import psycopg
import structlog
from numpy.typing import NDArray

from glaswerk.cell.config import Cell
from glaswerk.feed.epochs import epoch_path
from glaswerk.feed.fold import FINISH_SHARE, SKIP_MS
from glaswerk.feed.learning.archive import CODE, Catalogued, Events
from glaswerk.feed.slates import viewer_states
from glaswerk.glass import HEADS, Ask, Epoch, GlassError, Viewer, WireError
from glaswerk.glass.fitting.shown import SlotSignals, slot_signals
from glaswerk.glass.slate import Slate

Ints = NDArray[np.int64]

MOST_SLATES: Final = 20_000
MOST_EPOCHS: Final = 200
"""So many slates of so many epochs are made again, spread evenly over time: opening an epoch costs more than ranking by it."""
_logger = structlog.get_logger("glaswerk.learning")


@dataclass(frozen=True, eq=False)
class Slots:
    """Slots of slates, slate by slate in order of time.

    A row a slate: at (ms), viewer, watch_starts (one more), and from there watched (ids) and pulls.
    A row a slot: owner (its slate), video (id), bins and signals.
    """

    at: Ints
    viewer: Ints
    watch_starts: Ints
    watched: Ints
    pulls: Ints
    owner: Ints
    video: Ints
    bins: NDArray[np.uint8]
    signals: Ints

    def __len__(self) -> int:
        return len(self.owner)

    @classmethod
    def of(cls, slates: Iterable[tuple[int, int, Ints, SlotSignals]]) -> "Slots":
        """From (at, viewer, videos, signals) of every slate, in any order."""
        rows = sorted(slates, key=lambda slate: (slate[0], slate[1]))
        at, viewer, videos, signals = zip(*rows, strict=True) if rows else ((), (), (), ())
        empty = np.zeros(0, dtype=np.int64)
        return cls(
            np.array(at, dtype=np.int64),
            np.array(viewer, dtype=np.int64),
            np.cumsum([0, *(len(one.watched) for one in signals)], dtype=np.int64),
            np.concatenate([empty, *(one.watched for one in signals)]),
            np.concatenate([empty, *(one.pulls for one in signals)]),
            np.repeat(np.arange(len(rows)), [len(one) for one in videos]),
            np.concatenate([empty, *videos]),
            np.concatenate([one.bins for one in signals]) if rows else np.zeros((0, 0), np.uint8),
            np.concatenate([one.signals for one in signals]) if rows else np.zeros((0, 0), np.int64),
        )


def read_slots(connection: "psycopg.Connection[Any]", cell: Cell) -> Slots:
    """Make slates of the For You feed again. What cannot be made again - its epoch is gone, or of an earlier form - is left out."""
    epochs = connection.execute(
        "SELECT epoch, count(*) FROM feed_slaterecord GROUP BY epoch ORDER BY min(at), epoch"
    ).fetchall()
    if len(epochs) > MOST_EPOCHS:
        epochs = [epochs[place] for place in np.linspace(0, len(epochs) - 1, MOST_EPOCHS).round().astype(int)]
    each = _each([count for _, count in epochs], MOST_SLATES)
    found: list[tuple[int, int, Ints, SlotSignals]] = []
    failures: defaultdict[str, int] = defaultdict(int)
    for sha256, _ in epochs:
        try:
            epoch = Epoch.open(epoch_path(cell, sha256), sha256)
        except (GlassError, OSError) as error:
            failures[str(error)] += 1
            continue
        records = connection.execute(
            "SELECT id, at, viewer, ask, slate FROM feed_slaterecord WHERE epoch = %s ORDER BY at, id LIMIT %s",
            [sha256, each],
        ).fetchall()
        try:
            states = viewer_states(connection.cursor(), [record[0] for record in records])
        except WireError as error:
            failures[str(error)] += len(records)
            continue
        for number, at, viewer, asked, shown in records:
            try:
                state = Viewer.decode(states.get(number, b""))
                ask, slate = Ask.decode(bytes(asked)), Slate.decode(bytes(shown))
                videos = np.array([slot.video for slot in slate.slots if "again" not in slot.sources], dtype=np.int64)
                if ask.kind == "for_you" and len(videos):
                    found.append((at, viewer, videos, slot_signals(epoch, state, ask, videos)))
            except GlassError as error:
                failures[str(error)] += 1
    for failure, count in sorted(failures.items()):
        _logger.warning("slates were left out", failure=failure, count=count)
    return Slots.of(found)


def _each(counts: list[int], most: int) -> int:
    """How many slates of every epoch may be read, so that there are `most` in all, or all of them."""
    low, high = 0, max(counts, default=0)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(count, middle) for count in counts) <= most:
            low = middle
        else:
            high = middle - 1
    return max(low, 1)


def label(slots: Slots, events: Events, videos: Catalogued) -> tuple[Ints, NDArray[np.bool_]]:
    """Which slots were on a screen and reported on, and what the viewer did: [those, heads].

    An event counts for the first slot that showed this video to this viewer, when the log took it afterwards.
    """
    viewers, shown = np.unique(slots.viewer[slots.owner], return_inverse=True)
    ids, place = np.unique(slots.video, return_inverse=True)
    keys, first = np.unique(shown * np.int64(max(len(ids), 1)) + place, return_index=True)
    if not len(keys):
        return np.zeros(0, np.int64), np.zeros((0, len(HEADS)), np.bool_)
    person = np.minimum(np.searchsorted(viewers, events.viewer), len(viewers) - 1)
    video = np.minimum(np.searchsorted(ids, events.video), len(ids) - 1)
    wanted = person * np.int64(len(ids)) + video
    found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    slot = first[found]
    said = (viewers[person] == events.viewer) & (ids[video] == events.video) & (keys[found] == wanted)
    said &= events.logged_at >= slots.at[slots.owner[slot]]
    told, slot = events.where(said), slot[said]

    def any_of(*kinds: str) -> NDArray[np.bool_]:
        flags = np.zeros(len(slots), dtype=np.bool_)
        flags[slot[np.isin(told.kind, [CODE[kind] for kind in kinds])]] = True
        return flags

    watched_ms, loops = np.zeros(len(slots), dtype=np.int64), np.zeros(len(slots), dtype=np.int64)
    is_watch = told.kind == CODE["watch"]
    np.maximum.at(watched_ms, slot[is_watch], told.watched_ms[is_watch])
    np.maximum.at(loops, slot[is_watch], told.loops[is_watch])
    rows = videos.rows(slots.video)
    duration = np.where(rows >= 0, videos.duration_ms[rows], 0) if len(videos.ids) else np.zeros(len(slots), np.int64)
    part, whole = FINISH_SHARE
    watched = any_of("watch")
    ended = (loops > 0) | ((duration > 0) & (watched_ms * whole >= duration * part))
    done = {
        "finish": watched & ended,
        "like": any_of("like"),
        "share": any_of("share"),
        "follow": any_of("follow"),
        "skip": watched & ~ended & (watched_ms < SKIP_MS),
    }
    # What nobody can do yet, nobody did.
    nothing = np.zeros(len(slots), dtype=np.bool_)
    reported = np.sort(first[any_of("impression", "watch")[first] & (rows[first] >= 0)])
    return reported, np.column_stack([done.get(name, nothing) for name in HEADS])[reported]
