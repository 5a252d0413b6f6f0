"""How creators earn by what they show: plans of merchants, their rates in versions, who takes part, and showcases.

**What a creator was promised holds for a while.**  A raise counts at once.  Whatever is worse for creators begins
`NOTICE_DAYS` after it was written: a lower rate, a product that leaves a plan, a plan that ends, a creator who is let
go.  The clock of these rules is the database's, so that no request and no code of ours can write another moment.
"""

from typing import Final

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal, public
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.people.models import Person
from glaswerk.shop.models.merchant import Merchant
from glaswerk.shop.models.product import Product

NOTICE_DAYS: Final = 30
MIN_RATE_BP: Final = 100
MAX_RATE_BP: Final = 8_000
MAX_SHOWCASE: Final = 60
_NOTICE: Final = f"interval '{NOTICE_DAYS} days'"

# Whatever moment is written as an end, it is the one after the notice; an end that stands is not moved.
_ENDS_WITH_NOTICE: Final = f"""
IF NEW.ends_at IS NOT NULL THEN
    NEW.ends_at := coalesce(OLD.ends_at, clock_timestamp() + {_NOTICE});
END IF;
"""


class PlanKind(models.TextChoices):
    """Who may take part in a plan."""

    OPEN = "open", _("Open to every creator")
    TARGET = "target", _("For invited creators")


class Plan(models.Model):
    """What a merchant pays creators for sales of some of their products, or of all of them."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    merchant = personal(models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="plans"))
    kind = personal(models.CharField(max_length=6, choices=PlanKind.choices))
    title = personal(models.CharField(_("name"), max_length=80))
    covers_all = personal(models.BooleanField(default=True))
    created_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    ends_at = personal(models.DateTimeField(null=True, blank=True))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=PlanKind.values), name="plan_kind_is_known"),
            models.CheckConstraint(condition=~Q(title=""), name="plan_has_a_title"),
        )
        triggers = (
            pgtrigger.Trigger(
                name="plan_stays_what_it_is",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=f"""
IF (NEW.merchant_id, NEW.kind, NEW.covers_all) IS DISTINCT FROM (OLD.merchant_id, OLD.kind, OLD.covers_all) THEN
    RAISE EXCEPTION 'a plan stays what it is' USING ERRCODE = 'check_violation', CONSTRAINT = 'plan_stays_what_it_is';
END IF;
{_ENDS_WITH_NOTICE}
RETURN NEW;
""",
            ),
            pgtrigger.Protect(name="plan_stays", operation=pgtrigger.Delete),
        )
        indexes = (models.Index(fields=["merchant", "-id"], name="plan_of_a_merchant"),)

    def __str__(self) -> str:
        return self.title

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


# The number, the moments and the end of the version before are the trigger's own, whatever the INSERT says of them.  The
# plan's row is the lock under which versions follow each other.  What has not begun when another one is written never
# will: the last word counts.
_RATE_FOLLOWS: Final = f"""
PERFORM 1 FROM shop_plan WHERE id = NEW.plan_id FOR NO KEY UPDATE;
v_now := clock_timestamp();
SELECT rate_bp INTO v_rate FROM shop_planrate WHERE plan_id = NEW.plan_id AND period @> v_now;
v_start := CASE WHEN NEW.rate_bp < v_rate THEN v_now + {_NOTICE} ELSE v_now END;
UPDATE shop_planrate SET period = 'empty' WHERE plan_id = NEW.plan_id AND lower(period) > v_now;
UPDATE shop_planrate SET period = tstzrange(lower(period), v_start) WHERE plan_id = NEW.plan_id AND period @> v_now;
NEW.version := 1 + coalesce((SELECT max(version) FROM shop_planrate WHERE plan_id = NEW.plan_id), 0);
NEW.written_at := v_now;
NEW.period := tstzrange(v_start, NULL);
RETURN NEW;
"""  # noqa: S608 - ours.

# The first level is this trigger; only below the trigger of the version that follows it is the second.
_RATE_STAYS: Final = """
IF pg_trigger_depth() < 2 OR (NEW.id, NEW.plan_id, NEW.version, NEW.rate_bp, NEW.written_at, NEW.written_by)
    IS DISTINCT FROM (OLD.id, OLD.plan_id, OLD.version, OLD.rate_bp, OLD.written_at, OLD.written_by) THEN
    RAISE EXCEPTION 'a version of a rate is never changed' USING ERRCODE = 'check_violation', CONSTRAINT = 'plan_rate_stays';
