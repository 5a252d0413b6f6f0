"""Reads about orders.  Each begins with who asks: a buyer's number, or who works for the merchant."""

from collections.abc import Collection
from typing import Final

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404

from glaswerk.cell.ids import decode_id, encode_id
from glaswerk.people.models import Person
from glaswerk.shop.models import Merchant, Order, OrderLine, OrderState, Parcel, Return, StaffRole
from glaswerk.shop.queries.merchants import access_merchant, at_least

OPEN: Final = (OrderState.PAID, OrderState.PARTLY_SHIPPED)


def own_orders(numbers: Collection[int]) -> QuerySet[Order]:
    """Return a buyer's own orders, by all numbers that they are known as, the newest first.  One query."""
    return Order.objects.filter(buyer__in=numbers).select_related("merchant", "purchase").order_by("-pk")


def orders_of(person: Person, name: str, state: str = "") -> QuerySet[Order]:
    """Return a merchant's orders, the newest first, for who works there.  Two queries.  Raises Http404."""
    merchant = access_merchant(person, name, StaffRole.PACKER)
    found = Order.objects.filter(merchant=merchant).select_related("merchant", "purchase").order_by("-pk")
    return found.filter(state=state) if state else found


def open_orders(merchant: Merchant) -> QuerySet[Order]:
    """Return what a merchant has to send, the oldest first.  One query."""
    return Order.objects.filter(merchant=merchant, state__in=OPEN).order_by("pk")


def search_orders(found: QuerySet[Order], words: str) -> QuerySet[Order]:
    """Return those orders that all of the words fit to: their number, the buyer's e-mail address, a thing, or a parcel.

    Names and addresses are encrypted, and so are found by nobody.
    """
    for word in words.split()[:8]:
        try:
            number = decode_id(word)
        except ValueError:
            number = -1
        lines = OrderLine.objects.filter(Q(title__icontains=word) | Q(sku__iexact=word), order=OuterRef("pk"))
        parcels = Parcel.objects.filter(tracking__iexact=word, order=OuterRef("pk"))
        found = found.filter(Q(pk=number) | Q(purchase__email__iexact=word) | Exists(lines) | Exists(parcels))
    return found


def with_parts(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Load all that an order's page shows too.  Six queries more."""
    return orders.prefetch_related(
        "lines", "events", "refunds", Prefetch("parcels", Parcel.objects.prefetch_related("lines__line")),
        Prefetch("returns", Return.objects.prefetch_related("lines__line").order_by("pk")),
    )  # fmt: skip


def access_own_order(numbers: Collection[int], public_id: str, *, lock: bool = False) -> Order:
    """Return a buyer's own order.  One query.  Raises Http404 for everybody else's."""
    return _one(Order.objects.filter(buyer__in=numbers), public_id, lock=lock)


def access_order(person: Person, public_id: str, role: StaffRole, *, lock: bool = False) -> Order:
    """Return an order of a merchant for who works there in this role or a higher one.  One query.  Raises Http404."""
    found = Order.objects.filter(merchant__staff__person=person, merchant__staff__role__in=at_least(role))
    return _one(found, public_id, lock=lock)


def access_own_return(person: Person, public_id: str, role: StaffRole, *, lock: bool = False) -> Return:
    """Return a return for who works for its order's merchant in this role.  One query.  Raises Http404."""
    found = Return.objects.filter(
        order__merchant__staff__person=person, order__merchant__staff__role__in=at_least(role)
    )
    if lock:
        found = found.select_for_update(of=("self",), no_key=True)
    back = found.filter(pk=_decoded(public_id)).first()
    if back is None:
        raise Http404
    return back


def _one(found: QuerySet[Order], public_id: str, *, lock: bool) -> Order:
    if lock:
        found = found.select_for_update(of=("self",), no_key=True)
    order = found.filter(pk=_decoded(public_id)).select_related("merchant", "purchase").first()
    if order is None:
        raise Http404
    return order


def _decoded(public_id: str) -> int:
    try:
        return decode_id(public_id)
    except ValueError:
        raise Http404 from None


def public(number: int | None) -> str:
    """Return an id in its public form, or nothing where there is none any more."""
    return encode_id(number) if number is not None else ""
