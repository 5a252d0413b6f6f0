"""Reads about stock, for those who work for the merchant."""

from django.db.models import QuerySet

from glaswerk.people.models import Person
from glaswerk.shop.models import Location, Movement, StaffRole, Stock
from glaswerk.shop.queries.merchants import access_merchant


def locations_of(person: Person, name: str) -> QuerySet[Location]:
    """Return where a merchant keeps things.  Two queries.  Raises Http404."""
    return Location.objects.filter(merchant=access_merchant(person, name, StaffRole.PACKER)).order_by("pk")


def stocks_of(person: Person, name: str) -> QuerySet[Stock]:
    """Return what a merchant has, by product.  Two queries.  Raises Http404."""
    merchant = access_merchant(person, name, StaffRole.PACKER)
    return (
        Stock.objects.filter(location__merchant=merchant)
        # What is left of a row that was split and is one again.
        .exclude(bucket__gt=0, on_hand=0)
        .select_related("variant__product", "location")
        .order_by("variant__product__handle", "variant__position", "location_id", "bucket")
    )


def movements_of(person: Person, name: str) -> QuerySet[Movement]:
    """Return every change of a merchant's stock, the newest first.  Two queries.  Raises Http404."""
    merchant = access_merchant(person, name, StaffRole.MANAGER)
    return Movement.objects.filter(stock__location__merchant=merchant).select_related("stock__variant").order_by("-pk")
