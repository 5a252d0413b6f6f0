"""What lies where, what is promised to whom, and every change of it."""

from typing import Final

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.shop.models.merchant import Merchant
from glaswerk.shop.models.product import Variant
from glaswerk.shop.models.shelf import noting

MAX_UNITS: Final = 10_000_000


class Location(models.Model):
    """Where a merchant keeps things."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    merchant = personal(models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="locations"))
    name = personal(models.CharField(_("name"), max_length=80))

    class Meta:
        constraints = (models.UniqueConstraint(fields=["merchant", "name"], name="location_once"),)

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class MovementKind(models.TextChoices):
    """Why the number of things changed."""

    RECEIVED = "received", _("Received")
    SOLD = "sold", _("Sold")
    RETURNED = "returned", _("Returned")
    COUNTED = "counted", _("Counted")
    MOVED = "moved", _("Moved")


# No change of a stock can go unrecorded, by whatever way it comes: the row itself writes its history.  Why it changed
# is told by the transaction; what tells nothing was a count by hand.
_WRITE_MOVEMENT: Final = """
IF TG_OP = 'INSERT' THEN
    IF NEW.on_hand <> 0 THEN
        INSERT INTO shop_movement (stock_id, change, on_hand, kind, reference, at)
        VALUES (NEW.id, NEW.on_hand, NEW.on_hand, coalesce(nullif(current_setting('shop.movement', true), ''), 'counted'),
                coalesce(current_setting('shop.reference', true), ''), clock_timestamp());
    END IF;
ELSIF NEW.on_hand <> OLD.on_hand THEN
    INSERT INTO shop_movement (stock_id, change, on_hand, kind, reference, at)
    VALUES (NEW.id, NEW.on_hand - OLD.on_hand, NEW.on_hand,
            coalesce(nullif(current_setting('shop.movement', true), ''), 'counted'),
            coalesce(current_setting('shop.reference', true), ''), clock_timestamp());
END IF;
RETURN NULL;
"""

_NOTE_PRODUCT: Final = noting("product", "product_id", "FROM shop_variant WHERE id = %s.variant_id")


class Stock(models.Model):
    """So many of a variant at a location; a hot one is split into several buckets, each a row of its own."""

    id = personal(models.BigAutoField(primary_key=True))
    variant = personal(models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="stocks"))
    location = personal(models.ForeignKey(Location, on_delete=models.CASCADE, related_name="stocks"))
    bucket = personal(models.PositiveSmallIntegerField(default=0))
    on_hand = personal(models.IntegerField(default=0))
    reserved = personal(models.IntegerField(default=0))
    # At so many or fewer the merchant is told, once until it rises again.
    low_at = personal(models.PositiveIntegerField(null=True, blank=True))
    low_told_at = personal(models.DateTimeField(null=True, blank=True))
    # How often somebody found it in another buyer's hands of late: where that is often, it is split.
    waits = personal(models.PositiveSmallIntegerField(default=0, db_default=0))
    waited_at = personal(models.DateTimeField(null=True, blank=True))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["variant", "location", "bucket"], name="stock_once"),
            models.CheckConstraint(
                condition=Q(reserved__gte=0, reserved__lte=F("on_hand")), name="stock_reserved_is_there"
            ),
            models.CheckConstraint(condition=Q(on_hand__lte=MAX_UNITS), name="stock_is_sane"),
        )
        triggers = (
            pgtrigger.Trigger(
                name="stock_writes_movements",
                when=pgtrigger.After,
                # What is only promised moves nothing, and half of all changes are that.
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("on_hand"),  # type: ignore[no-untyped-call]
                func=_WRITE_MOVEMENT,
            ),
            # Only that a row is sold out or filled again is news; the condition keeps all other sales from paying for it.
            pgtrigger.Trigger(
                name="stock_runs_out",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "((NEW.on_hand > NEW.reserved) IS DISTINCT FROM (OLD.on_hand > OLD.reserved))"
                ),
                func=f"{_NOTE_PRODUCT % 'NEW'} RETURN NULL;",
            ),
            pgtrigger.Trigger(
                name="stock_comes",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=f"{_NOTE_PRODUCT % 'NEW'} RETURN NULL;",
            ),
            pgtrigger.Trigger(
                name="stock_goes",
                when=pgtrigger.After,
                operation=pgtrigger.Delete,
                func=f"{_NOTE_PRODUCT % 'OLD'} RETURN NULL;",
            ),
        )


class Movement(models.Model):
    """One change of a stock.  Written by the stock's own trigger, and never changed or removed."""

    id = personal(models.BigAutoField(primary_key=True))
    stock = personal(
        models.ForeignKey(Stock, on_delete=models.DO_NOTHING, related_name="movements", db_constraint=False)
    )
    change = personal(models.IntegerField())
    on_hand = personal(models.IntegerField())
    kind = personal(models.CharField(max_length=10, choices=MovementKind.choices))
    reference = personal(models.CharField(max_length=60, blank=True))
    at = personal(models.DateTimeField(default=timezone.now))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=MovementKind.values), name="movement_kind_is_known"),
            models.CheckConstraint(condition=~Q(change=0), name="movement_moves_something"),
        )
        triggers = (pgtrigger.Protect(name="movement_stays", operation=pgtrigger.Update | pgtrigger.Delete),)
