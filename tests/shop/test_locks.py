"""One order of locks: whoever cancels, takes back or places late and whoever buys at the same moment wait for each other
in a row, and never in a ring.

Each meeting is stepped: a gate holds the stock until both wait, so that whoever locked stock before the ledger is caught
every time.  The controls are the orders that were in use before.
"""

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from glaswerk.cell import postgres
from glaswerk.cell.config import current_cell
from glaswerk.money.checks import check_book
from glaswerk.money.commissions import mature_commissions
from glaswerk.money.models import Commission
from glaswerk.shop.actions import orders
from glaswerk.shop.actions.purchases import release, settle
from glaswerk.shop.actions.stock import split_stock
from glaswerk.shop.models import Merchant, Order, OrderState, Purchase, PurchaseState, Refund, Stock, Variant

from .conftest import MakePerson, MakeVariant, SignIn, buy, new_guest, send, staff
from .creators import Scene, served, shows, touch
from .test_core import check_books, reserve, together

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = importlib.import_module("glaswerk.shop.migrations.0031_quicker_buying")
NOW = importlib.import_module("glaswerk.shop.migrations.0062_one_order_of_locks")
DEADLOCK = "40P01"

Act = Callable[[], object]


def database() -> str:
    return postgres.database_url(current_cell())


def started(act: Act, failures: list[BaseException]) -> threading.Thread:
    """Act in a thread with a connection of its own."""

    def run() -> None:
        try:
            act()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_until(condition: str, *values: int) -> None:
    """Wait until so many connections as the condition says wait for a lock."""
    with closing(psycopg.connect(database(), autocommit=True)) as watcher:
        question = f"SELECT count(*) {condition} FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        deadline = time.monotonic() + 120
        while watcher.execute(question, values).fetchone() != (True,):  # type: ignore[arg-type]
            assert time.monotonic() < deadline, f"never were there {condition}"
            time.sleep(0.02)


def meeting(first: Act, second: Act) -> list[str | None]:
    """Let two meet while a gate holds all stock, the first of them there before the second; return what failed, by SQLSTATE."""
    failures: list[BaseException] = []
    with closing(psycopg.connect(database())) as gate:
        gate.execute("SELECT FROM shop_stock ORDER BY id FOR UPDATE")
        threads = [started(first, failures)]
        wait_until("= 1")
        threads.append(started(second, failures))
        wait_until("= 2")
        gate.commit()
    for thread in threads:
        thread.join()
    assert all(isinstance(one, DatabaseError) for one in failures), failures
    return [getattr(one.__cause__, "sqlstate", None) for one in failures]


def cancelled(shop: Merchant, variant: Variant, client: Client) -> Act:
    order = buy(client, {variant.public_id: 1}).json()["orders"][0]
    return lambda: send(client, "post", f"/api/shop/orders/{order}/cancel")


def taken_back(shop: Merchant, variant: Variant, client: Client) -> Act:
    order = buy(client, {variant.public_id: 1}).json()["orders"][0]
    packer, manager = Client(), Client()
    packer.force_login(staff(shop, "packer"))
    manager.force_login(staff(shop))
    send(packer, "post", f"/api/shop/sold/{order}/parcels", {"carrier": "Post"})
    line = send(client, "get", f"/api/shop/orders/{order}").json()["lines"][0]["id"]
    back = send(client, "post", f"/api/shop/orders/{order}/returns", {"lines": {line: 1}}).json()["id"]
    return lambda: send(manager, "post", f"/api/shop/returns/{back}/decision", {"state": "received"})


def never_sent(shop: Merchant, variant: Variant, client: Client) -> Act:
    order = buy(client, {variant.public_id: 2}).json()["orders"][0]
    packer = Client()
    packer.force_login(staff(shop, "packer"))
    line = send(client, "get", f"/api/shop/orders/{order}").json()["lines"][0]["id"]
    send(packer, "post", f"/api/shop/sold/{order}/parcels", {"carrier": "Post", "lines": {line: 1}})
    number = Order.objects.latest("pk").pk
    return lambda: orders.pay_back_unsent(number, "closing")


