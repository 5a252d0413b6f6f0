"""Co-watching: a linear filter from video to video, fitted in closed form."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from glaswerk.glass.errors import GlassError

SCALE = 1 << 15


@dataclass
class CoWatch:
    """Normalised item-item filter: W = D^-1/2 R^T R D^-1/2, cut to the best neighbours of every item.

    R has a row a viewer and a column an item, whole-number strengths, and every row divided by its sum (in 2^-20, floored), so
    that nobody counts more for watching more. The Gram matrix is summed in integers, so the order of rows changes nothing;
    the one square root and division an entry are correctly rounded on every IEEE machine before they become int16.
    """

    neighbours: int = 64
    block: int = 2048
    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64), init=False)
    items: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32), init=False)
    weights: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, dtype=np.int16), init=False)

    def fit(self, watched: Any) -> Self:
        """Fit on a SciPy matrix of viewers x items with strengths 0..255 (other numbers are rounded down)."""
        rows = sparse.csr_matrix(watched).astype(np.int64)
        rows.sum_duplicates()
        if rows.nnz and rows.data.min() < 0:
            raise GlassError("strengths must not be negative")
        rows.eliminate_zeros()
        sums = np.asarray(rows.sum(axis=1)).ravel().astype(np.int64)
        shares = (1 << 20) // np.maximum(sums, 1)
        scaled = sparse.diags_array(shares, dtype=np.int64).tocsr() @ rows
        columns = rows.tocsc()
        sizes = np.asarray(scaled.multiply(rows).sum(axis=0)).ravel().astype(np.int64)
        roots = np.sqrt(np.maximum(sizes, 1).astype(np.float64))
        starts, items, weights = [0], [], []
        for first in range(0, rows.shape[1], self.block):
            gram = (columns[:, first : first + self.block].T.tocsr() @ scaled).tocsr()
            gram.sort_indices()
            for row in range(gram.shape[0]):
                span = slice(gram.indptr[row], gram.indptr[row + 1])
                kept, weight = self._best(gram.indices[span], gram.data[span], first + row, roots)
                items.append(kept)
                weights.append(weight)
                starts.append(starts[-1] + len(kept))
        self.starts = np.array(starts, dtype=np.int64)
        self.items = np.concatenate([np.zeros(0, np.int32), *items]).astype(np.int32)
        self.weights = np.concatenate([np.zeros(0, np.int16), *weights]).astype(np.int16)
        return self

    def _best(
        self, others: NDArray[np.int32], counts: NDArray[np.int64], item: int, roots: NDArray[np.float64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        weight = np.rint(counts.astype(np.float64) / (roots[others] * roots[item]) * SCALE)
        weight = np.minimum(weight, SCALE - 1).astype(np.int64)
        weight[others == item] = 0
        # The key orders by weight, then by the smaller index, without ties, so the cut is the same everywhere.
        key = (weight << 32) - others
        if len(key) > self.neighbours:
            best = np.argpartition(-key, self.neighbours - 1)[: self.neighbours]
        else:
            best = np.arange(len(key))
        best = best[np.argsort(-key[best])]
        best = best[weight[best] > 0]
        return others[best].astype(np.int32), weight[best].astype(np.int16)

    def neighbours_of(self, item: int) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        """The neighbours of an item, best first, and their weights in 2^-15."""
        span = slice(int(self.starts[item]), int(self.starts[item + 1]))
        return self.items[span], self.weights[span]

    def scores(self, history: Any) -> NDArray[np.int64]:
        """Viewers x items scores of histories (a matrix as for `fit`): sums of strength x weight."""
        size = len(self.starts) - 1
        filter_ = sparse.csr_matrix((self.weights.astype(np.int64), self.items, self.starts), shape=(size, size))
        scores: NDArray[np.int64] = (sparse.csr_matrix(history).astype(np.int64) @ filter_).toarray()
        return scores

    def recommend(self, history: Any, n: int = 20) -> NDArray[np.int64]:
        """The n best items a viewer has not watched, viewers x n; ties go to the smaller item, -1 where nothing scores."""
        rows = sparse.csr_matrix(history)
        scores = self.scores(rows)
        scores[rows.nonzero()] = 0
        order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
        best: NDArray[np.int64] = np.where(np.take_along_axis(scores, order, axis=1) > 0, order, -1)
        return best

    def explain(self, history: dict[int, int], item: int) -> dict[int, int]:
        """What every watched item adds to the score of `item`; the score is exactly their sum."""
        parts = {}
        for watched, strength in history.items():
            others, weights = self.neighbours_of(watched)
            found = np.flatnonzero(others == item)
            if len(found):
                parts[watched] = int(strength) * int(weights[found[0]])
        return parts
