"""Who is told of payments, and which providers there are."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from django.conf import settings

from glaswerk.money.actions import account_id
from glaswerk.money.amounts import Money
from glaswerk.money.models import AccountKind, Payment
from glaswerk.money.payments.port import Provider


class PaymentError(Exception):
    """A payment cannot be made as asked; the message says why."""


class Change(StrEnum):
    """What happened to a payment."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


@dataclass(frozen=True, slots=True)
class PaymentChange:
    """What is told: the payment as it is now (its row is locked), what happened, and the amount that it is about.

    `source` names the happening, and is the same each time that the same is told: it makes a good key of a journal.
    """

    payment: Payment
    what: Change
    amount: Money
    source: str


Callback = Callable[[PaymentChange], None]

_callbacks: dict[str, Callback] = {}
_pages: dict[str, Callable[[str], str]] = {}
_sellers: dict[str, str] = {}
# Owners of the accounts at providers; a number never changes, and a new provider gets the next one.
PROVIDER_NUMBERS: Final = {"sandbox": 1, "stripe": 2}


def on_payment(
    kind: str, callback: Callback, page: Callable[[str], str] | None = None, seller: str | None = None
) -> None:
    """Have `callback` told of every payment whose reference begins with `kind` and a colon, such as "purchase:42".

    It is called inside the transaction of what it is told of: what it raises rolls that back, and it is told again.
    Of each happening it hears once, in whatever order the provider's messages come, and a payment has succeeded before
    it is refunded or disputed.  It posts the journals of a payment and of a refund, because only it knows to whom the
    money belongs: `clearing_account` is debited by SUCCEEDED and credited by REFUNDED.  Disputes are posted for it,
    against the account of kind DISPUTES, from which it takes what a lost one costs.

    `page` returns the path of the page for a reference, to which buyers come back from a provider's page.  It shows
    nothing to those who may not see it, because anybody can name a reference; `confirm_payment` is its first step.

    `seller` names a function of the database that does what `callback` does for SUCCEEDED, within the call that takes
    the payment in: it takes the reference and the payment's id, and returns true.  Where it returns false it has changed
    nothing, and `callback` is told instead.
    """
    _callbacks[kind] = callback
    if seller is not None:
        _sellers[kind] = seller
    if page is not None:
        _pages[kind] = page


def page_of(reference: str) -> str:
    """Return the path that a buyer comes back to; the front page where none is registered."""
    found = _pages.get(reference.partition(":")[0])
    return "/" if found is None else found(reference)


def sellers() -> tuple[list[str], list[str]]:
    """Return the kinds of references that the database sells by itself, and the function for each."""
    return [*_sellers], [*_sellers.values()]


def callback_of(reference: str) -> Callback:
    """Return who is told of a payment.  Raises PaymentError where nobody is, for nobody would deliver what was paid."""
    found = _callbacks.get(reference.partition(":")[0])
    if found is None:
        raise PaymentError(f"nobody asked to hear of payments for {reference.partition(':')[0]!r}")
    return found


def clearing_account(provider: str, currency: str) -> int:
    """Return the account of the money at a provider."""
    return account_id(AccountKind.PROVIDER_CLEARING, "provider", PROVIDER_NUMBERS[provider], currency)


def disputes_account(provider: str, currency: str) -> int:
    """Return the account of what a provider holds back until disputes are decided."""
    return account_id(AccountKind.DISPUTES, "provider", PROVIDER_NUMBERS[provider], currency)


@lru_cache(maxsize=4)
def provider_named(name: str) -> Provider:
    """Return a provider.  Raises PaymentError where this cell does not use it."""
    # Trial money must not buy anything where real money does.
    if name != settings.CELL.config.payments.provider:
        raise PaymentError(f"this cell does not take payments by {name!r}")
    if name == "stripe":
        from glaswerk.money.payments.stripe import make_stripe

        return make_stripe(settings.CELL)
    from glaswerk.money.payments.sandbox.provider import Sandbox

    return Sandbox(settings.CELL)


def parse_method(method: str) -> tuple[str, str]:
    """Split a method such as "sandbox:tok_success" into provider and token.

    Without a provider it is the cell's own; without a token the buyer is sent to a page of the provider's.
    """
    head, colon, token = method.partition(":")
    if colon or head in PROVIDER_NUMBERS:
        return head, token
    return settings.CELL.config.payments.provider, head
