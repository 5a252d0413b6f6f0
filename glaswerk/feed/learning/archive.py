"""The archived event log as columns, and what they say of viewers and videos."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import structlog
from numpy.typing import NDArray

from glaswerk.feed.fold import FINISH_SHARE, SKIP_MS
from glaswerk.glass import Watches
from glaswerk.glass.epoch import rows_of

Ints = NDArray[np.int64]

KINDS: Final = (
    "impression", "watch", "like", "unlike", "save", "unsave", "share", "not_interested", "interested", "follow", "reset",
)  # fmt: skip
CODE: Final = {name: place for place, name in enumerate(KINDS)}
MOST_EVENTS: Final = 10_000_000
"""The latest so many events are read, so that memory has a bound; older ones would have faded anyway."""
_COLUMNS: Final = ["kind", "viewer", "video", "logged_at", "at", "watched_ms", "loops"]
_logger = structlog.get_logger("glaswerk.learning")


@dataclass(frozen=True, eq=False)
class Events:
    """Events in the log's order, a column each: kind is a place in KINDS, times are ms since the Unix epoch; video is 0 for a reset."""

    kind: NDArray[np.int8]
    viewer: Ints
    video: Ints
    logged_at: Ints
    at: Ints
    watched_ms: NDArray[np.int32]
    loops: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.kind)

    def where(self, rows: Any) -> Self:
        """Some of the events."""
        return type(self)(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    @classmethod
    def joined(cls, parts: "list[Events]") -> Self:
        """Several parts, one after another."""
        return cls(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__}
        )


def read_events(folder: Path, most: int = MOST_EVENTS) -> Events:
    """The latest events of an archive, without those of a viewer from before their last reset.

    A file that cannot be read is named in the log and left out.
    """
    parts, count, oldest = [_read(pa.table({name: pa.array([]) for name in _COLUMNS}))], 0, None
    for first, last, path in sorted(_files(folder), key=lambda file: (-file[1], file[0])):
        # After a kill an hour may lie there as one file and as its parts.
        if (oldest is not None and first >= oldest) or count >= most:
            continue
        try:
            part = _read(pq.ParquetFile(path).read(_COLUMNS))
        except (pa.ArrowException, OSError) as error:
            _logger.warning("a file of the archive cannot be read", file=str(path), last=last, exc_info=error)
            continue
        parts.append(part)
        count += len(part)
        oldest = first
    events = Events.joined(parts[::-1])
    return _after_resets(events.where(slice(max(0, len(events) - most), None)))


def _files(folder: Path) -> list[tuple[int, int, Path]]:
    """Every file with the first and last sequence that it holds."""
    found = []
    for path in sorted(folder.rglob("*.parquet")):
        try:
            facts = pq.read_schema(path).metadata
            found.append((int(facts[b"first_sequence"]), int(facts[b"last_sequence"]), path))
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
            _logger.warning("a file of the archive cannot be read", file=str(path), exc_info=error)
    return found


def _read(table: pa.Table) -> Events:
    kind = pc.index_in(table.column("kind").cast(pa.string()), value_set=pa.array(KINDS)).combine_chunks()
    known = pc.is_valid(kind).to_numpy(zero_copy_only=False).astype(bool)

    def column(name: str, dtype: Any) -> Any:
        return pc.fill_null(table.column(name).cast(pa.int64()), 0).to_numpy()[known].astype(dtype)

    events = Events(
        pc.fill_null(kind, 0).to_numpy(zero_copy_only=False)[known].astype(np.int8),
        *(column(name, np.int64) for name in ("viewer", "video", "logged_at", "at")),
        *(column(name, np.int32) for name in ("watched_ms", "loops")),
    )
    return events.where((events.video > 0) | (events.kind == CODE["reset"]))


def _after_resets(events: Events) -> Events:
    resets = events.where(events.kind == CODE["reset"])
    rest = events.where(events.kind != CODE["reset"])
    if not len(resets):
        return rest
    viewers, place = np.unique(resets.viewer, return_inverse=True)
    until = np.zeros(len(viewers), dtype=np.int64)
    np.maximum.at(until, place, resets.at)
    found = np.minimum(np.searchsorted(viewers, rest.viewer), len(viewers) - 1)
    return rest.where((viewers[found] != rest.viewer) | (rest.at > until[found]))


