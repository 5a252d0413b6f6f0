"""The port that every payment provider stands behind.

A provider answers calls, sends hooks and can be asked, and says the same kind of thing each way: *facts*.  Facts only
ever add to what is known, so it does no harm to hear one twice, late, or before another that came first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from glaswerk.money.amounts import Money
from glaswerk.money.models import DisputeState, OperationKind, OperationState


class ProviderError(Exception):
    """A provider did not do what it was asked."""


class NoAnswer(ProviderError):  # noqa: N818 - it says what happened, not that something broke.
    """No answer came, or one that says nothing: it may have been done or not.  Only asking tells."""


class Refused(ProviderError):  # noqa: N818 - it says what happened, not that something broke.
    """The provider says that it did not, and will not, do it; the message is its reason."""


class ForgedHook(ProviderError):  # noqa: N818 - it says what happened, not that something broke.
    """A hook does not carry the provider's signature, or one of another time."""


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """What a provider says of a payment.  `key` is our operation's key; `next_url` is where the buyer has to go."""

    key: str
    ref: str
    state: OperationState
    amount: Money
    next_url: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RefundFact:
    """What a provider says of a refund.  `key` is empty where it was not we who asked for it."""

    key: str
    ref: str
    payment_ref: str
    state: OperationState
    amount: Money
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DisputeFact:
    """What a provider says of a dispute."""

    ref: str
    payment_ref: str
    state: DisputeState
    amount: Money


@dataclass(frozen=True, slots=True)
class TransferFact:
    """What a provider says of a transfer to somebody whom we owe."""

    key: str
    ref: str
    state: OperationState
    amount: Money
    reason: str = ""


Fact = PaymentFact | RefundFact | DisputeFact | TransferFact


@dataclass(frozen=True, slots=True)
class Event:
    """A verified hook: its id at the provider, its kind in the provider's words, and what it says."""

    id: str
    kind: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class SettledLine:
    """A line of a settlement: above zero what came to us, below what left; `fee` is what the provider kept."""

    kind: str
    ref: str
    key: str
    amount: int
    fee: int
    currency: str
    at: datetime


class Provider(Protocol):
    """A payment provider.

    Every call that moves money takes the key of an operation, and does the same thing once however often it is asked.
    All calls raise NoAnswer where the outcome is unknown, and Refused where it is certain that nothing was done.
    """

    name: str

    def create_payment(self, key: str, amount: Money, token: str, reference: str) -> PaymentFact:
        """Take a payment by a card's token, or begin one on a page of the provider's where the token is empty."""
        ...

    def cancel_payment(self, key: str, ref: str) -> PaymentFact:
        """Give up a payment that waits for its buyer; where it succeeded meanwhile, say so."""
        ...

    def refund(self, key: str, payment_ref: str, amount: Money) -> RefundFact:
        """Give back a part of a payment, or all of it."""
        ...

    def transfer(self, key: str, destination: str, amount: Money) -> TransferFact:
        """Send money on to somebody's account at the provider."""
        ...

    def look_up(self, kind: OperationKind, key: str, ref: str, payment_ref: str) -> Fact | None:
        """Return what the provider knows of an operation by its key (or its ref, where known); None: nothing.

        `payment_ref` is the payment that a refund is of, and empty for others.
        """
        ...

    def parse_hook(self, raw: bytes, headers: Mapping[str, str]) -> Event:
        """Verify a hook and read it; header names are in lower case.  Raises ForgedHook."""
        ...

    def settlement(self, day: date) -> list[SettledLine]:
        """Return all that moved on a day (UTC)."""
        ...
