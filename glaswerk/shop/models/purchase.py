"""One press of the button "buy": what was agreed, what is held for it, and how its payment stands."""

from typing import Final

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.references import keeps_nothing
from glaswerk.people.encrypted import EncryptedJSONField
from glaswerk.people.models import Person
from glaswerk.shop.models.stock import Stock
from glaswerk.shop.models.terms import Voucher


class PurchaseState(models.TextChoices):
    """How a purchase stands."""

    RESERVED = "reserved", _("Waiting for the payment")
    PAID = "paid", _("Paid")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", _("Expired")
    REVERSED = "reversed", _("Paid too late, and paid back")


# A payment may arrive after its reservation ended; then the things are reserved anew, or the money goes back.
PURCHASE_MOVES: Final = (
    (PurchaseState.RESERVED, PurchaseState.PAID),
    (PurchaseState.RESERVED, PurchaseState.DECLINED),
    (PurchaseState.RESERVED, PurchaseState.EXPIRED),
    (PurchaseState.EXPIRED, PurchaseState.PAID),
    (PurchaseState.EXPIRED, PurchaseState.DECLINED),
    (PurchaseState.EXPIRED, PurchaseState.REVERSED),
    (PurchaseState.DECLINED, PurchaseState.PAID),
    (PurchaseState.DECLINED, PurchaseState.REVERSED),
)


class Purchase(models.Model):
    """What a buyer agreed to.  Its plan is the quote that they saw; nothing of it comes from their request."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    buyer = personal(models.BigIntegerField())
    person = personal(models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+"))
    key = personal(models.CharField(max_length=80))
    state = personal(models.CharField(max_length=10, choices=PurchaseState.choices, default=PurchaseState.RESERVED))
    currency = personal(models.CharField(max_length=3))
    total_minor = personal(models.BigIntegerField())
    quote_hash = personal(keeps_nothing(models.CharField(max_length=64)))
    # The request that made it: the same key with another one is refused.
    asked_hash = personal(keeps_nothing(models.CharField(max_length=64)))
    plan = personal(models.JSONField())
    address = personal(EncryptedJSONField(person="buyer"))
    # In the clear like that of an account: by it creators who buy from themselves are found.
    email = personal(models.EmailField(blank=True))
    language = personal(models.CharField(max_length=5, blank=True))
    method = personal(models.CharField(max_length=40))
    voucher = personal(models.ForeignKey(Voucher, on_delete=models.SET_NULL, null=True, related_name="+"))
    payment = personal(models.BigIntegerField(null=True))
    created_at = personal(models.DateTimeField(default=timezone.now))
    expires_at = personal(models.DateTimeField())
    settled_at = personal(models.DateTimeField(null=True))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["buyer", "key"], name="purchase_once_a_key"),
            models.CheckConstraint(condition=Q(state__in=PurchaseState.values), name="purchase_state_is_known"),
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="purchase_total_is_sane"),
            models.CheckConstraint(condition=~Q(key=""), name="purchase_has_a_key"),
        )
        triggers = (
            pgtrigger.FSM(
                name="purchase_moves", field="state", transitions=[(str(a), str(b)) for a, b in PURCHASE_MOVES]
            ),
        )
        indexes = (
            models.Index(fields=["expires_at"], name="purchase_waiting", condition=Q(state="reserved")),
            models.Index(fields=["payment"], name="purchase_by_payment", condition=Q(payment__isnull=False)),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class Hold(models.Model):
    """So many of a stock that are promised to a purchase; their sum is the stock's `reserved`."""

    id = personal(models.BigAutoField(primary_key=True))
    purchase = personal(models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="holds"))
    stock = personal(models.ForeignKey(Stock, on_delete=models.PROTECT, related_name="holds"))
    quantity = personal(models.IntegerField())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["purchase", "stock"], name="hold_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="hold_holds_something"),
        )


# What goes into the outbox becomes a message for each of the merchant's endpoints that wants it, with its cause: so none is
# told of what did not happen, and none misses what did.
_TELL_ENDPOINTS: Final = """
INSERT INTO shop_delivery (endpoint_id, event, reference, body, state, tries, at, next_at)
SELECT endpoint.id, told.event, NEW.reference, '', 'waiting', 0, NEW.at, NEW.at
FROM unnest(CASE NEW.kind
    WHEN 'order_paid' THEN ARRAY['order.paid']
    WHEN 'order_partly_shipped' THEN ARRAY['order.shipped']
    WHEN 'order_shipped' THEN ARRAY['order.shipped']
    WHEN 'order_parcel' THEN ARRAY['order.shipped']
    WHEN 'order_cancelled' THEN ARRAY['order.cancelled']
    WHEN 'order_return_received' THEN ARRAY['order.returned', 'order.refunded']
    WHEN 'order_refunded' THEN ARRAY['order.refunded']
    WHEN 'stock_low' THEN ARRAY['stock.low']
    ELSE ARRAY[]::text[] END) AS told (event)
JOIN shop_endpoint AS endpoint ON endpoint.is_active AND told.event = ANY(endpoint.events) AND endpoint.merchant_id = (
    CASE NEW.kind WHEN 'stock_low' THEN (SELECT place.merchant_id FROM shop_stock AS stock
        JOIN shop_location AS place ON place.id = stock.location_id WHERE stock.id = NEW.reference)
    ELSE (SELECT merchant_id FROM shop_order WHERE id = NEW.reference) END);
RETURN NULL;
"""


class Outgoing(models.Model):
    """What has to be told to somebody, written with its cause: the outbox.  A job works it off."""

    id = personal(models.BigAutoField(primary_key=True))
    kind = personal(models.CharField(max_length=30))
    reference = personal(models.BigIntegerField())
    at = personal(models.DateTimeField(default=timezone.now))
    told_at = personal(models.DateTimeField(null=True))

    class Meta:
        indexes = (models.Index(fields=["id"], name="outgoing_waiting", condition=Q(told_at__isnull=True)),)
        triggers = (
            pgtrigger.Trigger(
                name="outgoing_tells_endpoints",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=_TELL_ENDPOINTS,
            ),
        )