def placed_late(shop: Merchant, variant: Variant, client: Client) -> Act:
    purchase = reserve({variant.pk: 1})
    assert release(purchase, PurchaseState.EXPIRED)
    return lambda: settle(purchase, 5)


def placed(variant: Variant) -> Act:
    purchase = reserve({variant.pk: 1}, buyer=-9)
    return lambda: settle(purchase, 6)


@pytest.mark.parametrize("begun", [cancelled, taken_back, never_sent, placed_late])
def test_what_gives_back_or_comes_late_does_not_lock_in_a_ring_with_a_purchase(
    begun: Callable[[Merchant, Variant, Client], Act], shop: Merchant, make_variant: MakeVariant
) -> None:
    variant = make_variant(shop, units=10)
    act, other = begun(shop, variant, new_guest()), placed(variant)
    assert meeting(act, other) == []
    check_books()
    assert Purchase.objects.get(buyer=-9).state == "paid"
    stock = Stock.objects.get()
    sold = {cancelled: 1, taken_back: 1, never_sent: 2, placed_late: 2}[begun]
    assert (stock.on_hand, stock.reserved) == (10 - sold, 0)


def test_a_sale_that_earns_does_not_lock_in_a_ring_with_its_merchants_next_cancellation(
    scene: Scene, shop: Merchant
) -> None:
    assert scene.touch()
    act = cancelled(shop, scene.variant, scene.ada)
    assert scene.touch()
    purchase = reserve({scene.variant.pk: 1}, buyer=scene.buyer.pk)
    assert meeting(act, lambda: settle(purchase, 6)) == []
    assert sorted(Order.objects.values_list("state", flat=True)) == ["cancelled", "paid"]


