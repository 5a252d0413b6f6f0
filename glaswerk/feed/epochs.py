"""Epochs: cut from the database, kept as files named by their hash, opened by every worker."""

import contextlib
import os
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg
import structlog

from glaswerk.cell import postgres
from glaswerk.cell.config import Cell, current_cell
from glaswerk.cell.entries import EntryKind
from glaswerk.cell.ids import now_ms
from glaswerk.cell.locks import Lock
from glaswerk.cell.records import record_on
from glaswerk.feed.dials import sound_name
from glaswerk.feed.fold import VideoMemory
from glaswerk.feed.learning.store import model_in_service
from glaswerk.feed.market import market
from glaswerk.feed.policies import (
    PolicyChange,
    note_first_epoch,
    policy_hash,
    policy_in_force,
    record_change,
    take_over_built_in,
)
from glaswerk.feed.settings import hidden_token
from glaswerk.feed.slates import remove_before
from glaswerk.feed.statistics import decayed
from glaswerk.glass import Catalogue, Epoch, EpochError, Watches, caption_tokens, cut_epoch
from glaswerk.glass.catalogue import FEATURES

_logger = structlog.get_logger("glaswerk.epochs")

_CATALOGUE: Final = """
SELECT v.id, v.creator_id, (extract(epoch FROM v.published_at) * 1000)::bigint, v.duration_ms, v.region, v.language,
       v.visibility = 'followers', v.hashtags,
       coalesce(s.impressions, 0), coalesce(s.finishes, 0), coalesce(s.likes, 0), coalesce(s.shares, 0),
       coalesce(s.saves, 0), coalesce(s.follows, 0), coalesce(s.skips, 0), coalesce(s.watch_ms, 0),
       coalesce(s.recent_impressions, 0), coalesce(s.recent_finishes, 0), coalesce(s.recent_likes, 0),
       coalesce(s.decayed_at, 0), v.caption, v.sound_title, v.features
FROM videos_video v JOIN people_person p ON p.id = v.creator_id LEFT JOIN feed_statistics s ON s.video_id = v.id
WHERE v.state = 'ready' AND v.taken_down_at IS NULL AND v.visibility IN ('public', 'followers') AND p.is_active
ORDER BY v.id
"""
# Who has a feed without profiling: as they have said last, else as their account began. Nothing that one of them watched
# steers the feed of anybody; it counts in totals only.
UNPROFILED: Final = """
SELECT coalesce(d.viewer, p.id) FROM feed_dials d FULL JOIN people_person p ON p.id = d.viewer
WHERE NOT coalesce((d.settings -> 'profiling' ->> 1)::int <> 0, p.profiling, true)
"""
_WATCHES: Final = f"""
SELECT w.viewer, w.video, w.last_at, v.duration_ms, w.watched_ms, w.loops, w.shared, w.liked_at, w.saved_at,
       w.refused_at, w.watched_at, w.watched, coalesce(d.reset_at, 0)
FROM feed_watch w JOIN videos_video v ON v.id = w.video LEFT JOIN feed_dials d ON d.viewer = w.viewer
WHERE (w.watched OR w.shared OR w.liked_at > 0 OR w.saved_at > 0) AND w.viewer NOT IN ({UNPROFILED})
"""  # noqa: S608 - both are ours.


def epoch_path(cell: Cell, sha256: str) -> Path:
    """Return where an epoch's file is."""
    return cell.epochs / f"{sha256}.epoch"


@lru_cache(maxsize=4)
def kept_epoch(sha256: str, cell: Cell | None = None) -> Epoch:
    """Open an epoch that is kept, every byte of it checked.  Raises EpochError for an altered file, OSError for none."""
    return Epoch.open(epoch_path(cell or current_cell(), sha256), sha256)


