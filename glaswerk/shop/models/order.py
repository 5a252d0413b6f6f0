"""Orders: one a merchant of a purchase, with lines, parcels, returns and refunds."""

from typing import Final

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.people.models import Person
from glaswerk.shop.models.merchant import Merchant
from glaswerk.shop.models.product import Variant
from glaswerk.shop.models.purchase import Purchase
from glaswerk.shop.models.terms import WHOLE_BP


class OrderState(models.TextChoices):
    """How far an order is."""

    PAID = "paid", _("Paid")
    PARTLY_SHIPPED = "partly_shipped", _("Partly on its way")
    SHIPPED = "shipped", _("On its way")
    DELIVERED = "delivered", _("Delivered")
    CANCELLED = "cancelled", _("Cancelled")


ORDER_MOVES: Final = (
    (OrderState.PAID, OrderState.PARTLY_SHIPPED),
    (OrderState.PAID, OrderState.SHIPPED),
    (OrderState.PAID, OrderState.CANCELLED),
    (OrderState.PARTLY_SHIPPED, OrderState.SHIPPED),
    (OrderState.SHIPPED, OrderState.DELIVERED),
)


class Order(models.Model):
    """What one merchant owes a buyer.  All amounts are minor units of the currency, VAT included."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    purchase = personal(models.ForeignKey(Purchase, on_delete=models.PROTECT, related_name="orders"))
    merchant = personal(models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="orders"))
    buyer = personal(models.BigIntegerField())
    state = personal(models.CharField(max_length=15, choices=OrderState.choices, default=OrderState.PAID))
    currency = personal(models.CharField(max_length=3))
    items_minor = personal(models.BigIntegerField())
    discount_minor = personal(models.BigIntegerField(default=0))
    delivery_minor = personal(models.BigIntegerField(default=0))
    delivery_vat_minor = personal(models.BigIntegerField(default=0))
    vat_minor = personal(models.BigIntegerField(default=0))
    total_minor = personal(models.BigIntegerField())
    fee_minor = personal(models.BigIntegerField(default=0))
    refunded_minor = personal(models.BigIntegerField(default=0))
    delivery_name = personal(models.CharField(max_length=80))
    placed_at = personal(models.DateTimeField(default=timezone.now))
    shipped_at = personal(models.DateTimeField(null=True))
    delivered_at = personal(models.DateTimeField(null=True))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["purchase", "merchant"], name="order_once_a_merchant"),
            models.CheckConstraint(condition=Q(state__in=OrderState.values), name="order_state_is_known"),
            models.CheckConstraint(
                condition=Q(total_minor=F("items_minor") - F("discount_minor") + F("delivery_minor")),
                name="order_total_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(discount_minor__gte=0, discount_minor__lte=F("items_minor"), delivery_minor__gte=0),
                name="order_amounts_are_sane",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("total_minor")),
                name="order_refunded_within_total",
            ),
            models.CheckConstraint(
                condition=Q(fee_minor__gte=0, fee_minor__lte=F("total_minor")), name="order_fee_within_total"
            ),
        )
        triggers = (
            pgtrigger.FSM(name="order_moves", field="state", transitions=[(str(a), str(b)) for a, b in ORDER_MOVES]),
        )
        indexes = (
            models.Index(fields=["buyer", "-id"], name="order_of_a_buyer"),
            models.Index(fields=["merchant", "state", "-id"], name="order_of_a_merchant"),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class OrderLine(models.Model):
    """So many of a variant, as it was called and priced when it was bought."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    order = personal(models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines"))
    variant = personal(models.ForeignKey(Variant, on_delete=models.SET_NULL, null=True, related_name="+"))
    position = personal(models.PositiveSmallIntegerField(default=1))
    title = personal(models.CharField(max_length=200))
    choices = personal(ArrayField(models.CharField(max_length=80), default=list))
    sku = personal(models.CharField(max_length=80, blank=True))
    quantity = personal(models.IntegerField())
    shipped = personal(models.IntegerField(default=0))
    returned = personal(models.IntegerField(default=0))
    unit_minor = personal(models.BigIntegerField())
    discount_minor = personal(models.BigIntegerField(default=0))
    total_minor = personal(models.BigIntegerField())
    vat_bp = personal(models.PositiveSmallIntegerField())
    vat_minor = personal(models.BigIntegerField())

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_line_has_something"),
            models.CheckConstraint(
                condition=Q(returned__gte=0, returned__lte=F("shipped"), shipped__lte=F("quantity")),
                name="order_line_returned_shipped_ordered",
            ),
            models.CheckConstraint(
                condition=Q(total_minor=F("unit_minor") * F("quantity") - F("discount_minor")),
                name="order_line_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(
                    unit_minor__gt=0, discount_minor__gte=0, total_minor__gte=0, vat_minor__gte=0, vat_bp__lt=WHOLE_BP
                ),
                name="order_line_is_sane",
            ),
        )
        ordering = ("position", "id")

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class OrderEvent(models.Model):
    """What happened to an order; never changed or removed."""

    id = personal(models.BigAutoField(primary_key=True))
    order = personal(models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events"))
    kind = personal(models.CharField(max_length=20))
    note = personal(models.CharField(max_length=500, blank=True))
    by = personal(models.BigIntegerField(null=True))
    at = personal(models.DateTimeField(default=timezone.now))

    class Meta:
        triggers = (pgtrigger.Protect(name="order_event_stays", operation=pgtrigger.Update | pgtrigger.Delete),)
        ordering = ("id",)


class Parcel(models.Model):
    """Something that a merchant handed to a carrier."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    order = personal(models.ForeignKey(Order, on_delete=models.PROTECT, related_name="parcels"))
    carrier = personal(models.CharField(max_length=60))
    tracking = personal(models.CharField(max_length=80, blank=True))
    shipped_at = personal(models.DateTimeField(default=timezone.now))
    delivered_at = personal(models.DateTimeField(null=True))

    class Meta:
        ordering = ("id",)

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


# The line counts what its parcels hold, and its CHECK refuses more than was ordered: also for who writes past the code.
_COUNT_SHIPPED: Final = """
UPDATE shop_orderline SET shipped = shipped + NEW.quantity
WHERE id = NEW.line_id AND order_id = (SELECT order_id FROM shop_parcel WHERE id = NEW.parcel_id);
IF NOT FOUND THEN
    RAISE EXCEPTION 'a parcel holds lines of its own order' USING ERRCODE = 'check_violation', CONSTRAINT = 'parcel_of_one_order';
END IF;
RETURN NULL;
"""


class ParcelLine(models.Model):
    """So many of an order's line in a parcel; never changed or removed."""

    id = personal(models.BigAutoField(primary_key=True))
    parcel = personal(models.ForeignKey(Parcel, on_delete=models.PROTECT, related_name="lines"))
    line = personal(models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="+"))
    quantity = personal(models.IntegerField())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["parcel", "line"], name="parcel_line_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="parcel_line_has_something"),
        )
        triggers = (
            pgtrigger.Trigger(
                name="parcel_counts", when=pgtrigger.After, operation=pgtrigger.Insert, func=_COUNT_SHIPPED
            ),
            pgtrigger.Protect(name="parcel_line_stays", operation=pgtrigger.Update | pgtrigger.Delete),
        )


