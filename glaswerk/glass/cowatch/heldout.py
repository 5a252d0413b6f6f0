"""Choosing settings by what a part of the training data says about the rest."""

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _count(scores: Any, seen_starts: Any, seen: Any, held_starts: Any, held: Any, ranks: Any) -> None:
    """For every held-out item, how many unseen items have a higher score or the same."""
    for row in range(len(scores)):
        line = scores[row]
        for at in range(held_starts[row], held_starts[row + 1]):
            value = line[held[at]]
            above = -1
            for item in range(len(line)):
                above += line[item] >= value
            for other in range(seen_starts[row], seen_starts[row + 1]):
                above -= line[seen[other]] >= value
            ranks[at] = above


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _gains(ranks: Any, starts: Any, sizes: Any, n: int) -> Any:
    """Recall@n and NDCG@n, each the mean over viewers."""
    recall, ndcg = 0.0, 0.0
    for row in range(len(starts) - 1):
        hits, gain, best = 0, 0.0, 0.0
        for at in range(starts[row], starts[row + 1]):
            if ranks[at] < n:
                hits += 1
                gain += 1.0 / np.log2(ranks[at] + 2.0)
        for place in range(min(n, sizes[row])):
            best += 1.0 / np.log2(place + 2.0)
        recall += hits / sizes[row]
        ndcg += gain / best
    return recall / max(1, len(starts) - 1), ndcg / max(1, len(starts) - 1)


@dataclass(frozen=True)
class HeldOut:
    """A few viewers without a fifth of their items: `rest` is all watches but those, `shown` and `held` are the viewers' own rows.

    A pair is held out whole. Every viewer among them keeps one item and gives away one at least.
    """

    rest: sparse.csr_matrix
    shown: sparse.csr_matrix
    held: sparse.csr_matrix

    @classmethod
    def of(cls, watched: sparse.csr_matrix, viewers: int, seed: int, share: float = 0.2) -> "HeldOut":
        """Hold out a share of the watches of so many viewers, drawn from a seed."""
        rng = np.random.default_rng(seed)
        able = np.flatnonzero(np.diff(watched.indptr) >= 2)
        chosen = np.sort(rng.choice(able, min(viewers, len(able)), replace=False))
        out = np.zeros(watched.nnz, dtype=bool)
        for viewer in chosen:
            first, last = watched.indptr[viewer], watched.indptr[viewer + 1]
            size = max(1, round(share * (last - first)))
            out[rng.choice(np.arange(first, last), size, replace=False)] = True
        rest, held = watched.copy(), watched.copy()
        rest.data = np.where(out, 0, watched.data)
        held.data = np.where(out, watched.data, 0)
        rest.eliminate_zeros()
        held.eliminate_zeros()
        return cls(rest, rest[chosen], held[chosen])

    def gains(self, scores: NDArray[np.float32], n: int = 20) -> tuple[float, float]:
        """Recall@n and NDCG@n of scores, viewers x items in C order."""
        ranks = np.empty(self.held.nnz, dtype=np.int64)
        held, shown = self.held, self.shown
        _count(scores, shown.indptr, shown.indices, held.indptr, held.indices, ranks)
        recall, ndcg = _gains(ranks, held.indptr, np.diff(held.indptr), n)
        return float(recall), float(ndcg)
