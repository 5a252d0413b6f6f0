"""The fit: from events and slots to a model, its held-out figures, and whether it may serve.

Time splits the log. The co-watch filter is fitted on what came before the last tenth; its settings are chosen on the first seven
tenths. The heads are fitted on the slates between the two, with the co-watch signal that a filter of the first seven tenths gives,
because a filter that has seen a watch cannot be asked to foretell it. The last tenth measures: the new model, and in the same way
what serves now. What is measured is what is served.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from glaswerk.feed.learning.archive import Catalogued, Events, Pairs, fold
from glaswerk.feed.learning.slots import Slots, label
from glaswerk.glass import HEADS, VIEWER_SIGNALS, CoWatch, ItemCosine, Policy
from glaswerk.glass.cowatch.served import Served
from glaswerk.glass.cut import watch_matrix
from glaswerk.glass.fitting import Shown, TooLittle, fit_heads, measure_heads
from glaswerk.glass.fitting.filters import as_served, cowatch_signals, recall, rescaled
from glaswerk.glass.fitting.heads import LEAST_SHOWN
from glaswerk.glass.heads import Heads
from glaswerk.glass.learned import Learned, LearnedHeads

Ints = NDArray[np.int64]
Progress = Callable[[str], None]

EARLY: Final = 0.7
HELD_OUT: Final = 0.9
LEAST_WATCHES: Final = 500
LEAST_HELD: Final = 50
HELD_STRENGTH: Final = 128
"""A held-out watch counts as wanted when so much of the video was watched (160 is all of it)."""
SLACK: Final = 0.01
"""A model is worse when a figure is worse by more than this share; less than that is chance."""
_COWATCH: Final = VIEWER_SIGNALS.index("cowatch")


@dataclass(frozen=True)
class Fitted:
    """What came of a fit. model: None where there was too little to learn from. figures: JSON-ready. refused: why the model may not
    serve, or "" where it may."""

    model: Learned | None
    figures: dict[str, Any]
    refused: str


@dataclass(frozen=True, eq=False)
class SplitLog:
    """A log cut at two moments: early (viewers x videos) ends at the first, train at the second, held begins there.

    train and held have the same rows. rows: the slots that were reported on, done: what was done [those, heads], weight: [those].
    """

    videos: Catalogued
    policy: Policy
    early_at: int
    held_at: int
    early: sparse.csr_matrix
    train: sparse.csr_matrix
    held: sparse.csr_matrix
    slots: Slots
    rows: Ints
    done: NDArray[np.bool_]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, events: Events, videos: Catalogued, slots: Slots, policy: Policy) -> "SplitLog":
        moments = np.sort(events.logged_at)
        early_at, held_at = (int(moments[int(share * (len(moments) - 1))]) for share in (EARLY, HELD_OUT))
        last_at = int(moments[-1])
        before = fold(events.where(events.logged_at < held_at), videos)
        early, _ = _matrix(fold(events.where(events.logged_at < early_at), videos), videos, policy, early_at)
        train, people = _matrix(before, videos, policy, held_at)
        after = fold(events.where(events.logged_at >= held_at), videos)
        held = _afterwards(after, people, train)
        rows, done = label(slots, events, videos)
        age = np.maximum(last_at - slots.at[slots.owner[rows]], 0)
        weight = np.exp2(-age / policy.decay.cowatch_days)
        return cls(videos, policy, early_at, held_at, early, train, held, slots, rows, done, weight)

    def shown(self, first_ms: int, last_ms: int, lists: Served | None) -> Shown:
        """What was shown within a time, with the co-watch signal of these lists, or as it was (None)."""
        slots = self.slots
        at = slots.at[slots.owner[self.rows]]
        chosen = (at >= first_ms) & (at < last_ms)
        rows = self.rows[chosen]
        signals = slots.signals[rows]
        if lists is not None and len(rows):
            watched = self.videos.rows(slots.watched)
            places = self.videos.rows(slots.video[rows])
            signals[:, _COWATCH] = cowatch_signals(
                lists, slots.watch_starts, watched, slots.pulls, slots.owner[rows], places
            )
        return Shown(slots.bins[rows], signals, self.done[chosen], self.weight[chosen])


def fit(
    events: Events,
    videos: Catalogued,
    slots: Slots,
    policy: Policy,
    in_service: Learned | None = None,
    seed: int = 0,
    threads: int = 1,
    progress: Progress | None = None,
) -> Fitted:
    """Fit a model and measure it beside what serves now (None: the item cosine and the policy's coefficients).

    Equal arguments give a model of equal bytes. A model is refused when it is worse than what serves now on the same held-out data.
    """
    say = progress or (lambda line: None)
    facts: dict[str, Any] = {
        "seed": seed,
        "policy": hashlib.sha256(policy.text.encode()).hexdigest(),
        "log": {
            "events": len(events),
            "viewers": len(np.unique(events.viewer)),
            "videos": len(np.unique(events.video)),
            "first_at": int(events.logged_at.min(initial=1 << 62)) if len(events) else None,
            "last_at": int(events.logged_at.max(initial=0)) if len(events) else None,
        },
    }
    if not len(events):
        return Fitted(None, facts, "nothing to learn from: the archive of the event log is empty")
    say(f"{len(events)} events of {facts['log']['viewers']} viewers")
    log = SplitLog.of(events, videos, slots, policy)
    facts["log"]["slots"] = len(log.rows)
    missing: dict[str, str] = {}
    plain = ItemCosine(policy.cowatch.neighbours).fit(log.train)
    lists: Served | None = None
    early: Served | None = None
    try:
        lists, early, facts["cowatch"] = _fit_filter(log, plain, seed, threads, say)
    except TooLittle as error:
        missing["cowatch"] = str(error)
    known = np.flatnonzero(np.diff(log.train.tocsc().indptr)) if lists is not None else np.zeros(0, np.int64)
    model = Learned.of(videos.ids[known], _within(lists, known), None, {})
    heads: LearnedHeads | None = None
    try:
        heads, facts["left_to_policy"] = _fit_heads(log, _serving(model, log, plain)[0], early, seed, say)
    except TooLittle as error:
        missing["heads"] = str(error)
    facts["missing"] = missing
    if lists is None and heads is None:
        return Fitted(None, facts, "nothing was learned: " + "; ".join(missing[name] for name in sorted(missing)))
    model = replace(model, heads=heads)
    facts["held_out"] = {"from": log.held_at, **_measure(model, log, plain, seed)}
    model = replace(model, facts=facts)
    now = _measure(in_service, log, plain, seed)
    figures = {**facts, "in_service": {"model": in_service.sha256 if in_service else "", **now}}
    return Fitted(model, figures, _worse(facts["held_out"], now, policy))


def _matrix(pairs: Pairs, videos: Catalogued, policy: Policy, at_ms: int) -> tuple[sparse.csr_matrix, Ints]:
    return watch_matrix(videos.ids, pairs.watches(videos), policy, at_ms)


def _afterwards(pairs: Pairs, people: Ints, train: sparse.csr_matrix) -> sparse.csr_matrix:
    """What people of the training part wanted afterwards and had not watched before."""
    wanted = (pairs.strength >= HELD_STRENGTH) & np.isin(pairs.viewer, people)
    person, row = np.searchsorted(people, pairs.viewer[wanted]), pairs.row[wanted]
    held = sparse.csr_matrix((np.ones(len(row), np.int64), (person, row)), shape=train.shape)
    known = train.copy()
    known.data[:] = 1
    held = held - held.multiply(known)
    held.eliminate_zeros()
    return sparse.csr_matrix(held)


def _fit_filter(
    log: SplitLog, plain: ItemCosine, seed: int, threads: int, say: Progress
) -> tuple[Served, Served, dict[str, Any]]:
    """The filter, the one of the early part, and facts. Raises TooLittle where there is too little, or counting does better."""
    held = int(log.held[np.flatnonzero(np.diff(log.train.indptr))].nnz)
    if log.train.nnz < LEAST_WATCHES or held < LEAST_HELD or log.early.nnz < LEAST_WATCHES // 2:
        raise TooLittle(
            f"a co-watch filter needs {LEAST_WATCHES} watches to fit on ({log.train.nnz} there) and {LEAST_HELD} later ones"
            f" of the same viewers to measure it by ({held} there)"
        )
    say("co-watch filter: settings, by the first part of the log")
    most = log.policy.cowatch.neighbours
    chosen = _covered(log.early)
    first = CoWatch(most, seed=seed, threads=threads, progress=say).fit(log.early[:, chosen])
    before = ItemCosine(most).fit(log.early[:, chosen])
    early = _spread(rescaled(first, before, log.early[:, chosen]), chosen, log.early.shape[1])
    say("co-watch filter: all but the held-out part")
    chosen = _covered(log.train)
    fitted = CoWatch(most, settings=first.settings, seed=seed, threads=threads, progress=say).fit(log.train[:, chosen])
    alike = ItemCosine(most).fit(log.train[:, chosen])
    lists = _spread(rescaled(fitted, alike, log.train[:, chosen]), chosen, log.train.shape[1])
    mine, others = (recall(filter_, log.train, log.held, seed) for filter_ in (lists, plain))
    say(f"held-out recall@20 {mine['recall@20']}, by plain counting {others['recall@20']}")
    if _gain(mine) < _gain(others):
        raise TooLittle(
            f"plain counting foretells as much as a filter so far (recall@20 {others['recall@20']} against {mine['recall@20']})"
        )
    # JSON has no infinity, which a ridge may be.
    settings = {name: value if np.isfinite(value) else None for name, value in first.as_dict().items()}
    return lists, early, {**settings, "cosine": others}


def _covered(matrix: sparse.csr_matrix) -> Ints:
    """The videos that somebody watched."""
    return np.flatnonzero(np.diff(matrix.tocsc().indptr)).astype(np.int64)


def _spread(lists: Served, chosen: Ints, size: int) -> Served:
    """Lists over some of the videos as lists over all of them."""
    counts = np.zeros(size, dtype=np.int64)
    counts[chosen] = np.diff(lists.starts)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return as_served(starts, chosen[lists.items].astype(np.int32), lists.weights)


def _within(lists: Served | None, known: Ints) -> Served | None:
    """The reverse: lists over all videos as lists over those that they are about."""
    if lists is None:
        return None
    starts = np.concatenate([lists.starts[known], lists.starts[-1:]]).astype(np.int64)
    return as_served(starts, np.searchsorted(known, lists.items).astype(np.int32), lists.weights)


def _fit_heads(
    log: SplitLog, serving: Served, early: Served | None, seed: int, say: Progress
) -> tuple[LearnedHeads, list[str]]:
    """The heads that foretell better than the policy's coefficients, and the names of those that do not."""
    # As it was logged, no co-watch signal knew what came after it; another filter's signal must not know either.
    before = log.shown(log.early_at, log.held_at, early) if early is not None else log.shown(0, log.held_at, None)
    if len(before) < LEAST_SHOWN and early is not None:
        # Too short a time for a signal of its own; what was logged is the next best.
        before = log.shown(0, log.held_at, None)
    fitted = fit_heads(before, seed, say)
    held = log.shown(log.held_at, 1 << 62, serving)
    if not len(held):
        raise TooLittle("no slate of the held-out part was reported on, so heads cannot be measured")
    mine, prior = (measure_heads(heads, held) for heads in (fitted.over(log.policy), _prior(log.policy)))
    better = tuple(name for name in fitted.heads if name in mine and mine[name]["log_loss"] <= prior[name]["log_loss"])
    left = [name for name in HEADS if name not in better]
    if not better:
        raise TooLittle(f"the policy's coefficients foretell as much as heads that were fitted on {len(before)} slots")
    places = [fitted.heads.index(name) for name in better]
    kept = replace(
        fitted, heads=better, bias=fitted.bias[places], table=fitted.table[places], heights=fitted.heights[places]
    )
    return kept, left


def _prior(policy: Policy) -> Heads:
    from glaswerk.glass.heads import prior_heads

    return prior_heads(policy)


def _serving(model: Learned | None, log: SplitLog, plain: ItemCosine) -> tuple[Served, Heads]:
    """The lists and heads that an epoch would have with this model."""
    if model is None:
        return plain, _prior(log.policy)
    if not len(model.ids):
        return plain, model.heads_for(log.policy)
    near = model.near(log.videos.ids, plain, log.policy.cowatch.neighbours)
    return as_served(near["near_start"], near["near_videos"], near["near_weights"]), model.heads_for(log.policy)


def _measure(model: Learned | None, log: SplitLog, plain: ItemCosine, seed: int) -> dict[str, Any]:
    lists, heads = _serving(model, log, plain)
    held = log.shown(log.held_at, 1 << 62, lists)
    return {
        "cowatch": recall(lists, log.train, log.held, seed),
        "heads": measure_heads(heads, held) if len(held) else {},
    }


def _gain(figures: dict[str, float]) -> float:
    return figures["recall@20"] + figures["ndcg@20"]


def _worse(new: dict[str, Any], now: dict[str, Any], policy: Policy) -> str:
    """In which way a model is worse than what serves now, or ""."""
    mine, others = new["cowatch"], now["cowatch"]
    if _gain(mine) < (1 - SLACK) * _gain(others):
        return (
            f"its co-watch filter finds less of what was watched afterwards than what serves now: recall@20 {mine['recall@20']}"
            f" against {others['recall@20']}, NDCG@20 {mine['ndcg@20']} against {others['ndcg@20']}"
        )
    worth = {name: abs(getattr(policy.weights, name)) for name in now["heads"]}
    total = sum(worth.values())
    if total:
        loss, before = (
            sum(worth[name] * figures["heads"][name]["log_loss"] for name in worth) / total for figures in (new, now)
        )
        if loss > (1 + SLACK) * before:
            return f"its heads foretell worse than those that serve now: log-loss {loss:.5f} against {before:.5f}"
    finish, before_finish = (figures["heads"].get("finish", {}).get("auc", 0.5) for figures in (new, now))
    if finish < (1 - SLACK) * before_finish:
        return f"its head of finishing orders worse than the one that serves now: AUC {finish} against {before_finish}"
    return ""
