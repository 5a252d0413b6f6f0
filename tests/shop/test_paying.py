"""Paying: whatever a provider does, one purchase is paid once, and nobody loses things or money."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Sum
from django.test import Client
from django.utils import timezone

from glaswerk.money.amounts import Money
from glaswerk.money.models import Account, DisputeState, Entry, Operation, OperationState, Payment
from glaswerk.money.payments import confirm_payment
from glaswerk.money.payments.effects import take_in
from glaswerk.money.payments.port import DisputeFact, RefundFact
from glaswerk.shop.actions.orders import retry_refunds
from glaswerk.shop.actions.purchases import expire_purchases, release
from glaswerk.shop.models import Hold, Merchant, Order, Purchase, PurchaseState, Refund, Stock, Voucher

from .conftest import MakeVariant, SignIn, buy, quoted, send, staff, wish


def balances() -> dict[str, int]:
    """Return what is on the accounts by kind, without those that are even."""
    assert (Entry.objects.aggregate(sum=Sum("amount"))["sum"] or 0) == 0
    totals = Account.objects.values_list("kind").annotate(total=Sum("balance")).order_by()
    return {kind: total for kind, total in totals if total}


def read(client: Client, purchase: str) -> dict[str, Any]:
    return send(client, "get", f"/api/purchases/{purchase}").json()


@pytest.mark.django_db
def test_a_declined_card_buys_nothing_and_gives_everything_back(
    shop: Merchant, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    variant, guest = make_variant(shop), Client()
    voucher = {"code": "ONCE", "kind": "fixed", "minor": 100, "cap": 1}
    send(signed_in(staff(shop)), "post", "/api/shop/merchants/glas/vouchers", voucher)
    quote = quoted(guest, {variant.public_id: 2}, voucher="ONCE")
    declined = wish(quote, method="sandbox:tok_decline")
    answer = send(guest, "post", "/api/purchases", declined, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["state"], answer.json()["orders"]) == (200, "declined", [])
    assert (Stock.objects.get().reserved, Hold.objects.count(), Voucher.objects.get().used, balances()) == (0, 0, 0, {})
    # The same key says the same; a new one may try another card.
    assert send(guest, "post", "/api/purchases", declined, **{"Idempotency-Key": "k"}).json() == answer.json()
    assert send(guest, "post", "/api/purchases", wish(quote), **{"Idempotency-Key": "l"}).json()["state"] == "paid"


@pytest.mark.django_db
def test_a_lost_answer_is_found_out_by_asking_and_paid_once(shop: Merchant, make_variant: MakeVariant) -> None:
    variant, guest = make_variant(shop), Client()
    answer = buy(guest, {variant.public_id: 1}, "k", method="sandbox:tok_timeout_success")
    assert (answer.status_code, answer.json()["state"]) == (200, "reserved")
    assert (Stock.objects.get().on_hand, Stock.objects.get().reserved) == (10, 1)
    for _ in range(3):
        body = read(guest, answer.json()["id"])
    assert (body["state"], len(body["orders"])) == ("paid", 1)
    assert (Payment.objects.count(), Operation.objects.count(), Order.objects.count()) == (1, 1, 1)
    assert balances()["provider_clearing"] == 1490


@pytest.mark.django_db
def test_three_retries_after_a_lost_answer_are_one_charge(shop: Merchant, make_variant: MakeVariant) -> None:
    variant, guest = make_variant(shop), Client()
    body = wish(quoted(guest, {variant.public_id: 1}), method="sandbox:tok_timeout_success")
    states = [send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "k"}).json()["state"] for _ in range(4)]
    assert states == ["reserved", "paid", "paid", "paid"]
    assert (Payment.objects.count(), balances()["provider_clearing"]) == (1, 1490)


@pytest.mark.django_db
def test_a_call_that_never_arrived_ends_with_its_reservation(shop: Merchant, make_variant: MakeVariant) -> None:
    variant, guest = make_variant(shop), Client()
    answer = buy(guest, {variant.public_id: 1}, method="sandbox:tok_timeout_lost")
    assert answer.json()["state"] == "reserved"
    assert expire_purchases() == 0
    Purchase.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expire_purchases() == 1
    assert read(guest, answer.json()["id"])["state"] == "expired"
    assert (Stock.objects.get().reserved, balances()) == (0, {})


@pytest.mark.django_db
def test_who_pays_on_the_providers_page_is_sent_there(shop: Merchant, make_variant: MakeVariant) -> None:
    variant, guest = make_variant(shop), Client()
    answer = buy(guest, {variant.public_id: 1}, method="")
    assert answer.json()["state"] == "reserved"
    assert answer.json()["pay_at"].startswith("/pay/sandbox/")
    # Who does not pay in time cannot pay later by the old page.
    Purchase.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    expire_purchases()
    assert Purchase.objects.get().state in ("expired", "declined")
    assert (Payment.objects.get().state, Stock.objects.get().reserved) == ("declined", 0)


@pytest.mark.django_db
def test_an_ending_reservation_asks_first_and_keeps_what_was_paid(shop: Merchant, make_variant: MakeVariant) -> None:
    variant, guest = make_variant(shop), Client()
    buy(guest, {variant.public_id: 1}, method="sandbox:tok_timeout_success")
    Purchase.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expire_purchases() == 0
    assert (Purchase.objects.get().state, Order.objects.count(), Stock.objects.get().on_hand) == ("paid", 1, 9)


@pytest.mark.django_db
@pytest.mark.parametrize("left", [10, 0])
def test_what_is_paid_after_the_end_is_placed_or_paid_back(
    left: int, shop: Merchant, make_variant: MakeVariant
) -> None:
    variant, guest = make_variant(shop), Client()
    answer = buy(guest, {variant.public_id: 1}, method="sandbox:tok_timeout_success").json()
    release(Purchase.objects.get().pk, PurchaseState.EXPIRED)
    Stock.objects.update(on_hand=F("reserved") + left)
    confirm_payment(Payment.objects.get().pk)
    if left:
        assert read(guest, answer["id"])["state"] == "paid"
        assert (Order.objects.count(), Stock.objects.get().on_hand) == (1, left - 1)
        return
    assert read(guest, answer["id"])["state"] == "reversed"
    assert balances() == {"provider_clearing": 1490, "refunds_due": 1490}
    for _ in range(3):
        retry_refunds()
    assert (balances(), Refund.objects.get().state, Order.objects.count()) == ({}, "done", 0)
    assert Payment.objects.get().refunded == 1490


@pytest.mark.django_db
def test_a_refund_leaves_the_provider_and_every_account_is_even(
    shop: Merchant, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    variant, guest, client = make_variant(shop), Client(), signed_in(staff(shop))
    order = buy(guest, {variant.public_id: 1}).json()["orders"][0]
    path = f"/api/shop/sold/{order}/refunds"
    for key, minor in (("a", 500), ("a", 500), ("b", 990)):
        body = send(client, "post", path, {"minor": minor}, **{"Idempotency-Key": key}).json()
        assert (body["state"], body["amount"]["minor"]) == ("done", minor)
    assert (balances(), Payment.objects.get().refunded) == ({}, 1490)


@pytest.mark.django_db
def test_a_lost_answer_to_a_refund_is_asked_about_and_paid_once(
    shop: Merchant, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    variant, guest, client = make_variant(shop), Client(), signed_in(staff(shop))
    order = buy(guest, {variant.public_id: 1}, method="sandbox:tok_refund_timeout").json()["orders"][0]
    body = send(client, "post", f"/api/shop/sold/{order}/refunds", {"minor": 500}, **{"Idempotency-Key": "a"}).json()
    assert body["state"] == "asked"
    assert balances()["refunds_due"] == 500
    for _ in range(2):
        retry_refunds()
    assert (Refund.objects.get().state, Payment.objects.get().refunded, "refunds_due" in balances()) == (
        "done",
        500,
        False,
    )


@pytest.mark.django_db
def test_a_way_to_pay_that_is_not_ours_reserves_nothing(
    shop: Merchant, make_variant: MakeVariant, nothing_changes: Callable[[], Any]
) -> None:
    variant, guest = make_variant(shop), Client()
    with nothing_changes():
        answer = buy(guest, {variant.public_id: 1}, method="stripe:pm_x")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "method")


@pytest.mark.django_db
def test_who_dies_after_the_provider_took_it_has_paid_once(
    shop: Merchant, make_variant: MakeVariant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the provider accepted and we could not write down, three times over, is one charge and one order."""
    variant, guest = make_variant(shop), Client()
    body = wish(quoted(guest, {variant.public_id: 1}))

    def die(*_words: object) -> str:
        raise OSError("the power is gone")

    with monkeypatch.context() as patch:
        for way in ("succeed_at_once", "take_in"):
            patch.setattr(f"glaswerk.money.payments.actions.{way}", die)
        for _ in range(3):
            with pytest.raises(OSError, match="power"):
                send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "k"})
        assert (Purchase.objects.get().state, Stock.objects.get().reserved, Order.objects.count()) == ("reserved", 1, 0)
    answer = send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["state"]) == (201, "paid")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM money_sandboxdeed WHERE key = %s", [Operation.objects.get().key])
        assert cursor.fetchone()[0] == 1
    assert balances()["provider_clearing"] == 1490