def test_a_cancellation_that_took_stock_first_was_caught(
    shop: Merchant, make_variant: MakeVariant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stock_first(order: Order, by: int | None, reason: str) -> Refund | None:
        orders.move(order, [OrderState.PAID], OrderState.CANCELLED, by, reason)
        orders._put_back({line.variant_id: line.quantity for line in order.lines.all() if line.variant_id}, order)
        return orders.write_refund(order, order.total_minor, "cancelled", None, reason)

    monkeypatch.setattr(orders, "_cancel", stock_first)
    variant = make_variant(shop, units=10)
    act, other = cancelled(shop, variant, new_guest()), placed(variant)
    assert meeting(act, other) == [DEADLOCK]


@contextmanager
def functions_as_before() -> Iterator[None]:
    """Have the functions of the database in the order that they had."""

    def write(*texts: str) -> None:
        with connection.cursor() as cursor:
            for text in texts:
                cursor.execute(text if "OR REPLACE" in text else text.replace("CREATE", "CREATE OR REPLACE", 1))

    write(BEFORE.HOLD, BEFORE.WRITE, BEFORE.SELL, BEFORE.PLACE)
    try:
        yield
    finally:
        write(NOW.HOLD, NOW.WRITE, NOW.SELL, NOW.PLACE)


def test_a_late_purchase_that_took_stock_first_was_caught(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=10)
    with functions_as_before():
        act, other = placed_late(shop, variant, new_guest()), placed(variant)
        assert meeting(act, other) == [DEADLOCK]


def gather(shop: Merchant, make_variant: MakeVariant) -> list[str | None]:
    """Let a buyer wait for a bucket that has too few when they get it, while another gathers from all; return failures.

    The second bucket has the two that they want, one is bought away, and so they gather too, from the first bucket on.
    """
    variant = make_variant(shop, units=3)
    split_stock(variant.pk, shop.locations.get().pk, 2)
    first, second = Stock.objects.order_by("pk").values_list("pk", flat=True)
    Stock.objects.filter(pk=first).update(on_hand=1)
    Stock.objects.filter(pk=second).update(on_hand=2)
    failures: list[BaseException] = []
    take = "UPDATE shop_stock SET reserved = reserved + 1 WHERE id = %s"
    give = "UPDATE shop_stock SET reserved = reserved - 1 WHERE id = %s"
    with closing(psycopg.connect(database())) as buys, closing(psycopg.connect(database())) as gathers:
        gathers.execute(take, [first])
        buys.execute(take, [second])
        waits = started(lambda: reserve({variant.pk: 2}), failures)
        wait_until("FILTER (WHERE %s = ANY(pg_blocking_pids(pid))) = 1", buys.info.backend_pid)
        buys.commit()
        # By now they wait for the first bucket, which the other has in hands.
        wait_until("FILTER (WHERE %s = ANY(pg_blocking_pids(pid))) = 1", gathers.info.backend_pid)
        goes_on = started(lambda: (gathers.execute(take, [second]), gathers.rollback()), failures)
        waits.join(60)
        goes_on.join(60)
        buys.execute(give, [second])
        buys.commit()
    return [getattr(one.__cause__ or one, "sqlstate", None) for one in failures]


def test_a_bucket_that_had_too_few_is_let_go_before_others_are_gathered(
    shop: Merchant, make_variant: MakeVariant
) -> None:
    assert gather(shop, make_variant) == []
    assert sorted(Stock.objects.values_list("on_hand", "reserved")) == [(1, 1), (2, 1)]


def test_a_bucket_that_stayed_locked_was_caught(shop: Merchant, make_variant: MakeVariant) -> None:
    with functions_as_before():
        assert gather(shop, make_variant) == [DEADLOCK]


def cancel_while_commissions_mature(
    scene: Scene, make_variant: MakeVariant, step: Callable[[threading.Thread], object]
) -> list[str | None]:
    """Cancel an order by which a creator earns twice, and let what is due mature meanwhile; return what failed.

    A gate holds the creator's account until both are where `step` says.
    """
    other = make_variant(scene.shop, minor=5_000)
    video = shows(scene.creator, other.product)
    assert scene.touch() and touch(scene.ada, other.product, video, served(scene.buyer.pk, video))
    order = buy(scene.ada, {scene.variant.public_id: 1, other.public_id: 1}).json()["orders"][0]
    Commission.objects.update(payable_at=timezone.now())
    failures: list[BaseException] = []
    with closing(psycopg.connect(database())) as gate:
        gate.execute("SELECT FROM money_account WHERE kind = 'creator_accrued' FOR UPDATE")
        cancels = started(lambda: send(scene.ada, "post", f"/api/shop/orders/{order}/cancel"), failures)
        wait_until("= 1")
        matures = started(mature_commissions, failures)
        step(matures)
        gate.commit()
    cancels.join()
    matures.join()
    return [getattr(one.__cause__, "sqlstate", None) for one in failures]


@pytest.fixture
def scene(shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn) -> Scene:
    return Scene(shop, make_variant, make_person, signed_in)


def test_what_is_taken_back_is_not_made_payable_half_way(scene: Scene, make_variant: MakeVariant) -> None:
    # Whoever makes commissions payable passes over those that are being taken back, all of them.
    assert cancel_while_commissions_mature(scene, make_variant, lambda matures: matures.join(60)) == []
    assert set(Commission.objects.values_list("state", flat=True)) == {"reversed"}


def test_commissions_that_were_locked_one_by_one_were_caught(
    scene: Scene, make_variant: MakeVariant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glaswerk.shop.commission.lock_commissions", lambda _commissions: None)
    failed = cancel_while_commissions_mature(scene, make_variant, lambda _matures: wait_until("= 2"))
    assert failed == [DEADLOCK]


def test_many_buy_and_cancel_the_same_thing_at_once_and_nobody_is_turned_away_by_the_database(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    variant = make_variant(shop, units=40)
    clients = [signed_in(make_person(f"buyer{number}")) for number in range(6)]

    def buy_and_cancel(number: int) -> str:
        done = []
        for turn in range(4):
            answer: Any = buy(clients[number], {variant.public_id: 1}, key=f"{number}-{turn}")
            assert answer.status_code == 201, answer.content
            if turn % 2:
                order = answer.json()["orders"][0]
                done.append(send(clients[number], "post", f"/api/shop/orders/{order}/cancel").status_code)
        return str(done)

    assert together(6, buy_and_cancel) == {"[200, 200]": 6}
    check_books()
    assert {one.name: one.examples for one in check_book().findings if one.violations} == {}
    assert sum(Stock.objects.values_list("on_hand", flat=True)) == 40 - 12
