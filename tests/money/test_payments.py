"""Payments by the sandbox: every misfortune that it can play, and what the book says after each."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from glaswerk.money.amounts import Money
from glaswerk.money.checks import check_book
from glaswerk.money.jobs import give_back_surplus
from glaswerk.money.models import Dispute, Journal, Operation, Payment, PaymentState, ProviderEvent, SandboxDeed
from glaswerk.money.payments import (
    KeyTaken,
    NotRefundable,
    PaymentError,
    PaymentUnderway,
    confirm_payment,
    on_payment,
    refund_payment,
    start_payment,
)
from glaswerk.money.payments.actions import resolve_open
from glaswerk.money.payments.effects import take_in
from glaswerk.money.payments.port import PaymentFact, RefundFact
from glaswerk.money.payments.registry import clearing_account, provider_named
from glaswerk.money.payments.sandbox import post, store
from glaswerk.money.payments.sandbox.provider import Sandbox
from glaswerk.money.queries import balance

from .conftest import Shop

TEN = Money(1000, "EUR")
PLAIN_STATIC = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


def pay(card: str = "tok_success", key: str = "k1", reference: str = "purchase:1", amount: Money = TEN) -> Payment:
    return start_payment(reference, amount, f"sandbox:{card}", key)


def everything() -> list[Any]:
    """All rows that a payment may touch, to compare before and after."""
    models = (Payment, Operation, ProviderEvent, Dispute, Journal)
    return [list(model.objects.order_by("pk").values()) for model in models]


def assert_whole() -> None:
    """The whole book is proven."""
    assert {one.name: one.examples for one in check_book().findings if one.violations} == {}


def age(seconds: float = 3600) -> None:
    """Let operations be older than they are."""
    for operation in Operation.objects.all():
        Operation.objects.filter(pk=operation.pk).update(at=operation.at - timedelta(seconds=seconds))


def later() -> list[str]:
    """Deliver everything that the sandbox has in its post, however late."""
    return post.deliver(timezone.now() + timedelta(days=1))


@pytest.mark.django_db
def test_a_payment_succeeds_once_and_its_hooks_say_nothing_new(shop: Shop) -> None:
    payment = pay()
    assert (payment.state, payment.authorised, payment.captured, payment.refunded) == ("succeeded", 1000, 1000, 0)
    assert shop.heard == [("purchase:1", "succeeded", 1000)]
    assert later() == ["known"]
    assert later() == []
    assert pay().pk == payment.pk
    assert len(shop.heard) == 1
    assert balance(clearing_account("sandbox", "EUR")) == 1000
    assert store.charges("pay:k1") == 1
    assert_whole()


@pytest.mark.django_db
def test_a_declined_card_leaves_the_purchase_free_for_another(shop: Shop) -> None:
    payment = pay("tok_decline")
    assert (payment.state, payment.captured, payment.reason) == ("declined", 0, "The card was declined.")
    assert pay("tok_decline").state == "declined"
    assert later() == ["known"]
    assert shop.words == ["failed"]
    assert pay(key="k2").state == "succeeded"
    assert_whole()


@pytest.mark.django_db
def test_a_purchase_is_not_paid_twice_by_two_keys(shop: Shop) -> None:
    pay()
    before = everything()
    with pytest.raises(PaymentUnderway):
        pay(key="k2")
    assert everything() == before
    assert store.charges("pay:") == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "other",
    [
        {"reference": "purchase:2"},
        {"amount": Money(1001, "EUR")},
        {"amount": Money(1000, "USD")},
        {"card": "tok_decline"},
    ],
)
def test_a_key_is_not_used_for_another_payment(shop: Shop, other: dict[str, Any]) -> None:
    pay()
    before = everything()
    with pytest.raises(KeyTaken):
        pay(**other)
    assert everything() == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reference", "amount", "method"),
    [
        ("purchase:1", Money(0, "EUR"), "sandbox:tok_success"),
        ("purchase:1", Money(-5, "EUR"), "sandbox:tok_success"),
        ("nobody:1", TEN, "sandbox:tok_success"),
        ("purchase:1", TEN, "stripe:pm_1"),
        ("purchase:1", TEN, "bank:x"),
    ],
)
def test_what_cannot_be_paid_is_refused_before_anything_is_written(
    shop: Shop, reference: str, amount: Money, method: str
) -> None:
    with pytest.raises(PaymentError):
        start_payment(reference, amount, method, "k1")
    assert everything() == [[], [], [], [], []]
    assert store.charges("") == 0


@pytest.mark.django_db
def test_an_unknown_card_is_a_refusal(shop: Shop) -> None:
    payment = pay("tok_nonsense")
    assert (payment.state, payment.reason) == ("declined", "the sandbox has no card 'tok_nonsense'")
    assert store.charges("") == 0


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["retry", "confirm", "job", "hook"])
def test_a_lost_answer_is_asked_for_and_never_paid_again(shop: Shop, way: str) -> None:
    payment = pay("tok_timeout_success")
    assert (payment.state, payment.captured) == ("pending", 0)
    assert Operation.objects.get().state == "unknown"
    assert shop.heard == []
    match way:
        case "retry":
            pay("tok_timeout_success")
        case "confirm":
            confirm_payment(payment.pk)
        case "job":
            age(60)
            assert resolve_open() == 1
        case "hook":
            assert later() == ["applied"]
    payment.refresh_from_db()
    assert (payment.state, payment.captured) == ("succeeded", 1000)
    assert shop.words == ["succeeded"]
    assert store.charges("pay:k1") == 1
    later()
    assert shop.words == ["succeeded"]
    assert_whole()


@pytest.mark.django_db
def test_a_lost_call_is_made_by_its_buyer_again_or_given_up_by_the_job(shop: Shop) -> None:
    payment = pay("tok_timeout_lost")
    assert payment.state == "pending"
    # It may still be under way, so the job waits; nobody pays for a buyer who may be gone.
    age(60)
    resolve_open()
    payment.refresh_from_db()
    assert payment.state == "pending"
    age(3600)
    resolve_open()
    payment.refresh_from_db()
    assert (payment.state, payment.reason) == ("declined", "the payment never reached the provider")
    assert shop.words == ["failed"]
    assert store.charges("") == 0


@pytest.mark.django_db
def test_a_pending_payment_is_told_by_its_hook(shop: Shop) -> None:
    assert pay("tok_pending").state == "pending"
    assert later() == ["applied"]
    assert Payment.objects.get().state == "succeeded"
    assert shop.words == ["succeeded"]


@pytest.mark.django_db
def test_hooks_that_come_three_times_count_once(shop: Shop) -> None:
    payment = pay("tok_duplicate")
    refund_payment(payment.pk, Money(400, "EUR"), "r1")
    assert later() == ["known"] * 6
    assert ProviderEvent.objects.count() == 2
    assert shop.heard == [("purchase:1", "succeeded", 1000), ("purchase:1", "refunded", 400)]
    assert_whole()


@pytest.mark.django_db
def test_a_refund_that_is_heard_of_before_its_payment_brings_the_payment_along(shop: Shop) -> None:
    # The call was lost to us, the provider took it, and somebody gave half of it back on the provider's own pages.
    payment = pay("tok_timeout_success")
    deed = SandboxDeed.objects.get()
    Payment.objects.filter(pk=payment.pk).update(provider_ref=deed.ref)
    word = RefundFact("", "sr_1", deed.ref, "succeeded", Money(500, "EUR"))  # type: ignore[arg-type]
    assert take_in("sandbox", word) == "applied"
    assert shop.heard == [("purchase:1", "succeeded", 1000), ("purchase:1", "refunded", 500)]
    assert later() == ["known"]
    assert take_in("sandbox", word) == "known"
    payment.refresh_from_db()
    assert (payment.captured, payment.refunded, payment.refunding) == (1000, 500, 0)
    assert_whole()


@pytest.mark.django_db
def test_refunds_in_part_never_pass_what_was_paid(shop: Shop) -> None:
    payment = pay()
    first = refund_payment(payment.pk, Money(300, "EUR"), "r1")
    assert first.state == "succeeded"
    assert refund_payment(payment.pk, Money(300, "EUR"), "r1").pk == first.pk
    before = everything()
    for amount in (Money(701, "EUR"), Money(0, "EUR"), Money(-1, "EUR"), Money(300, "USD")):
        with pytest.raises(NotRefundable):
            refund_payment(payment.pk, amount, "r2")
    with pytest.raises(KeyTaken):
        refund_payment(payment.pk, Money(301, "EUR"), "r1")
    assert everything() == before
    refund_payment(payment.pk, Money(700, "EUR"), "r2")
    payment.refresh_from_db()
    assert (payment.captured, payment.refunded, payment.refunding, payment.refundable) == (1000, 1000, 0, 0)
    assert balance(clearing_account("sandbox", "EUR")) == 0
    assert later() == ["known"] * 3
    assert_whole()


@pytest.mark.django_db
def test_a_refund_whose_answer_is_lost_is_done_once(shop: Shop) -> None:
    payment = pay("tok_refund_timeout")
    operation = refund_payment(payment.pk, TEN, "r1")
    assert operation.state == "unknown"
    payment.refresh_from_db()
    assert (payment.refunding, payment.refundable) == (1000, 0)
    with pytest.raises(NotRefundable):
        refund_payment(payment.pk, Money(1, "EUR"), "r2")
    age(60)
    resolve_open()
    payment.refresh_from_db()
    assert (payment.refunded, payment.refunding) == (1000, 0)
    assert shop.words == ["succeeded", "refunded"]
    assert store.refunded(payment.provider_ref) == 1000
    assert_whole()


@pytest.mark.django_db
def test_a_refund_that_fails_later_is_taken_back(shop: Shop) -> None:
    payment = pay("tok_refund_fails")
    refund_payment(payment.pk, Money(600, "EUR"), "r1")
    assert later() == ["known", "known", "applied"]
    payment.refresh_from_db()
    assert (payment.refunded, payment.refunding) == (0, 0)
    assert shop.words == ["succeeded", "refunded", "refund_failed"]
    assert_whole()


@pytest.mark.django_db
@pytest.mark.parametrize(("card", "last"), [("tok_dispute_won", "dispute_won"), ("tok_dispute_lost", "dispute_lost")])
@pytest.mark.parametrize("reordered", [False, True])
def test_a_dispute_holds_the_money_until_it_is_decided(shop: Shop, card: str, last: str, reordered: bool) -> None:
    payment = pay(card)
    hooks = store.due_hooks(timezone.now() + timedelta(days=1), 10)
    assert len(hooks) == 3
    sandbox = provider_named("sandbox")
    assert isinstance(sandbox, Sandbox)
    events = [sandbox.parse_hook(hook.body.encode(), sandbox.signed(hook.event_id, hook.body)) for hook in hooks]
    for event in reversed(events) if reordered else events:
        take_in("sandbox", *event.facts)
    assert shop.words == ["succeeded", "disputed", last]
    won = last == "dispute_won"
    assert balance(clearing_account("sandbox", "EUR")) == (1000 if won else 0)
    payment.refresh_from_db()
    assert (payment.state, Dispute.objects.get().state) == ("succeeded", last.removeprefix("dispute_"))
    assert_whole()


@pytest.mark.django_db
def test_a_word_about_another_amount_is_put_aside(shop: Shop) -> None:
    payment = pay("tok_timeout_lost")
    before = everything()
    for amount in (Money(1, "EUR"), Money(1000, "USD"), Money(1001, "EUR")):
        told = PaymentFact("pay:k1", "sp_x", "succeeded", amount)  # type: ignore[arg-type]
        assert take_in("sandbox", told).startswith("mismatch")
    stray = PaymentFact("pay:other", "sp_y", "succeeded", TEN)  # type: ignore[arg-type]
    assert take_in("sandbox", stray).startswith("unmatched")
    assert everything() == before
    assert shop.heard == []
    assert payment.state == "pending"


@pytest.mark.django_db
def test_a_late_success_beside_another_payment_is_given_back(shop: Shop) -> None:
    first = pay("tok_timeout_lost")
    age(7200)
    resolve_open()
    second = pay(key="k2")
    assert second.state == "succeeded"
    # The lost call arrives after all.
    deed, _now = store.do("pay", "pay:k1", "", 1000, "EUR", "tok_success", "succeeded")
    assert take_in("sandbox", PaymentFact("pay:k1", deed.ref, "succeeded", TEN)) == "applied"  # type: ignore[arg-type]
    first.refresh_from_db()
    assert (first.state, first.captured) == (PaymentState.SURPLUS, 1000)
    job = ProcrastinateJob.objects.get(task_name="money.give_back_surplus")
    for _ in range(2):
        give_back_surplus(**job.args)
    first.refresh_from_db()
    assert (first.refunded, store.refunded(deed.ref)) == (1000, 1000)
    assert shop.words == ["failed", "succeeded"]
    assert_whole()


@pytest.mark.django_db
def test_a_late_success_without_another_payment_counts(shop: Shop) -> None:
    payment = pay("tok_timeout_lost")
    age(7200)
    resolve_open()
    told = PaymentFact("pay:k1", "sp_late", "succeeded", TEN)  # type: ignore[arg-type]
    assert take_in("sandbox", told) == "applied"
    payment.refresh_from_db()
    assert payment.state == "succeeded"
    assert shop.words == ["failed", "succeeded"]


@pytest.mark.django_db
def test_the_database_keeps_the_amounts_in_order(shop: Shop) -> None:
    payment = pay()
    for wrong in ({"refunded": 1001}, {"captured": 1001}, {"authorised": 1001}, {"refunding": -1}, {"refunding": 1001}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Payment.objects.filter(pk=payment.pk).update(**wrong)


@pytest.mark.django_db
def test_when_the_shop_cannot_take_it_nothing_is_half_done_and_it_is_told_again(
    shop: Shop,
) -> None:
    def broken(change: object) -> None:
        raise ArithmeticError("the shop is being rebuilt")

    on_payment("purchase", broken)
    with pytest.raises(ArithmeticError):
        pay()
    # The provider has taken the money, whatever became of our transaction.
    assert Payment.objects.get().state == "pending"
    assert store.charges("pay:k1") == 1
    on_payment("purchase", shop.hear)
    assert pay().state == "succeeded"
    assert shop.words == ["succeeded"]
    assert store.charges("pay:k1") == 1


@pytest.mark.django_db
def test_a_payment_is_no_part_of_a_larger_transaction_that_could_forget_it(shop: Shop) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        pay()
    assert store.charges("") == 0
