"""Fitted heads: the same numbers as the engine's, found again where they were planted, honest where there is too little."""

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.glass import (
    HEADS,
    ITEM_SIGNALS,
    UNIT,
    VIEWER_SIGNALS,
    Ask,
    CoWatch,
    Epoch,
    GlassError,
    ItemCosine,
    Viewer,
    Watch,
    default_policy,
    explain,
)
from glaswerk.glass.fitting import Shown, TooLittle, auc, fit_heads, head_log_odds, measure_heads, slot_signals
from glaswerk.glass.fitting.filters import as_served, cowatch_signals, recall, rescaled
from glaswerk.glass.heads import BINS, prior_heads
from glaswerk.glass.learned import LearnedHeads

from .synthetic import NOW
from .test_cowatch import watched

FINISH, LIKE, SKIP = (HEADS.index(name) for name in ("finish", "like", "skip"))
COWATCH, TOPIC, FOLLOWS = (VIEWER_SIGNALS.index(name) for name in ("cowatch", "topic", "follows_creator"))


def shown(rows: int = 6000, seed: int = 1) -> tuple[Shown, np.ndarray]:
    """Rows whose finishes follow one item signal, one bent viewer signal and a switch; and their true log-odds."""
    rng = np.random.default_rng(seed)
    bins = np.clip(rng.normal(32, 8, (rows, len(ITEM_SIGNALS))), 0, BINS - 1).astype(np.uint8)
    signals = np.zeros((rows, len(VIEWER_SIGNALS)))
    signals[:, COWATCH] = np.where(rng.random(rows) < 0.4, 0, rng.gamma(1, 1.5, rows) - 0.3)
    signals[:, TOPIC] = rng.normal(0, 1, rows)
    signals[:, FOLLOWS] = rng.random(rows) < 0.2
    truth = (
        -0.4 + 0.1 * (bins[:, 0].astype(float) - 31.5) + 1.5 * np.tanh(signals[:, COWATCH]) + 0.8 * signals[:, FOLLOWS]
    )
    done = np.zeros((rows, len(HEADS)), dtype=bool)
    done[:, FINISH] = rng.random(rows) < 1 / (1 + np.exp(-truth))
    done[:, LIKE] = rng.random(rows) < 0.002
    return Shown(bins, np.rint(signals * UNIT).astype(np.int64), done), truth


@cache
def fitted() -> LearnedHeads:
    return fit_heads(shown()[0], seed=5)


def test_equal_rows_and_seed_give_equal_tables() -> None:
    again = fit_heads(shown()[0], seed=5)
    for name in ("heads", "bias", "table", "knots", "heights"):
        assert np.array_equal(getattr(again, name), getattr(fitted(), name))


def test_what_was_planted_is_found() -> None:
    heads = fitted()
    assert heads.heads == ("finish",)
    later, truth = shown(20_000, seed=9)
    figures = measure_heads(heads.over(default_policy()), later)["finish"]
    best = auc(truth, later.done[:, FINISH])
    assert figures["auc"] > 0.985 * best
    assert figures["auc"] > measure_heads(prior_heads(default_policy()), later)["finish"]["auc"]
    # The curve rises where the truth does, and bends where it does; nothing was planted in the topic.
    at = np.interp(np.array([0.0, 1.0, 3.0]) * UNIT, heads.knots[COWATCH], heads.heights[0, COWATCH]) / UNIT
    assert at[1] - at[0] == pytest.approx(1.5 * np.tanh(1), abs=0.35)
    assert at[2] - at[1] == pytest.approx(1.5 * (np.tanh(3) - np.tanh(1)), abs=0.35)
    assert np.abs(heads.heights[0, TOPIC]).max() < 0.4 * UNIT


def test_too_little_is_said_and_not_fitted() -> None:
    rows = shown()[0]
    with pytest.raises(TooLittle, match="30 videos were on a screen and reported on; heads need 1000"):
        fit_heads(rows.part(slice(0, 30)))
    nobody = Shown(rows.bins, rows.signals, np.zeros_like(rows.done))
    with pytest.raises(TooLittle, match="finish 0, like 0"):
        fit_heads(nobody)


