"""What is told by e-mail at each step of an order.

Each notice stands in the outbox, written in the transaction of what it tells.  It is sent at least once: a machine that
stops between sending some and noting them sends these again, which is better than not at all.
"""

from collections.abc import Callable
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import get_connection, send_mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F, OuterRef, Subquery, Sum
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from glaswerk.money.amounts import Money
from glaswerk.shop.actions.inbox import tell_people, tell_staff
from glaswerk.shop.models import Merchant, Order, Outgoing, Purchase, StaffRole, Stock
from glaswerk.shop.queries.inbox import BUYER_KINDS, SHOP_KINDS
from glaswerk.shop.queries.merchants import at_least

STOCK_LOW: Final = "stock_low"
_logger = structlog.get_logger("glaswerk.shop")


# So many go to the mail server at once, and are noted with one commit.
_AT_ONCE: Final = 50


def deliver(limit: int = 5_000) -> int:
    """Send what waits in the outbox, the oldest first; return how many notices were dealt with.

    Several workers share the work: notices that another one is at are left to it.
    """
    dealt = 0
    while dealt < limit:
        with transaction.atomic():
            waiting = Outgoing.objects.select_for_update(skip_locked=True).filter(told_at__isnull=True).order_by("id")
            notices = list(waiting[: min(_AT_ONCE, limit - dealt)])
            told = _tell_all(notices) if notices else []
            Outgoing.objects.filter(pk__in=told).update(told_at=timezone.now())
        dealt += len(told)
        if len(told) < min(_AT_ONCE, limit):
            break
    return dealt


def _tell_all(notices: list[Outgoing]) -> list[int]:
    """Send notices over one connection to the mail server; return those that were sent."""
    about = [notice.reference for notice in notices]
    found = Order.objects.filter(pk__in=about).select_related("purchase", "merchant")
    orders = {one.pk: one for one in found.prefetch_related("merchant__staff__person")}
    told: list[int] = []
    try:
        with get_connection() as mail:
            for notice in notices:
                _tell(notice, orders.get(notice.reference), mail)
                told.append(notice.pk)
    except OSError as error:
        # The mail server is away; what was not sent waits.
        _logger.warning("notices wait", reason=type(error).__name__)
    return told


def _tell(notice: Outgoing, order: Order | None, mail: BaseEmailBackend) -> None:
    if notice.kind == "purchase_reversed":
        purchase = Purchase.objects.filter(pk=notice.reference).first()
        if purchase is not None and purchase.email:
            with translation.override(purchase.language or settings.LANGUAGE_CODE):
                text = _(
                    "Your payment came after your reservation had ended, and what you wanted is sold out by now. You get all of it back: %(amount)s."
                )
                money = Money(purchase.total_minor, purchase.currency).shown(translation.get_language() or "en")
                subject = _("Your purchase could not be made")
                send_mail(subject, text % {"amount": money}, None, [purchase.email], connection=mail)
        return
    if order is None:
        return
    _tell_in_app(notice, order)
    words = _FOR_BUYERS.get(notice.kind)
    if words is not None and order.purchase.email:
        with translation.override(order.purchase.language or settings.LANGUAGE_CODE):
            subject, text = words(order)
            address = f"{settings.PUBLIC_URL}/orders/{order.public_id}"
            send_mail(subject, f"{text}\n\n{address}\n", None, [order.purchase.email], connection=mail)
    if notice.kind in ("order_paid", "order_return_asked"):
        _tell_merchant(order.merchant, notice.kind, order, mail)


def _tell_in_app(notice: Outgoing, order: Order) -> None:
    """Tell the buyer, and who packs for the merchant, where they look when they do not look into their mail."""
    source = f"outgoing:{notice.pk}"
    buyer = order.purchase.person_id
    if notice.kind in BUYER_KINDS and buyer is not None:
        tell_people([buyer], notice.kind, source, order.merchant, order)
    if notice.kind in SHOP_KINDS:
        # Who buys from their own shop is told as its buyer and as its merchant.
        tell_staff(order.merchant, StaffRole.PACKER, notice.kind, f"{source}:shop", order)


