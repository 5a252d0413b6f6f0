"""The additive heads, fitted as explainable boosting machines and turned into the tables of an epoch.

Every head is boosted on its own (EBM, Lou et al. 2012; the `interpret` library), one signal at a time and round about, over bins: the
64 of an item signal, at most 64 quantiles of a viewer signal. So it is a sum of one shape a signal from the start. An item signal's
shape becomes its table as it is. A viewer signal's shape becomes a curve with seven corners, which are put where the shapes of all
heads together bend most; corners belong to a signal, heights to a head.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.errors import GlassError
from glaswerk.glass.fitting.shown import Shown
from glaswerk.glass.heads import BINS
from glaswerk.glass.learned import KNOTS, MOST_LOG_ODDS, LearnedHeads
from glaswerk.glass.names import HEADS, ITEM_SIGNALS, VIEWER_SIGNALS
from glaswerk.glass.scale import UNIT, Ints

LEAST_SHOWN: Final = 1000
"""Fewer rows than this say nothing that luck could not say."""
LEAST_DONE: Final = 50
"""A head is fitted where so many viewers did it, and so many did not."""
MOST_ROWS: Final = 1_000_000
"""More rows than this are thinned out by the seed, so that memory has a bound."""
_BAGS: Final = 4
_ROUNDS: Final = 4000
_LEARNING_RATE: Final = 0.02

Reals = NDArray[np.float64]
Progress = Callable[[str], None]


class TooLittle(GlassError):  # noqa: N818 - it says what is the case, not that something broke.
    """Too little was logged to learn from; the message says what is missing."""


def fit_heads(shown: Shown, seed: int = 0, progress: Progress | None = None) -> LearnedHeads:
    """Fit every head that was done, and left undone, often enough. Equal arguments give equal tables.

    Raises TooLittle, which names what is missing, where that is so of no head.
    """
    if len(shown) < LEAST_SHOWN:
        raise TooLittle(f"{len(shown)} videos were on a screen and reported on; heads need {LEAST_SHOWN}")
    if len(shown) > MOST_ROWS:
        shown = shown.part(np.sort(np.random.default_rng(seed).choice(len(shown), MOST_ROWS, replace=False)))
    counts = shown.done.sum(axis=0)
    able = [place for place in range(len(HEADS)) if LEAST_DONE <= counts[place] <= len(shown) - LEAST_DONE]
    if not able:
        found = ", ".join(f"{name} {count}" for name, count in zip(HEADS, counts.tolist(), strict=True))
        raise TooLittle(f"each head needs {LEAST_DONE} times done and as many not; there are {found}")
    weight = np.ones(len(shown)) if shown.weight is None else shown.weight
    columns = [_Column(shown.signals[:, place], weight) for place in range(len(VIEWER_SIGNALS))]
    binned = np.column_stack([shown.bins, *(column.places for column in columns)]).astype(np.float64)
    sizes = [BINS] * len(ITEM_SIGNALS) + [len(column.middles) for column in columns]
    bias, shapes = [], []
    for place in able:
        if progress is not None:
            progress(f"head {HEADS[place]}: {int(counts[place])} of {len(shown)}")
        intercept, terms = _boost(binned, sizes, shown.done[:, place], weight, seed)
        bias.append(intercept)
        shapes.append(terms)
    table = np.zeros((len(able), len(ITEM_SIGNALS), BINS))
    for signal in range(len(ITEM_SIGNALS)):
        mass = np.bincount(shown.bins[:, signal], weight, minlength=BINS).astype(np.float64)
        for head, terms in enumerate(shapes):
            table[head, signal] = _filled(terms[signal], mass)
    knots = np.empty((len(VIEWER_SIGNALS), KNOTS), dtype=np.int64)
    heights = np.zeros((len(able), len(VIEWER_SIGNALS), KNOTS))
    for signal, column in enumerate(columns):
        drawn = np.stack([terms[len(ITEM_SIGNALS) + signal] for terms in shapes])
        knots[signal], heights[:, signal] = column.draw(drawn)
    return LearnedHeads(
        tuple(HEADS[place] for place in able), _whole(np.array(bias)), _whole(table).astype(np.int32), knots, _whole(heights)
    )  # fmt: skip


def _boost(
    binned: Reals, sizes: list[int], done: NDArray[np.bool_], weight: Reals, seed: int
) -> tuple[float, list[Reals]]:
    """The intercept of one head and its shape over the bins of every signal."""
    # The library brings pandas and scikit-learn along, which is a matter of seconds: nobody who only ranks waits for it.
    from interpret.glassbox import ExplainableBoostingClassifier

    # It tells every step of its own to whoever logs at all.
    logging.getLogger("interpret").setLevel(logging.WARNING)
    model: Any = ExplainableBoostingClassifier(
        feature_types=[[edge - 0.5 for edge in range(1, size)] for size in sizes],
        interactions=0,
        outer_bags=_BAGS,
        learning_rate=_LEARNING_RATE,
        max_rounds=_ROUNDS,
        n_jobs=1,
        random_state=seed,
    )
    model.fit(binned, done.astype(np.int64), sample_weight=weight)
    shapes = [np.zeros(size) for size in sizes]
    for (signal,), scores in zip(model.term_features_, model.term_scores_, strict=True):
        # The first and last entries are for values that are missing or unknown, and there are none.
        shapes[signal] = np.asarray(scores, dtype=np.float64)[1 : sizes[signal] + 1]
    return float(np.ravel(model.intercept_)[0]), shapes


def _filled(scores: Reals, mass: Reals) -> Reals:
    """A shape whose empty bins say what the nearest bin says in which somebody was (of two, the lower one)."""
    there = np.flatnonzero(mass > 0)
    places = np.arange(len(scores))
    after = np.minimum(np.searchsorted(there, places), len(there) - 1)
    before = np.maximum(after - 1, 0)
    lower = np.abs(places - there[before]) <= np.abs(there[after] - places)
    filled: Reals = scores[np.where(lower, there[before], there[after])]
    return filled


def _whole(values: Reals) -> Ints:
    limit = float(MOST_LOG_ODDS)
    return np.clip(np.rint(values * UNIT), -limit, limit).astype(np.int64)


class _Column:
    """A viewer signal in at most 64 bins: zero has one of its own, because most signals of most videos are zero."""

    def __init__(self, values: Ints, weight: Reals) -> None:
        distinct = np.unique(values)
        if len(distinct) <= BINS:
            edges = distinct[:-1] + 0.5
        else:
            spread = np.linspace(0, 1, BINS - 3)[1:-1]
            edges = np.unique(np.floor(np.quantile(values[values != 0], spread)) + 0.5)
            edges = np.unique(np.concatenate([edges, [-0.5, 0.5]]))
        places = np.searchsorted(edges, values)
        used, self.places = np.unique(places, return_inverse=True)
        mass = np.bincount(self.places, weight, minlength=len(used))
        self.mass: Reals = mass / mass.sum()
        self.middles: Reals = np.rint(np.bincount(self.places, values * weight, minlength=len(used)) / mass)
        self.middles[np.abs(self.middles) < 1] = 0

    def draw(self, shapes: Reals) -> tuple[Ints, Reals]:
        """The knots, and the heights of each of the shapes [heads, bins] at them, by weighted least squares.

        Beginning with the ends (and zero), the knot that helps most is added until there are all.
        """
        chosen = sorted({0, len(self.middles) - 1, *np.flatnonzero(self.middles == 0).tolist()})
        while len(chosen) < min(KNOTS, len(self.middles)):
            rest = [place for place in range(len(self.middles)) if place not in chosen]
            tried = [(self._heights(shapes, sorted([*chosen, place]))[1], place) for place in rest]
            chosen = sorted([*chosen, min(tried)[1]])
        heights = self._heights(shapes, chosen)[0]
        knots = self.middles[chosen].astype(np.int64)
        # A signal with few values has corners left over; they go behind the last one, where the curve is flat.
        spare = KNOTS - len(knots)
        knots = np.concatenate([knots, knots[-1] + UNIT * np.arange(1, spare + 1)])
        return knots, np.concatenate([heights, np.repeat(heights[:, -1:], spare, axis=1)], axis=1)

    def _heights(self, shapes: Reals, chosen: list[int]) -> tuple[Reals, float]:
        corners = self.middles[chosen]
        hats = np.stack([np.interp(self.middles, corners, row) for row in np.eye(len(chosen))], axis=1)
        root = np.sqrt(self.mass)[:, None]
        heights: Reals = np.linalg.lstsq(hats * root, shapes.T * root, rcond=None)[0].T.astype(np.float64)
        error = float(np.sum(self.mass * (heights @ hats.T - shapes) ** 2))
        return heights, error
