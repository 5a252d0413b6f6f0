"""What merchants and creators do with plans, and creators with their showcases.

What is worse for creators begins after the notice that `models/plan.py` tells of; here it is only asked for.
"""

from collections.abc import Sequence
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.people.queries import person_by_name
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import (
    MAX_RATE_BP,
    MAX_SHOWCASE,
    MIN_RATE_BP,
    Enrolment,
    EnrolmentState,
    Plan,
    PlanKind,
    PlanProduct,
    PlanRate,
    Product,
    ShowcaseItem,
    StaffRole,
)
from glaswerk.shop.queries.merchants import access_merchant
from glaswerk.shop.queries.plans import access_own_plan, access_plan_for_creator, promotable
from glaswerk.shop.texts import clean_line

MAX_PLANS: Final = 100
MAX_PLAN_PRODUCTS: Final = 500
MAX_CREATORS: Final = 5_000
MAX_ENROLMENTS: Final = 500


def check_rate_bp(rate_bp: int) -> int:
    """Return a rate in hundredths of a percent.  Raises ShopError for one that no plan may have."""
    if not MIN_RATE_BP <= rate_bp <= MAX_RATE_BP:
        raise ShopError("rate_bp", _("A rate is between 1 and 80 percent."))
    return rate_bp


def create_plan(
    person: Person, merchant: str, kind: str, title: str, rate_bp: int, products: Sequence[str] | None
) -> Plan:
    """Make a plan, as a manager; `products` are those it is for, None stands for all.  Raises Http404 and ShopError."""
    if kind not in PlanKind.values:
        raise ShopError("kind", _("A plan is open to all, or for invited creators."))
    title = clean_line(title, "title", 80)
    check_rate_bp(rate_bp)
    with transaction.atomic():
        owner = access_merchant(person, merchant, StaffRole.MANAGER, lock=True)
        if owner.plans.filter(ends_at__isnull=True).count() >= MAX_PLANS:
            raise ShopError("title", _("There is no room for more plans. Please end one first."), 409)
        plan = Plan.objects.create(merchant=owner, kind=kind, title=title, covers_all=products is None)
        PlanRate.objects.create(plan=plan, rate_bp=rate_bp, written_by=person.pk)
        if products is not None:
            if not 0 < len(products) <= MAX_PLAN_PRODUCTS:
                raise ShopError(
                    "products", _("Please name between 1 and %(most)d products.") % {"most": MAX_PLAN_PRODUCTS}
                )
            held = _own_products(plan, products)
            PlanProduct.objects.bulk_create(PlanProduct(plan=plan, product_id=one) for one in held)
    return plan


def set_rate(person: Person, plan_id: str, rate_bp: int) -> PlanRate:
    """Write the next version of a plan's rate, as a manager.  Raises Http404 and ShopError."""
    check_rate_bp(rate_bp)
    with transaction.atomic():
        plan = _open_plan(person, plan_id)
        last = plan.rates.order_by("-version").first()
        if last is not None and last.rate_bp == rate_bp:
            raise ShopError("rate_bp", _("That is the rate already."), 409)
        written = PlanRate.objects.create(plan=plan, rate_bp=rate_bp, written_by=person.pk)
        # When it begins is known to the database alone.
        written.refresh_from_db()
    return written


def add_product(person: Person, plan_id: str, product_id: str) -> None:
    """Let a plan be for one product more, as a manager.  Raises Http404 and ShopError."""
    with transaction.atomic():
        plan = _open_plan(person, plan_id)
        if plan.covers_all:
            raise ShopError("product", _("This plan is for all of your products already."), 409)
        if plan.products.count() >= MAX_PLAN_PRODUCTS:
            raise ShopError(
                "product", _("Please name between 1 and %(most)d products.") % {"most": MAX_PLAN_PRODUCTS}, 409
            )
        (product,) = _own_products(plan, [product_id], "product")
        PlanProduct.objects.update_or_create(plan=plan, product_id=product, defaults={"ends_at": None})


def remove_product(person: Person, plan_id: str, product_id: str) -> PlanProduct:
    """Let a plan be for a product no more, once the notice is over, as a manager.  Raises Http404."""
    with transaction.atomic():
        plan = access_own_plan(person, plan_id, lock=True)
        held = plan.products.filter(product_id=_decoded(product_id)).first()
        if held is None:
            raise Http404
        held.ends_at = timezone.now()
        held.save(update_fields=["ends_at"])
        held.refresh_from_db()
    return held


def end_plan(person: Person, plan_id: str) -> Plan:
    """End a plan once the notice is over, as a manager.  Raises Http404."""
    with transaction.atomic():
        plan = access_own_plan(person, plan_id, lock=True)
        plan.ends_at = timezone.now()
        plan.save(update_fields=["ends_at"])
        plan.refresh_from_db()
    return plan


def invite(person: Person, plan_id: str, name: str) -> Enrolment:
    """Invite a creator to a plan, as a manager; nothing holds before they accept.  Raises Http404 and ShopError."""
    with transaction.atomic():
        plan = _open_plan(person, plan_id)
        if plan.kind != PlanKind.TARGET:
            raise ShopError("person", _("This plan is open to every creator; nobody has to be invited."), 409)
        creator = person_by_name(name.strip().lstrip("@").lower()) if name.isprintable() else None
        if creator is None:
            raise ShopError("person", _("There is nobody of that name here."))
        held = Enrolment.objects.select_for_update().filter(plan=plan, creator=creator).first()
        if held is not None and held.state in (EnrolmentState.INVITED, EnrolmentState.ACTIVE):
            if held.ends_at is None:
                raise ShopError("person", _("This creator is invited already, or takes part."), 409)
            # They were to go, and are wanted after all.
            held.ends_at = None
            held.save(update_fields=["ends_at"])
            return held
        if plan.enrolments.count() >= MAX_CREATORS:
            raise ShopError("person", _("There is no room for more creators in this plan."), 409)
        return _write(held or Enrolment(plan=plan, creator=creator), EnrolmentState.INVITED)


