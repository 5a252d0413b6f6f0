"""Creators' commissions and payouts.  Amounts are minor units of the row's currency.

Persons are named by number and not by a foreign key: the books outlive an account that is erased.
"""

from typing import Final

from django.db import models
from django.utils import timezone

from glaswerk.cell.classes import personal, public
from glaswerk.money.models.payment import Operation
from glaswerk.people.encrypted import EncryptedTextField


class CommissionState(models.TextChoices):
    """Where a commission stands."""

    ACCRUED = "accrued"  # The goods may still come back.
    PAYABLE = "payable"  # It goes out with the next payout.
    PAID = "paid"
    REVERSED = "reversed"  # All of it was taken back.


class Commission(models.Model):
    """What a creator earns by one sale; `reversed` is what refunds took back of it."""

    id = personal(models.BigAutoField(primary_key=True))
    key = personal(models.CharField(max_length=160, unique=True))
    creator_id = personal(models.BigIntegerField())
    reference = personal(models.CharField(max_length=200))
    currency = personal(models.CharField(max_length=3))
    amount = personal(models.BigIntegerField())
    reversed = personal(models.BigIntegerField(default=0))
    state = personal(models.CharField(max_length=8, choices=CommissionState.choices, default=CommissionState.ACCRUED))
    payable_at = personal(models.DateTimeField())
    # The payout that it went out with, as long as that has not come back.
    payout = personal(models.ForeignKey("Payout", on_delete=models.PROTECT, null=True, related_name="commissions"))
    at = personal(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(amount__gt=0)
                & models.Q(reversed__gte=0)
                & models.Q(reversed__lte=models.F("amount")),
                name="commission_amounts_in_order",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=CommissionState.values), name="commission_state_is_known"
            ),
        )
        indexes = (
            models.Index(fields=["creator_id", "-id"], name="commission_of_creator"),
            models.Index(
                fields=["payable_at"],
                condition=models.Q(state=CommissionState.ACCRUED),
                name="commission_to_mature",
            ),
        )

    def __str__(self) -> str:
        return self.key


class Destination(models.Model):
    """Where a creator's payouts go: a bank account, or an account at the payment provider."""

    creator_id = personal(models.BigIntegerField(primary_key=True))
    holder = personal(EncryptedTextField(person="creator_id", max_length=70))
    iban = personal(EncryptedTextField(person="creator_id", max_length=34, default="", blank=True))
    provider_account = personal(EncryptedTextField(person="creator_id", max_length=200, default="", blank=True))


class PayoutMethod(models.TextChoices):
    """How a payout run sends its money."""

    SEPA = "sepa"
    PROVIDER = "provider"


class PayoutRun(models.Model):
    """One payout by the operator, once for its name."""

    id = personal(models.BigAutoField(primary_key=True))
    name = public(models.CharField(max_length=60, unique=True))
    method = personal(models.CharField(max_length=10, choices=PayoutMethod.choices))
    provider = personal(models.CharField(max_length=20, default="", blank=True))
    currency = personal(models.CharField(max_length=3))
    at = personal(models.DateTimeField(default=timezone.now, editable=False))

    def __str__(self) -> str:
        return self.name


# A payout has no id before it is stored.
_ROW: Final = ("run_id", "creator_id")


class PayoutState(models.TextChoices):
    """Where one payout stands."""

    SENT = "sent"
    PAID = "paid"
    FAILED = "failed"


class Payout(models.Model):
    """What one creator gets by a run, with the destination as it was then."""

    id = personal(models.BigAutoField(primary_key=True))
    run = personal(models.ForeignKey(PayoutRun, on_delete=models.PROTECT, related_name="payouts"))
    creator_id = personal(models.BigIntegerField())
    amount = personal(models.BigIntegerField())
    holder = personal(EncryptedTextField(person="creator_id", row=_ROW, max_length=70))
    iban = personal(EncryptedTextField(person="creator_id", row=_ROW, max_length=34, default="", blank=True))
    provider_account = personal(
        EncryptedTextField(person="creator_id", row=_ROW, max_length=200, default="", blank=True)
    )
    operation = personal(models.OneToOneField(Operation, on_delete=models.PROTECT, null=True, related_name="payout"))
    state = personal(models.CharField(max_length=6, choices=PayoutState.choices, default=PayoutState.SENT))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["run", "creator_id"], name="payout_once_a_run"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="payout_of_something"),
        )
