"""The core of buying: reservations and their turning into orders, under races and with a negative control."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F, Sum

from glaswerk.cell.ids import new_id
from glaswerk.money.models import Account, Entry
from glaswerk.shop.actions.purchases import make_plan, release, settle
from glaswerk.shop.actions.stock import split_stock
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import (
    DeliveryMethod,
    Hold,
    Merchant,
    Order,
    OrderLine,
    Purchase,
    PurchaseState,
    Stock,
    Variant,
)
from glaswerk.shop.queries.quotes import quote_for

from .conftest import MakeMerchant, MakeVariant

pytestmark = pytest.mark.django_db(transaction=True)


def reserve(
    things: dict[int, int], buyer: int = -7, key: str = "", voucher: int | None = None, plan: Any = None
) -> int:
    """Reserve as `buy` does, and return the purchase."""
    from django.db.backends.postgresql.psycopg_any import Jsonb

    from glaswerk.shop.actions.purchases import _reserve

    quote = quote_for(things, "EUR", "DE", {}, "")
    made = plan or make_plan(quote, "sandbox")
    number = new_id()
    row = _reserve(
        [number, buyer, None, key or str(number), "a" * 64, "b" * 64, "EUR", quote.total_minor, Jsonb(made), Jsonb({}),
         "", "en", "sandbox", voucher, 15, None, "", ""]
    )  # fmt: skip
    return row[0]


def together(count: int, act: Callable[[int], object]) -> Counter[str]:
    """Do something in so many threads at the same moment; count what came of it."""
    outcomes: Counter[str] = Counter()
    barrier, lock = threading.Barrier(count), threading.Lock()

    def run(number: int) -> None:
        try:
            barrier.wait(60)
            outcome = str(act(number))
        except ShopError as error:
            outcome = error.message
        except Exception as error:
            outcome = repr(error)
        finally:
            connection.close()
        with lock:
            outcomes[outcome] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def check_books() -> None:
    """Fail where what is held is not what is reserved, or where the ledger does not sum to zero."""
    held = dict(Hold.objects.values_list("stock_id").annotate(sum=Sum("quantity")).order_by())
    assert {one.pk: one.reserved for one in Stock.objects.all() if one.reserved} == held
    assert (Entry.objects.aggregate(sum=Sum("amount"))["sum"] or 0) == 0


@pytest.fixture
def shop(rates: None, make_merchant: MakeMerchant) -> Iterator[Merchant]:
    """A merchant who delivers to Germany."""
    merchant = make_merchant()
    DeliveryMethod.objects.create(merchant=merchant, country="DE", name="Post", currency="EUR", minor=490)
    yield merchant
    check_books()


def test_a_reservation_becomes_orders_with_stock_and_ledger(
    shop: Merchant, make_merchant: MakeMerchant, make_variant: MakeVariant
) -> None:
    other = make_merchant("wool", registration="HRB 2")
    DeliveryMethod.objects.create(merchant=other, country="DE", name="Post", currency="EUR", minor=0)
    one, two = make_variant(shop, minor=1000), make_variant(other, minor=333)
    purchase = reserve({one.pk: 2, two.pk: 3})
    assert sorted(Stock.objects.values_list("on_hand", "reserved")) == [(10, 2), (10, 3)]
    assert settle(purchase, 5) == "paid"
    assert settle(purchase, 5) == "paid"

    assert sorted(Stock.objects.values_list("on_hand", "reserved")) == [(7, 0), (8, 0)]
    assert list(Order.objects.order_by("total_minor").values_list("merchant__name", "items_minor", "delivery_minor", "total_minor", "vat_minor", "fee_minor")) == [
        ("wool", 999, 0, 999, 160, 49), ("glas", 2000, 490, 2490, 397, 124),
    ]  # fmt: skip
    assert sorted(OrderLine.objects.values_list("title", "quantity", "unit_minor", "total_minor", "vat_bp", "vat_minor")) == [
        ("Thing 1", 2, 1000, 2000, 1900, 319), ("Thing 2", 3, 333, 999, 1900, 160),
    ]  # fmt: skip
    balances = {(one.kind, one.owner_kind): 0 for one in Account.objects.all()}
    for account in Account.objects.all():
        balances[account.kind, account.owner_kind] += account.balance
    assert balances == {
        ("provider_clearing", "provider"): 3489, ("platform_commission", "platform"): 173, ("merchant_payable", "merchant"): 3316,
    }  # fmt: skip
    assert Purchase.objects.get().payment == 5
    moves = sorted(Stock.objects.values_list("movements__change", "movements__kind", "movements__reference"))
    assert moves == [(-3, "sold", str(purchase)), (-2, "sold", str(purchase)), (10, "counted", ""), (10, "counted", "")]


@pytest.mark.parametrize("buckets", [1, 4])
def test_fifty_buyers_of_ten_units_get_ten(buckets: int, shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=10)
    if buckets > 1:
        split_stock(variant.pk, variant.stocks.get().location_id, buckets)
    outcomes = together(50, lambda number: settle(reserve({variant.pk: 1}, buyer=-1 - number), 1))
    assert outcomes == {"paid": 10, "This is sold out.": 40}
    assert Order.objects.count() == 10
    assert Stock.objects.aggregate(left=Sum("on_hand"), reserved=Sum("reserved")) == {"left": 0, "reserved": 0}


def test_without_the_guard_the_same_race_oversells(shop: Merchant, make_variant: MakeVariant) -> None:
    """The negative control: read, think, write is what the guard replaces, and this race shows the difference."""
    variant = make_variant(shop, units=10)
    sold: list[int] = []
    read = threading.Barrier(50)

    def unguarded(number: int) -> str:
        left = Stock.objects.values_list("on_hand", flat=True).get(variant=variant)
        # Fifty cannot think with a connection in their hands: the pool has fewer.
        connection.close()
        read.wait(60)
        if left < 1:
            return "sold out"
        Stock.objects.filter(variant=variant).update(on_hand=left - 1)
        sold.append(number)
        return "paid"

    assert together(50, unguarded)["paid"] == 50
    assert len(sold) > 10


def test_carts_in_every_order_never_wait_for_each_other_in_a_ring(shop: Merchant, make_variant: MakeVariant) -> None:
    variants = [make_variant(shop, units=200).pk for _ in range(4)]
    for variant in variants[:2]:
        split_stock(variant, shop.locations.get().pk, 3)

    def act(number: int) -> str:
        chosen = variants[number % 4 :] + variants[: number % 4]
        return settle(
            reserve(dict.fromkeys(chosen if number % 2 else chosen[::-1], 3 + number % 5), buyer=-1 - number), 1
        )

    assert together(24, act) == {"paid": 24}


def test_the_last_units_sell_although_no_bucket_has_enough(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=6)
    split_stock(variant.pk, shop.locations.get().pk, 3)
    assert settle(reserve({variant.pk: 5}), 1) == "paid"
    with pytest.raises(ShopError, match="sold out"):
        reserve({variant.pk: 2}, plan=None)
    assert settle(reserve({variant.pk: 1}), 1) == "paid"
    assert Stock.objects.aggregate(left=Sum("on_hand"))["left"] == 0


def test_one_key_reserves_once_whatever_the_race(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop)
    together(12, lambda number: reserve({variant.pk: 1}, key="same"))
    assert Purchase.objects.count() == 1
    assert Stock.objects.get().reserved == 1
    outcomes = together(12, lambda number: settle(Purchase.objects.get().pk, 1))
    assert outcomes == {"paid": 12}
    assert (Order.objects.count(), Stock.objects.get().on_hand) == (1, 9)


def test_a_reservation_that_ends_gives_everything_back_once(shop: Merchant, make_variant: MakeVariant) -> None:
    purchase = reserve({make_variant(shop).pk: 4})
    assert together(8, lambda number: release(purchase, PurchaseState.EXPIRED)) == {"True": 1, "False": 7}
    assert (Stock.objects.get().on_hand, Stock.objects.get().reserved, Hold.objects.count()) == (10, 0, 0)


def test_what_is_paid_late_is_reserved_anew_or_reversed(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=3)
    first, second = reserve({variant.pk: 2}), reserve({variant.pk: 1})
    release(first, PurchaseState.EXPIRED)
    release(second, PurchaseState.EXPIRED)
    assert settle(first, 1) == "paid"
    Stock.objects.update(on_hand=F("reserved"))
    assert settle(second, 2) == "reversed"
    assert settle(second, 2) == "reversed"
    assert list(Order.objects.values_list("purchase_id", flat=True)) == [first]
    assert release(first, PurchaseState.EXPIRED) is False


def test_paying_and_ending_at_once_do_one_of_them(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=100)
    for _ in range(6):
        purchase = reserve({variant.pk: 1})
        together(6, lambda number, p=purchase: settle(p, 1) if number % 2 else release(p, PurchaseState.DECLINED))
        state = Purchase.objects.get(pk=purchase).state
        assert Order.objects.filter(purchase=purchase).count() == (state == "paid")
        check_books()


def test_a_plan_that_does_not_add_up_changes_nothing(
    shop: Merchant, make_variant: MakeVariant, nothing_changes: Callable[[], Any]
) -> None:
    variant = make_variant(shop)
    plan = make_plan(quote_for({variant.pk: 1}, "EUR", "DE", {}, ""), "sandbox")
    plan["orders"][0]["total"] -= 1
    purchase = reserve({variant.pk: 1}, plan=plan)
    with nothing_changes(), pytest.raises(Exception, match="order_total_adds_up"), transaction.atomic():
        settle(purchase, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT shop_release(%s, 'expired')", [purchase])
    assert Variant.objects.count() == 1
