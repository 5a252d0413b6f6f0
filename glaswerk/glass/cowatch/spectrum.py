"""The graph of viewers and items: its normalised form, products with it, and its leading eigenvectors."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Reals = NDArray[np.float32]
_PANEL = 64
_DEPTH = 14


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _product(starts: Any, columns: Any, values: Any, dense: Any, out: Any, first: int, last: int) -> None:
    """Rows first..last of sparse x dense; every entry is summed in the order of the sparse row, whoever computes it."""
    for row in range(first, last):
        into = out[row]
        into[:] = 0
        for at in range(starts[row], starts[row + 1]):
            value = values[at]
            source = dense[columns[at]]
            for lane in range(len(into)):
                into[lane] += value * source[lane]


def product(matrix: sparse.csr_matrix, dense: Reals, threads: int = 1) -> Reals:
    """CSR x dense (C order), on this many threads; the bits do not depend on their number."""
    rows = matrix.shape[0]
    out = np.empty((rows, dense.shape[1]), dtype=np.float32)
    step = max(1, -(-rows // (8 * threads)))
    spans = range(0, rows, step)

    def part(first: int) -> None:
        _product(matrix.indptr, matrix.indices, matrix.data, dense, out, first, min(first + step, rows))

    if threads == 1:
        for first in spans:
            part(first)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, spans))
    return out


@dataclass(frozen=True)
class Graph:
    """A = c D_u^(-a/2) R D_i^(-1/2), with c such that P = A'A, the item-item graph, has 1 as its largest eigenvalue.

    `viewer` is a: with 1 every viewer says as much in all, with 0 every watch says as much. `degrees` are the sums of the columns
    of R (1 for an item that nobody watched).
    """

    forward: sparse.csr_matrix
    backward: sparse.csr_matrix
    degrees: Reals
    threads: int

    @classmethod
    def of(cls, watched: sparse.csr_matrix, viewer: float, threads: int = 1) -> "Graph":
        """The graph of a viewers x items matrix of non-negative strengths."""
        mass = np.asarray(watched.sum(axis=1), dtype=np.float64).ravel()
        degrees = np.asarray(watched.sum(axis=0), dtype=np.float64).ravel()
        mass[mass <= 0], degrees[degrees <= 0] = 1, 1
        data = (
            watched.data * np.repeat(mass ** (-viewer / 2), np.diff(watched.indptr)) * degrees[watched.indices] ** -0.5
        )
        # By the power method: all entries are positive, so it converges on the largest one from a constant.
        forward = sparse.csr_matrix((data, watched.indices, watched.indptr), shape=watched.shape)
        vector, largest = np.sqrt(degrees), 0.0
        for _ in range(30):
            vector = forward.T @ (forward @ vector)
            largest = float(np.linalg.norm(vector))
            if largest <= 0:
                break
            vector /= largest
        if largest > 0:
            forward.data = forward.data / np.sqrt(largest)
        forward = forward.astype(np.float32)
        return cls(forward, forward.T.tocsr(), degrees.astype(np.float32), threads)

    @property
    def size(self) -> int:
        """The number of items."""
        return int(self.forward.shape[1])

    def apply(self, dense: Reals) -> Reals:
        """P x dense, items x columns."""
        return product(self.backward, product(self.forward, dense, self.threads), self.threads)

    @cached_property
    def columns(self) -> sparse.csc_matrix:
        """A by columns, from which blocks of items are cut."""
        return self.forward.tocsc()

    def block(self, first: int, last: int) -> Reals:
        """Columns first..last of P, dense, items x (last - first)."""
        part = self.columns[:, first:last].toarray(order="C")
        return product(self.backward, part, 1)

    def eigenpairs(self, rank: int, seed: int) -> tuple[Reals, Reals]:
        """The largest eigenvalues of P, descending, and their vectors, items x rank.

        By a block Krylov method with full orthogonalisation: a dozen products with the graph reach what thousands of single
        Lanczos steps would, and all the rest is matrix products.
        """
        rank = min(rank, self.size)
        if self.size <= 2 * _PANEL * _DEPTH:
            dense = (self.backward @ self.forward).toarray().astype(np.float64)
            values, vectors = np.linalg.eigh(dense)
            order = np.argsort(-values)[:rank]
            return np.maximum(values[order], 0).astype(np.float32), np.ascontiguousarray(
                vectors[:, order], dtype=np.float32
            )
        panel = max(_PANEL, -(-rank // 8))
        rng = np.random.default_rng(seed)
        basis = np.empty((self.size, panel * _DEPTH), dtype=np.float32)
        basis[:, :panel] = np.linalg.qr(rng.standard_normal((self.size, panel)).astype(np.float32))[0]
        for width in range(panel, panel * _DEPTH, panel):
            fresh = self.apply(np.ascontiguousarray(basis[:, width - panel : width]))
            known = basis[:, :width]
            for _ in range(2):
                fresh -= known @ (known.T @ fresh)
            basis[:, width : width + panel] = np.linalg.qr(fresh)[0]
        image = product(self.forward, basis, self.threads)
        values, mixing = np.linalg.eigh((image.T @ image).astype(np.float64))
        order = np.argsort(-values)[:rank]
        vectors = basis @ mixing[:, order].astype(np.float32)
        return np.maximum(values[order], 0).astype(np.float32), vectors