def withdraw(person: Person, plan_id: str, name: str) -> None:
    """Take an invitation back, or let a creator go once the notice is over, as a manager.  Raises Http404."""
    with transaction.atomic():
        plan = access_own_plan(person, plan_id, lock=True)
        if plan.kind != PlanKind.TARGET or not name.isprintable():
            raise Http404
        held = Enrolment.objects.select_for_update(of=("self",)).filter(plan=plan, creator__name=name.lower()).first()
        if held is None or held.state not in (EnrolmentState.INVITED, EnrolmentState.ACTIVE):
            raise Http404
        if held.state == EnrolmentState.INVITED:
            _write(held, EnrolmentState.WITHDRAWN)
        else:
            held.ends_at = timezone.now()
            held.save(update_fields=["ends_at"])


def enrol(person: Person, plan_id: str) -> Enrolment:
    """Take part in an open plan, or accept an invitation.  Raises Http404 and ShopError; the same again does nothing."""
    plan = access_plan_for_creator(person, plan_id)
    with transaction.atomic():
        # The person's row is the lock under which their plans are counted.
        Person.objects.select_for_update(no_key=True).get(pk=person.pk)
        held = Enrolment.objects.select_for_update().filter(plan=plan, creator=person).first()
        if held is not None and held.state == EnrolmentState.ACTIVE:
            return held
        if plan.kind == PlanKind.TARGET and (held is None or held.state != EnrolmentState.INVITED):
            raise Http404
        if Enrolment.objects.filter(creator=person, state=EnrolmentState.ACTIVE).count() >= MAX_ENROLMENTS:
            raise ShopError("plan", _("You take part in as many plans as a creator can. Please leave one first."), 409)
        return _write(held or Enrolment(plan=plan, creator=person), EnrolmentState.ACTIVE)


def leave(person: Person, plan_id: str) -> Enrolment:
    """Leave a plan at once, or decline an invitation.  Raises Http404."""
    with transaction.atomic():
        held = (
            Enrolment.objects.select_for_update()
            .filter(
                plan_id=_decoded(plan_id),
                creator=person,
                state__in=(EnrolmentState.ACTIVE, EnrolmentState.INVITED),
            )
            .first()
        )
        if held is None:
            raise Http404
        is_invited = held.state == EnrolmentState.INVITED
        return _write(held, EnrolmentState.REFUSED if is_invited else EnrolmentState.LEFT)


def set_showcase(person: Person, products: Sequence[str]) -> None:
    """Show these products on one's profile, in this order, and no others.  Raises ShopError.

    A product by which this creator does not earn is as unknown as one that is not there.
    """
    if len(products) > MAX_SHOWCASE:
        raise ShopError("products", _("A showcase has room for %(count)d products.") % {"count": MAX_SHOWCASE})
    wanted = []
    for number, product in enumerate(products):
        try:
            wanted.append(decode_id(product))
        except ValueError:
            raise ShopError(f"products.{number}", _("There is no such product in your plans.")) from None
    if len(set(wanted)) != len(wanted):
        raise ShopError("products", _("A showcase shows each product once."))
    with transaction.atomic():
        # The person's row is the lock under which their showcase is exchanged.
        Person.objects.select_for_update(no_key=True).get(pk=person.pk)
        allowed = set(promotable(person).filter(pk__in=wanted).values_list("pk", flat=True))
        for number, one in enumerate(wanted):
            if one not in allowed:
                raise ShopError(f"products.{number}", _("There is no such product in your plans."))
        ShowcaseItem.objects.filter(creator=person).delete()
        ShowcaseItem.objects.bulk_create(
            ShowcaseItem(creator=person, product_id=one, position=place) for place, one in enumerate(wanted)
        )


def _open_plan(person: Person, plan_id: str) -> Plan:
    """Return a plan that has no end, for a manager, its row locked.  Raises Http404 and ShopError."""
    plan = access_own_plan(person, plan_id, lock=True)
    if plan.ends_at is not None:
        raise ShopError("plan", _("This plan ends. Please make a new one."), 409)
    return plan


def _own_products(plan: Plan, products: Sequence[str], field: str = "products") -> list[int]:
    """Return products of a plan's merchant by their public ids.  Raises ShopError for every other."""
    try:
        wanted = list(dict.fromkeys(decode_id(one) for one in products))
    except ValueError:
        raise ShopError(field, _("There is no such product in your shop.")) from None
    found = Product.objects.filter(merchant_id=plan.merchant_id, pk__in=wanted).count()
    if found != len(wanted):
        raise ShopError(field, _("There is no such product in your shop."))
    return wanted


def _write(enrolment: Enrolment, state: EnrolmentState) -> Enrolment:
    """Move an enrolment on.  Raises ShopError for who works for the merchant, which the database refuses."""
    enrolment.state, enrolment.at, enrolment.ends_at = state, timezone.now(), None
    try:
        with transaction.atomic():
            enrolment.save()
    except IntegrityError as error:
        cause: Any = error.__cause__
        if cause.diag.constraint_name == "enrolment_not_of_staff":
            message = _("Who works for a shop earns no commission by it.")
            raise ShopError("person", message, 409) from None
        raise
    return enrolment


def _decoded(public_id: str) -> int:
    try:
        return decode_id(public_id)
    except ValueError:
        raise Http404 from None
