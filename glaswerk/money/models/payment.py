"""Payments: what buyers pay, every call to a provider, and everything that providers say.

Amounts are minor units of the row's currency.  An `Operation` is written, and committed, before its call is made: so
whatever happens to this process, it is known afterwards what may have been done, and the provider can be asked.
"""

from django.db import models
from django.utils import timezone

from glaswerk.cell.classes import count, personal
from glaswerk.cell.ids import encode_id, new_id


class PaymentState(models.TextChoices):
    """Where a payment stands.  Pending and needs action are open; declined may still become succeeded, by a late word."""

    PENDING = "pending"
    NEEDS_ACTION = "needs_action"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    # It succeeded after another payment of the same purchase had; it is given back at once.
    SURPLUS = "surplus"


class OperationKind(models.TextChoices):
    """What a provider is asked to do."""

    PAY = "pay"
    REFUND = "refund"
    TRANSFER = "transfer"


class OperationState(models.TextChoices):
    """What is known of a call.  Unknown: it was made, and no answer came."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DisputeState(models.TextChoices):
    """Where a dispute stands."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


_LIVE = (PaymentState.PENDING, PaymentState.NEEDS_ACTION, PaymentState.SUCCEEDED)


class Payment(models.Model):
    """What a buyer pays for a purchase, once.

    `refunding` is what refunds on their way may still take, so that two of them never give back more than was paid.
    """

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    key = personal(models.CharField(max_length=180, unique=True))
    reference = personal(models.CharField(max_length=200))
    provider = personal(models.CharField(max_length=20))
    method = personal(models.CharField(max_length=200))
    provider_ref = personal(models.CharField(max_length=200, default="", blank=True))
    next_url = personal(models.CharField(max_length=2000, default="", blank=True))
    currency = personal(models.CharField(max_length=3))
    total = personal(models.BigIntegerField())
    authorised = personal(models.BigIntegerField(default=0))
    captured = personal(models.BigIntegerField(default=0))
    refunded = personal(models.BigIntegerField(default=0))
    refunding = personal(models.BigIntegerField(default=0))
    state = personal(models.CharField(max_length=12, choices=PaymentState.choices, default=PaymentState.PENDING))
    reason = personal(models.CharField(max_length=200, default="", blank=True))
    at = personal(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(refunded__gte=0)
                & models.Q(refunding__gte=0)
                & models.Q(refunded__lte=models.F("captured") - models.F("refunding"))
                & models.Q(captured__lte=models.F("authorised"))
                & models.Q(authorised__lte=models.F("total"))
                & models.Q(total__gt=0),
                name="payment_amounts_in_order",
            ),
            models.CheckConstraint(condition=models.Q(state__in=PaymentState.values), name="payment_state_is_known"),
            # One purchase is paid once: a second payment can begin only after the first was declined.
            models.UniqueConstraint(
                fields=["reference"], condition=models.Q(state__in=_LIVE), name="one_live_payment_a_reference"
            ),
            models.UniqueConstraint(
                fields=["provider", "provider_ref"],
                condition=~models.Q(provider_ref=""),
                name="payment_of_provider_once",
            ),
        )
        indexes = (models.Index(fields=["reference"], name="payment_reference"),)

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)

    @property
    def refundable(self) -> int:
        """What can still be given back, in minor units."""
        return self.captured - self.refunded - self.refunding


class Operation(models.Model):
    """One thing that a provider is asked to do, whatever the number of calls that it takes; `key` is what it is asked by."""

    id = personal(models.BigAutoField(primary_key=True))
    key = personal(models.CharField(max_length=200, unique=True))
    provider = personal(models.CharField(max_length=20))
    kind = personal(models.CharField(max_length=10, choices=OperationKind.choices))
    payment = personal(models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="operations"))
    reference = personal(models.CharField(max_length=200))
    destination = personal(models.CharField(max_length=200, default="", blank=True))
    amount = personal(models.BigIntegerField())
    currency = personal(models.CharField(max_length=3))
    state = personal(models.CharField(max_length=10, choices=OperationState.choices, default=OperationState.PENDING))
    provider_ref = personal(models.CharField(max_length=200, default="", blank=True))
    reason = personal(models.CharField(max_length=200, default="", blank=True))
    at = personal(models.DateTimeField(default=timezone.now, editable=False))
    decided_at = personal(models.DateTimeField(null=True))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="operation_moves_something"),
            models.CheckConstraint(
                condition=models.Q(state__in=OperationState.values), name="operation_state_is_known"
            ),
            models.CheckConstraint(condition=models.Q(kind__in=OperationKind.values), name="operation_kind_is_known"),
        )
        indexes = (
            models.Index(
                fields=["at"],
                condition=models.Q(state__in=(OperationState.PENDING, OperationState.UNKNOWN)),
                name="operation_open",
            ),
            models.Index(fields=["provider", "provider_ref"], name="operation_of_provider"),
        )

    def __str__(self) -> str:
        return self.key

    @property
    def is_open(self) -> bool:
        """Whether its outcome is not known yet."""
        return self.state in (OperationState.PENDING, OperationState.UNKNOWN)


class Dispute(models.Model):
    """A buyer's bank takes a payment back, until it is decided who is right."""

    id = personal(models.BigAutoField(primary_key=True))
    payment = personal(models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes"))
    provider = personal(models.CharField(max_length=20))
    provider_ref = personal(models.CharField(max_length=200))
    amount = personal(models.BigIntegerField())
    state = personal(models.CharField(max_length=4, choices=DisputeState.choices, default=DisputeState.OPEN))
    at = personal(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["provider", "provider_ref"], name="dispute_once"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="dispute_of_something"),
        )


class ProviderEvent(models.Model):
    """What a provider told by a signed hook, once; written in one transaction with its effect.

    `effect` is "applied", "known" where it said nothing new, or why it was put aside.
    """

    id = personal(models.BigAutoField(primary_key=True))
    provider = personal(models.CharField(max_length=20))
    event_id = personal(models.CharField(max_length=200))
    kind = personal(models.CharField(max_length=100))
    effect = personal(models.CharField(max_length=200, default=""))
    at = personal(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        constraints = (models.UniqueConstraint(fields=["provider", "event_id"], name="event_once"),)


class Reconciliation(models.Model):
    """How a day's settlement of a provider compares with what is known here; `differences` are sentences."""

    id = personal(models.BigAutoField(primary_key=True))
    provider = personal(models.CharField(max_length=20))
    day = personal(models.DateField())
    lines = count(models.IntegerField())
    matched = count(models.IntegerField())
    differences = personal(models.JSONField(default=list))
    at = personal(models.DateTimeField(default=timezone.now))

    class Meta:
        constraints = (models.UniqueConstraint(fields=["provider", "day"], name="reconciled_once"),)
