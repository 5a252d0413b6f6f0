"""The sandbox as a provider.  Which card pays decides what happens, so that every misfortune can be had on demand."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from glaswerk.cell.config import Cell
from glaswerk.cell.keys import read_or_make_key
from glaswerk.money.amounts import AmountError, Money
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
from glaswerk.money.payments.sandbox import store
from glaswerk.money.payments.sandbox.store import Deed, Message

# What each card does; `CARDS` is what the sandbox's page offers.
CARDS: Final = (
    "tok_success",
    "tok_decline",
    "tok_timeout_success",  # It is taken, and the answer is lost.
    "tok_timeout_lost",  # The call is lost on its way.
    "tok_pending",  # It is taken, but only a hook tells.
    "tok_duplicate",  # Every hook comes three times.
    "tok_reorder",  # The hook of the payment comes after those of its refunds.
    "tok_late",  # The hook of the payment comes an hour later.
    "tok_refund_timeout",  # The answer to a refund is lost.
    "tok_refund_fails",  # A refund fails after it seemed to have worked.
    "tok_dispute",  # The buyer's bank takes it back.
    "tok_dispute_won",
    "tok_dispute_lost",
)
LATE_S: Final = 3600.0
_REORDERED_S: Final = 30.0
_OPEN: Final = ("open",)


def _state(deed: Deed) -> OperationState:
    found = {"succeeded": OperationState.SUCCEEDED, "failed": OperationState.FAILED}
    return found.get(deed.state, OperationState.PENDING)


def fact_of(deed: Deed) -> Fact:
    """Return what the sandbox says of a deed."""
    amount = Money(deed.amount, deed.currency)
    match deed.kind:
        case "pay":
            waits = f"/pay/sandbox/{deed.ref}" if deed.state == "open" else ""
            return PaymentFact(deed.key, deed.ref, _state(deed), amount, waits, deed.reason)
        case "refund":
            return RefundFact(deed.key, deed.ref, deed.of_ref, _state(deed), amount, deed.reason)
        case "dispute":
            return DisputeFact(deed.ref, deed.of_ref, DisputeState(deed.reason or "open"), amount)
        case _:
            return TransferFact(deed.key, deed.ref, _state(deed), amount, deed.reason)


def _about(
    kind: str, key: str, ref: str, of_ref: str, amount: Money, card: str, state: str, reason: str
) -> dict[str, Any]:
    """Return the body of the message that tells of a deed."""
    return {
        "type": f"{kind}.{reason if kind == 'dispute' and reason else state}",
        "deed": {
            "kind": kind, "key": key, "ref": ref, "of_ref": of_ref, "amount": amount.minor,
            "currency": amount.currency, "card": card, "state": state, "reason": reason,
        },
    }  # fmt: skip


def _delay(card: str) -> float:
    return {"tok_reorder": _REORDERED_S, "tok_late": LATE_S}.get(card, 0.0)


def _times(card: str) -> int:
    return 3 if card == "tok_duplicate" else 1


class Sandbox:
    """The provider; its memory is in the database (`store`), its secret in the cell's keys."""

    name = "sandbox"

    def __init__(self, cell: Cell) -> None:
        """Take the secret that hooks are signed with from the cell, or make it."""
        secret = bytes.fromhex(read_or_make_key(cell.keys, "sandbox_hook"))
        self._webhook = Webhook(base64.b64encode(secret).decode())

    def create_payment(self, key: str, amount: Money, token: str, reference: str) -> PaymentFact:
        """See Provider."""
        if token == "tok_timeout_lost":  # noqa: S105 - the name of a pretended card.
            raise NoAnswer("the sandbox lost the call on purpose")
        if token and token not in CARDS:
            raise Refused(f"the sandbox has no card {token!r}")
        state = "open" if not token else "failed" if token == "tok_decline" else "succeeded"  # noqa: S105
        reason = "The card was declined." if state == "failed" else ""
        ref = store.new_ref("pay")
        told = _about("pay", key, ref, "", amount, token, state, reason)
        posted = [] if state == "open" else [Message(told, _delay(token), _times(token))]
        deed, now = store.do("pay", key, "", amount.minor, amount.currency, token, state, reason, ref, posted)
        self._check_same(deed, amount)
        if now and state != "open":
            self._dispute(deed)
        if token == "tok_timeout_success" and now:  # noqa: S105
            raise NoAnswer("the sandbox lost the answer on purpose")
        return self._told(deed, now)

    @staticmethod
    def _told(deed: Deed, now: bool) -> PaymentFact:
        """Return the answer to a call; with one card it says nothing yet."""
        fact = fact_of(deed)
        assert isinstance(fact, PaymentFact)
        if now and deed.card == "tok_pending":
            return PaymentFact(fact.key, fact.ref, OperationState.PENDING, fact.amount)
        return fact

    @staticmethod
    def _check_same(deed: Deed, amount: Money) -> None:
        if (deed.amount, deed.currency) != (amount.minor, amount.currency):
            raise Refused("the key was used with another amount")

    def choose_card(self, ref: str, card: str) -> PaymentFact | None:
        """Let the buyer on the sandbox's page choose a card; None where the payment does not wait for one."""
        if card not in CARDS:
            return None
        state, reason = ("failed", "The card was declined.") if card == "tok_decline" else ("succeeded", "")
        deed = store.move(ref, _OPEN, state, reason, card)
        if deed is None:
            return None
        self._post(deed, _delay(card))
        self._dispute(deed)
        fact = fact_of(deed)
        assert isinstance(fact, PaymentFact)
        return fact

    def cancel_payment(self, key: str, ref: str) -> PaymentFact:
        """See Provider."""
        store.move(ref, _OPEN, "failed", "The payment was given up.")
        fact = self.look_up(OperationKind.PAY, key, ref, "")
        if not isinstance(fact, PaymentFact):
            raise Refused("the sandbox knows no such payment")
        return fact

    def refund(self, key: str, payment_ref: str, amount: Money) -> RefundFact:
        """See Provider."""
        payment = store.by_ref(payment_ref)
        if payment is None or payment.state != "succeeded" or payment.currency != amount.currency:
            raise Refused("there is no such payment to give back")
        if store.by_key("refund", key) is None and store.refunded(payment_ref) + amount.minor > payment.amount:
            raise Refused("more would be given back than was paid")
        deed, now = store.do("refund", key, payment_ref, amount.minor, amount.currency, payment.card, "succeeded")
        self._check_same(deed, amount)
        if now:
            self._post(deed)
            if payment.card == "tok_refund_fails":
                failed = store.move(deed.ref, ("succeeded",), "failed", "The bank sent it back.")
                assert failed is not None
                self._post(failed, _REORDERED_S)
            if payment.card == "tok_refund_timeout":
                raise NoAnswer("the sandbox lost the answer on purpose")
        fact = fact_of(deed)
        assert isinstance(fact, RefundFact)
        return fact

    def transfer(self, key: str, destination: str, amount: Money) -> TransferFact:
        """See Provider."""
        deed, now = store.do("transfer", key, "", amount.minor, amount.currency, destination[:40], "succeeded")
        self._check_same(deed, amount)
        if now:
            self._post(deed)
        fact = fact_of(deed)
        assert isinstance(fact, TransferFact)
        return fact

    def look_up(self, kind: OperationKind, key: str, ref: str, payment_ref: str) -> Fact | None:
        """See Provider."""
        deed = store.by_key(kind.value, key)
        return None if deed is None else fact_of(deed)

    def _dispute(self, deed: Deed) -> None:
        """Let the buyer's bank take a payment back, with the cards that do that."""
        if not deed.card.startswith("tok_dispute"):
            return
        dispute, _now = store.do("dispute", deed.key, deed.ref, deed.amount, deed.currency, deed.card, "succeeded")
        self._post(dispute)
        outcome = deed.card.removeprefix("tok_dispute").removeprefix("_")
        if outcome:
            decided = store.move(dispute.ref, ("succeeded",), "succeeded", outcome)
            assert decided is not None
            self._post(decided, _REORDERED_S)

    @staticmethod
    def _post(deed: Deed, after_s: float = 0) -> None:
        """Put the message that tells of a deed into the post."""
        amount = Money(deed.amount, deed.currency)
        told = _about(deed.kind, deed.key, deed.ref, deed.of_ref, amount, deed.card, deed.state, deed.reason)
        store.write_messages([Message(told, after_s, _times(deed.card))])

    def signed(self, event_id: str, body: str, at: datetime | None = None) -> dict[str, str]:
        """Return the headers that a hook is sent with (https://www.standardwebhooks.com)."""
        moment = at or timezone.now()
        signature = self._webhook.sign(event_id, moment, body)
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signature,
        }

    def parse_hook(self, raw: bytes, headers: Mapping[str, str]) -> Event:
        """See Provider.  Signatures older, or newer, than five minutes are refused."""
        try:
            body: Any = self._webhook.verify(raw.decode(), dict(headers))
            told = body["deed"]
            deed = Deed(id=0, at=datetime.min.replace(tzinfo=UTC), settled_at=None, **told)
            return Event(headers["webhook-id"], body["type"], (fact_of(deed),))
        except (WebhookVerificationError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ForgedHook(str(error)) from None
        except (KeyError, TypeError, ValueError, AmountError) as error:
            raise ForgedHook(f"the hook does not say what it should: {error}") from None

    def settlement(self, day: date) -> list[SettledLine]:
        """See Provider.  The sandbox takes no fee."""
        return [line for deed in store.settled_on(day) for line in self._lines(deed)]

    @staticmethod
    def _lines(deed: Deed) -> list[SettledLine]:
        assert deed.settled_at is not None
        sign = 1 if deed.kind == "pay" else -1
        # What went out and came back, by a refund that failed or a dispute that was won, nets to nothing.
        if deed.state == "failed" or deed.reason == "won":
            return []
        return [SettledLine(deed.kind, deed.ref, deed.key, sign * deed.amount, 0, deed.currency, deed.settled_at)]