def _catalogue(connection: "psycopg.Connection[Any]", at_ms: int) -> Catalogue:
    rows = connection.execute(_CATALOGUE).fetchall()
    if not rows:
        return Catalogue.empty()
    columns = list(zip(*rows, strict=True))
    elapsed = [at_ms - moment for moment in columns[19]]

    def whole(place: int) -> Any:
        return np.array(columns[place], dtype=np.int64)

    def recent(place: int) -> Any:
        return np.array([decayed(*pair) for pair in zip(columns[place], elapsed, strict=True)], dtype=np.int64)

    return Catalogue(
        ids=whole(0),
        creator=whole(1),
        published_at=whole(2),
        duration_ms=np.array(columns[3], dtype=np.int32),
        region=list(columns[4]),
        language=list(columns[5]),
        followers_only=np.array(columns[6], dtype=np.bool_),
        hashtags=[tuple(tags) for tags in columns[7]],
        impressions=whole(8),
        finishes=whole(9),
        likes=whole(10),
        shares=whole(11),
        saves=whole(12),
        follows=whole(13),
        skips=whole(14),
        watch_ms=whole(15),
        rec_impressions=recent(16),
        rec_finishes=recent(17),
        rec_likes=recent(18),
        tokens=[
            _tokens(caption, tuple(tags), creator, sound)
            for caption, tags, creator, sound in zip(columns[20], columns[7], columns[1], columns[21], strict=True)
        ],
        # All zeros where nobody has looked at a video yet.
        features=np.frombuffer(
            b"".join(looks if len(looks) == FEATURES else bytes(FEATURES) for looks in columns[22]), dtype=np.uint8
        ).reshape(len(rows), FEATURES),
    )


# Hardly anything of this changes from one epoch to the next, and an epoch is cut every few seconds.
@lru_cache(maxsize=200_000)
def _tokens(caption: str, hashtags: tuple[str, ...], creator: int, sound: str) -> tuple[int, ...]:
    """What a viewer can hide a video by: its words, hashtags, creator and sound."""
    tokens = [hidden_token("hashtag", hashtag) for hashtag in hashtags] + [hidden_token("creator", str(creator))]
    if sound:
        tokens.append(hidden_token("sound", sound_name(sound)))
    return (*caption_tokens(caption), *tokens)


def counted_watches(connection: "psycopg.Connection[Any]") -> Watches:
    """Return what people watched, as far as it may steer the feeds of others."""
    viewers, videos, strengths, moments = [], [], [], []
    for (
        viewer,
        video,
        last_at,
        duration_ms,
        watched_ms,
        loops,
        shared,
        liked,
        saved,
        refused,
        watched_at,
        watched,
        reset_at,
    ) in connection.execute(_WATCHES):
        memory = VideoMemory(0, last_at, watched, watched_ms, loops, shared, liked, saved, refused, watched_at)
        watch = memory.as_watch(video, duration_ms, reset_at)
        if watch is not None and watch.strength > 0:
            viewers.append(viewer)
            videos.append(video)
            strengths.append(watch.strength)
            moments.append(last_at)
    return Watches(
        viewer=np.array(viewers, dtype=np.int64),
        video=np.array(videos, dtype=np.int64),
        strength=np.array(strengths, dtype=np.uint8),
        at=np.array(moments, dtype=np.int64),
    )


def cut(cell: Cell | None = None, change: PolicyChange | None = None) -> str:
    """Cut an epoch of everything the cell knows now, keep it, put it in service, and return its hash.

    With a change of the policy, it comes into force by this epoch.  The file is whole before the row names it: a kill
    between the two leaves a file that nobody opens.  Raises PolicyError for a policy that cannot be read, and
    ChangeRefused; the epoch and the policy in service stay.
    """
    cell = cell or current_cell()
    with psycopg.connect(postgres.database_url(cell), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [Lock.CUT])
        take_over_built_in(connection)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            if change is not None:
                record_change(connection, change)
            sha256 = _cut(connection, cell, now_ms())
    return sha256


