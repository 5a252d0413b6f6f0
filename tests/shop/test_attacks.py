"""Attacks on the shop, each made twice: with its guard, where it comes to nothing, and without, where it succeeds.

Guards of the database are taken away within a transaction that is rolled back.  The races themselves are in
`test_core.py` and `test_buying.py`; forged, repeated and reordered hooks and what a raw UPDATE of the ledger meets are in
`tests/money/test_hooks.py` and `test_ledger.py`, likewise with their controls.
"""

import importlib
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from glaswerk.cell import postgres
from glaswerk.cell.config import current_cell
from glaswerk.money.amounts import Money
from glaswerk.money.payments.port import PaymentFact
from glaswerk.money.payments.sandbox import store
from glaswerk.money.payments.sandbox.provider import Sandbox
from glaswerk.shop.actions import purchases
from glaswerk.shop.actions.purchases import settle
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import Address, Merchant, Order, OrderLine, Price, Purchase, Stock, Voucher
from glaswerk.shop.queries.quotes import quote_for
from tests.money.test_killed import dying, in_a_process

from .conftest import MakePerson, MakeVariant, SignIn, new_guest, quoted, send, wish
from .test_core import reserve

QUICKER: Final = importlib.import_module("glaswerk.shop.migrations.0031_quicker_buying")
Words = dict[str, str]


def scene() -> Any:
    """Return a transaction in which payments are made although they commit: a test's own may be around them."""
    made: Any = transaction.atomic()
    made._from_testcase = True
    return made


@contextmanager
def without(*statements: str) -> Iterator[None]:
    """Take guards away for a while."""
    with scene():
        with connection.cursor() as cursor:
            # No table can be altered while something of it is still to be checked.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            for statement in statements:
                cursor.execute(statement)
        yield
        transaction.set_rollback(True)


def function_without(source: str, guard: str, instead: str) -> str:
    """Return the statement that makes a function anew without one of its conditions."""
    assert guard in source
    made = source.replace(guard, instead).replace("CREATE OR REPLACE FUNCTION", "CREATE FUNCTION")
    return made.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)


def drop(table: str, constraint: str) -> str:
    return f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"


UNGUARDED_HOLD: Final = function_without(QUICKER.HOLD, "on_hand - reserved >= wanted.quantity", "true")
STOCK_CHECK: Final = drop("shop_stock", "stock_reserved_is_there")


def sell_one_by_one(variant: int, count: int) -> int:
    """Buy one so many times; return how many were sold."""
    sold = 0
    for number in range(count):
        try:
            with scene():
                sold += settle(reserve({variant: 1}, buyer=-1 - number), 1) == "paid"
        except (ShopError, DatabaseError):
            pass
    return sold


@pytest.mark.django_db
def test_overselling(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=3).pk
    with without():
        assert sell_one_by_one(variant, 5) == 3
    # Either guard is enough by itself.
    for one in (UNGUARDED_HOLD, STOCK_CHECK):
        with without(one):
            assert sell_one_by_one(variant, 5) == 3
    with without(UNGUARDED_HOLD, STOCK_CHECK):
        assert sell_one_by_one(variant, 5) == 5
        assert Stock.objects.get().on_hand == -2


@pytest.mark.django_db
def test_a_voucher_beyond_its_cap(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=50).pk
    code = Voucher.objects.create(
        merchant=shop, code="TWO", kind="fixed", minor=1, currency="EUR", cap=2, period=(timezone.now(), None)
    )

    def redeem() -> int:
        done = 0
        for number in range(4):
            try:
                with scene():
                    reserve({variant: 1}, buyer=-1 - number, voucher=code.pk)
                    done += 1
            except (ShopError, DatabaseError):
                pass
        return done

    unguarded = function_without(QUICKER.RESERVE, "AND v.used < v.cap ", "")
    check = drop("shop_voucher", "voucher_used_within_cap")
    for statements, redeemed in (((), 2), ((unguarded,), 2), ((check,), 2), ((unguarded, check), 4)):
        with without(*statements):
            assert redeem() == redeemed


