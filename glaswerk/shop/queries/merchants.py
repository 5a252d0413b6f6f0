"""Reads about merchants.  Who may do something is part of the query, so that what one may not is not found."""

import re
from datetime import date
from typing import Final

from django.db.models import Q, QuerySet
from django.http import Http404

from glaswerk.people.models import Person, Role
from glaswerk.shop.models import Merchant, MerchantState, Staff, StaffRole

_NAME: Final = re.compile(r"[a-z0-9-]{3,40}")
_RANK: Final = (StaffRole.PACKER, StaffRole.MANAGER, StaffRole.OWNER)


def at_least(role: StaffRole) -> tuple[StaffRole, ...]:
    """Return the roles that may do what `role` may."""
    return _RANK[_RANK.index(role) :]


def checked_name(name: str) -> str:
    """Return a name that a merchant could have.  Raises Http404 for others, which the database might not even take."""
    if not _NAME.fullmatch(name):
        raise Http404
    return name


def merchants_of(person: Person, role: StaffRole = StaffRole.PACKER) -> QuerySet[Merchant]:
    """Return the merchants for whom a person works in this role or a higher one.  One query."""
    return Merchant.objects.filter(staff__person=person, staff__role__in=at_least(role)).order_by("name")


def access_merchant(person: Person, name: str, role: StaffRole, *, lock: bool = False) -> Merchant:
    """Return a merchant for somebody who works there in this role or a higher one.  One query.

    Raises Http404 for everybody else: who works where is nobody's business.
    """
    found = merchants_of(person, role).filter(name=checked_name(name))
    if lock:
        found = found.select_for_update(of=("self",), no_key=True)
    merchant = found.first()
    if merchant is None:
        raise Http404
    return merchant


def open_merchants() -> QuerySet[Merchant]:
    """Return the merchants that everybody may see.  One query."""
    return Merchant.objects.filter(state=MerchantState.APPROVED).order_by("name")


def shown_merchant(name: str) -> Merchant:
    """Return a merchant as everybody may see it.  One query.  Raises Http404."""
    merchant = open_merchants().filter(name=checked_name(name)).first()
    if merchant is None:
        raise Http404
    return merchant


def merchants_to_decide(person: Person, state: str | None = None) -> QuerySet[Merchant]:
    """Return all merchants for an operator, those who wait longest first, and none for anybody else.  One query."""
    if person.role != Role.OPERATOR:
        return Merchant.objects.none()
    found = Merchant.objects.order_by("applied_at", "pk")
    return found.filter(state=state) if state else found


def staff_of(merchant: Merchant) -> QuerySet[Staff]:
    """Return who works for a merchant.  One query."""
    return Staff.objects.filter(merchant=merchant).select_related("person").order_by("person__name")


def selling(today: date) -> Q:
    """Return the condition that a merchant sells on this day: approved, and not on holiday."""
    return Q(state=MerchantState.APPROVED) & ~Q(holiday_from__lte=today, holiday_until__gte=today)
