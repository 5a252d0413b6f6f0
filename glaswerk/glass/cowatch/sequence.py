"""NextWatch: what is watched after what, as a linear filter over a fading history."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from glaswerk.glass.cowatch.heldout import HeldOut
from glaswerk.glass.cowatch.lists import best_lists
from glaswerk.glass.cowatch.served import Served
from glaswerk.glass.cowatch.spectrum import Graph, Reals
from glaswerk.glass.errors import GlassError

LATEST: Final = 1024
"""The strength of the latest watch of a history; earlier ones have less."""

_SAMPLE = 4000
_SAMPLE_ENTRIES = 45_000_000
_ENOUGH = 100
_PAIRS = 40_000_000
_WINDOW = 50
_GRID: Final[dict[str, tuple[float, ...]]] = {
    "fade": (0.25, 0.5, 0.75, 1.0),
    "recall": (0.25, 0.5, 0.75, 1.0, 1.5),
    "item": (0.0, 0.2, 0.4, 0.6),
    "target": (0.0, 0.1, 0.2, 0.4),
    "viewer": (0.0, 0.5, 1.0),
    "sharpen": (0.0, 0.3, 0.6, 0.9),
}
_BACK = (0.0, 0.15, 0.3, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class SequenceSettings:
    """The shape of W = D^-item (C + back C') D^-target (I - sharpen P), where D are watches an item.

    C[i, j] = sum over viewers, each divided by (watches)^viewer, of (watches between i and a later j)^-fade; P is the item graph in
    terms of D^1/2 (see `Graph`). In a history, the k-th latest watch has the strength k^-recall.
    """

    fade: float = 0.5
    recall: float = 0.75
    back: float = 0.3
    item: float = 0.2
    target: float = 0.0
    viewer: float = 0.0
    sharpen: float = 0.3


@dataclass(frozen=True)
class _Sequences:
    """Items of all viewers in order of time, one after another; `place` counts from 0 for each viewer."""

    viewers: int
    size: int
    viewer: NDArray[np.int64]
    item: NDArray[np.int64]
    place: NDArray[np.int64]
    length: NDArray[np.int64]

    @classmethod
    def of(cls, times: sparse.csr_matrix) -> "_Sequences":
        viewer = np.repeat(np.arange(times.shape[0]), np.diff(times.indptr))
        order = np.lexsort((times.indices, times.data, viewer))
        place = np.arange(len(order)) - times.indptr[:-1][viewer]
        length = np.diff(times.indptr)[viewer]
        return cls(times.shape[0], times.shape[1], viewer, times.indices[order].astype(np.int64), place, length)

    def rows(self, values: NDArray[Any]) -> sparse.csr_matrix:
        """Viewers x items with these values, one for each watch."""
        return sparse.csr_matrix((values, (self.viewer, self.item)), shape=(self.viewers, self.size))

    def faded(self, recall: float) -> sparse.csr_matrix:
        """Histories as whole-number strengths, the latest with LATEST."""
        age = (self.length - self.place).astype(np.float64)
        return self.rows(np.rint(LATEST * age**-recall).astype(np.int64))

    def followers(self, fade: float, viewer: float) -> sparse.csr_matrix:
        """C: items x items, how much later items follow earlier ones."""
        window = int(min(_WINDOW, max(3, _PAIRS // max(1, len(self.item)))))
        weight = np.maximum(self.length, 1).astype(np.float64) ** -viewer
        sum_: sparse.csr_matrix = sparse.csr_matrix((self.size, self.size), dtype=np.float32)
        for lag in range(1, min(window, int(self.length.max(initial=1)))):
            first = np.flatnonzero(self.place < self.length - lag)
            value = (weight[first] * float(lag) ** -fade).astype(np.float32)
            pairs = (self.item[first], self.item[first + lag])
            sum_ = sum_ + sparse.csr_matrix((value, pairs), shape=(self.size, self.size))
        return sum_


class NextWatch(Served):
    """A linear filter for histories in order: the score of an item is the sum over the history, the latest watches strongest.

        filter_ = NextWatch().fit(times)                    # SciPy matrix, viewers x items, the stored values are times
        items, scores = filter_.recommend(times[:10], 10)
        filter_.explain(times[0], items[0, 0])              # {watched item: its part}; the score is their sum

    A closed form in the line of SLIST (Choi et al. 2021) and TALE (Park et al. 2024), with counts in place of their inverse: what
    follows what, fading with the watches between, and what all watch subtracted through the item graph. An entry is one watch: of
    an item watched again the time is the last one. Unless `settings` are given, they are chosen by the last watches of a sample of
    viewers, drawn from `seed`; see `settings` and `figures` after `fit`.
    """

    def __init__(
        self,
        neighbours: int = 400,
        settings: SequenceSettings | None = None,
        seed: int = 0,
        threads: int = 2,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(threads)
        self.neighbours, self.seed = neighbours, seed
        self.fixed = settings
        self.settings = settings or SequenceSettings()
        self.figures: dict[str, float] = {}
        self.progress = progress

    def fit(self, times: Any) -> Self:
        """Fit on viewers x items of times; only their order within a row counts. GlassError when one is not a number."""
        matrix = _times(times)
        self.settings = self.fixed or self._choose(matrix)
        settings = self.settings
        sequences = _Sequences.of(matrix)
        graph = _graph(sequences, self.threads)
        self._say("what follows what")
        weights = _weights(sequences.followers(settings.fade, settings.viewer), graph, settings)
        root = np.sqrt(graph.degrees)

        def rows_of(first: int, last: int) -> Reals:
            rows = weights[first:last].toarray().astype(np.float32)
            return _sharpened(rows, graph, root, settings.sharpen) if settings.sharpen else rows

        return self.keep(*best_lists(graph.size, self.neighbours, rows_of, self.threads))

    def history(self, rows: Any) -> sparse.csr_matrix:
        """Viewers x items as whole-number strengths, from times."""
        matrix = _times(rows)
        if matrix.shape[1] != self.size:
            raise GlassError(f"the histories have {matrix.shape[1]} items, the filter has {self.size}")
        return _Sequences.of(matrix).faded(self.settings.recall)

    def _choose(self, matrix: sparse.csr_matrix) -> SequenceSettings:
        """The settings under which the last watches of a sample of viewers come highest, one setting at a time, twice around."""
        settings = SequenceSettings()
        able = np.flatnonzero(np.diff(matrix.indptr) >= 3)
        if len(able) < _ENOUGH:
            self._say("too little data to choose settings by; the defaults serve")
            return settings
        most = max(1, min(_SAMPLE, _SAMPLE_ENTRIES // matrix.shape[1]))
        chosen = np.sort(np.random.default_rng(self.seed).choice(able, min(most, len(able)), replace=False))
        whole = _Sequences.of(matrix)
        last = np.zeros(matrix.shape[0], dtype=bool)
        last[chosen] = True
        out = last[whole.viewer] & (whole.place == whole.length - 1)
        # Places start at 0 and would vanish from a sparse matrix, so times count from 1 here.
        rest = whole.rows(np.where(out, 0, whole.place + 1))
        held = whole.rows(out.astype(np.float32))
        rest.eliminate_zeros()
        held.eliminate_zeros()
        sample = HeldOut(rest, rest[chosen], held[chosen])
        self._say(f"settings chosen by the last watches of {len(chosen)} viewers")
        sequences, shown = _Sequences.of(rest), _Sequences.of(sample.shown)
        graph = _graph(sequences, self.threads)
        root = np.sqrt(graph.degrees)
        known: dict[tuple[float, float], sparse.csr_matrix] = {}
        tried: dict[SequenceSettings, float] = {}

        def attempt(trial: SequenceSettings) -> float:
            if trial not in tried:
                key = (trial.fade, trial.viewer)
                if key not in known:
                    known[key] = sequences.followers(*key)
                scores = (shown.faded(trial.recall).astype(np.float32) @ _weights(known[key], graph, trial)).toarray()
                scores = scores.astype(np.float32)
                if trial.sharpen:
                    scores = _sharpened(scores, graph, root, trial.sharpen)
                hits, gain = sample.gains(scores, 10)
                tried[trial] = hits + gain
                self.figures = {"hr@10": round(hits, 4), "ndcg@10": round(gain, 4)}
            return tried[trial]

        for _ in range(2):
            for name, values in (("back", _BACK), *_GRID.items()):
                trials = [replace(settings, **{name: value}) for value in values]
                settings = max(trials, key=attempt)
                self._say(f"{name} {getattr(settings, name)}: {tried[settings]:.4f}")
        del tried[settings]
        attempt(settings)
        return settings

    def _say(self, line: str) -> None:
        if self.progress is not None:
            self.progress(line)

    def as_dict(self) -> dict[str, Any]:
        """The settings in use, for a report."""
        return {"neighbours": self.neighbours, **asdict(self.settings)}


def _times(rows: Any) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix(rows)
    if not matrix.has_canonical_format:
        coo = matrix.tocoo()
        # Of the times of one item the last counts.
        order = np.lexsort((coo.data, coo.col, coo.row))
        row, col, data = coo.row[order], coo.col[order], coo.data[order]
        last = np.ones(len(row), dtype=bool)
        last[:-1] = (row[1:] != row[:-1]) | (col[1:] != col[:-1])
        matrix = sparse.csr_matrix((data[last], (row[last], col[last])), shape=matrix.shape)
    if matrix.nnz and not np.isfinite(matrix.data).all():
        raise GlassError("times must be numbers")
    return matrix


def _graph(sequences: _Sequences, threads: int) -> Graph:
    return Graph.of(sequences.rows(np.ones(len(sequences.item))), 0.0, threads)


def _weights(followers: sparse.csr_matrix, graph: Graph, settings: SequenceSettings) -> sparse.csr_matrix:
    both = followers + settings.back * followers.T if settings.back else followers
    down = sparse.diags_array(graph.degrees**-settings.item)
    right = sparse.diags_array(graph.degrees**-settings.target)
    return sparse.csr_matrix(down @ both @ right).astype(np.float32)


def _sharpened(rows: Reals, graph: Graph, root: Reals, part: float) -> Reals:
    """Rows of weights or scores without a part of what the item graph makes of them, rows x items."""
    smooth = graph.apply(np.ascontiguousarray((rows / root).T))
    out: Reals = rows - part * np.ascontiguousarray(smooth.T) * root
    return out