def _cut(connection: "psycopg.Connection[Any]", cell: Cell, at_ms: int) -> str:
    in_force = policy_in_force(connection)
    catalogue = _catalogue(connection, at_ms)
    selling = market()
    data = cut_epoch(
        catalogue,
        counted_watches(connection),
        in_force.policy,
        at_ms,
        model_in_service(connection.cursor(), cell),
        selling.goods(connection) if selling is not None else None,
    )
    sha256 = Epoch.from_bytes(data).sha256
    _keep(epoch_path(cell, sha256), data)
    # The newest epoch serves, also one that was cut after the clock was set back.
    connection.execute(
        "INSERT INTO feed_epochrecord (sha256, cut_at, videos, size, in_service)"
        " SELECT %s, greatest(%s, max(cut_at) + interval '1 millisecond'), %s, %s, true FROM feed_epochrecord",
        [sha256, datetime.fromtimestamp(at_ms / 1000, UTC), len(catalogue), len(data)],
    )
    note_first_epoch(connection, in_force.number, sha256)
    policy = policy_hash(in_force.policy.text)
    record_on(connection, EntryKind.EPOCH, {"sha256": sha256, "policy": policy, "videos": len(catalogue)})
    _logger.info("epoch cut", epoch=sha256, videos=len(catalogue), size=len(data))
    return sha256


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def remove_old(cell: Cell) -> int:
    """Remove slates and epochs past their keeping, and return how many epochs.

    An epoch stays while a slate names it, so that every slate that is kept can be replayed.
    """
    before = datetime.now(UTC) - timedelta(days=cell.config.feed.keep_epochs_days)
    with psycopg.connect(postgres.database_url(cell)) as connection:
        remove_before(connection.cursor(), int(before.timestamp() * 1000))
        rows = connection.execute(
            "DELETE FROM feed_epochrecord e WHERE e.cut_at < %s AND NOT EXISTS"
            " (SELECT 1 FROM feed_slaterecord s WHERE s.epoch = e.sha256)"
            " AND e.sha256 <> (SELECT sha256 FROM feed_epochrecord WHERE in_service ORDER BY cut_at DESC LIMIT 1)"
            " RETURNING e.sha256",
            [before],
        ).fetchall()
    for (sha256,) in rows:
        epoch_path(cell, sha256).unlink(missing_ok=True)
    return len(rows)


class EpochInService:
    """The epoch that a worker ranks by; `refresh` follows what the database says."""

    def __init__(self, cell: Cell) -> None:
        """Hold nothing yet."""
        self._cell = cell
        self._epoch: Epoch | None = None
        self._refused: set[str] = set()

    @property
    def epoch(self) -> Epoch | None:
        """The epoch in service, or None before the first was cut."""
        return self._epoch

    def refresh(self, sha256s: list[str]) -> bool:
        """Take the first of the named epochs that opens, newest first; return whether it changed.

        One whose bytes do not match its name is refused once and for all, and the last good one stays.
        """
        for sha256 in sha256s:
            if self._epoch is not None and self._epoch.sha256 == sha256:
                return False
            if sha256 in self._refused:
                continue
            try:
                self._epoch = Epoch.open(epoch_path(self._cell, sha256), sha256)
            except (EpochError, OSError) as error:
                self._refused.add(sha256)
                _logger.error("epoch refused", epoch=sha256, exc_info=error)
                continue
            return True
        return False


NEWEST: Final = "SELECT sha256 FROM feed_epochrecord WHERE in_service ORDER BY cut_at DESC LIMIT 5"


def newest_epoch(cell: Cell) -> Epoch:
    """Open the epoch in service; cut one where there is none yet."""
    with psycopg.connect(postgres.database_url(cell)) as connection:
        sha256s = [row[0] for row in connection.execute(NEWEST).fetchall()]
    holder = EpochInService(cell)
    holder.refresh(sha256s)
    if holder.epoch is None:
        sha256 = cut(cell)
        return Epoch.open(epoch_path(cell, sha256), sha256)
    return holder.epoch


def wait_for_cutter_lock(connection: "psycopg.Connection[Any]") -> None:
    """Wait until this process is the only one that cuts."""
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [Lock.CUTTER]).fetchone()
        if row is not None and row[0]:
            return
        with contextlib.suppress(InterruptedError):
            time.sleep(1)
