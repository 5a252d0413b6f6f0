"""Fitting the co-watch filter of a feed, and measuring any filter by what was watched afterwards."""

from typing import Any, Final

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from glaswerk.glass.cowatch import CoWatch, ItemCosine
from glaswerk.glass.cowatch.protocols import SetSplit
from glaswerk.glass.cowatch.served import Served
from glaswerk.glass.scale import Ints

MOST_VIEWERS: Final = 5000
"""So many viewers are measured on at most, drawn from the seed."""
_BEST: Final = 20


def as_served(starts: Ints, videos: NDArray[np.int32], weights: NDArray[np.int16]) -> Served:
    """Lists as an epoch has them, to be asked for recommendations."""
    lists = Served()
    lists.starts, lists.items, lists.weights = starts, videos, weights
    return lists


def rescaled(lists: CoWatch, like: ItemCosine, histories: sparse.csr_matrix) -> Served:
    """The lists with weights in 2^-15 and of such a size that the best of a history score as high as with the other filter.

    So a policy's coefficients, which were set for normalised counts, mean the same with either. Weights that are rounded to nothing go.
    """
    some = histories[: min(MOST_VIEWERS, histories.shape[0])]
    mine, others = (float(filter_.recommend(some, _BEST)[1].sum()) for filter_ in (lists, like))
    factor = others / mine if mine > 0 and others > 0 else 1.0
    weights = np.clip(np.rint(lists.weights * factor), 0, 32767).astype(np.int16)
    kept = weights > 0
    starts = np.concatenate([[0], np.cumsum(kept)])[lists.starts].astype(np.int64)
    return as_served(starts, lists.items[kept].astype(np.int32), weights[kept])


def recall(lists: Served, histories: sparse.csr_matrix, held: sparse.csr_matrix, seed: int = 0) -> dict[str, float]:
    """Recall@20 and NDCG@20 of what viewers watched afterwards, viewers x items, none of which is in their histories."""
    able = np.flatnonzero((np.diff(histories.indptr) > 0) & (np.diff(held.indptr) > 0))
    if len(able) > MOST_VIEWERS:
        able = np.sort(np.random.default_rng(seed).choice(able, MOST_VIEWERS, replace=False))
    split = SetSplit(histories[able], held[able])
    best = lists.recommend(split.train, _BEST)[0]
    return {**split.measure(best, _BEST), "viewers": len(able), "watches": int(split.test.nnz)}


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _signals(
    starts: Any, videos: Any, weights: Any, watch_starts: Any, watched: Any, pulls: Any, owner: Any, slots: Any, out: Any
) -> None:  # fmt: skip
    sums = np.zeros(len(starts) - 1, dtype=np.int64)
    place = 0
    for slate in range(len(watch_starts) - 1):
        for at in range(watch_starts[slate], watch_starts[slate + 1]):
            row = watched[at]
            if row >= 0:
                for near in range(starts[row], starts[row + 1]):
                    sums[videos[near]] += (pulls[at] * weights[near]) >> 15
        while place < len(owner) and owner[place] == slate:
            out[place] = sums[slots[place]]
            place += 1
        for at in range(watch_starts[slate], watch_starts[slate + 1]):
            row = watched[at]
            if row >= 0:
                for near in range(starts[row], starts[row + 1]):
                    sums[videos[near]] = 0


def cowatch_signals(
    lists: Served, watch_starts: Ints, watched: Ints, pulls: Ints, owner: Ints, slots: Ints
) -> NDArray[np.int64]:
    """The co-watch signal that slots would have had with these lists.

    watch_starts: [slates + 1]. watched, pulls: the rows of the viewers' watches (-1: not in the lists) and how they pull, slate by slate.
    owner: the slate of every slot, rising. slots: their rows.
    """
    out = np.empty(len(slots), dtype=np.int64)
    _signals(lists.starts, lists.items, lists.weights, watch_starts, watched, pulls, owner, slots, out)
    return out
