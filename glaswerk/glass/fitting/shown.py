"""What heads are fitted on: videos that were on somebody's screen, the signals they were ranked by, and what the viewer did."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.ask import Ask
from glaswerk.glass.desk import Desk
from glaswerk.glass.epoch import Epoch
from glaswerk.glass.errors import GlassError
from glaswerk.glass.heads import BINS
from glaswerk.glass.history import read_history
from glaswerk.glass.names import HEADS, ITEM_SIGNALS, VIEWER_SIGNALS
from glaswerk.glass.scale import Ints
from glaswerk.glass.signals import measure
from glaswerk.glass.viewer import Viewer


@dataclass(frozen=True, eq=False)
class Shown:
    """One row for every video that was on somebody's screen, the earliest first.

    bins: [rows, item signals] uint8 below BINS. signals: [rows, viewer signals] int64 in 2^-16. done: [rows, heads] bool, what the
    viewer did. weight: [rows] float64, how much a row counts (all alike where it is left out).
    Raises GlassError for arrays of other shapes, bins out of range, and weights that are not finite and positive.
    """

    bins: NDArray[np.uint8]
    signals: NDArray[np.int64]
    done: NDArray[np.bool_]
    weight: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        rows = len(self.bins)
        shapes = ((self.bins, ITEM_SIGNALS), (self.signals, VIEWER_SIGNALS), (self.done, HEADS))
        if any(array.shape != (rows, len(names)) for array, names in shapes):
            raise GlassError("bins, signals and what was done must have a row each and a column a name")
        if rows and int(self.bins.max()) >= BINS:
            raise GlassError(f"a bin lies beyond {BINS - 1}")
        if self.weight is not None and (
            self.weight.shape != (rows,) or not bool(np.all(np.isfinite(self.weight) & (self.weight > 0)))
        ):
            raise GlassError("weights must be finite and positive, one a row")

    def __len__(self) -> int:
        return len(self.bins)

    def part(self, rows: Any) -> Self:
        """Some of the rows, by a slice, places or a mask."""
        weight = None if self.weight is None else self.weight[rows]
        return type(self)(self.bins[rows], self.signals[rows], self.done[rows], weight)


class SlotSignals(NamedTuple):
    """What a slate was ranked by. bins: [videos, item signals]; signals: [videos, viewer signals]; watched, pulls: the ids of the
    viewer's own watches that the epoch knows, and how much each pulls (both empty for a viewer without profiling)."""

    bins: NDArray[np.uint8]
    signals: Ints
    watched: Ints
    pulls: Ints


def slot_signals(epoch: Epoch, viewer: Viewer, ask: Ask, videos: Ints) -> SlotSignals:
    """The very bins and signals that `rank` had for these videos of the epoch. Raises GlassError for one that it does not hold."""
    rows = np.array([epoch.index_of(video) for video in videos.tolist()], dtype=np.int64)
    if len(rows) and int(rows.min()) < 0:
        raise GlassError("the epoch holds no such video")
    desk = Desk(epoch, viewer, ask)
    read_history(desk)
    known = (desk.watch_rows >= 0) & viewer.profiling
    watched = epoch.column("ids")[desk.watch_rows[known]]
    return SlotSignals(epoch.column("bins")[rows], measure(desk, rows), watched, desk.pulls[known])
