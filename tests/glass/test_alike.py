"""Which videos are alike: rules that hold for any catalogue, and that what nobody has watched is placed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.glass import GlassError
from glaswerk.glass.alike import DOUBT, LEAST, MOST_RARE, PRIVATE_SHIFT, RARITY_STEP, SIGHT, VISUAL_SHARE, alike_lists
from glaswerk.glass.scale import log2_256

Row = tuple[tuple[int, ...], bytes, int]

looks = st.one_of(
    st.just(bytes(64)),
    st.builds(
        lambda value, at, by: bytes([*[value] * at, *[value + by] * (64 - at)]), *[st.integers(1, 120)] * 3
    ).filter(lambda look: len(look) == 64),
)
rows = st.lists(
    st.tuples(st.lists(st.integers(-6, 6), max_size=6).map(tuple), looks, st.integers(0, 5)), min_size=1, max_size=24
)


def lists(rows: list[Row], ids: list[int], neighbours: int = 8, **more: Any) -> list[list[tuple[int, int]]]:
    """For every row its neighbours' ids and weights."""
    starts, videos, weights = alike_lists(
        [row[0] for row in rows],
        np.frombuffer(b"".join(row[1] for row in rows), dtype=np.uint8).reshape(-1, 64),
        np.array(ids, dtype=np.int64),
        np.array([row[2] for row in rows], dtype=np.int64),
        neighbours,
        **more,
    )
    assert (starts.dtype, videos.dtype, weights.dtype) == (np.int64, np.int32, np.int16)
    assert starts[0] == 0 and starts[-1] == len(videos) == len(weights) and len(starts) == len(rows) + 1
    found = [
        [(ids[videos[at]], int(weights[at])) for at in range(starts[row], starts[row + 1])] for row in range(len(rows))
    ]
    for one, near in zip(ids, found, strict=True):
        assert len(near) <= neighbours
        assert len({other for other, _ in near}) == len(near) and one not in {other for other, _ in near}
        assert [weight for _, weight in near] == sorted((weight for _, weight in near), reverse=True)
        assert all(LEAST <= weight <= 32767 for _, weight in near)
    return found


