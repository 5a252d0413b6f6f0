"""Reads about stock, for those who work for the merchant."""

from django.db.models import F, Q, QuerySet

from glaswerk.people.models import Person
from glaswerk.shop.models import Location, Merchant, Movement, ProductState, StaffRole, Stock
from glaswerk.shop.queries.merchants import access_merchant


def locations_of(person: Person, name: str) -> QuerySet[Location]:
    """Return where a merchant keeps things.  Two queries.  Raises Http404."""
    return Location.objects.filter(merchant=access_merchant(person, name, StaffRole.PACKER)).order_by("pk")


def stocks_of(person: Person, name: str, words: str = "", *, is_low: bool = False) -> QuerySet[Stock]:
    """Return what a merchant has, by product, or of it what is low.  Two queries.  Raises Http404."""
    merchant = access_merchant(person, name, StaffRole.PACKER)
    found = low_stock(merchant) if is_low else Stock.objects.filter(location__merchant=merchant)
    for word in words.split()[:8]:
        found = found.filter(Q(variant__product__title__icontains=word) | Q(variant__sku__icontains=word))
    return (
        # What is left of a row that was split and is one again.
        found.exclude(bucket__gt=0, on_hand=0)
        .select_related("variant__product", "location")
        .order_by("variant__product__handle", "variant__position", "location_id", "bucket")
    )


def low_stock(merchant: Merchant) -> QuerySet[Stock]:
    """Return what is as low as its merchant wants to be told of, the lowest first, of products that are on sale."""
    found = Stock.objects.filter(
        location__merchant=merchant, variant__is_active=True, variant__product__state=ProductState.ACTIVE
    )
    found = found.filter(low_at__isnull=False, low_at__gte=F("on_hand") - F("reserved"))
    return found.select_related("variant__product", "location").order_by("on_hand", "pk")


def movements_of(person: Person, name: str) -> QuerySet[Movement]:
    """Return every change of a merchant's stock, the newest first.  Two queries.  Raises Http404."""
    merchant = access_merchant(person, name, StaffRole.MANAGER)
    return (
        Movement.objects.filter(stock__location__merchant=merchant)
        .select_related("stock__variant__product", "stock__location")
        .order_by("-pk")
    )
