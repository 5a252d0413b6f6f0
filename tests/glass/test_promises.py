"""What the feed promises to viewers, newcomers and merchants, held over many slates."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.glass import (
    LIKED,
    NOT_INTERESTED,
    SKIPPED,
    UNIT,
    Ask,
    Catalogue,
    Dials,
    Epoch,
    Slate,
    Viewer,
    Watch,
    Watches,
    cut_epoch,
    default_policy,
    explain,
    rank,
    token,
)  # fmt: skip
from glaswerk.glass.dials import NAMES

from .synthetic import NOW, make_catalogue, make_watches, topic_of

SIZE = 600
_BASE = make_catalogue(SIZE, creators=60)
# Half of everything sells something, and it is the better half, so that only the cap keeps it from filling every slate.
MARKET = replace(
    _BASE,
    commercial=(np.arange(SIZE) % 4).astype(np.uint8) % 3,
    finishes=np.where(np.arange(SIZE) % 4 % 3 > 0, _BASE.impressions, _BASE.finishes),
    duration_ms=(np.arange(SIZE, dtype=np.int32) % 7) * 10_000,
    tokens=[(token(f"word{row % 10}"), token(f"@{row % 60}")) for row in range(SIZE)],
)


@cache
def market() -> Epoch:
    return Epoch.from_bytes(cut_epoch(MARKET, make_watches(MARKET, 100), default_policy(), NOW))


def share(slate: Slate, holds: Callable[[int], bool]) -> int:
    """How many slots hold such a row of the catalogue."""
    return sum(holds(market().index_of(slot.video)) for slot in slate.slots)


@given(limit=st.integers(1, 50), shopping=st.integers(-2, 2), first=st.integers(-(1 << 62), 1 << 62))
@settings(max_examples=15, deadline=None)
def test_the_exploration_share_and_the_commercial_cap_hold_over_any_100_slates(
    limit: int, shopping: int, first: int
) -> None:
    viewer = Viewer(-1, region="de", language="de", dials=Dials(shopping=shopping))
    explored = sold = 0
    for seed in range(first, first + 100):
        slate = rank(market(), viewer, Ask(limit, NOW, seed=seed))
        assert len(slate.slots) == limit
        here = sum("explored" in slot.sources for slot in slate.slots)
        assert limit * 6554 >> 16 <= here <= (limit * 6554 >> 16) + 1
        explored += here
        sells = share(slate, lambda row: MARKET.commercial[row] > 0)
        assert sells * 20 <= limit * (4 + 2 * min(shopping, 0))
        sold += sells
    # A fraction of a slot is rounded by the dice: five deviations of a hundred throws.
    assert abs(explored - 10 * limit) <= 25
    if shopping > 0:
        assert sold == 100 * (limit * 13107 >> 16), "a cap, not a quota that stays empty"


@pytest.mark.parametrize("dial", NAMES)
def test_a_dial_at_either_end_moves_the_feed_that_way(dial: str) -> None:
    creators = sorted(set(MARKET.creator.tolist()))[:6]
    feature: dict[str, Callable[[int], bool]] = {
        "new": lambda row: NOW - MARKET.published_at[row] < 2 * 86_400_000,
        "familiar": lambda row: int(MARKET.creator[row]) in creators,
        "local": lambda row: MARKET.region[row] == "de",
        "shopping": lambda row: bool(MARKET.commercial[row]),
        "long": lambda row: MARKET.duration_ms[row] >= 40_000,
    }
    for profiling in (True, False):
        viewer = Viewer(-1, follows=tuple(creators), region="de", language="de", profiling=profiling)
        counts = []
        for setting in (-2, 0, 2):
            turned = replace(viewer, dials=replace(Dials(), **{dial: setting}))
            slates = [rank(market(), turned, Ask(20, NOW, seed=seed)) for seed in range(10)]
            counts.append(sum(share(slate, feature[dial]) for slate in slates))
        assert counts[0] <= counts[1] <= counts[2]
        assert counts[0] < counts[2]


def test_a_topic_has_its_own_dial_with_and_without_profiling() -> None:
    for profiling in (True, False):
        found = {}
        for setting in (-2, 0, 2):
            topics = (("topic3", setting),) if setting else ()
            viewer = Viewer(-1, language="de", profiling=profiling, dials=Dials(topics=topics))
            slates = [rank(market(), viewer, Ask(20, NOW, seed=seed)) for seed in range(10)]
            found[setting] = sum(topic_of(slot.video) == 3 for slate in slates for slot in slate.slots)
        assert found[-2] < found[0] < found[2]
        assert found[-2] <= found[0] // 4
        assert found[2] >= 2 * found[0]


@given(
    st.lists(st.sampled_from((-2, 2)), min_size=5, max_size=5),
    st.lists(st.sampled_from((-2, 2)), min_size=20, max_size=20),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_all_dials_at_their_ends_give_a_whole_slate_that_adds_up(
    ends: list[int], topics: list[int], profiling: bool
) -> None:
    named = sorted(f"topic{number}" for number in range(20))
    dials = Dials(*ends, topics=tuple(zip(named, topics, strict=True)))
    ids = MARKET.ids.tolist()
    watches = (Watch(ids[3], 255, NOW, LIKED), Watch(ids[4], 0, NOW, NOT_INTERESTED))
    viewer = Viewer(-1, watches, region="de", language="de", profiling=profiling, dials=dials)
    explanation = explain(market(), viewer, Ask(20, NOW))
    assert len(explanation.slots) == 20
    for why in explanation.slots:
        assert why.slot.value == sum(head.term for head in why.heads) + sum(part.term for part in why.dials)
        assert [part.dial for part in why.dials] == [*NAMES, *(f"#{topic}" for topic in named)]
        assert all(0 <= part.feature <= UNIT for part in why.dials)


def test_other_dials_are_the_same_candidates_in_another_order() -> None:
    viewer, ask = Viewer(-1, region="de", language="de"), Ask(20, NOW, seed=5)
    before = rank(market(), viewer, ask)
    turned = rank(market(), replace(viewer, dials=Dials(new=2, long=-2)), ask)
    assert [slot.video for slot in turned.slots] != [slot.video for slot in before.slots]
    assert rank(market(), replace(viewer, dials=Dials()), ask).encode() == before.encode()


def test_what_is_hidden_is_not_shown_but_can_be_asked_for() -> None:
    hidden = tuple(sorted((token("WORD3"), token("@7"))))
    gone = {int(MARKET.ids[row]) for row in range(SIZE) if row % 10 == 3 or row % 60 == 7}
    viewer = Viewer(-1, follows=tuple(sorted(set(MARKET.creator.tolist()))), hidden=hidden)
    for surface in ("for_you", "following"):
        explanation = explain(market(), viewer, Ask(50, NOW, surface, again=True))
        assert len(explanation.slots) == 50
        assert not gone & {slot.video for slot in explanation.slate.slots}
        assert {drop.video for drop in explanation.dropped if drop.filter == "hidden"} <= gone
        assert any(drop.filter == "hidden" for drop in explanation.dropped)
    asked = rank(market(), viewer, Ask(50, NOW, "hashtag:topic3"))
    assert gone & {slot.video for slot in asked.slots}


def test_a_catalogue_of_duplicates() -> None:
    size = 200
    row = make_catalogue(1)
    columns = {
        name: np.repeat(column, size, axis=0) if isinstance(column, np.ndarray) else list(column) * size
        for name in row.__dataclass_fields__
        if (column := getattr(row, name)) is not None
    }
    tokens = [(1, 2, 3)] * size
    same = Catalogue(**{**columns, "ids": np.arange(1, size + 1) * 5, "tokens": tokens})
    data = cut_epoch(same, make_watches(same, 20), default_policy(), NOW)
    epoch = Epoch.from_bytes(data)
    viewer = Viewer(-1, (Watch(5, 255, NOW, LIKED), Watch(10, 0, NOW, SKIPPED)))
    for limit in (1, 10, 50):
        shown = [slot.video for slot in rank(epoch, viewer, Ask(limit, NOW)).slots]
        assert len(shown) == len(set(shown)) == limit
        assert not {5, 10} & set(shown)
    assert cut_epoch(same, make_watches(same, 20), default_policy(), NOW) == data


def staged(impressions: int, holding: bool) -> Epoch:
    """An epoch whose first video has had so many impressions, and held attention or not; all others have had their audience."""
    count = np.full(SIZE, 1_000_000)
    count[0] = impressions
    finishes = count // 3
    finishes[0] = impressions if holding else 0
    catalogue = replace(_BASE, impressions=count, finishes=finishes)
    return Epoch.from_bytes(cut_epoch(catalogue, Watches.empty(), default_policy(), NOW))


@pytest.mark.parametrize(
    ("impressions", "holding", "owed"),
    [
        (0, False, True),
        (49, False, True),
        (50, False, False),
        (50, True, True),
        (499, True, True),
        (500, False, False),
        (500, True, True),
        (4999, True, True),
        (5000, True, False),
    ],
)
def test_exploration_goes_on_in_stages_with_what_holds_attention(impressions: int, holding: bool, owed: bool) -> None:
    epoch = staged(impressions, holding)
    assert epoch.column("exploring").tolist() == ([0] if owed else [])
    # A slot of every slate is for those that are owed an audience, and here it can only be this one.
    slates = [rank(epoch, Viewer(-1), Ask(10, NOW, seed=seed)) for seed in range(10)]
    explored = [slot.video for slate in slates for slot in slate.slots if "explored" in slot.sources]
    assert set(explored) <= {int(_BASE.ids[0])}
    if not holding:
        assert bool(explored) == owed


def test_a_video_that_nobody_has_watched_is_placed_by_what_it_is_like() -> None:
    words = [tuple(token(f"{kind}{number}") for number in range(4)) for kind in ("bread", "sea")]
    catalogue = replace(
        _BASE,
        hashtags=[()] * SIZE,
        tokens=[(*words[row % 40 == 0], token(f"only{row}")) if row % 20 == 0 else (token(f"x{row}"),) for row in range(SIZE)],
    )  # fmt: skip
    epoch = Epoch.from_bytes(cut_epoch(catalogue, Watches.empty(), default_policy(), NOW))
    ids = catalogue.ids.tolist()
    viewer = Viewer(-1, (Watch(ids[40], 255, NOW, LIKED), Watch(ids[80], 255, NOW, LIKED)))
    explanation = explain(epoch, viewer, Ask(10, NOW))
    brought = [why for why in explanation.slots if "similar" in why.slot.sources]
    assert len(brought) >= 5
    for why in brought:
        assert epoch.index_of(why.slot.video) % 40 == 0
        part = next(part for part in why.signals if part.signal == "similar")
        assert part.amount == sum(watch.amount for watch in part.watches) > 0
        assert {watch.video for watch in part.watches} <= {ids[40], ids[80]}
    skipped = Viewer(-1, (Watch(ids[40], 0, NOW, SKIPPED), Watch(ids[80], 0, NOW, SKIPPED)))
    assert not [slot for slot in rank(epoch, skipped, Ask(10, NOW)).slots if "similar" in slot.sources]