def weight_of(one: Row, other: Row, rows: list[Row]) -> int:
    """The weight as the module's first lines define it, in plain numbers."""
    said = [set(row[0]) for row in rows]

    def gain(token: int) -> int:
        carried = sum(token in each for each in said)
        if carried < 2:
            return 0
        return min(MOST_RARE, (log2_256(len(rows) + 1) - log2_256(carried)) * RARITY_STEP // 256) ** 2

    mine, theirs = (DOUBT + sum(gain(token) for token in set(row[0])) for row in (one, other))
    text = int((sum(gain(token) for token in set(one[0]) & set(other[0])) << 15) / (mine * theirs) ** 0.5)
    visual = 0
    if any(one[1]) and any(other[1]):
        visual = max(0, SIGHT - sum(abs(a - b) for a, b in zip(one[1], other[1], strict=True)))
    return min(32767, text + ((32768 - text) * (visual * VISUAL_SHARE // SIGHT) >> 15))


@settings(max_examples=150, deadline=None)
@given(rows)
def test_every_weight_is_as_defined_and_all_are_there(rows: list[Row]) -> None:
    ids = list(range(1, len(rows) + 1))
    found = lists(rows, ids, neighbours=32)
    for place, row in enumerate(rows):
        wanted = {
            other: weight
            for other in ids
            if other != place + 1 and (weight := weight_of(row, rows[other - 1], rows)) >= LEAST
        }
        assert dict(found[place]) == wanted


@settings(max_examples=100, deadline=None)
@given(rows, st.randoms(use_true_random=False), st.integers(1, 6))
def test_the_order_of_rows_changes_nothing(rows: list[Row], random: Any, neighbours: int) -> None:
    ids = [7 * place + 3 for place in range(len(rows))]
    found = dict(zip(ids, lists(rows, ids, neighbours), strict=True))
    shuffled = list(zip(rows, ids, strict=True))
    random.shuffle(shuffled)
    mixed, mixed_ids = [row for row, _ in shuffled], [number for _, number in shuffled]
    assert dict(zip(mixed_ids, lists(mixed, mixed_ids, neighbours), strict=True)) == found


@settings(max_examples=100, deadline=None)
@given(rows, st.integers(1, 6))
def test_both_directions_weigh_the_same(rows: list[Row], neighbours: int) -> None:
    ids = list(range(1, len(rows) + 1))
    found = [dict(near) for near in lists(rows, ids, neighbours)]
    for one, near in enumerate(found):
        for other, weight in near.items():
            assert found[other - 1].get(one + 1, weight) == weight


def test_what_is_rarer_binds_more() -> None:
    common, rare, nothing = (1,), (2,), ()
    rows: list[Row] = (
        [(common, bytes(64), 0)] * 30 + [(common + rare, bytes(64), 0)] * 2 + [(nothing, bytes(64), 0)] * 200
    )
    found = lists(rows, list(range(1, len(rows) + 1)), 8)
    # The two with the rare token have each other first, the rest follow far behind.
    assert found[30][0][0] == 32 and found[31][0][0] == 31
    assert found[30][0][1] > 2 * found[30][1][1]
    assert found[40] == []


def test_one_video_and_none() -> None:
    assert lists([((1, 2), bytes([9] * 64), 0)], [5]) == [[]]
    starts, videos, weights = alike_lists(
        [], np.zeros((0, 64), np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64), 8
    )
    assert starts.tolist() == [0] and len(videos) == len(weights) == 0


def test_a_video_that_says_and_shows_nothing_is_like_nothing() -> None:
    rows: list[Row] = [((), bytes(64), 0), ((), bytes(64), 1), ((1,), bytes(64), 2), ((1,), bytes(64), 3)]
    found = lists(rows, [1, 2, 3, 4])
    assert found[:2] == [[], []]
    assert [near[0][0] for near in found[2:]] == [4, 3]


@pytest.mark.parametrize("look", [bytes(64), bytes([50] * 64)])
def test_a_catalogue_of_duplicates(look: bytes) -> None:
    """What all say says nothing; that all look the same is worth half, and every video is in somebody's list."""
    size, half = 3000, 1500
    everything: list[Row] = [((1, 2, 3), look, place) for place in range(size)]
    found = lists(everything, list(range(1, size + 1)), 8)
    assert {len(near) for near in found} == {8 if any(look) else 0}
    assert {weight for near in found for _, weight in near} == ({VISUAL_SHARE} if any(look) else set())
    two_kinds: list[Row] = [((place % 2,), look, place) for place in range(2 * half)]
    found = lists(two_kinds, list(range(1, size + 1)), 8)
    for place, near in enumerate(found):
        assert len(near) == 8 and {other % 2 for other, _ in near} == {(place + 1) % 2}
    assert {other for near in found for other, _ in near} == set(range(1, size + 1))


def test_ties_go_to_what_was_published_about_then_and_then_to_the_newer() -> None:
    rows: list[Row] = [((1,), bytes(64), moment) for moment in range(9)] + [((), bytes(64), 0)] * 20
    found = lists(rows, list(range(1, len(rows) + 1)), 8)
    assert [other for other, _ in found[4]] == [6, 4, 7, 3, 8, 2, 9, 1]


def test_the_creator_is_a_signal_of_its_own() -> None:
    rows: list[Row] = [((100, 1), bytes(64), 0), ((100, 2), bytes(64), 0)] + [((), bytes(64), 0)] * 20
    assert lists(rows, list(range(1, 23)))[0] == [(2, 14209)]
    assert lists(rows, list(range(1, 23)), creator_tokens=np.array([100] * 22))[0] == []


def test_what_only_one_creator_says_counts_half() -> None:
    """The first two are of one creator, the next two of two; the rest are of others and say nothing."""
    rows: list[Row] = [((100, 1), bytes(64), 0)] * 2 + [((101, 2), bytes(64), 0), ((102, 2), bytes(64), 0)]
    rows += [((), bytes(64), 0)] * 96
    makers = np.array([100, 100, 101, 102, *range(200, 296)])
    found = lists(rows, list(range(1, 101)), creator_tokens=makers)
    gain = ((log2_256(101) - log2_256(2)) >> 4) ** 2
    assert found[2] == [(4, (gain << 15) // (gain + DOUBT))]
    assert found[0] == [(2, (gain >> PRIVATE_SHIFT << 15) // (gain + DOUBT))]


def test_everybody_is_in_a_list_though_lists_are_short() -> None:
    """A hundred small circles of friends around one that resembles all of them."""
    rows: list[Row] = [(tuple(range(1, 101)), bytes(64), 0)]
    rows += [
        ((topic, 1000 + topic) if extra else (topic,), bytes(64), extra)
        for topic in range(1, 101)
        for extra in (0, 1, 1)
    ]
    found = lists(rows, list(range(1, len(rows) + 1)), 4)
    listed = {other for near in found for other, _ in near}
    assert len(listed) >= 300


def test_a_new_video_stands_among_its_topic() -> None:
    """Five topics that nobody names, only words, sounds and looks that hint at them; no watch enters."""
    rng = np.random.default_rng(5)
    topic = rng.integers(0, 5, 400)
    tokens = [
        tuple(
            {int(word) for word in rng.integers(0, 200, 6)} | {1000 + 20 * of + int(rng.integers(0, 20)) for _ in "ab"}
        )
        for of in topic.tolist()
    ]
    shown = rng.integers(60, 200, (5, 64))[topic] + rng.integers(-15, 16, (400, 64))
    rows: list[Row] = [(said, bytes(look.tolist()), 0) for said, look in zip(tokens, shown, strict=True)]
    found = lists(rows, list(range(400)), 8)
    same = [topic[one] == topic[other] for one, near in enumerate(found) for other, _ in near]
    assert len(same) == 8 * 400 and np.mean(same) > 0.95


def test_the_same_again_is_not_computed_again() -> None:
    rng = np.random.default_rng(1)
    columns = [(int(one), int(other)) for one, other in rng.integers(0, 50, (100, 2))], np.zeros((100, 64), np.uint8)
    ids, published = np.arange(100) + 1, np.zeros(100, dtype=np.int64)
    first = alike_lists(*columns, ids, published, 8)
    assert alike_lists(*columns, ids.copy(), published.copy(), 8)[1] is first[1]
    other = alike_lists(*columns, ids, published, 4)
    assert other[1] is not first[1] and len(other[1]) < len(first[1])
    changed = columns[1].copy()
    changed[0] = 1
    alike_lists(columns[0], changed, ids, published, 8)
    again = alike_lists(*columns, ids, published, 8)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_columns_of_unequal_length_are_refused() -> None:
    ids, published, looks = np.arange(3) + 1, np.zeros(3, np.int64), np.zeros((3, 64), np.uint8)
    for columns in (
        ([()] * 2, looks, ids, published),
        ([()] * 3, looks[:2], ids, published),
        ([()] * 3, looks[:, :63], ids, published),
        ([()] * 3, looks, ids, published[:2]),
    ):
        with pytest.raises(GlassError):
            alike_lists(*columns, 8)
    with pytest.raises(GlassError):
        alike_lists([()] * 3, looks, ids, published, 8, creator_tokens=np.zeros(2, np.int64))
