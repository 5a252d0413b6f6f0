"""The double-entry ledger.

**Signs.**  An entry above zero debits its account, one below zero credits it.  So what the platform has (assets) grows
by positive entries, and what it owes or earned (liabilities, revenue) by negative ones, and a journal sums to zero.
`Account.balance` is counted on the account's own side (`side` times the sum of its entries): what a merchant is owed
reads as a positive balance, and "no overdraft" means the same thing for every kind of account.

**What the database holds by itself** (`migrations/0002_ledger_rules.py`): journals and entries are never changed, deleted or
truncated; a journal sums to zero per currency, and has exactly the entries it was written with, when its transaction
commits; balances follow entries and nothing else; an account without overdraft never falls below zero.  The triggers
are plain SQL and fire ALWAYS, not those of django-pgtrigger, which any session may tell to be ignored.
"""

from typing import Final

from django.db import models

from glaswerk.cell.classes import personal


class AccountKind(models.TextChoices):
    """What an account is for.  Its owner is named by `owner_kind` and `owner_id`."""

    # Money at a payment provider.  Overdraft: it lends for refunds until the next payments come in.
    PROVIDER_CLEARING = "provider_clearing"
    # What providers and banks kept for their work.
    PROVIDER_FEES = "provider_fees"
    # Taken back by a provider until a dispute is decided.
    DISPUTES = "disputes"
    # On its way out: handed to a bank or provider, and not yet confirmed by it.
    PAYOUT_IN_TRANSIT = "payout_in_transit"
    # Money in the platform's own bank account.  Overdraft, because the bank keeps the true balance, not this ledger.
    BANK = "bank"
    # What a merchant is owed.  Overdraft: after a refund that follows a payout it is the merchant who owes, and the
    # next payout is less by it.
    MERCHANT_PAYABLE = "merchant_payable"
    # A creator's commission while the goods may still come back.
    CREATOR_ACCRUED = "creator_accrued"
    # A creator's commission that may be paid out.  Overdraft as with merchants.
    CREATOR_PAYABLE = "creator_payable"
    # What the platform earned of sales.  Overdraft: a refund may come in a month without sales.
    PLATFORM_COMMISSION = "platform_commission"
    # Refunds that are granted, and not yet with the buyer.
    REFUNDS_DUE = "refunds_due"

    @property
    def side(self) -> int:
        """1 where debits raise the balance (what the platform has), -1 where credits do (what it owes or earned)."""
        return 1 if self in _DEBIT_KINDS else -1

    @property
    def overdraft(self) -> bool:
        """Whether the balance may fall below zero."""
        return self in _OVERDRAFT_KINDS


_DEBIT_KINDS: Final = frozenset(
    (
        AccountKind.PROVIDER_CLEARING,
        AccountKind.PROVIDER_FEES,
        AccountKind.DISPUTES,
        AccountKind.BANK,
    )
)
_OVERDRAFT_KINDS: Final = frozenset(
    (
        AccountKind.PROVIDER_CLEARING,
        AccountKind.PROVIDER_FEES,
        AccountKind.BANK,
        AccountKind.MERCHANT_PAYABLE,
        AccountKind.CREATOR_PAYABLE,
        AccountKind.PLATFORM_COMMISSION,
    )
)


class Account(models.Model):
    """One pot of one owner in one currency.  Nothing of it but the balance ever changes, and that with its entries."""

    id = personal(models.BigAutoField(primary_key=True))
    kind = personal(models.CharField(max_length=32))
    owner_kind = personal(models.CharField(max_length=32))
    owner_id = personal(models.BigIntegerField())
    currency = personal(models.CharField(max_length=3))
    side = personal(models.SmallIntegerField())
    overdraft = personal(models.BooleanField())
    balance = personal(models.BigIntegerField(default=0))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["kind", "owner_kind", "owner_id", "currency"], name="account_once"),
            models.CheckConstraint(condition=models.Q(balance__gte=0) | models.Q(overdraft=True), name="no_overdraft"),
            models.CheckConstraint(condition=models.Q(side__in=(1, -1)), name="account_side"),
            models.CheckConstraint(condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="account_currency"),
        )
        indexes = (models.Index(fields=["owner_kind", "owner_id"], name="account_owner"),)

    def __str__(self) -> str:
        return f"{self.kind}:{self.owner_kind}:{self.owner_id}:{self.currency}"


class Journal(models.Model):
    """One thing that happened, as entries that sum to zero.

    `digest` is the SHA-256 of kind, reference and lines (the function `money_digest`): with it a key that comes again
    is told from one that is used twice, and a book that was tampered with from a whole one.
    """

    id = personal(models.BigAutoField(primary_key=True))
    key = personal(models.CharField(max_length=200, unique=True))
    kind = personal(models.CharField(max_length=60))
    reference = personal(models.CharField(max_length=200))
    at = personal(models.DateTimeField())
    lines = personal(models.IntegerField())
    digest = personal(models.BinaryField(max_length=32))

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(lines__gte=2), name="journal_has_two_sides"),)
        indexes = (
            models.Index(fields=["reference"], name="journal_reference"),
            models.Index(fields=["at"], name="journal_at"),
        )

    def __str__(self) -> str:
        return self.key


class Entry(models.Model):
    """One line of a journal: `amount` minor units of the account's currency, above zero a debit, below a credit."""

    id = personal(models.BigAutoField(primary_key=True))
    journal = personal(models.ForeignKey(Journal, on_delete=models.PROTECT, related_name="entries"))
    account = personal(models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries", db_index=False))
    amount = personal(models.BigIntegerField())

    class Meta:
        constraints = (models.CheckConstraint(condition=~models.Q(amount=0), name="entry_moves_something"),)
        indexes = (models.Index(fields=["account", "id"], name="entry_of_account"),)