class ReturnState(models.TextChoices):
    """How far a return is."""

    REQUESTED = "requested", _("Announced")
    REFUSED = "refused", _("Refused")
    RECEIVED = "received", _("Received")


class Return(models.Model):
    """A buyer withdraws from what was sent to them, in whole or in part."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    order = personal(models.ForeignKey(Order, on_delete=models.PROTECT, related_name="returns"))
    state = personal(models.CharField(max_length=10, choices=ReturnState.choices, default=ReturnState.REQUESTED))
    reason = personal(models.CharField(max_length=500, blank=True))
    answer = personal(models.CharField(max_length=500, blank=True))
    asked_at = personal(models.DateTimeField(default=timezone.now))
    decided_at = personal(models.DateTimeField(null=True))

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(state__in=ReturnState.values), name="return_state_is_known"),)
        triggers = (
            pgtrigger.FSM(
                name="return_moves", field="state", transitions=[("requested", "refused"), ("requested", "received")]
            ),
            # What was refused counts as not returned again.
            pgtrigger.Trigger(
                name="return_refused_uncounts",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                func="""
IF NEW.state = 'refused' AND OLD.state = 'requested' THEN
    UPDATE shop_orderline AS line SET returned = line.returned - part.quantity
    FROM shop_returnline AS part WHERE part.back_id = NEW.id AND line.id = part.line_id;
END IF;
RETURN NULL;
""",
            ),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


_COUNT_RETURNED: Final = """
UPDATE shop_orderline SET returned = returned + NEW.quantity
WHERE id = NEW.line_id AND order_id = (SELECT order_id FROM shop_return WHERE id = NEW.back_id);
IF NOT FOUND THEN
    RAISE EXCEPTION 'a return holds lines of its own order' USING ERRCODE = 'check_violation', CONSTRAINT = 'return_of_one_order';
END IF;
RETURN NULL;
"""


class ReturnLine(models.Model):
    """So many of an order's line that go back; never changed or removed."""

    id = personal(models.BigAutoField(primary_key=True))
    back = personal(models.ForeignKey(Return, on_delete=models.PROTECT, related_name="lines"))
    line = personal(models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="+"))
    quantity = personal(models.IntegerField())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["back", "line"], name="return_line_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="return_line_has_something"),
        )
        triggers = (
            pgtrigger.Trigger(
                name="return_counts", when=pgtrigger.After, operation=pgtrigger.Insert, func=_COUNT_RETURNED
            ),
            pgtrigger.Protect(name="return_line_stays", operation=pgtrigger.Update | pgtrigger.Delete),
        )


class RefundState(models.TextChoices):
    """Whether the money is on its way."""

    ASKED = "asked", _("Asked")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed, and to be paid another way")


class Refund(models.Model):
    """Money that goes back to the buyer of an order; the row stands before the payment provider is asked."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    purchase = personal(models.ForeignKey(Purchase, on_delete=models.PROTECT, related_name="refunds"))
    # Without an order it is the whole of what was paid too late, when there was nothing left to order.
    order = personal(models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="refunds"))
    key = personal(models.CharField(max_length=100))
    minor = personal(models.BigIntegerField())
    reason = personal(models.CharField(max_length=200, blank=True))
    state = personal(models.CharField(max_length=10, choices=RefundState.choices, default=RefundState.ASKED))
    by = personal(models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+"))
    at = personal(models.DateTimeField(default=timezone.now))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["purchase", "key"], name="refund_once_a_key"),
            models.CheckConstraint(condition=Q(minor__gt=0), name="refund_is_something"),
            models.CheckConstraint(condition=Q(state__in=RefundState.values), name="refund_state_is_known"),
        )
        indexes = (models.Index(fields=["id"], name="refund_waiting", condition=Q(state="asked")),)


class Invoice(models.Model):
    """The number of an order's invoice; each merchant counts without a gap."""

    order = personal(models.OneToOneField(Order, on_delete=models.PROTECT, primary_key=True, related_name="invoice"))
    merchant = personal(models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+"))
    number = personal(models.PositiveIntegerField())
    issued_at = personal(models.DateTimeField(default=timezone.now))

    class Meta:
        constraints = (models.UniqueConstraint(fields=["merchant", "number"], name="invoice_number_once"),)
