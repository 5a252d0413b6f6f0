"""The goods in videos: what a worker keeps in memory is what the database says, and what an epoch knows names nobody."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.cell import postgres
from glaswerk.cell.config import current_cell
from glaswerk.cell.database import close_pool, open_pool
from glaswerk.feed.market import market
from glaswerk.glass import FLOOR, Catalogue, Watches, cut_epoch, default_policy
from glaswerk.people.models import Person
from glaswerk.shop import shelf as shelves
from glaswerk.shop.actions.shelf import forget_changes
from glaswerk.shop.market import ShopMarket, bought_together
from glaswerk.shop.models import (
    Merchant,
    Order,
    OrderLine,
    Picture,
    Price,
    Product,
    Purchase,
    Sale,
    ShelfChange,
    Staff,
    Stock,
    Tag,
    Variant,
)
from glaswerk.shop.shelf import Cost, Shelf
from glaswerk.videos.models import Video
from tests.glass.synthetic import NOW, make_catalogue

from .conftest import MakeMerchant, MakePerson, MakeVariant, make_video

DAY = timedelta(days=1)


def connect() -> "psycopg.Connection[Any]":
    return psycopg.connect(postgres.database_url(current_cell()), autocommit=True)


def with_pool(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await open_pool()
        try:
            await work()
        finally:
            await close_pool()

    asyncio.run(run())


def catch_up(*kept: Shelf) -> None:
    async def work() -> None:
        for one in kept:
            await one.catch_up()

    with_pool(work)


def show(video: Video, *variants: Variant) -> None:
    for position, variant in enumerate(variants):
        Tag.objects.create(video=video, product=variant.product, position=position, from_ms=0, to_ms=4000)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what was read count as fresh for an hour: a busy machine may take its time between two lines of a test."""
    monkeypatch.setattr(shelves, "FRESH_S", 3600.0)


@pytest.fixture
def video(make_person: MakePerson) -> Video:
    return make_video(make_person("mona"))


def changes(video: Video, variant: Variant, other: Variant) -> dict[str, Callable[[], object]]:
    """Everything that makes a difference to what a video shows, in an order in which each does."""
    merchant, product = variant.product.merchant, variant.product
    price, now = variant.prices.get(), timezone.now()
    return {
        "a price": lambda: Price.objects.filter(pk=price.pk).update(minor=1800),
        "a sale": lambda: Sale.objects.create(price=price, minor=1200, period=(now - DAY, now + DAY)),
        "a sale that ended": lambda: Sale.objects.update(period=(now - DAY, now - DAY / 2)),
        "the next sale": lambda: Sale.objects.create(price=price, minor=1100, period=(now - DAY / 4, now + DAY)),
        "no sale": lambda: Sale.objects.all().delete(),
        "a price before": lambda: Price.objects.filter(pk=price.pk).update(compare_minor=2500),
        "sold out": lambda: Stock.objects.filter(variant=variant).update(on_hand=0),
        "there again": lambda: Stock.objects.filter(variant=variant).update(on_hand=3),
        "all of it promised": lambda: Stock.objects.filter(variant=variant).update(reserved=3),
        "given back": lambda: Stock.objects.filter(variant=variant).update(reserved=0),
        "a title": lambda: Product.objects.filter(pk=product.pk).update(title="Kanne"),
        "a picture": lambda: Picture.objects.create(product=product, blob="b" * 64),
        "a variant less": lambda: Variant.objects.filter(pk=variant.pk).update(is_active=False),
        "and back": lambda: Variant.objects.filter(pk=variant.pk).update(is_active=True),
        "no longer on sale": lambda: Product.objects.filter(pk=product.pk).update(state="archived"),
        "on sale again": lambda: Product.objects.filter(pk=product.pk).update(state="active"),
        "a holiday": lambda: Merchant.objects.update(holiday_from=now.date() - DAY, holiday_until=now.date() + DAY),
        "no holiday": lambda: Merchant.objects.update(holiday_from=None, holiday_until=None),
        "suspended": lambda: Merchant.objects.update(state="suspended"),
        "approved again": lambda: Merchant.objects.update(state="approved"),
        "a merchant's name": lambda: Merchant.objects.update(title="Anders & Co."),
        "closed to creators": lambda: Merchant.objects.update(is_open_to_creators=False),
        "who works there may": lambda: Staff.objects.create(merchant=merchant, person=video.creator, role="packer"),
        "a tag more": lambda: show_at(video, other, 1),
        "a moment": lambda: Tag.objects.filter(video=video, position=1).update(to_ms=3000),
        "a tag less": lambda: Tag.objects.filter(video=video, position=0).delete(),
        "a product gone": lambda: Product.objects.filter(pk=other.product_id).delete(),
    }


def show_at(video: Video, variant: Variant, position: int) -> None:
    Tag.objects.create(video=video, product=variant.product, position=position, from_ms=0, to_ms=4000)


