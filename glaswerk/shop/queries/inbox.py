"""What the shop has told somebody, in the words of their language."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from glaswerk.people.models import Person
from glaswerk.shop.models import Notice

MOST_COUNTED: Final = 99

_FOR_BUYERS: Final[dict[str, Promise]] = {
    "order_paid": _("Your order is paid"),
    "order_partly_shipped": _("Part of your order is on its way"),
    "order_shipped": _("Your order is on its way"),
    "order_parcel": _("Another parcel is on its way"),
    "order_arrived": _("A parcel has arrived"),
    "order_delivered": _("Your order has arrived"),
    "order_cancelled": _("Your order was cancelled"),
    "order_refunded": _("You get money back"),
    "order_return_received": _("What you sent back has arrived"),
    "order_return_refused": _("Your return was refused"),
}
_FOR_SHOPS: Final[dict[str, Promise]] = {
    "order_paid": _("A new order"),
    "order_cancelled": _("An order was cancelled"),
    "order_return_asked": _("Somebody sends something back"),
    "stock_low": _("Something is nearly sold out"),
    "hook_off": _("A webhook was switched off"),
}
BUYER_KINDS: Final = frozenset(_FOR_BUYERS)
SHOP_KINDS: Final = frozenset(_FOR_SHOPS)


@dataclass(frozen=True, slots=True)
class Line:
    """A notice as it is read."""

    id: str
    kind: str
    words: str
    subject: str
    shop: str
    is_for_shop: bool
    is_unread: bool
    at: datetime


def notices_of(person: Person) -> QuerySet[Notice]:
    """Return what somebody was told, the newest first.  One query."""
    return Notice.objects.filter(person=person).select_related("merchant", "order").order_by("-pk")


def unread(person: Person) -> int:
    """Return how many notices somebody has not read, up to a hundred.  One query."""
    return Notice.objects.filter(person=person, read_at__isnull=True)[: MOST_COUNTED + 1].count()


def line_of(notice: Notice) -> Line:
    """Return a notice in the language of this moment."""
    words = (_FOR_SHOPS if notice.is_for_shop else _FOR_BUYERS).get(notice.kind, "")
    return Line(
        id=notice.public_id,
        kind=notice.kind,
        words=str(words),
        subject=notice.subject,
        shop=notice.merchant.title,
        is_for_shop=notice.is_for_shop,
        is_unread=notice.read_at is None,
        at=notice.at,
    )


def address_of(notice: Notice) -> str:
    """Return where a notice leads."""
    if not notice.is_for_shop:
        return reverse("order", args=[notice.order.public_id]) if notice.order else reverse("orders")
    name = notice.merchant.name
    if notice.order is not None:
        return reverse("merchant_order", args=[name, notice.order.public_id])
    if notice.kind == "hook_off":
        return reverse("merchant_programs", args=[name])
    return reverse("merchant_stock", args=[name]) + "?low"
