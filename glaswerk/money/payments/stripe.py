"""Stripe as a provider, by its SDK (https://docs.stripe.com/api).

Our operation's key is both Stripe's idempotency key and the metadata `operation`, so that an outcome is found again by
either.  A saved card is charged by a payment intent; without one the buyer goes to Stripe's own page (Checkout), so that
no foreign script ever runs on ours.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import stripe

from glaswerk.cell.config import Cell
from glaswerk.money.amounts import Money
from glaswerk.money.models import DisputeState, OperationKind, OperationState
from glaswerk.money.payments.port import (
    DisputeFact,
    Event,
    Fact,
    ForgedHook,
    NoAnswer,
    PaymentFact,
    RefundFact,
    Refused,
    SettledLine,
    TransferFact,
)
from glaswerk.money.payments.registry import PaymentError

_TIMEOUT_S: Final = 20
# Stripe counts these in other minor units than ISO 4217 does (https://docs.stripe.com/currencies).
_ODD_CURRENCIES: Final = frozenset(("ISK", "UGX"))
_OPERATION: Final = "operation"


def make_stripe(cell: Cell) -> "Stripe":
    """Return the provider with the secrets in keys/stripe and keys/stripe_hook.  Raises PaymentError without them."""
    try:
        api_key, hook_secret = ((cell.keys / name).read_text().strip() for name in ("stripe", "stripe_hook"))
    except FileNotFoundError as missing:
        raise PaymentError(f'payments.provider is "stripe", and its key {missing.filename} is missing') from None
    client = stripe.HTTPXClient(timeout=_TIMEOUT_S, allow_sync_methods=True)
    return Stripe(api_key, hook_secret, cell.public_url, client)


@contextmanager
def _answers() -> Iterator[None]:
    """Turn Stripe's errors into those of the port.  Card errors are answers, and are not among them."""
    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.IdempotencyError) as error:
        raise NoAnswer(type(error).__name__) from error
    except stripe.CardError:
        raise
    except (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Refused(error.user_message or error.code or type(error).__name__) from error
    except stripe.StripeError as error:
        # An error on Stripe's side says nothing of what was done.
        raise NoAnswer(type(error).__name__) from error


def _money(amount: int, currency: str) -> Money:
    return Money(int(amount), currency.upper())


def _key_of(thing: Mapping[str, Any]) -> str:
    return str((thing.get("metadata") or {}).get(_OPERATION, ""))


def _payment_fact(intent: Mapping[str, Any], key: str = "") -> PaymentFact:
    """Read a payment intent."""
    status = intent["status"]
    amount, reason, next_url = intent["amount"], "", ""
    failure = intent.get("last_payment_error")
    if status == "succeeded":
        state, amount = OperationState.SUCCEEDED, intent["amount_received"]
    elif status == "canceled" or (status == "requires_payment_method" and failure):
        state = OperationState.FAILED
        reason = (failure or {}).get("message") or intent.get("cancellation_reason") or "canceled"
    else:
        state = OperationState.PENDING
        redirect = (intent.get("next_action") or {}).get("redirect_to_url") or {}
        next_url = redirect.get("url") or ""
    found = key or _key_of(intent)
    return PaymentFact(found, intent["id"], state, _money(amount, intent["currency"]), next_url, reason)


def _session_fact(session: Mapping[str, Any], key: str = "") -> PaymentFact:
    """Read a Checkout session, whose payment intent is expanded where there is one."""
    intent = session.get("payment_intent")
    found = key or _key_of(session)
    if isinstance(intent, Mapping) and intent["status"] in ("succeeded", "processing"):
        return _payment_fact(intent, found)
    expired = session["status"] == "expired"
    return PaymentFact(
        found,
        session["id"],
        OperationState.FAILED if expired else OperationState.PENDING,
        _money(session["amount_total"], session["currency"]),
        "" if expired else (session.get("url") or ""),
        "The payment was given up." if expired else "",
    )


_REFUND_STATES: Final = {
    "succeeded": OperationState.SUCCEEDED,
    "failed": OperationState.FAILED,
    "canceled": OperationState.FAILED,
}


def _refund_fact(refund: Mapping[str, Any], key: str = "") -> RefundFact:
    return RefundFact(
        key or _key_of(refund),
        refund["id"],
        str(refund.get("payment_intent") or ""),
        _REFUND_STATES.get(refund["status"], OperationState.PENDING),
        _money(refund["amount"], refund["currency"]),
        refund.get("failure_reason") or "",
    )


def _dispute_facts(dispute: Mapping[str, Any]) -> tuple[Fact, ...]:
    # An inquiry takes no money, and neither does what was settled before it did.
    if dispute["status"].startswith("warning") or not dispute.get("payment_intent"):
        return ()
    decided = {"won": DisputeState.WON, "lost": DisputeState.LOST}
    state = decided.get(dispute["status"], DisputeState.OPEN)
    money = _money(dispute["amount"], dispute["currency"])
    return (DisputeFact(dispute["id"], dispute["payment_intent"], state, money),)


def _transfer_fact(transfer: Mapping[str, Any], key: str = "") -> TransferFact:
    money = _money(transfer["amount"], transfer["currency"])
    state = OperationState.FAILED if transfer.get("reversed") else OperationState.SUCCEEDED
    return TransferFact(key or _key_of(transfer), transfer["id"], state, money)


def _facts_of_event(kind: str, thing: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Read what an event is about; kinds that say nothing about our rows have no facts."""
    if kind in ("payment_intent.succeeded", "payment_intent.canceled", "payment_intent.processing"):
        return (_payment_fact(thing),)
    if kind == "checkout.session.expired":
        return (_session_fact(thing),)
    if kind in ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"):
        return (_refund_fact(thing),)
    if kind.startswith("charge.dispute."):
        return _dispute_facts(thing)
    if kind in ("transfer.created", "transfer.reversed"):
        return (_transfer_fact(thing),)
    return ()


class Stripe:
    """The provider; `client` is how it reaches Stripe, and another one in tests."""

    name = "stripe"

    def __init__(self, api_key: str, hook_secret: str, public_url: str, client: stripe.HTTPClient) -> None:
        """Keep the secrets.  The SDK's own retries are off: what is unknown is asked about, not repeated."""
        self._stripe = stripe.StripeClient(api_key, http_client=client, max_network_retries=0)
        self._hook_secret = hook_secret
        self._public_url = public_url

    def create_payment(self, key: str, amount: Money, token: str, reference: str) -> PaymentFact:
        """See Provider."""
        if amount.currency in _ODD_CURRENCIES:
            raise Refused(f"payments in {amount.currency} are not possible here")
        metadata = {_OPERATION: key, "reference": reference}
        returned = f"{self._public_url}/pay/return?{urlencode({'reference': reference})}"
        try:
            with _answers():
                if token:
                    intent = self._stripe.v1.payment_intents.create(
                        {
                            "amount": amount.minor,
                            "currency": amount.currency.lower(),
                            "payment_method": token,
                            "confirm": True,
                            "return_url": returned,
                            "metadata": metadata,
                        },
                        {"idempotency_key": key},
                    )
                    return _payment_fact(_plain(intent), key)
                session = self._stripe.v1.checkout.sessions.create(
                    {
                        "mode": "payment",
                        "success_url": returned,
                        "cancel_url": returned,
                        "line_items": [
                            {
                                "quantity": 1,
                                "price_data": {
                                    "currency": amount.currency.lower(),
                                    "unit_amount": amount.minor,
                                    "product_data": {"name": reference},
                                },
                            }
                        ],
                        "metadata": metadata,
                        "payment_intent_data": {"metadata": metadata},
                    },
                    {"idempotency_key": key},
                )
                return _session_fact(_plain(session), key)
        except stripe.CardError as error:
            body: Any = error.json_body or {}
            body = body.get("error", {})
            ref = (body.get("payment_intent") or {}).get("id", "")
            return PaymentFact(key, ref, OperationState.FAILED, amount, reason=error.user_message or "declined")

    def cancel_payment(self, key: str, ref: str) -> PaymentFact:
        """See Provider."""
        try:
            with _answers():
                if ref.startswith("cs_"):
                    self._stripe.v1.checkout.sessions.expire(ref)
                else:
                    self._stripe.v1.payment_intents.cancel(ref)
        except Refused:
            pass  # It is past cancelling; what it became is asked for below.
        fact = self.look_up(OperationKind.PAY, key, ref, "")
        if not isinstance(fact, PaymentFact):
            raise NoAnswer("the payment is not to be found")
        return fact

    def refund(self, key: str, payment_ref: str, amount: Money) -> RefundFact:
        """See Provider."""
        with _answers():
            done = self._stripe.v1.refunds.create(
                {"payment_intent": payment_ref, "amount": amount.minor, "metadata": {_OPERATION: key}},
                {"idempotency_key": key},
            )
        return _refund_fact(_plain(done), key)

    def transfer(self, key: str, destination: str, amount: Money) -> TransferFact:
        """See Provider; `destination` is a connected account."""
        with _answers():
            done = self._stripe.v1.transfers.create(
                {
                    "amount": amount.minor,
                    "currency": amount.currency.lower(),
                    "destination": destination,
                    "transfer_group": key,
                    "metadata": {_OPERATION: key},
                },
                {"idempotency_key": key},
            )
        return _transfer_fact(_plain(done), key)

    def look_up(self, kind: OperationKind, key: str, ref: str, payment_ref: str) -> Fact | None:
        """See Provider.  Stripe's search may be a minute behind, which is why nobody trusts a None of the first hour."""
        v1 = self._stripe.v1
        with _answers():
            match kind:
                case OperationKind.PAY:
                    if ref.startswith("cs_"):
                        found = v1.checkout.sessions.retrieve(ref, {"expand": ["payment_intent"]})
                        return _session_fact(_plain(found), key)
                    if ref:
                        return _payment_fact(_plain(v1.payment_intents.retrieve(ref)), key)
                    quoted = key.replace("\\", "\\\\").replace("'", "\\'")
                    query = f"metadata['{_OPERATION}']:'{quoted}'"
                    intents = [_plain(one) for one in v1.payment_intents.search({"query": query, "limit": 1}).data]
                    return _payment_fact(intents[0], key) if intents else None
                case OperationKind.REFUND:
                    refunds = v1.refunds.list({"payment_intent": payment_ref, "limit": 100}).data
                    return _first(map(_plain, refunds), key, _refund_fact)
                case _:
                    transfers = v1.transfers.list({"transfer_group": key, "limit": 100}).data
                    return _first(map(_plain, transfers), key, _transfer_fact)

    def parse_hook(self, raw: bytes, headers: Mapping[str, str]) -> Event:
        """See Provider.  Signatures older than five minutes are refused."""
        signature = headers.get("stripe-signature", "")
        try:
            event = _plain(self._stripe.construct_event(raw, signature, self._hook_secret))
            return Event(event["id"], event["type"], _facts_of_event(event["type"], event["data"]["object"]))
        except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as error:
            raise ForgedHook(str(error)) from None

    def settlement(self, day: date) -> list[SettledLine]:
        """See Provider: the day's balance transactions, without payouts to our own bank."""
        start = int(datetime.combine(day, time.min, tzinfo=UTC).timestamp())
        end = start + int(timedelta(days=1).total_seconds())
        with _answers():
            page = self._stripe.v1.balance_transactions.list(
                {"created": {"gte": start, "lt": end}, "limit": 100, "expand": ["data.source"]}
            )
            moves = [_plain(one) for one in page.auto_paging_iter()]
        return [line for move in moves if (line := _settled(move)) is not None]


def _plain(thing: Any) -> dict[str, Any]:
    """Return one of the SDK's objects as plain dictionaries."""
    plain: dict[str, Any] = thing.to_dict()
    return plain


def _first(things: Iterator[dict[str, Any]], key: str, read: Callable[[Mapping[str, Any], str], Fact]) -> Fact | None:
    return next((read(thing, key) for thing in things if _key_of(thing) == key), None)


_SETTLED_KINDS: Final = {
    "charge": "pay",
    "payment": "pay",
    "refund": "refund",
    "payment_refund": "refund",
    "transfer": "transfer",
}


def _settled(move: Mapping[str, Any]) -> SettledLine | None:
    source = move.get("source") or {}
    kind = "dispute" if source.get("object") == "dispute" else _SETTLED_KINDS.get(move["type"])
    if kind is None:
        return None
    return SettledLine(
        kind,
        str(source.get("payment_intent") if kind == "pay" else source.get("id", "")),
        _key_of(source),
        int(move["amount"]),
        int(move["fee"]),
        move["currency"].upper(),
        datetime.fromtimestamp(move["created"], UTC),
    )