@pytest.mark.django_db
def test_a_clock_that_runs_ahead_uses_no_voucher_before_its_time(
    shop: Merchant, make_variant: MakeVariant, monkeypatch: pytest.MonkeyPatch, nothing_changes: Callable[[], Any]
) -> None:
    variant, tomorrow = make_variant(shop), timezone.now() + timedelta(days=1)
    # The first purchase opens the accounts, whatever comes of it.
    purchases.make_plan(quote_for({variant.pk: 1}, "EUR", "DE", {}, ""), "sandbox")
    Voucher.objects.create(
        merchant=shop, code="LATER", kind="fixed", minor=500, currency="EUR", cap=9, period=(tomorrow, None)
    )
    guest = new_guest()
    # The web worker believes that it is the day after tomorrow; the database does not.
    monkeypatch.setattr("django.utils.timezone.now", lambda: tomorrow + timedelta(days=1))
    body = wish(quoted(guest, {variant.public_id: 1}, voucher="LATER"))
    with nothing_changes():
        answer = send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "voucher")
    with without(function_without(QUICKER.RESERVE, " AND v.period @> clock_timestamp()", "")):
        assert send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "k"}).json()["state"] == "paid"


@pytest.mark.django_db
@pytest.mark.parametrize("quantity", [-1, 0, 100, 10**12])
def test_quantities_that_nobody_buys(
    quantity: int, shop: Merchant, make_variant: MakeVariant, nothing_changes: Callable[[], Any]
) -> None:
    variant, guest = make_variant(shop, units=5), new_guest()
    body = wish(quoted(guest, {variant.public_id: 1}))
    body["lines"][0]["quantity"] = quantity
    with nothing_changes():
        assert send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "k"}).status_code == 422
        line = {"variant": variant.public_id, "quantity": quantity}
        assert send(guest, "post", "/api/cart/lines", line).status_code == 422


@pytest.mark.django_db
def test_fewer_than_nothing_is_refused_by_every_layer(shop: Merchant, make_variant: MakeVariant) -> None:
    """Who sells minus one would have their stock filled up, and be paid for it."""
    variant = make_variant(shop, units=5).pk
    plan = purchases.make_plan(quote_for({variant: 1}, "EUR", "DE", {}, ""), "sandbox")
    line = plan["orders"][0]["lines"][0]
    line |= {"quantity": -1, "total": -line["total"], "vat": 0}
    guards = [
        drop("shop_stock", "stock_reserved_is_there"),
        drop("shop_hold", "hold_holds_something"),
        drop("shop_orderline", "order_line_has_something"),
        drop("shop_orderline", "order_line_returned_shipped_ordered"),
        drop("shop_orderline", "order_line_is_sane"),
    ]
    with pytest.raises(ShopError), without():
        purchases.check_things({"0" * 13: -1})
    for removed in range(len(guards)):
        with without(*guards[:removed]), pytest.raises(IntegrityError), scene():
            settle(reserve({variant: 1}, plan=plan), 1)
    with without(*guards):
        assert settle(reserve({variant: 1}, plan=plan), 1) == "paid"
        assert (OrderLine.objects.get().quantity, Stock.objects.get().on_hand) == (-1, 6)


@pytest.mark.django_db
def test_a_price_that_changed_between_looking_and_pressing(
    shop: Merchant, make_variant: MakeVariant, monkeypatch: pytest.MonkeyPatch, nothing_changes: Callable[[], Any]
) -> None:
    variant, guest = make_variant(shop), new_guest()
    body = wish(quoted(guest, {variant.public_id: 1}))
    Price.objects.update(minor=99_900)
    with nothing_changes():
        assert send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "k"}).status_code == 409

    def agreed(*words: Any) -> Any:
        return replace(quote_for(*words), hash=body["quote"])

    monkeypatch.setattr(purchases, "quote_for", agreed)
    bought = send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "k"})
    assert bought.json()["total"]["minor"] == 99_900 + 490