@dataclass(frozen=True, eq=False)
class Catalogued:
    """The videos that may be learned of: ids rise; duration_ms as in the catalogue."""

    ids: Ints
    duration_ms: Ints

    def rows(self, videos: Ints) -> Ints:
        """The row of every video, -1 for one that is not here."""
        return rows_of(self.ids, videos)


@dataclass(frozen=True, eq=False)
class Pairs:
    """What each viewer did with each video, one row a pair, as `glaswerk.feed.fold.VideoMemory` would have it.

    row: of the video. first_at, last_at: when the log took the first and last event. strength as `finish_strength` gives it.
    """

    viewer: Ints
    row: Ints
    first_at: Ints
    last_at: Ints
    watched: NDArray[np.bool_]
    finished: NDArray[np.bool_]
    skipped: NDArray[np.bool_]
    liked: NDArray[np.bool_]
    shared: NDArray[np.bool_]
    followed: NDArray[np.bool_]
    strength: Ints

    def watches(self, videos: Catalogued) -> Watches:
        """What a co-watch filter is fitted on."""
        said = self.strength > 0
        strength = self.strength[said].astype(np.uint8)
        return Watches(self.viewer[said], videos.ids[self.row[said]], strength, self.last_at[said])


def fold(events: Events, videos: Catalogued) -> Pairs:
    """Fold events into pairs of viewer and video; videos that are not catalogued are left out.

    Within a pair the log's order decides what was done last, so no client's clock has a say.
    """
    rows = videos.rows(events.video)
    events, rows = events.where(rows >= 0), rows[rows >= 0]
    person = np.unique(events.viewer, return_inverse=True)[1]
    key = person * np.int64(max(len(videos.ids), 1)) + rows
    order = np.argsort(key, kind="stable")
    events, rows, key = events.where(order), rows[order], key[order]
    begin = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, np.int64)
    if not len(begin):
        none = np.zeros(0, dtype=np.int64)
        no = none.astype(np.bool_)
        return Pairs(none, none, none, none, no, no, no, no, no, no, none)

    def most(values: Any) -> Any:
        return np.maximum.reduceat(values, begin)

    def any_of(kind: str) -> Any:
        return np.logical_or.reduceat(events.kind == CODE[kind], begin)

    turn = np.arange(len(key)) + 1

    def switch(on: str, off: str) -> Any:
        told = (events.kind == CODE[on]) * (2 * turn + 1) + (events.kind == CODE[off]) * 2 * turn
        return most(told) % 2 == 1

    is_watch = events.kind == CODE["watch"]
    watched_ms, loops = (
        most(events.watched_ms * is_watch).astype(np.int64),
        most(events.loops * is_watch).astype(np.int64),
    )
    duration = videos.duration_ms[rows[begin]]
    watched, shared = any_of("watch"), any_of("share")
    liked, saved, refused = switch("like", "unlike"), switch("save", "unsave"), switch("not_interested", "interested")
    part, whole = FINISH_SHARE
    ended = (loops > 0) | ((duration > 0) & (watched_ms * whole >= duration * part))
    finished = watched & ended
    skipped = watched & ~ended & (watched_ms < SKIP_MS)
    strength = 160 * np.where(duration > 0, np.clip(watched_ms, 0, duration), 1) // np.maximum(duration, 1)
    strength = np.where(finished | (loops > 0), 160, strength) + np.minimum(16 * loops, 48)
    strength = np.minimum(strength + 32 * liked + 40 * saved + 48 * shared, 255)
    silent = ~watched & ~liked & ~saved & ~shared
    return Pairs(
        events.viewer[begin],
        rows[begin],
        np.minimum.reduceat(events.logged_at, begin),
        most(events.logged_at),
        watched,
        finished,
        skipped,
        liked,
        shared,
        any_of("follow"),
        np.where(skipped | refused | silent, 0, strength),
    )
