"""The additive heads as tables: what an epoch holds, and the prior tables that a policy describes.

A head is its bias, plus one table entry for the bin of every item signal, plus one piecewise linear curve for every viewer signal.
Tables that were fitted from the event log take the same shape, and nothing else changes.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.names import HEADS, ITEM_SIGNALS, SUMMED_SIGNALS, VIEWER_SIGNALS
from glaswerk.glass.policy import Policy
from glaswerk.glass.scale import UNIT, logistic

BINS = 64
RATE_STEP = UNIT // 8
"""Width of a bin of a rate signal: 1/8 of log-odds, from -4 to 4."""
TREND_STEP = UNIT // 4
"""Width of a bin of the trending signal: a quarter of a doubling."""


@dataclass(frozen=True, eq=False)
class Heads:
    """bias: [heads] int64. table: [heads, item signals, BINS] int32. knots: [viewer signals, knots] int64; heights and slopes:
    [heads, viewer signals, knots] int64, slopes in 2^-16. weights: [heads] int64 in 1/256. All else in 2^-16 log-odds."""

    weights: NDArray[np.int64]
    bias: NDArray[np.int64]
    table: NDArray[np.int32]
    knots: NDArray[np.int64]
    heights: NDArray[np.int64]
    slopes: NDArray[np.int64]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By the names they have in an epoch."""
        return {
            "head_weights": self.weights,
            "head_bias": self.bias,
            "head_table": self.table,
            "head_knots": self.knots,
            "head_heights": self.heights,
            "head_slopes": self.slopes,
        }


def prior_heads(policy: Policy) -> Heads:
    """The tables that the coefficients of a policy describe."""
    table = np.zeros((len(HEADS), len(ITEM_SIGNALS), BINS), dtype=np.int32)
    knots = np.zeros((len(VIEWER_SIGNALS), 7), dtype=np.int64)
    heights = np.zeros((len(HEADS), len(VIEWER_SIGNALS), 7), dtype=np.int64)
    slopes = np.zeros_like(heights)
    for place, signal in enumerate(VIEWER_SIGNALS):
        reach = getattr(policy.reach, signal) if signal in SUMMED_SIGNALS else UNIT
        knots[place] = [-4 * reach, -2 * reach, -reach, 0, reach, 2 * reach, 4 * reach]
    for row, name in enumerate(HEADS):
        head = policy.head(name)
        for place, signal in enumerate(ITEM_SIGNALS):
            coefficient = getattr(head, signal)
            for bin_ in range(BINS):
                middle = bin_ * TREND_STEP if signal == "trending" else (2 * bin_ + 1 - BINS) * RATE_STEP // 2
                table[row, place, bin_] = coefficient * middle // UNIT
        for place, signal in enumerate(VIEWER_SIGNALS):
            coefficient = getattr(head, signal)
            slopes[row, place] = [
                coefficient // 4,
                coefficient // 2,
                coefficient,
                coefficient,
                coefficient // 2,
                coefficient // 4,
                0,
            ]
            for knot in (2, 1, 0):
                width = int(knots[place, knot + 1] - knots[place, knot])
                heights[row, place, knot] = heights[row, place, knot + 1] - (
                    int(slopes[row, place, knot]) * width // UNIT
                )
            for knot in (4, 5, 6):
                width = int(knots[place, knot] - knots[place, knot - 1])
                heights[row, place, knot] = heights[row, place, knot - 1] + (
                    int(slopes[row, place, knot - 1]) * width // UNIT
                )
    return Heads(
        weights=np.array([getattr(policy.weights, name) for name in HEADS], dtype=np.int64),
        bias=np.array([policy.head(name).bias for name in HEADS], dtype=np.int64),
        table=table,
        knots=knots,
        heights=heights,
        slopes=slopes,
    )


def rate_bins(
    counts: NDArray[np.int64], impressions: NDArray[np.int64], bias: int, smoothing: int
) -> NDArray[np.uint8]:
    """Bin of every video's smoothed rate against the average: bin 32 begins at the average, each is 1/8 of log-odds wide."""
    average = logistic(bias)
    seen = np.minimum(impressions, 1 << 40)
    rate = ((np.minimum(counts, seen) << 16) + average * smoothing) // (seen + smoothing)
    edges = np.array([logistic(bias + (bin_ - BINS // 2) * RATE_STEP) for bin_ in range(1, BINS)], dtype=np.int64)
    bins: NDArray[np.uint8] = np.searchsorted(edges, rate, side="right").astype(np.uint8)
    return bins


class Curves(NamedTuple):
    """What a signal of the viewer adds to the value: knots [signals, knots], and [heads, signals, knots] running sums over heads.

    heights[h] = floor(sum over heads up to h of weight x height / 256), slopes likewise. The last of them make the value, with
    one product; the difference of two is what one head adds, so that the heads' terms add up to the value without remainder.
    """

    knots: NDArray[np.int64]
    heights: NDArray[np.int64]
    slopes: NDArray[np.int64]

    def terms(self, signal: int, amount: int) -> list[int]:
        """What each head adds to the value for this amount of a signal (its place in VIEWER_SIGNALS)."""
        sums = [
            int(curve(self.knots[signal], self.heights[row, signal], self.slopes[row, signal], amount))
            for row in range(len(HEADS))
        ]
        return [later - earlier for earlier, later in pairwise([0, *sums])]


def weighed(
    weights: NDArray[np.int64], knots: NDArray[np.int64], heights: NDArray[np.int64], slopes: NDArray[np.int64]
) -> Curves:
    """The curves of all heads together under these weights."""
    by_head = weights[:, None, None]
    return Curves(knots, np.cumsum(by_head * heights, axis=0) >> 8, np.cumsum(by_head * slopes, axis=0) >> 8)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def curve(knots: Any, heights: Any, slopes: Any, signal: int) -> Any:
    """The height of a piecewise linear curve, flat beyond its ends; the product with the slope is floored."""
    last = len(knots) - 1
    within = min(max(signal, knots[0]), knots[last])
    # Counted rather than searched for: no branch that could be guessed wrong.
    knot = 0
    for at in range(1, last + 1):
        knot += within >= knots[at]
    return heights[knot] + ((within - knots[knot]) * slopes[knot] >> 16)