@pytest.mark.django_db(transaction=True)
def test_what_a_worker_keeps_is_what_the_shop_says_after_every_change(
    make_merchant: MakeMerchant, make_variant: MakeVariant, video: Video
) -> None:
    merchant = make_merchant(is_open_to_creators=True)
    variant, other = make_variant(merchant, minor=2000, units=2), make_variant(merchant, minor=900)
    show(video, variant)
    kept = Shelf()
    catch_up(kept)
    before = kept.shown(video.pk, "en")
    assert before is not None
    assert (before[0]["price"]["minor"], before[0]["is_sold_out"]) == (2000, False)
    for what, change in changes(video, variant, other).items():
        change()
        anew = Shelf()
        catch_up(kept, anew)
        said = Client().get("/api/shop/tagged", {"videos": video.public_id}).json()["videos"]
        shown = kept.shown(video.pk, "en")
        assert shown == anew.shown(video.pk, "en") == said.get(video.public_id, []), what
        assert shown != before, f"{what} shows nothing"
        sells = {video.pk} if any(not one["is_sold_out"] for one in shown or ()) else set()
        assert kept.selling() == anew.selling() == sells, what
        assert {one for one, is_sold in rows_of_an_epoch() if is_sold} == sells, what
        before = shown


def rows_of_an_epoch() -> list[tuple[int, bool]]:
    with connect() as connection:
        goods = ShopMarket().goods(connection)
    return list(zip(goods.video.tolist(), goods.is_sold.tolist(), strict=True))


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_committed_after_a_later_one_is_not_missed(
    make_merchant: MakeMerchant, make_variant: MakeVariant, video: Video
) -> None:
    shop = make_merchant(is_open_to_creators=True)
    cup, bowl = make_variant(shop, minor=2000), make_variant(shop, minor=3000)
    show(video, cup, bowl)
    kept = Shelf()

    def shown() -> list[tuple[str, int]]:
        catch_up(kept)
        slot = kept.shown(video.pk, "en")
        assert slot is not None
        return [(one["title"], one["price"]["minor"]) for one in slot]

    before = shown()
    assert [minor for _, minor in before] == [2000, 3000]
    with psycopg.connect(postgres.database_url(current_cell())) as slow:
        slow.execute("UPDATE shop_price SET minor = 1500 WHERE variant_id = %s", [cup.pk])
        Product.objects.filter(pk=bowl.product_id).update(title="Anders")
        assert shown() == [before[0], ("Anders", 3000)]
    assert shown() == [(before[0][0], 1500), ("Anders", 3000)]


@pytest.mark.django_db(transaction=True)
def test_sales_that_neither_empty_nor_fill_a_stock_note_nothing_and_notes_go_after_a_day(
    make_merchant: MakeMerchant, make_variant: MakeVariant
) -> None:
    make_variant(make_merchant(), units=5)
    ShelfChange.objects.all().delete()
    Stock.objects.update(reserved=4)
    Stock.objects.update(on_hand=9)
    Merchant.objects.update(invoices=7)
    assert not ShelfChange.objects.exists()
    Stock.objects.update(reserved=9)
    assert [one.kind for one in ShelfChange.objects.all()] == ["product"]
    assert forget_changes() == 0
    ShelfChange.objects.update(at=timezone.now() - 2 * DAY)
    assert forget_changes() == 1


@pytest.mark.django_db(transaction=True)
def test_where_the_database_is_away_no_price_is_shown(
    make_merchant: MakeMerchant, make_variant: MakeVariant, video: Video
) -> None:
    show(video, make_variant(make_merchant(is_open_to_creators=True)))
    kept = Shelf()
    assert kept.shown(video.pk, "en") is None
    catch_up(kept)
    assert kept.shown(video.pk, "en")
    assert kept._fresh_at is not None
    kept._fresh_at -= shelves.FRESH_S
    assert kept.shown(video.pk, "en") is None


MOMENTS = st.integers(0, 1000)
SALES = st.lists(st.tuples(st.integers(1, 3000), MOMENTS, st.none() | MOMENTS), max_size=3)


@given(SALES, MOMENTS, st.none() | st.integers(2001, 4000))
@settings(deadline=None)
def test_a_sale_counts_from_its_start_to_its_end_and_only_where_it_is_cheaper(
    sales: list[tuple[int, int, int | None]], at: int, compare: int | None
) -> None:
    minor, before = Cost(True, 2000, compare, tuple(sales)).at(at)
    running = [cost for cost, start, end in sales if start <= at and (end is None or at < end)]
    if minor < 2000:
        assert minor in running and before == 2000
    else:
        assert (minor, before) == (2000, compare) and all(cost >= 2000 for cost in running)


# What an epoch knows -------------------------------------------------------------------------------------------


def bought(buyer: Person | int, *variants: Variant, state: str = "paid", days: int = 1) -> list[OrderLine]:
    """Write an order of one of each, placed so many days ago."""
    person = buyer if isinstance(buyer, Person) else None
    number = buyer.pk if isinstance(buyer, Person) else buyer
    now = timezone.now()
    total, merchant = 1000 * len(variants), variants[0].product.merchant
    purchase = Purchase.objects.create(
        buyer=number, person=person, key=f"{number}-{Purchase.objects.count()}", state="paid", currency="EUR",
        total_minor=total, quote_hash="0" * 64, asked_hash="0" * 64, plan={}, address={}, method="sandbox", expires_at=now,
    )  # fmt: skip
    order = Order.objects.create(
        purchase=purchase, merchant=merchant, buyer=number, state=state, currency="EUR", items_minor=total,
        total_minor=total, delivery_name="Post", placed_at=now - days * DAY,
    )  # fmt: skip
    return [
        OrderLine.objects.create(
            order=order, variant=variant, title=variant.product.title, quantity=1, unit_minor=1000, total_minor=1000,
            vat_bp=1900, vat_minor=0,
        )
        for variant in variants
    ]  # fmt: skip


