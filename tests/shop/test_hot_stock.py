"""A stock that many want at once splits itself, sells to the last unit, and becomes one row again when it is cold."""

import threading
import time
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.models import F, Sum
from django.utils import timezone

from glaswerk.cell import postgres
from glaswerk.cell.config import current_cell
from glaswerk.shop.actions.purchases import settle
from glaswerk.shop.actions.stock import merge_cold_stock, receive_stock, set_stock, split_stock
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import Merchant, Movement, Stock, Variant
from glaswerk.shop.queries.stock import stocks_of

from .conftest import MakeVariant, staff
from .test_core import check_books, reserve

# A minute that has not come yet is within the last second of every clock.
SOON = timedelta(minutes=1)


def total() -> dict[str, Any]:
    return Stock.objects.aggregate(on_hand=Sum("on_hand"), reserved=Sum("reserved"))


def reserve_while_it_is_held(variant: Variant) -> None:
    """Reserve one while another buyer has every row of the variant in hands."""

    def wait_and_reserve() -> None:
        try:
            reserve({variant.pk: 1})
        finally:
            connection.close()

    with closing(psycopg.connect(postgres.database_url(current_cell()))) as other:
        other.execute("SELECT FROM shop_stock WHERE variant_id = %s FOR UPDATE", [variant.pk])
        buyer = threading.Thread(target=wait_and_reserve)
        buyer.start()
        with closing(psycopg.connect(postgres.database_url(current_cell()), autocommit=True)) as watcher:
            waits = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%shop_reserve%%'"
            )
            while watcher.execute(waits).fetchone() == (0,):
                time.sleep(0.01)
        other.commit()
    buyer.join()


@pytest.mark.django_db(transaction=True)
def test_what_is_waited_for_again_and_again_is_split(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=40)
    reserve_while_it_is_held(variant)
    assert Stock.objects.values_list("waits", "on_hand").get() == (1, 40)
    # Nobody in hands, nobody counted.
    reserve({variant.pk: 1})
    assert Stock.objects.get().waits == 1
    for rows in (2, 4, 8):
        Stock.objects.update(waits=4, waited_at=timezone.now() + SOON)
        reserve_while_it_is_held(variant)
        # Which row is split is chance, and a nearly empty one has nothing for its other half.
        assert rows - 1 <= Stock.objects.filter(on_hand__gt=0).count() <= rows
    assert total() == {"on_hand": 40, "reserved": 5}
    check_books()
    for stock in Stock.objects.annotate(moved=Sum("movements__change")):
        assert stock.moved == stock.on_hand
    # All the rest sells, though no bucket alone has so many; and then it is sold out.
    assert settle(reserve({variant.pk: 35}), 1) == "paid"
    with pytest.raises(ShopError, match="sold out"):
        reserve({variant.pk: 1})
    check_books()


@pytest.mark.django_db
def test_waits_of_other_seconds_do_not_count(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=20)
    Stock.objects.update(waits=900, waited_at=timezone.now() - timedelta(seconds=5))
    reserve({variant.pk: 1})
    assert Stock.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("units", [0, 1, 2, 3, 100])
def test_a_split_keeps_what_there_is(units: int, shop: Merchant, make_variant: MakeVariant) -> None:
    make_variant(shop, units=units)
    for _ in range(6):
        with connection.cursor() as cursor:
            cursor.execute("SELECT shop_split(id) FROM shop_stock ORDER BY on_hand DESC, id LIMIT 1")
    assert total()["on_hand"] == units
    assert Stock.objects.count() <= min(16, max(1, units))


@pytest.mark.django_db
def test_what_is_cold_becomes_one_row_and_splits_again(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=12)
    place = variant.stocks.get().location_id
    split_stock(variant.pk, place, 4)
    Stock.objects.filter(bucket=2).update(reserved=1, waited_at=timezone.now())
    assert merge_cold_stock() == 0
    Stock.objects.update(waited_at=timezone.now() - timedelta(minutes=11))
    assert (merge_cold_stock(), merge_cold_stock()) == (1, 0)
    # What is promised from a bucket stays there until it is sold.
    assert list(stocks_of(staff(shop), "glas").values_list("bucket", "on_hand", "reserved")) == [(0, 11, 0), (2, 1, 1)]
    assert Movement.objects.aggregate(sum=Sum("change"))["sum"] == 12
    with connection.cursor() as cursor:
        cursor.execute("SELECT shop_split(id) FROM shop_stock WHERE bucket = 0")
    assert (Stock.objects.count(), total()) == (4, {"on_hand": 12, "reserved": 1})
    assert Stock.objects.filter(on_hand__gt=F("reserved")).count() == 3


@pytest.mark.django_db
def test_a_merchant_counts_one_stock_whatever_its_buckets(shop: Merchant, make_variant: MakeVariant) -> None:
    variant, manager = make_variant(shop, units=12), staff(shop)
    place = shop.locations.get()
    split_stock(variant.pk, place.pk, 4)
    set_stock(manager, variant.public_id, place.public_id, 2, None)
    assert total()["on_hand"] == 2
    set_stock(manager, variant.public_id, place.public_id, 12, None)
    split_stock(variant.pk, place.pk, 4)
    receive_stock(manager, variant.public_id, place.public_id, -11, "broken")
    assert total()["on_hand"] == 1
