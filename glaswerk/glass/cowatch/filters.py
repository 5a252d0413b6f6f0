"""CoWatch: what is watched by the same people, as a graph filter in closed form."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import product as combinations
from threading import Lock
from typing import Any, Self

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from glaswerk.glass.cowatch.heldout import HeldOut
from glaswerk.glass.cowatch.lists import TILE, Lists, best_lists, block_lists
from glaswerk.glass.cowatch.served import Served
from glaswerk.glass.cowatch.spectrum import Graph, Reals
from glaswerk.glass.errors import GlassError

Progress = Callable[[str], None]

_VIEWER = (0.4, 0.7, 1.0)
_ITEM = (0.2, 0.35, 0.5)
_RIDGE = (0.05, 0.1, 0.2, 0.4, float("inf"))
_TILT = (0.0, 0.4, 0.8)
_BOOST = (0.0, 0.75, 1.5, 2.25)
# Watches held out at random are milder than those to come, which lean to what all watch by then. So the defaults, which are near
# what is published, are left only for a gain that stands out.
_MARGIN = 1.02
_SAMPLE = 1500
_SAMPLE_ENTRIES = 45_000_000
_NEAR = 500
_ENOUGH = 100


@dataclass(frozen=True)
class FilterSettings:
    """The shape of the filter W = D^-item f(P) D^item over the item graph P (see `Graph`, which has `viewer`).

    f(x) = x ridge / (ridge + x) (1 - tilt x) + boost x_rank on the `rank` leading eigenvectors of P, and x on all others:
    leading ones are what everybody watches, and say too much otherwise; the boost lifts the middle ones over the many small.
    """

    viewer: float = 0.7
    item: float = 0.5
    ridge: float = 0.2
    tilt: float = 0.0
    boost: float = 1.5
    rank: int = 512

    def response(self, values: Reals) -> Reals:
        """f of descending eigenvalues, of which the last is x_rank."""
        damped = values / (1 + values / self.ridge)
        shaped: Reals = (damped * (1 - self.tilt * values) + self.boost * values[-1:]).astype(np.float32)
        return shaped


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _unseen_best(scores: Any, seen_starts: Any, seen: Any, most: int, near: Any) -> None:
    """The items with the highest scores of every row, without those it has seen; the order within does not matter."""
    for row in range(len(scores)):
        line = scores[row].copy()
        for at in range(seen_starts[row], seen_starts[row + 1]):
            line[seen[at]] = -np.inf
        near[row] = np.argpartition(-line, most - 1)[:most]


# One product at a time (it has threads of its own), so that no bit depends on how many blocks are at work.
_one_product = Lock()


@dataclass(frozen=True)
class ClosedForm:
    """A filter that is solved but not yet cut: W = D^-item (P + vectors (f - x) vectors') D^item, a block of items at a time.

    It can be pickled, and no block needs anything of another. So a cluster may give each worker this and a range of items, join what
    `lists` answers in the order of the ranges, and hand it to `CoWatch.keep`: the same bits as from `CoWatch.fit`.
    """

    graph: Graph
    vectors: Reals
    weighted: Reals
    down: Reals
    up: Reals

    @property
    def size(self) -> int:
        """The number of items."""
        return self.graph.size

    def rows(self, first: int, last: int) -> Reals:
        """The weights of items first..last (at most `TILE`), dense: (last - first) x items."""
        # One shape for all tiles, for the same reason as the lock.
        right = np.zeros((self.vectors.shape[1], TILE), dtype=np.float32)
        right[:, : last - first] = self.vectors[first:last].T
        with _one_product:
            whole = (self.weighted @ right)[:, : last - first]
        whole += self.graph.block(first, last)
        rows: Reals = np.ascontiguousarray((whole * self.up[:, None]).T) * self.down[first:last, None]
        return rows

    def lists(self, first: int, last: int, most: int) -> Lists:
        """Counts, items and weights of the best neighbours of items first..last, both multiples of `TILE` (or the last item's end)."""
        return block_lists(first, last, most, self.rows)


class CoWatch(Served):
    """A linear item-to-item filter for histories without order, in closed form, served sparse and in whole numbers.

        filter_ = CoWatch().fit(watched)                    # SciPy matrix, viewers x items, strengths >= 0
        items, scores = filter_.recommend(watched[:10], 20)
        filter_.explain(watched[0], items[0, 0])            # {watched item: its part}; the score is their sum

    Normalised item-item counts, with the spectrum of the graph reshaped where it carries signal (ideas of GF-CF, Shen et al. 2021,
    BSPM, Choi et al. 2023, and EASE, Steck 2019). Unless `settings` are given, they are chosen by a held-out part of `watched`,
    drawn from `seed`, and found in `settings` after `fit`; `figures` then has the held-out recall and NDCG at 20.

    `neighbours` are kept of each item. `threads` change memory (a few hundred bytes an item each), not results.
    """

    def __init__(
        self,
        neighbours: int = 400,
        settings: FilterSettings | None = None,
        seed: int = 0,
        threads: int = 2,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(threads)
        self.neighbours, self.seed = neighbours, seed
        self.fixed = settings
        self.settings = settings or FilterSettings()
        self.figures: dict[str, float] = {}
        self.progress = progress

    def fit(self, watched: Any) -> Self:
        """Fit on viewers x items with strengths; GlassError when one is negative or not a number."""
        matrix = sparse.csr_matrix(watched, dtype=np.float64, copy=True)
        matrix.sum_duplicates()
        if matrix.nnz and not (np.isfinite(matrix.data).all() and matrix.data.min() >= 0):
            raise GlassError("strengths must be finite and not negative")
        matrix.eliminate_zeros()
        self.settings = self.fixed or self._choose(matrix)
        solved = self.solve(matrix)
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            if (done + more) * 10 // solved.size != done * 10 // solved.size:
                self._say(f"neighbours of {done + more} of {solved.size} items")
            done += more

        return self.keep(*best_lists(solved.size, self.neighbours, solved.rows, self.threads, advance))

    def solve(self, watched: sparse.csr_matrix) -> "ClosedForm":
        """The filter with the `settings` in use, from which any block of items can be cut by itself."""
        settings = self.settings
        graph = Graph.of(watched, settings.viewer, self.threads)
        self._say("spectrum of the item graph")
        values, vectors = graph.eigenpairs(settings.rank, self.seed) if graph.size else (np.zeros(0, np.float32),) * 2
        weighted = vectors * (settings.response(values) - values) if graph.size else vectors
        return ClosedForm(graph, vectors, weighted, graph.degrees**-settings.item, graph.degrees**settings.item)

    def _choose(self, rows: sparse.csr_matrix) -> FilterSettings:
        """The settings that do best on held-out watches: the graph first, by short polynomials, then the response on its spectrum."""
        default = FilterSettings()
        sample = min(_SAMPLE, _SAMPLE_ENTRIES // max(1, rows.shape[1]))
        held = HeldOut.of(rows, max(sample, 1), self.seed)
        if held.held.nnz < _ENOUGH:
            self._say("too little data to choose settings by; the defaults serve")
            return default
        self._say(f"settings chosen by {held.held.nnz} held-out watches of {held.held.shape[0]} viewers")
        shown = sparse.csr_matrix(
            (np.ones(held.shown.nnz, np.float32), held.shown.indices, held.shown.indptr), held.shown.shape
        )
        tried: dict[tuple[float, float], float] = {}

        def attempt(viewer: float, item: float) -> float:
            if (viewer, item) not in tried:
                graph = Graph.of(held.rest, viewer, self.threads)
                once, twice = _polynomials(graph, shown, item)
                tried[viewer, item] = max(sum(held.gains(once - part * twice)) for part in (0.0, 0.4, 0.8))
                self._say(f"viewer {viewer}, item {item}: {tried[viewer, item]:.4f}")
            return tried[viewer, item]

        viewer = max(_VIEWER, key=lambda one: attempt(one, default.item) * (_MARGIN if one == default.viewer else 1))
        item = max(_ITEM, key=lambda one: attempt(viewer, one) * (_MARGIN if one == default.item else 1))
        return self._respond(held, shown, Graph.of(held.rest, viewer, self.threads), viewer, item)

    def _respond(
        self, held: HeldOut, shown: sparse.csr_matrix, graph: Graph, viewer: float, item: float
    ) -> FilterSettings:
        """The best response on the leading eigenvectors, by re-ranking what a plain filter finds near."""
        once, twice = _polynomials(graph, shown, item)
        near = np.empty((len(once), min(_NEAR, graph.size)), dtype=np.int64)
        _unseen_best(once - 0.8 * twice, shown.indptr, shown.indices, near.shape[1], near)
        del twice
        values, vectors = graph.eigenpairs(FilterSettings().rank, self.seed)
        tried = [
            FilterSettings(viewer, item, ridge, tilt, boost)
            for ridge, tilt, boost in combinations(_RIDGE, _TILT, _BOOST)
        ]
        responses = np.stack([settings.response(values) - values for settings in tried], axis=1)
        mine = (shown @ sparse.diags_array(graph.degrees**-item)) @ vectors
        scores = np.empty((len(tried), *near.shape), dtype=np.float32)
        for row, items in enumerate(near):
            parts = vectors[items] @ (mine[row][:, None] * responses) * graph.degrees[items, None] ** item
            scores[:, row] = (parts + once[row, items][:, None]).T
        spot = np.full(graph.size, -1)
        cut_held = []
        for row, items in enumerate(near):
            spot[items] = np.arange(len(items))
            places = spot[held.held.indices[held.held.indptr[row] : held.held.indptr[row + 1]]]
            cut_held.append(places)
            spot[items] = -1
        gains = [_reranked(line, cut_held) for line in scores]
        known = tried.index(FilterSettings(viewer, item))
        best = int(np.argmax([sum(gain) * (_MARGIN if row == known else 1) for row, gain in enumerate(gains)]))
        self.figures = {"recall@20": round(gains[best][0], 4), "ndcg@20": round(gains[best][1], 4)}
        self._say(f"{tried[best]}: held-out recall@20 {gains[best][0]:.4f}, NDCG@20 {gains[best][1]:.4f}")
        return tried[best]

    def _say(self, line: str) -> None:
        if self.progress is not None:
            self.progress(line)

    def as_dict(self) -> dict[str, Any]:
        """The settings in use, for a report."""
        return {"neighbours": self.neighbours, **asdict(self.settings)}


def _polynomials(graph: Graph, shown: sparse.csr_matrix, item: float) -> tuple[Reals, Reals]:
    """Scores by P and by P^2 of the given histories, both viewers x items."""
    start = np.ascontiguousarray((shown @ sparse.diags_array(graph.degrees**-item)).toarray().T, dtype=np.float32)
    once = graph.apply(start)
    twice = graph.apply(once)
    up = graph.degrees**item
    return np.ascontiguousarray(once.T) * up, np.ascontiguousarray(twice.T) * up


def _reranked(scores: Reals, held: list[NDArray[np.int64]], n: int = 20) -> tuple[float, float]:
    """Recall@n and NDCG@n of scores of near items; held-out ones are given by their places, -1 for one that is not near."""
    order = np.argpartition(-scores, min(n, scores.shape[1] - 1), axis=1)[:, :n]
    order = np.take_along_axis(
        order, np.argsort(-np.take_along_axis(scores, order, axis=1), axis=1, kind="stable"), axis=1
    )
    discounts = 1 / np.log2(np.arange(n) + 2)
    ideal = np.cumsum(discounts)
    recall = ndcg = 0.0
    for line, places in zip(order, held, strict=True):
        hits = np.isin(line, places[places >= 0])
        recall += hits.sum() / len(places)
        ndcg += float(hits @ discounts[: len(hits)]) / ideal[min(len(places), n) - 1]
    return recall / len(held), ndcg / len(held)