def pairs() -> set[tuple[int, int, int]]:
    with connect() as connection:
        return set(bought_together(connection))


@pytest.mark.django_db(transaction=True)
def test_only_people_with_profiling_count_and_only_from_the_floor_on(
    make_merchant: MakeMerchant, make_variant: MakeVariant, make_person: MakePerson, video: Video
) -> None:
    merchant = make_merchant()
    vase, cup, untagged = (make_variant(merchant) for _ in range(3))
    show(video, vase, cup)
    buyers = [make_person() for _ in range(FLOOR - 1)]
    for buyer in buyers:
        bought(buyer, vase, cup, untagged)
        bought(buyer, vase)
    for number in range(2 * FLOOR):
        bought(-1 - number, vase, cup)
        bought(make_person(profiling=False), vase, cup)
        bought(make_person(), vase, cup, state="cancelled")
        bought(make_person(), vase, cup, days=400)
    assert pairs() == set()
    last = make_person()
    bought(last, vase)
    assert pairs() == {(vase.product_id, vase.product_id, FLOOR)}
    bought(last, cup, untagged)
    first, second = sorted((vase.product_id, cup.product_id))
    assert pairs() == {(one, other, FLOOR) for one, other in ((first, first), (second, second), (first, second))}
    # Whoever turns profiling off later does not count from then on.
    with connect() as connection:
        connection.execute(
            "INSERT INTO feed_dials (viewer, settings, at, reset_at) VALUES (%s, %s, 1, 0)",
            [last.pk, '{"profiling": [1, 0]}'],
        )
    assert pairs() == set()


@pytest.mark.django_db(transaction=True)
def test_no_price_commission_or_merchant_moves_a_byte_of_an_epoch(
    make_merchant: MakeMerchant, make_variant: MakeVariant, make_person: MakePerson, video: Video
) -> None:
    """The slate is a function of the epoch, the viewer and the ask; and of these only the epoch comes from the shop."""
    one, two = make_merchant("one", is_open_to_creators=True), make_merchant("two", is_open_to_creators=True)
    vase, cup = make_variant(one), make_variant(two)
    second = make_video(video.creator)
    show(video, vase)
    show(second, cup)
    for _ in range(FLOOR):
        bought(make_person(), vase, cup)

    def epoch() -> bytes:
        with connect() as connection:
            goods = ShopMarket().goods(connection)
        return cut_epoch(catalogue, Watches.empty(), default_policy(), NOW, goods=goods)

    columns = make_catalogue(2)
    ids = columns.ids.copy()
    ids[:] = sorted((video.pk, second.pk))
    catalogue = Catalogue(**{**columns.__dict__, "ids": ids})
    before = epoch()

    @given(
        minor=st.integers(1, 10_000_000),
        compare=st.none() | st.integers(10_000_001, 20_000_000),
        units=st.integers(1, 10_000),
        sale=st.none() | st.integers(1, 10_000_000),
        words=st.text(st.characters(categories=("L", "N")), min_size=1, max_size=40),
        is_first=st.booleans(),
    )
    @settings(max_examples=12, deadline=None, database=None)
    def moves_nothing(
        minor: int, compare: int | None, units: int, sale: int | None, words: str, is_first: bool
    ) -> None:
        merchant, variant = (one, vase) if is_first else (two, cup)
        Price.objects.filter(variant=variant).update(minor=minor, compare_minor=compare)
        Sale.objects.all().delete()
        if sale is not None:
            now = datetime.now(UTC)
            Sale.objects.create(price=variant.prices.get(), minor=sale, period=(now - DAY, now + DAY))
        Stock.objects.filter(variant=variant).update(on_hand=units)
        Product.objects.filter(pk=variant.product_id).update(title=words, vendor=words, kind=words, tags=[words])
        Merchant.objects.filter(pk=merchant.pk).update(title=words, legal_name=words, city=words, invoices=units)
        assert epoch() == before

    moves_nothing()
    # What does change it is that there is nothing to buy.
    Stock.objects.filter(variant=cup).update(on_hand=0)
    assert epoch() != before


@pytest.mark.django_db
def test_the_feed_knows_the_shop_and_names_only_what_is_on_sale(
    make_merchant: MakeMerchant, make_variant: MakeVariant
) -> None:
    merchant = make_merchant()
    vase, draft = make_variant(merchant), make_variant(merchant, state="draft")
    opened = market()
    assert opened is not None
    assert opened.named([vase.product_id, draft.product_id]) == {
        vase.product_id: {"title": vase.product.title, "url": f"/shop/glas/{vase.product.handle}"}
    }