def test_rows_that_do_not_fit_together_are_refused() -> None:
    rows = shown(10)[0]
    with pytest.raises(GlassError, match="a row each"):
        Shown(rows.bins[:-1], rows.signals, rows.done)
    with pytest.raises(GlassError, match="bin"):
        Shown(rows.bins + np.uint8(64), rows.signals, rows.done)
    for weight in (0.0, -1.0, np.nan):
        with pytest.raises(GlassError, match="weights"):
            Shown(rows.bins, rows.signals, rows.done, np.full(10, weight))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30))
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    scores, done = (np.array(column) for column in zip(*rows, strict=True))
    pairs = [(1 + (a > b) - (a < b)) / 2 for a in scores[done] for b in scores[~done]]
    assert auc(scores, done) == pytest.approx(sum(pairs) / len(pairs) if pairs else 0.5)


def viewer(epoch: Epoch, seed: int) -> Viewer:
    rng = np.random.default_rng(seed)
    ids = rng.permutation(epoch.column("ids"))[:20].tolist()
    watches = tuple(Watch(video, int(rng.integers(0, 256)), NOW - 60_000 * place) for place, video in enumerate(ids))
    return Viewer(-7, watches, follows=(7919,), region="de", language="en")


def test_slots_have_the_very_signals_and_log_odds_that_their_explanation_names(small: Epoch) -> None:
    ask = Ask(10, NOW, "for_you", 3)
    why = explain(small, viewer(small, 1), ask)
    videos = np.array([slot.slot.video for slot in why.slots])
    known = slot_signals(small, viewer(small, 1), ask, videos)
    amounts = np.array([[part.amount for part in slot.signals] for slot in why.slots])
    assert np.array_equal(known.bins, amounts[:, : len(ITEM_SIGNALS)])
    assert np.array_equal(known.signals, amounts[:, len(ITEM_SIGNALS) :])
    rows = Shown(known.bins, known.signals, np.zeros((len(videos), len(HEADS)), dtype=bool))
    log_odds = [[head.log_odds for head in slot.heads] for slot in why.slots]
    assert head_log_odds(prior_heads(small.policy), rows).tolist() == log_odds
    with pytest.raises(GlassError, match="no such video"):
        slot_signals(small, viewer(small, 1), ask, np.array([5]))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=4))
def test_a_co_watch_signal_of_other_lists_is_summed_as_the_engine_does(small: Epoch, seeds: list[int]) -> None:
    ask = Ask(10, NOW, "for_you", 3)
    videos = small.column("ids")[:25]
    slates = [slot_signals(small, viewer(small, seed), ask, videos) for seed in seeds]
    lists = as_served(small.column("near_start"), small.column("near_videos"), small.column("near_weights"))
    found = cowatch_signals(
        lists,
        np.cumsum([0, *(len(one.watched) for one in slates)]),
        np.searchsorted(small.column("ids"), np.concatenate([one.watched for one in slates])),
        np.concatenate([one.pulls for one in slates]),
        np.repeat(np.arange(len(slates)), len(videos)),
        np.tile(np.arange(25), len(slates)),
    )
    assert found.tolist() == np.concatenate([one.signals[:, COWATCH] for one in slates]).tolist()


def test_a_rescaled_filter_scores_as_the_cosine_does_and_keeps_its_order() -> None:
    rows = watched(400, 90)
    rows.data[:] = 200
    filter_, cosine = CoWatch(neighbours=30).fit(rows), ItemCosine(neighbours=30).fit(rows)
    lists = rescaled(filter_, cosine, rows.astype(np.int64))
    mine, others = (one.recommend(rows.astype(np.int64), 20)[1].sum() for one in (lists, cosine))
    assert mine == pytest.approx(others, rel=0.02)
    for item in range(90):
        before, weights = filter_.neighbours_of(item)
        after, scaled = lists.neighbours_of(item)
        assert np.all(np.diff(scaled) <= 0)
        assert set(after.tolist()) <= set(before.tolist())
        assert (scaled > 0).all()
        assert len(weights) >= len(scaled)
    held = watched(400, 90, seed=4) - watched(400, 90, seed=4).multiply(rows > 0)
    held.eliminate_zeros()
    figures = recall(lists, rows.astype(np.int64), held.astype(np.int64).tocsr())
    assert 0 < figures["recall@20"] <= 1
    assert figures["watches"] == held[np.diff(rows.indptr) > 0].nnz


def test_whoever_only_ranks_does_not_wait_for_the_fitting_library() -> None:
    code = "import sys, glaswerk.glass.fitting, glaswerk.cli.learn; sys.exit('interpret' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
