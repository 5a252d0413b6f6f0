"""By whom a buyer came to a product, and what a creator earns by it.

Touches and views of showcases are personal and short-lived: `glaswerk.shop.actions.touches.forget` removes them.
"""

from typing import Final

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from glaswerk.cell.classes import personal
from glaswerk.money.models import Commission
from glaswerk.people.models import Person
from glaswerk.shop.models.order import OrderLine
from glaswerk.shop.models.plan import MAX_RATE_BP, MIN_RATE_BP, PlanRate
from glaswerk.shop.models.product import Product
from glaswerk.shop.models.purchase import Purchase
from glaswerk.shop.models.terms import WHOLE_BP
from glaswerk.videos.models import Video


class Touch(models.Model):
    """That a buyer opened a product from a creator's video, or from their showcase; the last one counts, for one purchase.

    `slate` is the recorded slate by which the video was served to this very buyer; without one it was the showcase.
    `buyer` is a person's id, or negative: a guest's number, or the feed's of who is signed out and has no cart yet.
    """

    id = personal(models.BigAutoField(primary_key=True))
    buyer = personal(models.BigIntegerField())
    product = personal(models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+"))
    creator = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+"))
    video = personal(models.ForeignKey(Video, on_delete=models.SET_NULL, null=True, related_name="+"))
    slate = personal(models.BigIntegerField(null=True))
    at = personal(models.DateTimeField(default=timezone.now, db_index=True))
    purchase = personal(models.ForeignKey(Purchase, on_delete=models.SET_NULL, null=True, related_name="+"))

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["buyer", "product"], condition=Q(purchase__isnull=True), name="touch_the_last_one"
            ),
            models.CheckConstraint(condition=Q(video__isnull=True) | Q(slate__isnull=False), name="touch_was_served"),
        )


class ShowcaseView(models.Model):
    """That a creator's showcase was served to somebody, and what stood in it; the last time alone."""

    id = personal(models.BigAutoField(primary_key=True))
    buyer = personal(models.BigIntegerField())
    creator = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+"))
    products = personal(ArrayField(models.BigIntegerField()))
    at = personal(models.DateTimeField(default=timezone.now, db_index=True))

    class Meta:
        constraints = (models.UniqueConstraint(fields=["buyer", "creator"], name="showcase_view_once"),)


# What is written of a line has to be what the plan says at this moment, and what the line says of itself.  A raise that is
# written in the same moment must break no purchase, so a version that held just before will do.
_EARNING_IS_TRUE: Final = """
IF NOT EXISTS (
    SELECT FROM shop_planrate AS rate JOIN shop_plan AS plan ON plan.id = rate.plan_id
    JOIN shop_order AS one ON one.merchant_id = plan.merchant_id JOIN shop_orderline AS line ON line.order_id = one.id
    WHERE rate.id = NEW.rate_id AND line.id = NEW.line_id AND rate.rate_bp = NEW.rate_bp
        AND rate.period && tstzrange(NEW.at - interval '1 minute', NEW.at, '[]')
        AND NEW.at BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp()
        AND NEW.base_minor = line.total_minor - line.vat_minor
) THEN
    RAISE EXCEPTION 'an earning is by the version that holds, and of what the line cost'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'earning_is_true';
END IF;
RETURN NEW;
"""


class Earning(models.Model):
    """What a creator earns by a line of an order: the rate is frozen with its version, and only what is given back moves.

    `given_back_minor` is how much of the line's total has gone back to the buyer.  The creator is a number, because the
    books outlive an account.
    """

    line = personal(models.OneToOneField(OrderLine, on_delete=models.PROTECT, primary_key=True, related_name="earning"))
    commission = personal(models.OneToOneField(Commission, on_delete=models.PROTECT, related_name="+"))
    creator_id = personal(models.BigIntegerField())
    product = personal(models.ForeignKey(Product, on_delete=models.SET_NULL, null=True, related_name="+"))
    video = personal(models.ForeignKey(Video, on_delete=models.SET_NULL, null=True, related_name="+"))
    rate = personal(models.ForeignKey(PlanRate, on_delete=models.PROTECT, related_name="+"))
    rate_bp = personal(models.PositiveSmallIntegerField())
    base_minor = personal(models.BigIntegerField())
    minor = personal(models.BigIntegerField())
    given_back_minor = personal(models.BigIntegerField(default=0))
    at = personal(models.DateTimeField(default=timezone.now))

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(rate_bp__gte=MIN_RATE_BP, rate_bp__lte=MAX_RATE_BP), name="earning_rate_is_sane"
            ),
            # The largest remainder moves a line by less than one minor unit.
            models.CheckConstraint(
                condition=Q(minor__gt=0, minor__lte=(F("base_minor") * F("rate_bp") + WHOLE_BP - 1) / WHOLE_BP),
                name="earning_is_by_its_rate",
            ),
            models.CheckConstraint(condition=Q(given_back_minor__gte=0), name="earning_given_back_is_sane"),
        )
        triggers = (
            pgtrigger.Trigger(
                name="earning_is_true", when=pgtrigger.Before, operation=pgtrigger.Insert, func=_EARNING_IS_TRUE
            ),
            pgtrigger.Trigger(
                name="earning_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="""
IF (NEW.line_id, NEW.commission_id, NEW.creator_id, NEW.rate_id, NEW.rate_bp, NEW.base_minor, NEW.minor, NEW.at)
    IS DISTINCT FROM (OLD.line_id, OLD.commission_id, OLD.creator_id, OLD.rate_id, OLD.rate_bp, OLD.base_minor, OLD.minor, OLD.at)
    OR NEW.given_back_minor < OLD.given_back_minor THEN
    RAISE EXCEPTION 'an earning stays what it was' USING ERRCODE = 'check_violation', CONSTRAINT = 'earning_stays';
END IF;
RETURN NEW;
""",
            ),
            pgtrigger.Protect(name="earning_is_not_removed", operation=pgtrigger.Delete),
        )
        indexes = (models.Index(fields=["creator_id", "-at"], name="earning_of_a_creator"),)
