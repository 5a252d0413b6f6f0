"""ItemCosine: the plain item-item filter, in integers from the first sum to the last."""

from typing import Any, Self

import numba as nb
import numpy as np
from scipy import sparse

from glaswerk.glass.cowatch.served import Served
from glaswerk.glass.errors import GlassError

SCALE = 1 << 15


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _best(
    starts: Any, others: Any, counts: Any, first: int, roots: Any, kept: Any, kept_weights: Any, kept_counts: Any
) -> None:
    """The largest normalised weights of every row of a Gram matrix, largest first, ties to the smaller item, none below 1."""
    most = kept.shape[1]
    for row in range(len(starts) - 1):
        keys = np.empty(starts[row + 1] - starts[row], dtype=np.int64)
        found = 0
        for at in range(starts[row], starts[row + 1]):
            other = np.int64(others[at])
            if other != first + row:
                share: Any = np.int64(np.rint(np.float64(counts[at]) / (roots[other] * roots[first + row]) * 32768.0))
                if share > 32767:
                    share = np.int64(32767)
                if share > 0:
                    # One number orders by weight, then by the smaller item, without ties: the cut is the same everywhere.
                    keys[found] = (share << 32) - other
                    found += 1
        keys = keys[:found]
        if found > most:
            keys = np.partition(keys, found - most)[found - most :]
        keys = np.sort(keys)
        kept_counts[row] = len(keys)
        for place in range(len(keys)):
            key = keys[len(keys) - 1 - place]
            weight = (key + 4294967295) >> 32
            kept[row, place] = (weight << 32) - key
            kept_weights[row, place] = weight


class ItemCosine(Served):
    """Normalised item-item filter: W = D^-1/2 R^T R D^-1/2, cut to the best neighbours of every item.

    R has a row a viewer and a column an item, whole-number strengths, and every row divided by its sum (in 2^-20, floored), so
    that nobody counts more for watching more. The Gram matrix is summed in integers, so the order of rows changes nothing;
    the one square root and division an entry are correctly rounded on every IEEE machine before they become int16.
    """

    def __init__(self, neighbours: int = 64, block: int = 2048, threads: int = 2) -> None:
        super().__init__(threads)
        self.neighbours, self.block = neighbours, block
        self.scale = 1 / SCALE

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
        sizes_kept, items, weights = [np.zeros(1, np.int64)], [], []
        for first in range(0, rows.shape[1], self.block):
            gram = (columns[:, first : first + self.block].T.tocsr() @ scaled).tocsr()
            kept = np.empty((gram.shape[0], self.neighbours), dtype=np.int32)
            weight = np.empty((gram.shape[0], self.neighbours), dtype=np.int16)
            counts = np.empty(gram.shape[0], dtype=np.int64)
            _best(gram.indptr, gram.indices, gram.data, first, roots, kept, weight, counts)
            within = np.arange(self.neighbours) < counts[:, None]
            items.append(kept[within])
            weights.append(weight[within])
            sizes_kept.append(counts)
        self.starts = np.cumsum(np.concatenate(sizes_kept))
        self.items = np.concatenate([np.zeros(0, np.int32), *items]).astype(np.int32)
        self.weights = np.concatenate([np.zeros(0, np.int16), *weights]).astype(np.int16)
        return self
