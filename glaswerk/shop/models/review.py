"""Reviews: what buyers say of what was sent to them, and what the merchant answers."""

from typing import Final

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone

from glaswerk.cell.classes import personal, public
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.people.models import Person
from glaswerk.shop.models.order import OrderLine
from glaswerk.shop.models.product import Product

MAX_STARS: Final = 5
MAX_REVIEW: Final = 2_000

# Whoever writes past the code reviews nothing that was not sent, nor another product than the one that was.
_OF_WHAT_WAS_SENT: Final = """
IF NOT EXISTS (
    SELECT 1 FROM shop_orderline AS line JOIN shop_variant AS variant ON variant.id = line.variant_id
    WHERE line.id = NEW.line_id AND line.shipped > 0 AND variant.product_id = NEW.product_id
) THEN
    RAISE EXCEPTION 'a review is of what was sent' USING ERRCODE = 'check_violation', CONSTRAINT = 'review_of_what_was_sent';
END IF;
RETURN NEW;
"""


class Review(models.Model):
    """What a buyer says of a line of an order, once."""

    id = public(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    line = personal(models.OneToOneField(OrderLine, on_delete=models.PROTECT, related_name="review"))
    product = public(models.ForeignKey(Product, on_delete=models.CASCADE, related_name="reviews"))
    person = public(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+"))
    stars = public(models.PositiveSmallIntegerField())
    text = public(models.TextField(max_length=MAX_REVIEW, blank=True))
    answer = public(models.TextField(max_length=MAX_REVIEW, blank=True))
    written_at = public(models.DateTimeField(default=timezone.now))
    edited_at = public(models.DateTimeField(null=True))
    # A moderator has taken it out of sight: who wrote it and the merchant read why.
    hidden_at = personal(models.DateTimeField(null=True))
    hidden_for = personal(models.CharField(max_length=500, blank=True))
    hidden_by = personal(models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+"))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(stars__gte=1, stars__lte=MAX_STARS), name="review_has_stars"),
            models.CheckConstraint(
                condition=Q(hidden_at__isnull=True) | ~Q(hidden_for=""), name="review_hidden_for_a_reason"
            ),
        )
        triggers = (
            pgtrigger.Trigger(
                name="review_of_what_was_sent",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=_OF_WHAT_WAS_SENT,
            ),
        )
        indexes = (models.Index(fields=["product", "-id"], name="review_shown", condition=Q(hidden_at__isnull=True)),)

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)
