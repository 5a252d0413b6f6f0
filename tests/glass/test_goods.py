"""What sells: who is listed with whom, what the shoppable source brings, and that the cap holds whatever there is to buy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.glass import (
    FLOOR,
    LIKED,
    Ask,
    Dials,
    Epoch,
    GlassError,
    Goods,
    Policy,
    Viewer,
    Watch,
    Watches,
    cut_epoch,
    default_policy,
    explain,
    rank,
)  # fmt: skip
from glaswerk.glass.epoch import write_epoch

from .synthetic import NOW, make_catalogue, make_goods, make_watches

SIZE = 60
CATALOGUE = make_catalogue(SIZE)
IDS = CATALOGUE.ids.tolist()
VASE, CUP, BOWL = 71, 72, 73


def goods(shows: list[tuple[int, int, bool]], together: dict[tuple[int, int], int], buyers: int = 40) -> Goods:
    """Which row shows which product, and how many people bought two; each product was bought by `buyers`."""
    products = sorted({product for _, product, _ in shows} | {product for pair in together for product in pair})
    columns: dict[str, list[Any]] = {
        "video": [IDS[row] for row, _, _ in shows],
        "product": [product for _, product, _ in shows],
        "bought": products,
        "buyers": [buyers] * len(products),
        "first": [first for first, _ in together],
        "second": [second for _, second in together],
        "both": list(together.values()),
    }
    arrays = {name: np.array(values, dtype=np.int64) for name, values in columns.items()}
    return Goods(**arrays, is_sold=np.array([is_sold for *_, is_sold in shows], dtype=np.bool_))


def cut(sold: Goods | None) -> Epoch:
    return Epoch.from_bytes(cut_epoch(CATALOGUE, make_watches(CATALOGUE, 30), default_policy(), NOW, goods=sold))


def listed(epoch: Epoch, row: int) -> list[tuple[int, int, int, int]]:
    """What is listed for a video: row, buyers, from, to."""
    first, last = epoch.column("bought_start")[row : row + 2].tolist()
    names = ("bought_videos", "bought_buyers", "bought_from", "bought_to")
    return list(zip(*(epoch.column(name)[first:last].tolist() for name in names), strict=True))


def test_only_what_is_sold_is_listed_and_only_by_as_many_buyers_as_the_floor() -> None:
    shows = [(0, VASE, True), (1, VASE, False), (2, CUP, True), (3, CUP, False), (4, BOWL, True)]
    epoch = cut(goods(shows, {(VASE, CUP): FLOOR, (BOWL, VASE): FLOOR - 1}))
    assert epoch.column("commercial").nonzero()[0].tolist() == [0, 2, 4]
    assert sorted(epoch.column("shoppable").tolist()) == [0, 2, 4]
    assert listed(epoch, 0) == listed(epoch, 1) == [(2, FLOOR, VASE, CUP)]
    assert listed(epoch, 2) == listed(epoch, 3) == [(0, FLOOR, CUP, VASE)]
    assert listed(epoch, 4) == []


def test_a_single_buyer_more_changes_no_byte_of_an_epoch() -> None:
    shows = [(0, VASE, True), (2, CUP, True), (4, BOWL, True)]
    before = cut(goods(shows, {(VASE, CUP): 2 * FLOOR, (CUP, BOWL): FLOOR - 2}, buyers=4 * FLOOR))
    for more in range(1, FLOOR):
        after = cut(goods(shows, {(VASE, CUP): 2 * FLOOR + more, (CUP, BOWL): FLOOR - 1}, buyers=4 * FLOOR + more))
        assert after.sha256 == before.sha256
    assert cut(goods(shows, {(VASE, CUP): 3 * FLOOR})).sha256 != before.sha256


def test_the_order_of_rows_and_of_a_pair_changes_nothing() -> None:
    shows = [(row, product, row % 3 > 0) for row in range(20) for product in (VASE, CUP, BOWL) if (row + product) % 2]
    one = goods(shows, {(VASE, CUP): 12, (CUP, BOWL): 9})
    other = goods(shows[::-1], {(BOWL, CUP): 9, (CUP, VASE): 12})
    assert cut(one).sha256 == cut(other).sha256


@pytest.mark.parametrize("together", [{(VASE, CUP): 41}, {(VASE, VASE): 7}])
def test_more_buyers_in_common_than_there_are_is_refused(together: dict[tuple[int, int], int]) -> None:
    with pytest.raises(GlassError, match="buyers in common"):
        goods([(0, VASE, True)], together)
    with pytest.raises(GlassError, match="differ in length"):
        replace(Goods.none(), both=np.ones(1, dtype=np.int64))


def test_what_was_bought_together_is_proposed_and_explained_without_remainder() -> None:
    shows = [(0, VASE, True), (1, CUP, True), (2, BOWL, True)]
    epoch = cut(goods(shows, {(VASE, CUP): 20, (VASE, BOWL): 10}))
    viewer = Viewer(-1, (Watch(IDS[0], 255, NOW, LIKED), Watch(IDS[9], 200, NOW)))
    explanation = explain(epoch, viewer, Ask(10, NOW, "shop"))
    assert explanation.cap is None
    found = {why.slot.video: why.sells for why in explanation.slots}
    assert set(found) == {IDS[1], IDS[2]}
    for row, product, buyers in ((1, CUP, 20), (2, BOWL, 10)):
        sells = found[IDS[row]]
        assert sells is not None
        (part,) = sells.parts
        assert (part.video, part.product, part.other, part.buyers) == (IDS[0], VASE, product, buyers)
        assert sells.bought == part.amount > 0
    assert found[IDS[1]].bought > found[IDS[2]].bought  # type: ignore[union-attr]
    # Whoever is not profiled is shown the best, and nothing of a history.
    plain = explain(epoch, replace(viewer, profiling=False), Ask(10, NOW, "shop"))
    assert all(why.sells is not None and (why.sells.bought, why.sells.parts) == (0, ()) for why in plain.slots)


def test_the_lists_of_the_source_each_bring_their_own() -> None:
    """With room for two of each, the source brings what each list has first, and the dial asks for more, fewer or none."""
    text = default_policy().text.replace("\nshoppable = 50 ", "\nshoppable = 2 ").replace("\ncap = 0.2 ", "\ncap = 1 ")
    policy = Policy.parse(text)
    sold = make_goods(IDS, products=30)
    epoch = Epoch.from_bytes(cut_epoch(CATALOGUE, make_watches(CATALOGUE, 30), policy, NOW, goods=sold))
    viewer = Viewer(-1, tuple(Watch(IDS[row], 255, NOW - row) for row in range(3)))
    brought = {}
    for setting in range(-2, 3):
        explanation = explain(epoch, replace(viewer, dials=Dials(shopping=setting)), Ask(50, NOW))
        brought[setting] = [why for why in explanation.slots if why.sells is not None]
        assert explanation.cap is not None
        assert explanation.cap.slots <= explanation.cap.most == 25 * (2 + min(setting, 0))
    assert brought[-2] == []
    assert 0 < len(brought[-1]) <= 4 < len(brought[2]) <= 16
    assert any(why.sells.bought for why in brought[2])
    assert any(why.sells.cowatch for why in brought[2])


@st.composite
def markets(draw: st.DrawFn) -> tuple[Epoch, Viewer, int]:
    """An epoch in which any part of the videos sells, a viewer, and how many slots they ask for."""
    seed = draw(st.integers(0, 999))
    size = draw(st.sampled_from((8, 40, SIZE)))
    catalogue = make_catalogue(
        size, topics=draw(st.integers(1, 4)), creators=draw(st.sampled_from((1, 3, 20))), seed=seed
    )
    ids = catalogue.ids.tolist()
    paid = draw(st.lists(st.sampled_from((0, 0, 0, 2)), min_size=size, max_size=size))
    catalogue = replace(catalogue, commercial=np.array(paid, dtype=np.uint8))
    selling = draw(st.sampled_from((0.0, 0.3, 1.0)))
    sold = make_goods(ids[: int(size * selling)], products=draw(st.integers(1, 9)), seed=seed)
    cap = draw(st.sampled_from(("0", "0.2", "0.37", "1")))
    policy = Policy.parse(default_policy().text.replace("\ncap = 0.2 ", f"\ncap = {cap} "))
    epoch = Epoch.from_bytes(cut_epoch(catalogue, make_watches(catalogue, 20, seed=seed), policy, NOW, goods=sold))
    watched = draw(st.lists(st.sampled_from(ids), max_size=6, unique=True))
    viewer = Viewer(
        -1,
        tuple(Watch(video, 255, NOW - place) for place, video in enumerate(watched)),
        tuple(sorted(set(draw(st.lists(st.sampled_from(catalogue.creator.tolist()), max_size=3))))),
        profiling=draw(st.booleans()),
        dials=Dials(shopping=draw(st.integers(-2, 2))),
    )
    return epoch, viewer, draw(st.integers(1, 50))


@given(markets(), st.sampled_from(("for_you", "hashtag:topic0")), st.booleans(), st.integers(0, 1 << 40))
@settings(max_examples=60, deadline=None)
def test_no_slate_of_any_market_sells_more_than_the_cap(
    market: tuple[Epoch, Viewer, int], surface: str, again: bool, seed: int
) -> None:
    epoch, viewer, limit = market
    slate = rank(epoch, viewer, Ask(limit, NOW, surface, seed, again=again))
    sold = sum(int(epoch.column("commercial")[epoch.index_of(slot.video)]) > 0 for slot in slate.slots)
    setting = viewer.dials.shopping
    assert sold * (1 << 17) <= limit * epoch.policy.commercial.cap * (2 + min(setting, 0))
    if setting == -2:
        assert sold == 0
        assert rank(epoch, viewer, Ask(limit, NOW, "shop", seed, again=again)).slots == ()


@given(markets(), st.integers(0, 1 << 40))
@settings(max_examples=20, deadline=None)
def test_the_shop_shows_what_sells_and_nothing_else(market: tuple[Epoch, Viewer, int], seed: int) -> None:
    epoch, viewer, limit = market
    slate = rank(epoch, viewer, Ask(limit, NOW, "shop", seed, again=True))
    sells = {int(epoch.column("ids")[row]) for row in epoch.column("shoppable")}
    assert {slot.video for slot in slate.slots} <= sells
    assert {name for slot in slate.slots for name in slot.sources} <= {"shoppable", "again"}
    if viewer.dials.shopping > -2:
        assert len(slate.slots) == min(limit, len(sells))


def test_an_epoch_from_before_there_was_a_shop_is_read_and_ranked() -> None:
    epoch = cut(None)
    names = [name for name in epoch._arrays if not name.startswith("bought_")]
    facts = {"at_ms": epoch.at_ms, "learned": "", "policy": epoch.policy.text, "regions": epoch.regions, "languages": epoch.languages}  # fmt: skip
    old = Epoch.from_bytes(write_epoch(facts, {name: epoch.column(name) for name in names}))
    viewer, ask = Viewer(-1, (Watch(IDS[3], 255, NOW),)), Ask(10, NOW, seed=4)
    assert rank(old, viewer, ask).slots == rank(epoch, viewer, ask).slots
    assert Epoch.from_bytes(cut_epoch(CATALOGUE, Watches.empty(), default_policy(), NOW)).column("shoppable").size == 0
