"""The form in which every linear filter is served: a few whole-number weights an item, summed exactly."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from glaswerk.glass.errors import GlassError

MOST_STRENGTH = 1 << 16
_CHUNK = 64


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _add(starts: Any, items: Any, weights: Any, watched: Any, strengths: Any, sums: Any) -> None:
    """Add to `sums` what every watched item gives to its neighbours."""
    for place in range(len(watched)):
        item = watched[place]
        strength = sums.dtype.type(strengths[place])
        for at in range(starts[item], starts[item + 1]):
            sums[items[at]] += strength * sums.dtype.type(weights[at])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _top(sums: Any, size: int, best: Any, best_sums: Any) -> None:
    """The best items with a positive sum, in order, ties to the smaller item; the sums are set to zero on the way.

    Most chunks hold nothing above the worst of the best so far, and asking that is one vector instruction for many items.
    """
    most = len(best)
    found = 0
    least = sums.dtype.type(0)
    for chunk in range(len(sums)):
        above = nb.int32(0)
        for lane in range(_CHUNK):
            above |= nb.int32(sums[chunk, lane] > least)
        if above:
            for lane in range(min(_CHUNK, size - chunk * _CHUNK)):
                value = sums[chunk, lane]
                if value > least:
                    # Items come in ascending order, so an equal sum that comes later stays behind.
                    place = found if found < most else most - 1
                    while place > 0 and best_sums[place - 1] < value:
                        best_sums[place] = best_sums[place - 1]
                        best[place] = best[place - 1]
                        place -= 1
                    best_sums[place] = value
                    best[place] = chunk * _CHUNK + lane
                    found = min(found + 1, most)
                    if found == most:
                        least = sums.dtype.type(best_sums[most - 1])
    sums[:] = 0


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _recommend(
    starts: Any,
    items: Any,
    weights: Any,
    rows: Any,
    watched: Any,
    strengths: Any,
    seen: Any,
    sums: Any,
    best: Any,
    best_sums: Any,
) -> None:
    for row in range(len(rows) - 1):
        span = watched[rows[row] : rows[row + 1]]
        _add(starts, items, weights, span, strengths[rows[row] : rows[row + 1]], sums)
        if seen:
            for item in span:
                sums[item] = 0
        _top(sums.reshape(-1, _CHUNK), len(starts) - 1, best[row], best_sums[row])


class Served:
    """Lists of neighbours with int16 weights, and what is done with them: recommend, score, explain.

    The score of an item is the sum over the viewer's own history of strength x weight, in whole numbers: the order of the
    history, the number of threads and the machine change nothing, and the parts of an explanation add up to the score exactly.
    `scale` is the size of one unit of weight in terms of the filter that was cut.
    """

    def __init__(self, threads: int = 2) -> None:
        self.threads = threads
        self.scale = 1.0
        self.starts: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self.items: NDArray[Any] = np.zeros(0, dtype=np.int32)
        self.weights: NDArray[np.int16] = np.zeros(0, dtype=np.int16)

    @property
    def size(self) -> int:
        """The number of items."""
        return len(self.starts) - 1

    @property
    def nbytes(self) -> int:
        """The bytes of the lists."""
        return int(self.starts.nbytes + self.items.nbytes + self.weights.nbytes)

    def keep(self, counts: NDArray[np.int64], items: NDArray[Any], weights: NDArray[np.float32]) -> Self:
        """Take over lists of neighbours with their real weights, and round them to int16 with one scale for all."""
        peak = float(np.abs(weights).max()) if len(weights) else 0.0
        self.scale = peak / 32767 if peak > 0 else 1.0
        rounded = np.rint(weights / np.float32(self.scale)).astype(np.int16)
        said = rounded != 0
        owner = np.repeat(np.arange(len(counts)), counts)[said]
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(counts)))]).astype(np.int64)
        self.items = items[said].astype(np.uint16 if len(counts) <= 1 << 16 else np.int32)
        self.weights = rounded[said]
        return self

    def neighbours_of(self, item: int) -> tuple[NDArray[Any], NDArray[np.int16]]:
        """The neighbours of an item, best first, and their weights in units of `scale`."""
        span = slice(int(self.starts[item]), int(self.starts[item + 1]))
        return self.items[span], self.weights[span]

    def history(self, rows: Any) -> sparse.csr_matrix:
        """Viewers x items as whole-number strengths; GlassError for another width, or strengths that are not 0..65536."""
        matrix = sparse.csr_matrix(rows)
        if matrix.shape[1] != self.size:
            raise GlassError(f"the histories have {matrix.shape[1]} items, the filter has {self.size}")
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        strengths = matrix.data.astype(np.int64)
        if matrix.nnz and (np.any(strengths != matrix.data) or strengths.min() < 0 or strengths.max() > MOST_STRENGTH):
            raise GlassError(f"strengths of a history are whole numbers from 0 to {MOST_STRENGTH}")
        return sparse.csr_matrix((strengths, matrix.indices, matrix.indptr), shape=matrix.shape)

    def scores(self, rows: Any) -> NDArray[np.int64]:
        """Viewers x items: the score of every item, also of seen ones."""
        history = self.history(rows)
        filter_ = sparse.csr_matrix(
            (self.weights.astype(np.int64), self.items, self.starts), shape=(self.size, self.size)
        )
        scores: NDArray[np.int64] = (history @ filter_).toarray()
        return scores

    def recommend(
        self, rows: Any, n: int = 20, exclude_seen: bool = True
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The n best items of every row of a viewers x items matrix of strengths, and their scores, both viewers x n.

        Only positive scores count; ties go to the smaller item; where nothing is left the item is -1 and the score 0.
        """
        history = self.history(rows)
        viewers = history.shape[0]
        best = np.full((viewers, max(n, 0)), -1, dtype=np.int32)
        best_sums = np.zeros((viewers, max(n, 0)), dtype=np.int64)
        if not (viewers and n > 0 and self.size):
            return best, best_sums
        largest = int(np.abs(history).sum(axis=1).max()) << 15
        kind = np.int32 if largest < 1 << 31 else np.int64
        starts, watched, strengths = history.indptr.astype(np.int64), history.indices, history.data

        def serve(first: int, last: int) -> None:
            sums = np.zeros(-(-self.size // _CHUNK) * _CHUNK, dtype=kind)
            _recommend(
                self.starts, self.items, self.weights, starts[first : last + 1], watched, strengths, exclude_seen,
                sums, best[first:last], best_sums[first:last],
            )  # fmt: skip

        # The kernel lets go of the interpreter's lock. Many small spans keep the threads busy to the end.
        step = max(1, min(1024, -(-viewers // self.threads)))
        spans = [(first, min(first + step, viewers)) for first in range(0, viewers, step)]
        if len(spans) == 1 or self.threads == 1:
            for span in spans:
                serve(*span)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(serve, *zip(*spans, strict=True)))
        return best, best_sums

    def explain(self, history: Any, item: int) -> dict[int, int]:
        """What every watched item adds to the score of `item`: {watched item: part}; the score is exactly their sum.

        `history` is one viewer's row, or a mapping from item to strength.
        """
        if isinstance(history, Mapping):
            watched = sorted(history)
            data = np.array([history[one] for one in watched])
            history = sparse.csr_matrix((data, (np.zeros(len(watched), np.int64), watched)), shape=(1, self.size))
        row = self.history(history)
        if row.shape[0] != 1:
            raise GlassError("an explanation is of one viewer")
        parts = {}
        for watched_item, strength in zip(row.indices.tolist(), row.data.tolist(), strict=True):
            others, weights = self.neighbours_of(watched_item)
            found = np.flatnonzero(others == item)
            if len(found) and strength:
                parts[watched_item] = int(strength) * int(weights[found[0]])
        return parts
