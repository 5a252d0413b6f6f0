"""Accounts and journals for the tests of money."""

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from glaswerk.money.actions import Line, account_id, post_journal
from glaswerk.money.amounts import Money
from glaswerk.money.commissions import accrue_commission
from glaswerk.money.models import AccountKind, Commission, Journal
from glaswerk.money.payments import Change, PaymentChange, clearing_account, disputes_account, on_payment, registry
from glaswerk.money.payments.sandbox import store

Sell = Callable[..., int]


def clearing(currency: str = "EUR") -> int:
    """The money at a provider that this cell does not know, so that no payments have to fit it."""
    return account_id(AccountKind.PROVIDER_CLEARING, "provider", 0, currency)


def payable(merchant: int = 7, currency: str = "EUR") -> int:
    """What a merchant is owed."""
    return account_id(AccountKind.MERCHANT_PAYABLE, "merchant", merchant, currency)


def accrued(creator: int = 9, currency: str = "EUR") -> int:
    """A creator's commission while goods may come back; it has no overdraft."""
    return account_id(AccountKind.CREATOR_ACCRUED, "creator", creator, currency)


@pytest.fixture
def sell() -> Sell:
    """Post a sale of `total` of which a creator gets `commission`."""

    def post(key: str, total: int = 1000, commission: int = 100) -> int:
        lines = [Line(clearing(), total), Line(payable(), commission - total), Line(accrued(), -commission)]
        return post_journal(key, "sale", f"purchase:{key}", lines)

    return post


class Shop:
    """Who is told of payments: it keeps what it hears, and posts the journals that a shop would post."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int]] = []

    def hear(self, change: PaymentChange) -> None:
        payment, minor = change.payment, change.amount.minor
        self.heard.append((payment.reference, change.what.value, minor))
        cash, merchant = clearing_account(payment.provider, payment.currency), payable(7, payment.currency)
        lines = {
            Change.SUCCEEDED: [Line(cash, minor), Line(merchant, -minor)],
            Change.REFUNDED: [Line(merchant, minor), Line(cash, -minor)],
            Change.DISPUTE_LOST: [
                Line(merchant, minor),
                Line(disputes_account(payment.provider, payment.currency), -minor),
            ],
        }.get(change.what)
        if change.what is Change.REFUND_FAILED and self._was_refunded(change):
            lines = [Line(cash, minor), Line(merchant, -minor)]
        if lines:
            post_journal(change.source, f"test.{change.what}", payment.reference, lines)

    @staticmethod
    def _was_refunded(change: PaymentChange) -> bool:
        return Journal.objects.filter(key=change.source.replace("refund_failed", "refunded")).exists()

    @property
    def words(self) -> list[str]:
        """What was heard, without the rest."""
        return [what for _reference, what, _minor in self.heard]


@pytest.fixture(autouse=True)
def nobody_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody hears of payments but whom a test names; afterwards the shop does again."""
    monkeypatch.setattr(registry, "_callbacks", {})
    monkeypatch.setattr(registry, "_pages", {})
    monkeypatch.setattr(registry, "_sellers", {})


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop that hears of purchases, and an empty sandbox before and after."""
    store.forget_everything()
    listener = Shop()
    on_payment("purchase", listener.hear)
    yield listener
    store.forget_everything()


def earned(key: str, minor: int, creator: int = 9) -> Commission:
    """Let a creator earn a commission that is payable as soon as somebody looks."""
    return accrue_commission(key, creator, f"purchase:{key}", Money(minor, "EUR"), timezone.now(), payable())