def _tell_merchant(merchant: Merchant, kind: str, order: Order, mail: BaseEmailBackend) -> None:
    for one in merchant.staff.all():
        if one.role in at_least(StaffRole.PACKER) and one.person.email and one.person.is_active:
            with translation.override(one.person.language or settings.LANGUAGE_CODE):
                subject = _("A new order") if kind == "order_paid" else _("Somebody sends something back")
                text = _("Order %(order)s of %(shop)s waits for you.") % {
                    "order": order.public_id,
                    "shop": merchant.title,
                }
                send_mail(subject, text, None, [one.person.email], connection=mail)


def _paid(order: Order) -> tuple[str, str]:
    money = Money(order.total_minor, order.currency).shown(translation.get_language() or "en")
    text = _(
        "Thank you for your order at %(shop)s. You paid %(amount)s, VAT included. You can send things back within %(days)d days after they arrived."
    )
    return _("Your order at %(shop)s") % {"shop": order.merchant.title}, text % {
        "shop": order.merchant.title,
        "amount": money,
        "days": settings.CELL.config.shop.return_days,
    }


def _shipped(order: Order) -> tuple[str, str]:
    parcels = ", ".join(f"{one.carrier} {one.tracking}".strip() for one in order.parcels.all())
    return _("Your order is on its way"), _("%(shop)s has sent: %(parcels)s") % {
        "shop": order.merchant.title,
        "parcels": parcels,
    }


def _cancelled(order: Order) -> tuple[str, str]:
    return _("Your order was cancelled"), _("Your order at %(shop)s was cancelled. You get your money back.") % {
        "shop": order.merchant.title
    }


def _refunded(order: Order) -> tuple[str, str]:
    money = Money(order.refunded_minor, order.currency).shown(translation.get_language() or "en")
    return _("You get money back"), _("Of your order at %(shop)s, %(amount)s are paid back by now.") % {
        "shop": order.merchant.title,
        "amount": money,
    }


def _return_refused(order: Order) -> tuple[str, str]:
    return _("Your return was refused"), _(
        "%(shop)s did not take back what you sent. Its reason stands with your order."
    ) % {"shop": order.merchant.title}


_FOR_BUYERS: Final[dict[str, Callable[[Order], tuple[str, str]]]] = {
    "order_paid": _paid,
    "order_partly_shipped": _shipped,
    "order_shipped": _shipped,
    "order_parcel": _shipped,
    "order_cancelled": _cancelled,
    "order_refunded": _refunded,
    "order_return_received": _refunded,
    "order_return_refused": _return_refused,
}


def tell_low_stock(limit: int = 100) -> int:
    """Tell merchants once what is low, until it rises again; return how many were told."""
    told = 0
    with transaction.atomic():
        low = Stock.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            low_at__isnull=False, low_told_at__isnull=True
        )
        # A hot variant lies in several buckets of a place; what counts is all of them.
        buckets = Stock.objects.filter(variant=OuterRef("variant"), location=OuterRef("location"))
        free = buckets.order_by().values("location").annotate(left=Sum(F("on_hand") - F("reserved"))).values("left")
        low = low.annotate(free=Subquery(free)).filter(low_at__gte=F("free"))
        found = list(low.select_related("variant__product", "location__merchant").order_by("id")[:limit])
        for stock in found:
            Stock.objects.filter(pk=stock.pk).update(low_told_at=timezone.now())
            # The mails go from here; in the outbox it is for the merchant's own programs.
            row = Outgoing.objects.create(kind=STOCK_LOW, reference=stock.pk, told_at=timezone.now())
            tell_staff(
                stock.location.merchant,
                StaffRole.MANAGER,
                STOCK_LOW,
                f"outgoing:{row.pk}",
                subject=stock.variant.product.title,
            )
            staff = stock.location.merchant.staff.filter(role__in=at_least(StaffRole.MANAGER)).select_related("person")
            for one in staff:
                if one.person.email and one.person.is_active:
                    with translation.override(one.person.language or settings.LANGUAGE_CODE):
                        words = {
                            "title": stock.variant.product.title,
                            "sku": stock.variant.sku,
                            "count": stock.free,
                        }
                        text = _("Of %(title)s (%(sku)s) there are %(count)d left.") % words
                        send_mail(_("Something is nearly sold out"), text, None, [one.person.email])
            told += 1
    return told
