"""What creators earn by an order, from its purchase to its end.

It is written by `shop_earn`, a function of the database that runs within the call that places a purchase, on the terms
that its plan holds, so that earning costs no round trip, and next to nothing where nobody led the buyer.  What goes
back to a buyer takes its part of the commission back, before and after it was paid.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from glaswerk.money.amounts import Money, allocate
from glaswerk.money.commissions import lock_commissions, postpone_commissions, reverse_commission
from glaswerk.shop.ledger import payable_accounts
from glaswerk.shop.models import Earning, Order, OrderState, Return, ReturnState

# So long a delivery may take where nobody says that it arrived.
LONGEST_DELIVERY: Final = timedelta(days=30)
_LATER: Final = timedelta(days=7)


def attribution_periods() -> tuple[timedelta, timedelta]:
    """Return for how long a touch counts, and how long after the purchase its commission is payable at the soonest."""
    config = settings.CELL.config.shop
    return timedelta(days=config.attribution_days), timedelta(days=config.return_days) + LONGEST_DELIVERY


def lock_earnings(*orders: Order) -> list[Earning]:
    """Return what creators earn by orders, its commissions locked, which is done before anything is posted.

    One query where nobody earns by them.
    """
    earnings = list(
        Earning.objects.filter(line__order__in=orders)
        .select_related("line", "commission")
        .order_by("creator_id", "line_id")
    )
    if earnings:
        lock_commissions([one.commission_id for one in earnings])
    return earnings


def take_back(
    order: Order, earnings: Sequence[Earning], part: str, minor: int, worth: Mapping[int, int] | None, *, is_all: bool
) -> None:
    """Take back what creators earned by what goes back to an order's buyer, within the transaction that gives it back.

    `earnings` are those of the order, locked.  `part` names what happened, and happens once.  `worth` says what goes
    back, by line; without it `minor` is shared out over the lines and the delivery.  `is_all`: nothing of the order is left.
    """
    if not earnings:
        return
    if worth is None:
        lines = list(order.lines.order_by("pk"))
        parts = allocate(minor, [*(line.total_minor for line in lines), order.delivery_minor])
        worth = {line.pk: share for line, share in zip(lines, parts, strict=False)}
    back_to = payable_accounts([order.merchant_id], order.currency)[0]
    for earning in earnings:
        total = earning.line.total_minor
        back = total if is_all else min(total, earning.given_back_minor + worth.get(earning.line_id, 0))
        if back <= earning.given_back_minor:
            continue
        Earning.objects.filter(pk=earning.pk).update(given_back_minor=back)
        # What went back before has taken its part; so the parts of all refunds sum to the commission exactly.
        due = earning.minor * back // total - earning.minor * earning.given_back_minor // total
        left = earning.commission.amount - earning.commission.reversed
        if due := min(due, left):
            reverse_commission(earning.commission.key, part, Money(due, order.currency), back_to)


def let_earn_from_arrival(order: Order) -> None:
    """Let what creators earn by an order be payable when its return window is over, now that all of it has arrived."""
    over = timezone.now() + timedelta(days=settings.CELL.config.shop.return_days)
    postpone_commissions(Earning.objects.filter(line__order=order).values("commission"), over)


def hold_back(now: datetime | None = None) -> int:
    """Let wait what would be payable soon though its order is not sent yet or a return is on its way; return how many."""
    now = now or timezone.now()
    returning = Return.objects.filter(order=OuterRef("line__order"), state=ReturnState.REQUESTED)
    waiting = Earning.objects.filter(commission__payable_at__lt=now + timedelta(hours=2), commission__state="accrued")
    unsent = Q(line__order__state__in=(OrderState.PAID, OrderState.PARTLY_SHIPPED))
    return postpone_commissions(waiting.filter(unsent | Q(Exists(returning))).values("commission"), now + _LATER)
