"""Stripe's contract: what is sent, and how the shapes that its API answers with are read.  No network is needed.

The shapes are those of https://docs.stripe.com/api, cut down to what a reader needs.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import pytest
import stripe

from glaswerk.money.amounts import Money
from glaswerk.money.models import DisputeState, OperationKind, OperationState
from glaswerk.money.payments.port import (
    DisputeFact,
    Event,
    ForgedHook,
    NoAnswer,
    PaymentFact,
    RefundFact,
    Refused,
    SettledLine,
    TransferFact,
)
from glaswerk.money.payments.stripe import Stripe

TEN = Money(1000, "EUR")
SECRET = "whsec_test"
PAY, REFUND, TRANSFER = OperationKind.PAY, OperationKind.REFUND, OperationKind.TRANSFER

INTENT = {
    "id": "pi_1", "object": "payment_intent", "amount": 1000, "amount_received": 1000, "currency": "eur",
    "status": "succeeded", "metadata": {"operation": "pay:k1"}, "next_action": None, "last_payment_error": None,
    "cancellation_reason": None,
}  # fmt: skip
SESSION = {
    "id": "cs_1", "object": "checkout.session", "amount_total": 1000, "currency": "eur", "status": "open",
    "url": "https://checkout.stripe.com/c/pay/cs_1", "payment_intent": None, "metadata": {"operation": "pay:k1"},
}  # fmt: skip
STRIPE_REFUND = {
    "id": "re_1", "object": "refund", "amount": 300, "currency": "eur", "payment_intent": "pi_1",
    "status": "succeeded", "metadata": {"operation": "refund:r1"},
}  # fmt: skip
STRIPE_TRANSFER = {
    "id": "tr_1", "object": "transfer", "amount": 500, "currency": "eur", "reversed": False,
    "metadata": {"operation": "transfer:t1"},
}  # fmt: skip
STRIPE_DISPUTE = {
    "id": "dp_1", "object": "dispute", "amount": 1000, "currency": "eur", "payment_intent": "pi_1",
    "status": "needs_response",
}  # fmt: skip
DECLINED = {
    "error": {
        "type": "card_error", "code": "card_declined", "message": "Your card was declined.",
        "payment_intent": {**INTENT, "status": "requires_payment_method", "amount_received": 0},
    }
}  # fmt: skip


class Line(stripe.HTTPClient):
    """A line to Stripe that is none: it keeps what is asked, and answers what the test says."""

    name = "line"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.answers: list[tuple[int, Any] | Exception] = []

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[str, int, Mapping[str, str]]:
        path = url.removeprefix("https://api.stripe.com")
        given = post_data.decode() if isinstance(post_data, bytes) else post_data or ""
        key = {name.lower(): value for name, value in (headers or {}).items()}.get("idempotency-key", "")
        self.asked.append((method.upper(), path, dict(parse_qsl(given)), key))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return json.dumps(body), status, {"request-id": "req_1"}

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def provider(line: Line) -> Stripe:
    return Stripe("sk_test_1", SECRET, "https://video.example", line)


def test_a_saved_card_is_charged_by_a_payment_intent(line: Line, provider: Stripe) -> None:
    line.answers = [(200, INTENT)]
    fact = provider.create_payment("pay:k1", TEN, "pm_1", "purchase:1")
    assert fact == PaymentFact("pay:k1", "pi_1", OperationState.SUCCEEDED, TEN)
    ((method, path, sent, key),) = line.asked
    assert (method, path, key) == ("POST", "/v1/payment_intents", "pay:k1")
    assert sent == {
        "amount": "1000", "currency": "eur", "payment_method": "pm_1", "confirm": "true",
        "return_url": "https://video.example/pay/return?reference=purchase%3A1", "metadata[operation]": "pay:k1",
        "metadata[reference]": "purchase:1",
    }  # fmt: skip


def test_without_a_card_the_buyer_goes_to_stripes_page(line: Line, provider: Stripe) -> None:
    line.answers = [(200, SESSION)]
    fact = provider.create_payment("pay:k1", TEN, "", "purchase:1")
    assert fact == PaymentFact("pay:k1", "cs_1", OperationState.PENDING, TEN, "https://checkout.stripe.com/c/pay/cs_1")
    ((method, path, sent, key),) = line.asked
    assert (method, path, key) == ("POST", "/v1/checkout/sessions", "pay:k1")
    assert sent["line_items[0][price_data][unit_amount]"] == "1000"
    assert sent["payment_intent_data[metadata][operation]"] == "pay:k1"


def test_a_bank_that_wants_to_see_its_customer(line: Line, provider: Stripe) -> None:
    action = {"type": "redirect_to_url", "redirect_to_url": {"url": "https://hooks.stripe.com/3ds"}}
    line.answers = [(200, {**INTENT, "status": "requires_action", "next_action": action})]
    fact = provider.create_payment("pay:k1", TEN, "pm_1", "purchase:1")
    assert (fact.state, fact.next_url) == (OperationState.PENDING, "https://hooks.stripe.com/3ds")


def test_a_declined_card_is_an_answer(line: Line, provider: Stripe) -> None:
    line.answers = [(402, DECLINED)]
    fact = provider.create_payment("pay:k1", TEN, "pm_1", "purchase:1")
    assert fact == PaymentFact("pay:k1", "pi_1", OperationState.FAILED, TEN, reason="Your card was declined.")


def error(kind: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "No."}}


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (stripe.APIConnectionError("timed out"), NoAnswer),
        ((500, error("api_error")), NoAnswer),
        ((503, error("api_error")), NoAnswer),
        ((429, error("rate_limit_error")), NoAnswer),
        ((409, error("idempotency_error")), NoAnswer),
        ((400, error("idempotency_error")), NoAnswer),
        ((400, error("invalid_request_error")), Refused),
        ((401, error("invalid_request_error")), Refused),
    ],
)
def test_errors_say_whether_anything_can_have_been_done(
    line: Line, provider: Stripe, answer: Any, raised: type[Exception]
) -> None:
    line.answers = [answer]
    with pytest.raises(raised):
        provider.create_payment("pay:k1", TEN, "pm_1", "purchase:1")
    # One call: what is unknown is asked about, not repeated.
    assert len(line.asked) == 1


def test_a_currency_that_stripe_counts_otherwise_is_refused_before_the_call(line: Line, provider: Stripe) -> None:
    with pytest.raises(Refused):
        provider.create_payment("pay:k1", Money(1000, "ISK"), "pm_1", "purchase:1")
    assert line.asked == []


def test_refunds_and_transfers_carry_their_keys(line: Line, provider: Stripe) -> None:
    line.answers = [(200, STRIPE_REFUND), (200, STRIPE_TRANSFER)]
    refund = provider.refund("refund:r1", "pi_1", Money(300, "EUR"))
    assert refund == RefundFact("refund:r1", "re_1", "pi_1", OperationState.SUCCEEDED, Money(300, "EUR"))
    transfer = provider.transfer("transfer:t1", "acct_1", Money(500, "EUR"))
    assert transfer == TransferFact("transfer:t1", "tr_1", OperationState.SUCCEEDED, Money(500, "EUR"))
    assert line.asked[0][1:] == (
        "/v1/refunds",
        {"payment_intent": "pi_1", "amount": "300", "metadata[operation]": "refund:r1"},
        "refund:r1",
    )
    assert line.asked[1][2]["destination"] == "acct_1"
    assert line.asked[1][3] == "transfer:t1"


def listed(*things: dict[str, Any], kind: str = "list") -> dict[str, Any]:
    return {"object": kind, "data": list(things), "has_more": False, "url": "/v1/x", "next_page": None}


def test_outcomes_are_looked_up_by_ref_or_by_key(line: Line, provider: Stripe) -> None:
    paid = PaymentFact("pay:k1", "pi_1", OperationState.SUCCEEDED, TEN)
    line.answers = [
        (200, INTENT),
        (200, listed(INTENT, kind="search_result")),
        (200, listed(kind="search_result")),
        (200, {**SESSION, "status": "complete", "payment_intent": INTENT}),
        (200, {**SESSION, "status": "expired"}),
        (200, listed({**STRIPE_REFUND, "id": "re_0", "metadata": {}}, STRIPE_REFUND)),
        (200, listed()),
        (200, listed(STRIPE_TRANSFER)),
    ]
    assert provider.look_up(PAY, "pay:k1", "pi_1", "") == paid
    assert provider.look_up(PAY, "pay:k1", "", "") == paid
    assert provider.look_up(PAY, "pay:it's", "", "") is None
    assert provider.look_up(PAY, "pay:k1", "cs_1", "") == paid
    expired = provider.look_up(PAY, "pay:k1", "cs_1", "")
    assert isinstance(expired, PaymentFact)
    assert (expired.state, expired.next_url) == (OperationState.FAILED, "")
    found = provider.look_up(REFUND, "refund:r1", "", "pi_1")
    assert isinstance(found, RefundFact)
    assert found.ref == "re_1"
    assert provider.look_up(REFUND, "refund:r1", "", "pi_1") is None
    assert isinstance(provider.look_up(TRANSFER, "transfer:t1", "", ""), TransferFact)
    assert line.asked[0][1] == "/v1/payment_intents/pi_1"
    assert unquote_plus(line.asked[2][1]).endswith("?query=metadata['operation']:'pay:it\\'s'&limit=1")
    assert {method for method, *_rest in line.asked} == {"GET"}


def test_a_payment_that_succeeded_meanwhile_is_not_cancelled(line: Line, provider: Stripe) -> None:
    line.answers = [(400, error("invalid_request_error")), (200, INTENT)]
    assert provider.cancel_payment("pay:k1", "pi_1").state == OperationState.SUCCEEDED
    assert [path for _method, path, *_rest in line.asked] == [
        "/v1/payment_intents/pi_1/cancel",
        "/v1/payment_intents/pi_1",
    ]


def hook(provider: Stripe, kind: str, thing: dict[str, Any], at: float | None = None, secret: str = SECRET) -> Event:
    body = json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": thing}})
    moment = int(at or time.time())
    signature = hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    return provider.parse_hook(body.encode(), {"stripe-signature": f"t={moment},v1={signature}"})


@pytest.mark.parametrize(
    ("kind", "thing", "facts"),
    [
        (
            "payment_intent.succeeded",
            INTENT,
            (PaymentFact("pay:k1", "pi_1", OperationState.SUCCEEDED, TEN),),
        ),
        (
            "payment_intent.canceled",
            {**INTENT, "status": "canceled", "cancellation_reason": "abandoned"},
            (PaymentFact("pay:k1", "pi_1", OperationState.FAILED, TEN, reason="abandoned"),),
        ),
        # On Stripe's page the buyer may try another card.
        ("payment_intent.payment_failed", {**INTENT, "status": "requires_payment_method"}, ()),
        (
            "charge.refund.updated",
            {**STRIPE_REFUND, "status": "failed", "failure_reason": "lost_or_stolen_card"},
            (RefundFact("refund:r1", "re_1", "pi_1", OperationState.FAILED, Money(300, "EUR"), "lost_or_stolen_card"),),
        ),
        (
            "refund.created",
            {**STRIPE_REFUND, "metadata": {}, "status": "pending"},
            (RefundFact("", "re_1", "pi_1", OperationState.PENDING, Money(300, "EUR")),),
        ),
        ("charge.dispute.created", STRIPE_DISPUTE, (DisputeFact("dp_1", "pi_1", DisputeState.OPEN, TEN),)),
        (
            "charge.dispute.closed",
            {**STRIPE_DISPUTE, "status": "lost"},
            (DisputeFact("dp_1", "pi_1", DisputeState.LOST, TEN),),
        ),
        ("charge.dispute.created", {**STRIPE_DISPUTE, "status": "warning_needs_response"}, ()),
        (
            "transfer.created",
            STRIPE_TRANSFER,
            (TransferFact("transfer:t1", "tr_1", OperationState.SUCCEEDED, Money(500, "EUR")),),
        ),
        ("customer.created", {"id": "cus_1", "object": "customer"}, ()),
    ],
)
def test_hooks_are_read(provider: Stripe, kind: str, thing: dict[str, Any], facts: tuple[Any, ...]) -> None:
    assert hook(provider, kind, thing) == Event("evt_1", kind, facts)


@pytest.mark.parametrize(
    "forge",
    [
        lambda provider: hook(provider, "payment_intent.succeeded", INTENT, secret="whsec_other"),
        lambda provider: hook(provider, "payment_intent.succeeded", INTENT, at=time.time() - 301),
        lambda provider: provider.parse_hook(b"{}", {}),
        lambda provider: provider.parse_hook(b"\xff", {"stripe-signature": "t=1,v1=00"}),
        lambda provider: hook(provider, "payment_intent.succeeded", {"id": "pi_1"}),
    ],
)
def test_forged_hooks_are_refused(provider: Stripe, forge: Callable[[Stripe], Event]) -> None:
    with pytest.raises(ForgedHook):
        forge(provider)


def test_a_settlement_is_the_days_balance_transactions(line: Line, provider: Stripe) -> None:
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    common = {"object": "balance_transaction", "currency": "eur", "created": int(at.timestamp())}
    charge = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": {"operation": "pay:k1"}}
    line.answers = [
        (
            200,
            listed(
                {**common, "id": "txn_1", "type": "charge", "amount": 1000, "fee": 45, "source": charge},
                {**common, "id": "txn_2", "type": "refund", "amount": -300, "fee": 0, "source": STRIPE_REFUND},
                {**common, "id": "txn_3", "type": "adjustment", "amount": -1000, "fee": 0, "source": STRIPE_DISPUTE},
                {**common, "id": "txn_4", "type": "transfer", "amount": -500, "fee": 0, "source": STRIPE_TRANSFER},
                {**common, "id": "txn_5", "type": "payout", "amount": -9, "fee": 0, "source": {"id": "po_1"}},
            ),
        )
    ]
    assert provider.settlement(date(2026, 5, 1)) == [
        SettledLine("pay", "pi_1", "pay:k1", 1000, 45, "EUR", at),
        SettledLine("refund", "re_1", "refund:r1", -300, 0, "EUR", at),
        SettledLine("dispute", "dp_1", "", -1000, 0, "EUR", at),
        SettledLine("transfer", "tr_1", "transfer:t1", -500, 0, "EUR", at),
    ]
    path = line.asked[0][1]
    assert "created[gte]=1777593600" in path
    assert "created[lt]=1777680000" in path
