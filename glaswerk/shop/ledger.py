"""What the shop posts to the ledger.  A debit is above zero, a credit below (see `glaswerk.money.models.ledger`)."""

from collections.abc import Sequence

from glaswerk.money.actions import AccountName, Line, account_id, account_ids, post_journal
from glaswerk.money.models import AccountKind
from glaswerk.money.payments.registry import PROVIDER_NUMBERS


def purchase_lines(provider: str, currency: str, orders: Sequence[tuple[int, int, int]]) -> tuple[list[int], list[int]]:
    """Return accounts and amounts of a purchase by a provider, its orders as (merchant, total, fee).  One query.

    The provider holds the whole; each merchant is owed their total without the fee, which the platform earned.
    """
    clearing, commission, *payables = account_ids(
        [
            AccountName(AccountKind.PROVIDER_CLEARING, "provider", PROVIDER_NUMBERS[provider], currency),
            AccountName(AccountKind.PLATFORM_COMMISSION, "platform", 0, currency),
            *(
                AccountName(AccountKind.MERCHANT_PAYABLE, "merchant", merchant, currency)
                for merchant, _total, _fee in orders
            ),
        ]
    )
    lines = [
        (clearing, sum(total for _merchant, total, _fee in orders)),
        (commission, -sum(fee for _merchant, _total, fee in orders)),
        *((account, fee - total) for account, (_merchant, total, fee) in zip(payables, orders, strict=True)),
    ]
    moving = [(account, amount) for account, amount in lines if amount]
    return [account for account, _amount in moving], [amount for _account, amount in moving]


def post_refund(refund: int, merchant: int, currency: str, minor: int, fee: int) -> None:
    """Post that an amount is owed to a buyer again: the merchant bears it without its part of the fee, which is given back.

    It stands under refunds due until the provider has paid it, which `post_refund_paid` says.
    """
    due, commission, payable = refund_accounts([merchant], currency)
    lines = [Line(due, -minor), Line(payable, minor - fee), Line(commission, fee)]
    post_journal(f"shop:refund:{refund}", "refund", str(refund), lines)


def refund_accounts(merchants: Sequence[int], currency: str) -> list[int]:
    """Return the accounts of refunds due, of the platform's fees, and of what merchants are owed, in their order."""
    return account_ids(
        [
            AccountName(AccountKind.REFUNDS_DUE, "platform", 0, currency),
            AccountName(AccountKind.PLATFORM_COMMISSION, "platform", 0, currency),
            *(AccountName(AccountKind.MERCHANT_PAYABLE, "merchant", one, currency) for one in merchants),
        ]
    )


def due_account(currency: str) -> int:
    """Return the account of what is owed to buyers."""
    return account_id(AccountKind.REFUNDS_DUE, "platform", 0, currency)


def payable_accounts(merchants: Sequence[int], currency: str) -> list[int]:
    """Return the accounts of what merchants are owed, in their order."""
    return account_ids([AccountName(AccountKind.MERCHANT_PAYABLE, "merchant", one, currency) for one in merchants])
