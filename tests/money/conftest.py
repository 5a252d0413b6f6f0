"""Accounts and journals for the tests of money."""

from collections.abc import Callable

import pytest

from glaswerk.money.actions import Line, account_id, post_journal
from glaswerk.money.models import AccountKind

Sell = Callable[..., int]


def clearing(currency: str = "EUR") -> int:
    """The money at the first provider."""
    return account_id(AccountKind.PROVIDER_CLEARING, "provider", 1, currency)


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
