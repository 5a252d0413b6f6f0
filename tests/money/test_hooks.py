"""The sandbox's page, the door for hooks, and many who come at once."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from glaswerk.cell.config import current_cell
from glaswerk.money.amounts import Money
from glaswerk.money.models import DisputeState, OperationState, Payment, ProviderEvent
from glaswerk.money.payments import (
    NotRefundable,
    PaymentUnderway,
    cancel_payment,
    confirm_payment,
    on_payment,
    refund_payment,
    start_payment,
)
from glaswerk.money.payments.actions import resolve_open
from glaswerk.money.payments.effects import take_in
from glaswerk.money.payments.port import DisputeFact, Fact, ForgedHook, PaymentFact, RefundFact
from glaswerk.money.payments.registry import clearing_account, provider_named
from glaswerk.money.payments.sandbox import store
from glaswerk.money.payments.sandbox.provider import Sandbox
from glaswerk.money.queries import balance

from .conftest import Shop
from .test_ledger import in_threads, settle
from .test_payments import PLAIN_STATIC, TEN, age, assert_whole, everything, later, pay


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "words"), [("en", "No money moves"), ("de", "fließt kein Geld")])
def test_the_sandboxs_page_says_that_it_is_a_trial(shop: Shop, settings: Any, language: str, words: str) -> None:
    settings.STORAGES = {**settings.STORAGES, **PLAIN_STATIC}
    payment = start_payment("purchase:1", TEN, "sandbox", "k1")
    assert payment.state == "needs_action"
    client = Client(headers={"Accept-Language": language})
    page = client.get(payment.next_url)
    assert words in page.content.decode()
    assert ("10,00" if language == "de" else "10.00") in page.content.decode()
    answer = client.post(f"{payment.next_url}?next=/orders/1", {"card": "tok_success"})
    assert (answer.status_code, answer["location"]) == (302, "/orders/1")
    assert Payment.objects.get().state == "needs_action"
    assert confirm_payment(payment.pk).state == "succeeded"
    # Choosing again changes nothing, whatever is chosen.
    assert client.post(payment.next_url, {"card": "tok_decline"}).status_code == 302
    assert words in client.get(payment.next_url).content.decode()
    assert later() == ["known"]
    assert shop.words == ["succeeded"]


@pytest.mark.django_db
def test_the_page_sends_nobody_elsewhere_and_knows_no_other_cards(shop: Shop, settings: Any) -> None:
    settings.STORAGES = {**settings.STORAGES, **PLAIN_STATIC}
    payment = start_payment("purchase:1", TEN, "sandbox", "k1")
    client = Client()
    assert client.post(payment.next_url, {"card": "tok_other"}).status_code == 404
    assert client.get("/pay/sandbox/sp_nothing").status_code == 404
    answer = client.post(f"{payment.next_url}?next=https://evil.example/", {"card": "tok_success"})
    assert answer["location"].startswith("/pay/sandbox/")


@pytest.mark.django_db
def test_a_payment_left_on_the_page_is_given_up(shop: Shop) -> None:
    payment = start_payment("purchase:1", TEN, "sandbox", "k1")
    age(3600)
    resolve_open()
    payment.refresh_from_db()
    assert payment.state == "needs_action"
    age(7200)
    resolve_open()
    payment.refresh_from_db()
    assert payment.state == "declined"
    assert cancel_payment(payment.pk).state == "declined"
    assert shop.words == ["failed"]


@pytest.mark.django_db
def test_a_buyer_comes_back_to_the_page_of_the_purchase(shop: Shop) -> None:
    on_payment("purchase", shop.hear, page=lambda reference: f"/orders/{reference.partition(':')[2]}")
    assert Client().get("/pay/return?reference=purchase%3A7")["location"] == "/orders/7"
    assert Client().get("/pay/return?reference=https://evil.example")["location"] == "/"


def send(body: str, headers: dict[str, str]) -> int:
    client = Client(enforce_csrf_checks=True, headers=headers)
    return client.post("/api/payments/hooks/sandbox", body, content_type="application/json").status_code


@pytest.mark.django_db
def test_a_hook_is_taken_at_its_door_once(shop: Shop) -> None:
    pay("tok_pending")
    sandbox = provider_named("sandbox")
    assert isinstance(sandbox, Sandbox)
    (hook,) = store.due_hooks(timezone.now(), 10)
    headers = sandbox.signed(hook.event_id, hook.body)
    assert [send(hook.body, headers) for _ in range(3)] == [200, 200, 200]
    assert shop.words == ["succeeded"]
    assert ProviderEvent.objects.get().effect == "applied"
    # The same message under another id says nothing new either.
    assert send(hook.body, sandbox.signed("evt_other", hook.body)) == 200
    assert shop.words == ["succeeded"]


Forge = Callable[[Sandbox, str, str], tuple[str, dict[str, str]]]
FORGERIES: dict[str, Forge] = {
    "no signature": lambda sandbox, event, body: (body, {}),
    "another body": lambda sandbox, event, body: (body.replace("1000", "1"), sandbox.signed(event, body)),
    "another id": lambda sandbox, event, body: (body, {**sandbox.signed(event, body), "webhook-id": "evt_x"}),
    "a made-up signature": lambda sandbox, event, body: (
        body,
        {**sandbox.signed(event, body), "webhook-signature": "v1,AAAA"},
    ),
    "signed long ago": lambda sandbox, event, body: (
        body,
        sandbox.signed(event, body, timezone.now() - timedelta(minutes=6)),
    ),
    "signed in the future": lambda sandbox, event, body: (
        body,
        sandbox.signed(event, body, timezone.now() + timedelta(minutes=6)),
    ),
    "no JSON": lambda sandbox, event, body: ("{", sandbox.signed(event, "{")),
    "no deed": lambda sandbox, event, body: ("{}", sandbox.signed(event, "{}")),
    "a deed of another kind": lambda sandbox, event, body: (
        json.dumps({"type": "x", "deed": 5}),
        sandbox.signed(event, json.dumps({"type": "x", "deed": 5})),
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_hook_changes_nothing(shop: Shop, forgery: str) -> None:
    pay("tok_pending")
    before = everything()
    sandbox = provider_named("sandbox")
    assert isinstance(sandbox, Sandbox)
    (hook,) = store.due_hooks(timezone.now(), 10)
    body, headers = FORGERIES[forgery](sandbox, hook.event_id, hook.body)
    assert send(body, headers) == 400
    assert everything() == before
    assert shop.heard == []


texts = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)


@examples(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=60),
    headers=st.fixed_dictionaries(
        {},
        optional={
            "webhook-id": texts,
            "webhook-timestamp": texts | st.integers().map(str) | st.just(str(int(timezone.now().timestamp()))),
            "webhook-signature": texts | texts.map(lambda text: f"v1,{text}") | st.just("v1,="),
        },
    ),
)
def test_whatever_a_stranger_sends_is_a_forgery(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(ForgedHook):
        Sandbox(current_cell()).parse_hook(body, headers)


@pytest.mark.django_db
def test_without_its_guard_a_forged_hook_would_pay(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    pay("tok_timeout_lost")
    sandbox = provider_named("sandbox")
    assert isinstance(sandbox, Sandbox)
    deed = {
        "kind": "pay", "key": "pay:k1", "ref": "sp_f", "of_ref": "", "amount": 1000, "currency": "EUR", "card": "x",
        "state": "succeeded", "reason": "",
    }  # fmt: skip
    body = json.dumps({"type": "pay.succeeded", "deed": deed})
    assert send(body, {"webhook-id": "evt_f"}) == 400
    monkeypatch.setattr(sandbox._webhook, "verify", lambda raw, headers: json.loads(raw))
    assert send(body, {"webhook-id": "evt_f"}) == 200
    assert Payment.objects.get().state == "succeeded"


@pytest.mark.django_db
def test_other_providers_have_no_door_here(shop: Shop) -> None:
    client = Client()
    assert client.post("/api/payments/hooks/stripe", "{}", content_type="application/json").status_code == 404
    assert client.post("/api/payments/hooks/paypal", "{}", content_type="application/json").status_code == 422
    large = b" " * (256 * 1024 + 1)
    assert client.post("/api/payments/hooks/sandbox", large, content_type="application/json").status_code == 413


@pytest.mark.django_db(transaction=True)
def test_one_payment_asked_for_by_many_at_once_is_charged_once(shop: Shop) -> None:
    results = in_threads(lambda _: pay().pk, 6)
    assert len(set(results)) == 1
    assert shop.words == ["succeeded"]
    assert store.charges("pay:k1") == 1
    settle()
    assert_whole()


@pytest.mark.django_db(transaction=True)
def test_one_hook_that_comes_at_once_by_many_ways_counts_once(shop: Shop) -> None:
    pay("tok_pending")
    sandbox = provider_named("sandbox")
    assert isinstance(sandbox, Sandbox)
    (hook,) = store.due_hooks(timezone.now(), 10)
    headers = sandbox.signed(hook.event_id, hook.body)
    assert in_threads(lambda _: send(hook.body, headers), 6) == [200] * 6
    assert shop.words == ["succeeded"]
    assert ProviderEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_refunds_asked_for_at_once_do_not_give_back_more_than_was_paid(shop: Shop) -> None:
    payment = pay()

    def give_back(number: int) -> str:
        try:
            return str(refund_payment(payment.pk, Money(400, "EUR"), f"r{number}").state)
        except NotRefundable:
            return "not refundable"

    assert sorted(in_threads(give_back, 6)) == ["not refundable"] * 4 + ["succeeded"] * 2  # type: ignore[type-var]
    payment.refresh_from_db()
    assert (payment.refunded, payment.refunding) == (800, 0)
    assert store.refunded(payment.provider_ref) == 800
    assert_whole()


@pytest.mark.django_db(transaction=True)
def test_two_keys_for_one_purchase_at_once_are_one_charge(shop: Shop) -> None:
    assert sorted(in_threads(pay_with_a_key_of_its_own, 6)) == ["paid"] + ["underway"] * 5  # type: ignore[type-var]
    assert store.charges("pay:") == 1
    assert_whole()


@pytest.mark.django_db(transaction=True)
def test_without_its_guard_one_purchase_is_charged_twice(shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_live_payment_a_reference")
    try:
        assert in_threads(pay_with_a_key_of_its_own, 3) == ["paid"] * 3
        assert store.charges("pay:") == 3
    finally:
        Payment.objects.update(state="declined", authorised=0, captured=0)
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE UNIQUE INDEX one_live_payment_a_reference ON money_payment (reference)"
                " WHERE state IN ('pending', 'needs_action', 'succeeded')"
            )


def pay_with_a_key_of_its_own(number: int) -> str:
    try:
        pay(key=f"k{number}")
    except PaymentUnderway:
        return "underway"
    return "paid"


def words_about(name: str) -> list[Fact]:
    """What can be heard of one payment: it was taken, parts were given back twice, it is disputed and decided."""
    return [
        PaymentFact(f"pay:{name}", name, OperationState.SUCCEEDED, TEN),
        PaymentFact(f"pay:{name}", name, OperationState.PENDING, TEN),
        RefundFact("", f"{name}-r1", name, OperationState.SUCCEEDED, Money(100, "EUR")),
        RefundFact("", f"{name}-r2", name, OperationState.SUCCEEDED, Money(200, "EUR")),
        DisputeFact(f"{name}-d", name, DisputeState.OPEN, Money(300, "EUR")),
        DisputeFact(f"{name}-d", name, DisputeState.LOST, Money(300, "EUR")),
    ]


@pytest.mark.django_db
@examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)), again=st.lists(st.integers(0, 5), max_size=6))
def test_words_in_any_order_and_any_number_end_in_the_same_book(shop: Shop, order: list[int], again: list[int]) -> None:
    name = uuid.uuid4().hex
    payment = pay("tok_timeout_lost", name, f"purchase:{name}")
    # The provider's name for the payment is known, as it is from the answer to the first call.
    Payment.objects.filter(pk=payment.pk).update(provider_ref=name)
    before = balance(clearing_account("sandbox", "EUR"))
    shop.heard.clear()
    for place in [*order, *again]:
        assert take_in("sandbox", words_about(name)[place]) in ("applied", "known")
    payment.refresh_from_db()
    assert (payment.state, payment.captured, payment.refunded, payment.refunding) == ("succeeded", 1000, 300, 0)
    assert payment.disputes.get().state == "lost"
    assert balance(clearing_account("sandbox", "EUR")) - before == 1000 - 300 - 300
    assert shop.words[0] == "succeeded"
    assert sorted(shop.words) == ["dispute_lost", "disputed", "refunded", "refunded", "succeeded"]
    assert_whole()
