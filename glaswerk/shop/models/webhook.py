"""Webhooks: where a merchant's own programs are told what happens, each message, and each try to deliver it."""

from typing import Final

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal, secret
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.shop.models.merchant import Merchant

MAX_ENDPOINTS: Final = 10


class HookEvent(models.TextChoices):
    """What a merchant's programs can be told."""

    PAID = "order.paid", _("An order was paid")
    SHIPPED = "order.shipped", _("A parcel was sent")
    CANCELLED = "order.cancelled", _("An order was cancelled")
    RETURNED = "order.returned", _("Something came back")
    REFUNDED = "order.refunded", _("Money was paid back")
    LOW = "stock.low", _("Something is nearly sold out")
    TEST = "test", _("A test")


class Endpoint(models.Model):
    """An address of a merchant's own, and the secret by which what arrives there is known to come from here."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    merchant = personal(models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="endpoints"))
    url = personal(models.CharField(max_length=500))
    events = personal(ArrayField(models.CharField(max_length=20, choices=HookEvent.choices)))
    key = secret(models.CharField(max_length=100))
    # After a rotation both sign for a while, so that the other side can change over in its own time.
    old_key = secret(models.CharField(max_length=100, blank=True))
    old_until = personal(models.DateTimeField(null=True))
    is_active = personal(models.BooleanField(default=True))
    failing_since = personal(models.DateTimeField(null=True))
    # Why it was switched off, where the cell did it.
    disabled_for = personal(models.CharField(max_length=200, blank=True))
    added_at = personal(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["merchant", "url"], name="endpoint_once"),
            models.CheckConstraint(
                condition=Q(events__contained_by=HookEvent.values), name="endpoint_events_are_known"
            ),
            models.CheckConstraint(condition=~Q(key=""), name="endpoint_has_a_key"),
            models.CheckConstraint(condition=Q(old_key="") | Q(old_until__isnull=False), name="endpoint_old_key_ends"),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class DeliveryState(models.TextChoices):
    """How far a message is."""

    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Given up")


class Delivery(models.Model):
    """A message for an endpoint; its id stays the same however often it is tried."""

    id = personal(models.BigAutoField(primary_key=True))
    endpoint = personal(models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries"))
    event = personal(models.CharField(max_length=20, choices=HookEvent.choices))
    reference = personal(models.BigIntegerField())
    # Written with the first try, so that every other one sends the same bytes.
    body = personal(models.TextField(blank=True, default=""))
    state = personal(models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING))
    tries = personal(models.PositiveIntegerField(default=0))
    at = personal(models.DateTimeField(default=timezone.now))
    next_at = personal(models.DateTimeField(default=timezone.now))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(event__in=HookEvent.values), name="delivery_event_is_known"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_is_known"),
        )
        indexes = (
            models.Index(fields=["next_at"], name="delivery_due", condition=Q(state="waiting")),
            models.Index(fields=["endpoint", "-id"], name="delivery_of_an_endpoint"),
        )

    @property
    def public_id(self) -> str:
        """The message's id, as its receiver knows it."""
        return f"msg_{encode_id(self.id)}"


class Attempt(models.Model):
    """One try to deliver a message; never changed."""

    id = personal(models.BigAutoField(primary_key=True))
    delivery = personal(models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts"))
    at = personal(models.DateTimeField(default=timezone.now))
    # What the other side answered; without an answer, `error` says why.
    status = personal(models.PositiveSmallIntegerField(null=True))
    error = personal(models.CharField(max_length=200, blank=True))
    took_ms = personal(models.PositiveIntegerField(default=0))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(status__isnull=False) | ~Q(error=""), name="attempt_came_to_something"),
        )
        triggers = (pgtrigger.Protect(name="attempt_stays", operation=pgtrigger.Update),)
        ordering = ("id",)
