"""Learned models: canonical bytes that nobody can alter, and what an epoch takes from them."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.glass import HEADS, ITEM_SIGNALS, VIEWER_SIGNALS, Epoch, cut_epoch, default_policy
from glaswerk.glass.cowatch.served import Served
from glaswerk.glass.heads import BINS, curve, prior_heads
from glaswerk.glass.learned import KNOTS, Learned, LearnedError, LearnedHeads

from .synthetic import NOW, make_catalogue, make_watches


def lists(size: int, seed: int, most: int = 6, span: int = 40) -> Served:
    """Random lists of neighbours in their order."""
    rng = np.random.default_rng(seed)
    served, counts, items, weights = Served(), [0], [], []
    for row in range(size):
        others = rng.permutation([other for other in range(size) if other != row])[: rng.integers(0, most + 1)]
        given_weights = rng.integers(1, span, len(others))
        order = np.lexsort((others, -given_weights))
        items += others[order].tolist()
        weights += given_weights[order].tolist()
        counts.append(len(others))
    served.starts = np.cumsum(counts).astype(np.int64)
    served.items, served.weights = np.array(items, dtype=np.int32), np.array(weights, dtype=np.int16)
    return served


def heads(names: tuple[str, ...] = ("finish", "skip"), seed: int = 3) -> LearnedHeads:
    rng = np.random.default_rng(seed)
    count = len(names)
    return LearnedHeads(
        names,
        rng.integers(-200_000, 200_000, count),
        rng.integers(-200_000, 200_000, (count, len(ITEM_SIGNALS), BINS)).astype(np.int32),
        np.cumsum(rng.integers(1, 50_000, (len(VIEWER_SIGNALS), KNOTS)), axis=1) - 90_000,
        rng.integers(-200_000, 200_000, (count, len(VIEWER_SIGNALS), KNOTS)),
    )


def model(size: int = 12, seed: int = 1, with_heads: bool = True) -> Learned:
    ids = np.arange(1, size + 1, dtype=np.int64) * 7
    return Learned.of(ids, lists(size, seed), heads() if with_heads else None, {"auc": 0.75, "seed": seed, "why": "ä"})


def near_lists(near: dict[str, Any]) -> list[dict[int, int]]:
    starts = near["near_start"]
    return [
        dict(zip(near["near_videos"][a:b].tolist(), near["near_weights"][a:b].tolist(), strict=True))
        for a, b in itertools.pairwise(starts)
    ]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(0, 100), st.booleans())
def test_bytes_are_canonical_and_name_the_model(size: int, seed: int, with_heads: bool) -> None:
    first = model(size, seed, with_heads)
    data = first.encode()
    again = Learned.decode(data, first.sha256)
    assert again.encode() == data
    assert again.sha256 == first.sha256
    assert again.facts == first.facts
    assert (again.heads is None) == (not with_heads)
    for name in ("ids", "starts", "videos", "weights"):
        assert np.array_equal(getattr(again, name), getattr(first, name))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_altered_or_truncated_model_is_read(data: st.DataObject) -> None:
    first = model()
    whole = first.encode()
    place = data.draw(st.integers(0, len(whole) - 1))
    altered = bytearray(whole)
    altered[place] ^= 1 << data.draw(st.integers(0, 7))
    for bad in (bytes(altered), whole[:place], whole + b"\0"):
        with pytest.raises(LearnedError):
            Learned.decode(bad, first.sha256)
        # Even without its name: either it is no model, or these very bytes are the model's.
        try:
            read = Learned.decode(bad)
        except LearnedError:
            continue
        assert read.encode() == bad


def test_a_model_for_other_signals_is_refused() -> None:
    data = model().encode().replace(b"finish_rate", b"finish_rato")
    with pytest.raises(LearnedError, match="other heads or signals"):
        Learned.decode(data)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [3, 0, 1]},
        {"weights": [1, 2, 2]},
        {"videos": [1, 9, 0]},
        {"videos": [0, 2, 1]},
        {"videos": [1, 1, 0]},
        {"starts": [0, 2, 3]},
        {"starts": [0, 2, 1, 3]},
        {"ids": [5, 5, 9]},
        {"ids": [0, 5, 9]},
    ],
)
def test_lists_that_do_not_fit_together_are_refused(change: dict[str, list[int]]) -> None:
    columns = {"ids": [3, 5, 9], "starts": [0, 2, 3, 3], "videos": [1, 2, 0], "weights": [3, 2, 1]}

    def make(values: dict[str, list[int]]) -> Learned:
        kinds = {"ids": np.int64, "starts": np.int64, "videos": np.int32, "weights": np.int16}
        return Learned(**{name: np.array(values[name], dtype=kinds[name]) for name in columns})

    make(columns)
    with pytest.raises(LearnedError):
        make({**columns, **change})


def test_heads_that_do_not_fit_are_refused() -> None:
    good = heads()
    for names in ((), ("skip", "finish"), ("finish", "nothing")):
        with pytest.raises(LearnedError, match="order"):
            LearnedHeads(names, good.bias, good.table, good.knots, good.heights)
    with pytest.raises(LearnedError, match="shape"):
        LearnedHeads(good.heads, good.bias, good.table[:, :-1], good.knots, good.heights)
    with pytest.raises(LearnedError, match="rise"):
        LearnedHeads(good.heads, good.bias, good.table, good.knots[:, ::-1], good.heights)
    with pytest.raises(LearnedError, match="20 log-odds"):
        LearnedHeads(good.heads, good.bias + (21 << 16), good.table, good.knots, good.heights)


def test_a_learned_curve_goes_through_its_corners_and_other_heads_stay_the_policys() -> None:
    policy = default_policy()
    learned, prior = heads(), prior_heads(policy)
    drawn = learned.over(policy)
    for row, name in enumerate(HEADS):
        for place, knots in enumerate(learned.knots):
            at_knots = [
                curve(drawn.knots[place], drawn.heights[row, place], drawn.slopes[row, place], knot) for knot in knots
            ]
            assert at_knots == drawn.heights[row, place].tolist()
            if name not in learned.heads:
                wanted = [
                    curve(prior.knots[place], prior.heights[row, place], prior.slopes[row, place], knot)
                    for knot in knots
                ]
                assert at_knots == wanted
        if name in learned.heads:
            assert drawn.bias[row] == learned.bias[learned.heads.index(name)]
        else:
            assert drawn.bias[row] == prior.bias[row]
            assert np.array_equal(drawn.table[row], prior.table[row])
    # Nobody learns what the feed is for.
    assert np.array_equal(drawn.weights, prior.weights)


def test_newer_videos_come_in_by_counting_and_gone_ones_drop_out() -> None:
    learned = model(6, with_heads=False)
    ids = np.array([7, 14, 21, 35, 42, 50], dtype=np.int64)
    cosine = lists(6, 9, span=20)
    near = learned.near(ids, cosine, 64)
    row_of = {7: 0, 14: 1, 21: 2, 35: 3, 42: 4}
    expected: list[dict[int, int]] = [{} for _ in ids]
    for place, video in enumerate(learned.ids.tolist()):
        if video in row_of:
            for at in range(learned.starts[place], learned.starts[place + 1]):
                other = int(learned.ids[learned.videos[at]])
                if other in row_of:
                    expected[row_of[video]][row_of[other]] = int(learned.weights[at])
    for row in range(6):
        others, weights = cosine.neighbours_of(row)
        for other, weight in zip(others.tolist(), weights.tolist(), strict=True):
            if 5 in (row, other):
                expected[row][other] = weight
    assert near_lists(near) == expected
    fewer = learned.near(ids, cosine, 2)
    for row, found in enumerate(near_lists(fewer)):
        best = sorted(expected[row].items(), key=lambda pair: (-pair[1], pair[0]))[:2]
        assert list(found.items()) == best


def test_an_epoch_names_the_model_that_it_was_cut_with() -> None:
    catalogue = make_catalogue(12)
    watches = make_watches(catalogue, 40)
    ids = np.sort(catalogue.ids)
    learned = Learned.of(ids, lists(12, 4), heads(), {})
    plain = Epoch.from_bytes(cut_epoch(catalogue, watches, default_policy(), NOW))
    epoch = Epoch.from_bytes(cut_epoch(catalogue, watches, default_policy(), NOW, learned))
    assert (plain.learned, epoch.learned) == ("", learned.sha256)
    assert np.array_equal(epoch.column("near_videos"), learned.videos)
    assert np.array_equal(epoch.column("near_weights"), learned.weights)
    assert np.array_equal(epoch.column("head_table")[HEADS.index("finish")], learned.heads.table[0])  # type: ignore[union-attr]
    assert np.array_equal(epoch.column("head_weights"), plain.column("head_weights"))
