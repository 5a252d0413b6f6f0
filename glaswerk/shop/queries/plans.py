"""Reads about plans, who takes part in them, and showcases.  Who may see a plan is part of each query."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.shop.models import (
    Enrolment,
    EnrolmentState,
    Merchant,
    Plan,
    PlanKind,
    PlanProduct,
    Product,
    ShowcaseItem,
    StaffRole,
)
from glaswerk.shop.queries.catalogue import on_sale
from glaswerk.shop.queries.merchants import access_merchant, at_least, selling


@dataclass(frozen=True, slots=True)
class Rates:
    """What a plan pays now, and what from a later moment on, in hundredths of a percent; None where nothing follows."""

    now_bp: int
    next_bp: int | None
    next_from: datetime | None


def rates_of(plan: Plan) -> Rates:
    """Return what a plan pays; its versions are loaded with it."""
    now = timezone.now()
    versions = [one for one in plan.rates.all() if not one.period.isempty]
    # The database's clock may be a moment ahead of ours, so the first version counts though it begins "later".
    begun = [one for one in versions if one.period.lower <= now] or versions[:1]
    coming = [one for one in versions if one.period.lower > now and one not in begun]
    return Rates(
        begun[-1].rate_bp,
        coming[-1].rate_bp if coming else None,
        coming[-1].period.lower if coming else None,
    )


def _holds(prefix: str = "") -> Q:
    """Return the condition that something has no end, or ends later."""
    return Q(**{f"{prefix}ends_at__isnull": True}) | Q(**{f"{prefix}ends_at__gt": timezone.now()})


def earns_by(creator: Any, product: Any, merchant: Any) -> Exists:
    """Return the condition that a creator takes part in a plan that covers a product; each may be an OuterRef."""
    found = Enrolment.objects.filter(_holds(), _holds("plan__"), creator=creator, state=EnrolmentState.ACTIVE)
    covers = Q(plan__covers_all=True) | (Q(plan__products__product=product) & _holds("plan__products__"))
    return Exists(found.filter(covers, plan__merchant=merchant))


def promotable(person: Person) -> QuerySet[Product]:
    """Return the products on sale by which a creator earns."""
    return on_sale(timezone.now()).filter(earns_by(person, OuterRef("pk"), OuterRef("merchant")))


def _with_parts(plans: QuerySet[Plan]) -> QuerySet[Plan]:
    held = PlanProduct.objects.filter(_holds()).select_related("product").order_by("product__title", "pk")
    return plans.select_related("merchant").prefetch_related("rates", Prefetch("products", held))


def plans_of_merchant(person: Person, name: str) -> tuple[Merchant, list[Plan]]:
    """Return a merchant and their plans, with versions, products and creators, for its managers.  Raises Http404."""
    merchant = access_merchant(person, name, StaffRole.MANAGER)
    parts = Enrolment.objects.select_related("creator").order_by("creator__name")
    found = _with_parts(Plan.objects.filter(merchant=merchant)).prefetch_related(Prefetch("enrolments", parts))
    return merchant, list(found.order_by("-pk"))


def access_own_plan(person: Person, public_id: str, *, lock: bool = False) -> Plan:
    """Return a plan for a manager of its merchant.  One query.  Raises Http404 for everybody else."""
    found = Plan.objects.filter(
        pk=_decoded(public_id),
        merchant__staff__person=person,
        merchant__staff__role__in=at_least(StaffRole.MANAGER),
    )
    if lock:
        found = found.select_for_update(of=("self",), no_key=True)
    plan = found.first()
    if plan is None:
        raise Http404
    return plan


def access_plan_for_creator(person: Person, public_id: str) -> Plan:
    """Return a plan that a creator may take part in: an open one, or one to which they were invited.  One query.

    Raises Http404 for every other, so that nobody learns of a plan for others.
    """
    invited = Exists(Enrolment.objects.filter(plan=OuterRef("pk"), creator=person))
    plan = (
        Plan.objects.filter(Q(kind=PlanKind.OPEN) | invited, _holds(), pk=_decoded(public_id))
        .filter(merchant__in=Merchant.objects.filter(selling(timezone.localdate())))
        .first()
    )
    if plan is None:
        raise Http404
    return plan


def open_plans(person: Person, words: str, limit: int) -> list[Plan]:
    """Return the open plans in which a creator does not take part yet, of merchants for whom they do not work."""
    mine = Exists(Enrolment.objects.filter(plan=OuterRef("pk"), creator=person, state=EnrolmentState.ACTIVE))
    works_there = Exists(Merchant.objects.filter(pk=OuterRef("merchant"), staff__person=person))
    found = Plan.objects.filter(~mine, ~works_there, _holds(), kind=PlanKind.OPEN)
    found = found.filter(merchant__in=Merchant.objects.filter(selling(timezone.localdate())))
    for word in words.split()[:8]:
        about = Exists(Product.objects.filter(merchant=OuterRef("merchant"), title__icontains=word))
        found = found.filter(Q(title__icontains=word) | Q(merchant__title__icontains=word) | about)
    return list(_with_parts(found).order_by("-pk")[:limit])


def enrolments_of(person: Person) -> list[Enrolment]:
    """Return the plans in which a creator takes part, and those to which they are invited."""
    found = Enrolment.objects.filter(
        _holds(), _holds("plan__"), creator=person, state__in=(EnrolmentState.ACTIVE, EnrolmentState.INVITED)
    )
    plans = _with_parts(Plan.objects.all())
    return list(found.order_by("-state", "-pk").prefetch_related(Prefetch("plan", plans)))


def showcase_of(creator: Person) -> list[Product]:
    """Return what a creator shows and may show at this moment, in their order.  Three queries."""
    shown = ShowcaseItem.objects.filter(creator=creator).values_list("product", flat=True).order_by("position")
    places = {product: place for place, product in enumerate(shown)}
    found = promotable(creator).filter(pk__in=places).select_related("merchant")
    return sorted(found.prefetch_related("pictures", "variants"), key=lambda one: places[one.pk])


def has_showcase(creator: Person) -> bool:
    """Return whether a creator shows anything.  One query."""
    shown = ShowcaseItem.objects.filter(creator=creator).values("product")
    return promotable(creator).filter(pk__in=shown).exists()


def best_rates(person: Person, products: Collection[int]) -> dict[int, int]:
    """Return by how much a creator earns by each product now, in hundredths of a percent.  One query."""
    if not products:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT product.id, rate.rate_bp FROM unnest(%s::bigint[]) AS product (id)"
            " CROSS JOIN LATERAL shop_rate_of(%s, product.id, clock_timestamp()) AS rate",
            [list(products), person.pk],
        )
        return dict(cursor.fetchall())


def _decoded(public_id: str) -> int:
    try:
        return decode_id(public_id)
    except ValueError:
        raise Http404 from None