@pytest.mark.django_db
def test_an_address_of_somebody_else(
    shop: Merchant,
    make_variant: MakeVariant,
    make_person: MakePerson,
    signed_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
    nothing_changes: Callable[[], Any],
) -> None:
    ada, eve = make_person("ada"), make_person("eve")
    kept = ada.addresses.create(name="Ada", street="Torstraße 1", postal_code="10119", city="Berlin", country="DE")
    client, variant = signed_in(eve), make_variant(shop)
    body = wish(quoted(client, {variant.public_id: 1}), address=kept.public_id)
    with nothing_changes():
        assert send(client, "post", "/api/purchases", body, **{"Idempotency-Key": "k"}).status_code == 422

    class Unguarded:
        """Finds addresses by their number, whoever asks."""

        @staticmethod
        def filter(person: Any, pk: int) -> Any:
            return Address.objects.filter(pk=pk)

    monkeypatch.setattr(purchases, "Address", SimpleNamespace(objects=Unguarded))
    assert send(client, "post", "/api/purchases", body, **{"Idempotency-Key": "k"}).status_code == 201
    assert Purchase.objects.get().address["name"] == "Ada"


def buyer_with(variant: Any) -> Callable[[], None]:
    """Return an attempt to buy, the same each time: its cookie, its key, its words."""
    guest = new_guest()
    body = wish(quoted(guest, {variant.public_id: 1}))

    def attempt() -> None:
        answer = send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "killed"})
        assert answer.json()["state"] == "paid", answer.content

    return attempt


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_guarded", [True, False])
def test_a_buyer_whose_worker_is_killed_after_the_provider_took_it(
    is_guarded: bool, shop: Merchant, make_variant: MakeVariant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill -9 with the money taken and nothing of it written down; three retries, and one charge."""
    variant = make_variant(shop)
    attempt = buyer_with(variant)
    store.forget_everything()
    if not is_guarded:
        # Each attempt is a purchase of its own, as it is where no key tells them apart.
        reserve_once = purchases._reserve
        monkeypatch.setattr(
            purchases, "_reserve", lambda values: reserve_once([*values[:3], str(uuid.uuid4()), *values[4:]])
        )

    def attempt_and_die() -> None:
        dying()
        attempt()

    assert in_a_process(attempt_and_die) == -signal.SIGKILL
    assert store.charges("pay:purchase:") == 1
    assert Order.objects.count() == 0
    assert [in_a_process(attempt) for _ in range(3)] == [0, 0, 0]
    assert store.charges("pay:purchase:") == Order.objects.count() + (not is_guarded) == (1 if is_guarded else 4)
    store.forget_everything()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_after_the_provider_took_it(
    shop: Merchant, make_variant: MakeVariant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every connection is cut in the middle, as by a restart; the very same request again is paid once."""
    attempt = buyer_with(make_variant(shop))
    store.forget_everything()
    create = Sandbox.create_payment

    def create_and_cut(self: Sandbox, key: str, amount: Money, token: str, reference: str) -> PaymentFact:
        fact = create(self, key, amount, token, reference)
        with psycopg.connect(postgres.database_url(current_cell()), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
            )
        return fact

    with monkeypatch.context() as patch:
        patch.setattr(Sandbox, "create_payment", create_and_cut)
        with pytest.raises(DatabaseError):
            attempt()
    connection.close()
    assert (Purchase.objects.get().state, Order.objects.count(), store.charges("pay:purchase:")) == ("reserved", 0, 1)
    attempt()
    assert (Purchase.objects.get().state, Order.objects.count(), store.charges("pay:purchase:")) == ("paid", 1, 1)
    store.forget_everything()


@pytest.mark.django_db
def test_a_flood_of_hooks_is_turned_away_unread(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = settings.CELL.config.limits.model_copy(update={"hooks_per_minute": 3})
    config = settings.CELL.config.model_copy(update={"limits": limits})
    monkeypatch.setattr(settings.CELL, "config", config)
    answers = [
        Client().post("/api/payments/hooks/sandbox", b"{}", content_type="application/json").status_code
        for _ in range(7)
    ]
    # The minute may turn once meanwhile.
    assert answers.count(429) >= 1
    assert set(answers) == {400, 429}
