"""What heads are fitted on: every slot of many slates with the bins and signals that it was ranked by, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glaswerk.feed.fold import FINISH_SHARE, SKIP_MS
from glaswerk.feed.learning.archive import CODE, Catalogued, Events
from glaswerk.glass import HEADS, ITEM_SIGNALS, VIEWER_SIGNALS
from glaswerk.glass.fitting import SlotSignals

Ints = NDArray[np.int64]


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
            np.concatenate([np.zeros((0, len(ITEM_SIGNALS)), np.uint8), *(one.bins for one in signals)]),
            np.concatenate([np.zeros((0, len(VIEWER_SIGNALS)), np.int64), *(one.signals for one in signals)]),
        )


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