END IF;
RETURN NEW;
"""


class PlanRate(models.Model):
    """A version of a plan's rate, in hundredths of a percent; never changed or removed.

    It holds while `period` does.  One that was replaced before it began has an empty period.
    """

    id = personal(models.BigAutoField(primary_key=True))
    plan = personal(models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="rates"))
    version = personal(models.PositiveIntegerField(default=0))
    rate_bp = personal(models.PositiveSmallIntegerField())
    period = personal(DateTimeRangeField(default=(None, None)))
    written_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    written_by = personal(models.BigIntegerField())

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(rate_bp__gte=MIN_RATE_BP, rate_bp__lte=MAX_RATE_BP), name="plan_rate_is_sane"
            ),
            models.UniqueConstraint(fields=["plan", "version"], name="plan_rate_version_once"),
            # A range of one number stands for the number itself: so no extension is needed for its equality.
            ExclusionConstraint(
                name="plan_rate_one_at_a_time",
                expressions=(
                    (Func(F("plan_id"), F("plan_id"), Value("[]"), function="int8range"), RangeOperators.OVERLAPS),
                    ("period", RangeOperators.OVERLAPS),
                ),
            ),
        )
        triggers = (
            pgtrigger.Trigger(
                name="plan_rate_follows",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("v_now", "timestamptz"), ("v_start", "timestamptz"), ("v_rate", "integer")],
                func=_RATE_FOLLOWS,
            ),
            pgtrigger.Trigger(
                name="plan_rate_stays", when=pgtrigger.Before, operation=pgtrigger.Update, func=_RATE_STAYS
            ),
            pgtrigger.Protect(name="plan_rate_is_not_removed", operation=pgtrigger.Delete),
        )
        ordering = ("version",)


class PlanProduct(models.Model):
    """A product in a plan that does not cover all of them."""

    id = personal(models.BigAutoField(primary_key=True))
    plan = personal(models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="products"))
    product = personal(models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+"))
    ends_at = personal(models.DateTimeField(null=True, blank=True))

    class Meta:
        constraints = (models.UniqueConstraint(fields=["plan", "product"], name="plan_product_once"),)
        triggers = (
            pgtrigger.Trigger(
                name="plan_product_is_the_merchants",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
IF NOT EXISTS (
    SELECT FROM shop_plan AS plan JOIN shop_product AS product ON product.merchant_id = plan.merchant_id
    WHERE plan.id = NEW.plan_id AND product.id = NEW.product_id AND NOT plan.covers_all
) THEN
    RAISE EXCEPTION 'a plan is for products of its own merchant'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'plan_product_is_the_merchants';
END IF;
RETURN NEW;
""",
            ),
            pgtrigger.Trigger(
                name="plan_product_ends_with_notice",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=f"{_ENDS_WITH_NOTICE}\nRETURN NEW;",
            ),
            pgtrigger.Protect(name="plan_product_stays", operation=pgtrigger.Delete),
        )


class EnrolmentState(models.TextChoices):
    """Whether a creator takes part in a plan."""

    INVITED = "invited", _("Invited")
    ACTIVE = "active", _("Takes part")
    REFUSED = "refused", _("Declined")
    LEFT = "left", _("Left")
    WITHDRAWN = "withdrawn", _("Withdrawn")


ENROLMENT_MOVES: Final = (
    (EnrolmentState.INVITED, EnrolmentState.ACTIVE),
    (EnrolmentState.INVITED, EnrolmentState.REFUSED),
    (EnrolmentState.INVITED, EnrolmentState.WITHDRAWN),
    (EnrolmentState.ACTIVE, EnrolmentState.LEFT),
    (EnrolmentState.LEFT, EnrolmentState.ACTIVE),
    (EnrolmentState.LEFT, EnrolmentState.INVITED),
    (EnrolmentState.REFUSED, EnrolmentState.INVITED),
    (EnrolmentState.WITHDRAWN, EnrolmentState.INVITED),
)

# Into a plan for invited creators there is one way, an invitation; and nobody earns by the shop that they work for.
_ENROLMENT_IS_ALLOWED: Final = f"""
SELECT plan.kind, plan.merchant_id INTO v_kind, v_merchant FROM shop_plan AS plan WHERE plan.id = NEW.plan_id;
IF EXISTS (SELECT FROM shop_staff WHERE merchant_id = v_merchant AND person_id = NEW.creator_id)
    AND NEW.state IN ('invited', 'active') THEN
    RAISE EXCEPTION 'who works for a merchant earns nothing by it'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'enrolment_not_of_staff';
END IF;
IF TG_OP = 'INSERT' THEN
    v_before := 'none';
ELSE
    v_before := OLD.state;
END IF;
IF v_kind = 'target' AND NEW.state = 'active' AND v_before NOT IN ('active', 'invited')
    OR v_kind = 'open' AND NEW.state = 'invited'
    OR v_before = 'none' AND NEW.state NOT IN ('invited', 'active') THEN
    RAISE EXCEPTION 'one takes part in such a plan by invitation'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'enrolment_by_invitation';
END IF;
IF TG_OP = 'UPDATE' AND NEW.state = OLD.state THEN
    {_ENDS_WITH_NOTICE}
ELSE
    NEW.ends_at := NULL;
END IF;
RETURN NEW;
"""  # noqa: S608 - ours.


class Enrolment(models.Model):
    """That a creator takes part in a plan, or is invited to; `ends_at` is when the merchant lets them go."""

    id = personal(models.BigAutoField(primary_key=True))
    plan = personal(models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="enrolments"))
    creator = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+"))
    state = personal(models.CharField(max_length=10, choices=EnrolmentState.choices))
    ends_at = personal(models.DateTimeField(null=True, blank=True))
    at = personal(models.DateTimeField(default=timezone.now))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["plan", "creator"], name="enrolment_once"),
            models.CheckConstraint(condition=Q(state__in=EnrolmentState.values), name="enrolment_state_is_known"),
        )
        triggers = (
            pgtrigger.Trigger(
                name="enrolment_is_allowed",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                declare=[("v_kind", "text"), ("v_merchant", "bigint"), ("v_before", "text")],
                func=_ENROLMENT_IS_ALLOWED,
            ),
            pgtrigger.FSM(
                name="enrolment_moves", field="state", transitions=[(str(a), str(b)) for a, b in ENROLMENT_MOVES]
            ),
        )


class ShowcaseItem(models.Model):
    """A product that a creator shows on their profile, in their order.

    That it stands here gives no right to show it: whether the creator still takes part in a plan for it, and whether it
    is on sale, is asked each time that it is read.
    """

    id = public(models.BigAutoField(primary_key=True))
    creator = public(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+"))
    product = public(models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+"))
    position = public(models.PositiveSmallIntegerField())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["creator", "product"], name="showcase_product_once"),
            models.UniqueConstraint(fields=["creator", "position"], name="showcase_position_once"),
            models.CheckConstraint(condition=Q(position__lt=MAX_SHOWCASE), name="showcase_position_is_sane"),
        )
        ordering = ("position",)