@pytest.mark.django_db
def test_what_is_given_back_at_the_provider_is_written_down_here(shop: Merchant, make_variant: MakeVariant) -> None:
    guest = Client()
    order = buy(guest, {make_variant(shop).public_id: 1}).json()["orders"][0]
    payment = Payment.objects.get()
    seen = RefundFact("", "re_seen", payment.provider_ref, OperationState.SUCCEEDED, Money(490, "EUR"))
    for _ in range(2):
        take_in("sandbox", seen)
    body = send(guest, "get", f"/api/shop/orders/{order}").json()
    assert (body["refunded"]["minor"], [one["state"] for one in body["refunds"]]) == (490, ["done"])
    assert (balances()["provider_clearing"], "refunds_due" in balances()) == (1000, False)


@pytest.mark.django_db
def test_a_lost_dispute_is_borne_by_the_merchant(shop: Merchant, make_variant: MakeVariant) -> None:
    guest = Client()
    order = buy(guest, {make_variant(shop).public_id: 1}).json()["orders"][0]
    ref, before = Payment.objects.get().provider_ref, balances()
    for state in (DisputeState.OPEN, DisputeState.OPEN, DisputeState.LOST, DisputeState.LOST):
        take_in("sandbox", DisputeFact("dp_1", ref, state, Money(1490, "EUR")))
    after = balances()
    assert before["merchant_payable"] - after.get("merchant_payable", 0) == 1490
    assert "disputes" not in after
    kinds = [event["kind"] for event in send(guest, "get", f"/api/shop/orders/{order}").json()["events"]]
    assert kinds == ["paid", "disputed", "dispute_lost"]
