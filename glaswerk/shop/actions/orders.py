"""What happens to an order after it was paid: parcels, cancellation, returns and refunds."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.ids import decode_id
from glaswerk.money.amounts import allocate
from glaswerk.people.models import Person
from glaswerk.shop import paying
from glaswerk.shop.actions.stock import movement
from glaswerk.shop.commission import let_earn_from_arrival, lock_earnings, take_back
from glaswerk.shop.failures import ShopError
from glaswerk.shop.ledger import post_refund
from glaswerk.shop.models import (
    Invoice,
    Merchant,
    MovementKind,
    Order,
    OrderEvent,
    OrderLine,
    OrderState,
    Outgoing,
    Parcel,
    ParcelLine,
    Refund,
    RefundState,
    Return,
    ReturnLine,
    ReturnState,
    StaffRole,
    Stock,
)
from glaswerk.shop.queries.orders import access_order, access_own_order, access_own_return
from glaswerk.shop.texts import clean_line

# The key of the refund of what was not sent of an order that was partly sent.
_UNSENT: Final = "unsent"
_logger = structlog.get_logger("glaswerk.shop")


def move(order: Order, before: Sequence[OrderState], after: OrderState, by: int | None, note: str = "") -> None:
    """Move an order on within a transaction, if it is where it is thought to be.  Raises ShopError where it is not."""
    times = {OrderState.SHIPPED: "shipped_at", OrderState.DELIVERED: "delivered_at"}
    values: dict[str, Any] = {times[after]: timezone.now()} if after in times else {}
    if not Order.objects.filter(pk=order.pk, state__in=before).update(state=after, **values):
        raise ShopError("state", _("The order is not in a state in which that can be done."), 409)
    tell(order, str(after), by, note)
    order.state = after


def tell(order: Order, kind: str, by: int | None, note: str = "") -> None:
    """Write down what happened to an order, and put it into the outbox, within a transaction."""
    OrderEvent.objects.create(order=order, kind=kind, by=by, note=note)
    Outgoing.objects.create(kind=f"order_{kind}"[:30], reference=order.pk)


def cancel_order(numbers: Sequence[int], order_id: str) -> Order:
    """Cancel one's own order of which nothing was sent yet; all of its money goes back.  Raises Http404 and ShopError."""
    with transaction.atomic():
        order = access_own_order(numbers, order_id, lock=True)
        refund = _cancel(order, numbers[0], "")
    _pay_back(refund)
    order.refresh_from_db()
    return order


def cancel_as_merchant(person: Person, order_id: str, reason: str) -> Order:
    """Cancel an order of which nothing was sent yet, as a manager.  Raises Http404 and ShopError."""
    reason = clean_line(reason, "reason", 200)
    with transaction.atomic():
        order = access_order(person, order_id, StaffRole.MANAGER, lock=True)
        refund = _cancel(order, person.pk, reason)
    _pay_back(refund)
    order.refresh_from_db()
    return order


def open_orders() -> QuerySet[Order]:
    """Orders that somebody still waits for: neither sent as a whole nor paid back."""
    settled = Refund.objects.filter(order=OuterRef("pk"), key__endswith=f":{_UNSENT}")
    return Order.objects.filter(
        Q(state=OrderState.PAID)
        | (Q(state=OrderState.PARTLY_SHIPPED, refunded_minor__lt=F("total_minor")) & ~Exists(settled))
    ).order_by("id")


def pay_back_unsent(order_id: int, reason: str) -> None:
    """Give back the money for whatever of an order was not sent, because it never will be.  Safe to run again."""
    with transaction.atomic():
        order = Order.objects.select_for_update(no_key=True).get(pk=order_id)
        if not open_orders().filter(pk=order_id).exists():
            return
        if order.state == OrderState.PAID:
            refund = _cancel(order, None, reason)
        else:
            lines = [line for line in order.lines.all() if line.quantity > line.shipped]
            worth = sum(line.total_minor - line.total_minor * line.shipped // line.quantity for line in lines)
            minor = min(worth, _refundable(order))
            refund = write_refund(order, minor, _UNSENT, None, reason) if minor else None
            tell(order, "refunded", None, reason)
            _put_back({line.variant_id: line.quantity - line.shipped for line in lines if line.variant_id}, order)
    _pay_back(refund)


def _cancel(order: Order, by: int | None, reason: str) -> Refund | None:
    move(order, [OrderState.PAID], OrderState.CANCELLED, by, reason)
    left = order.total_minor - order.refunded_minor
    refund = write_refund(order, left, "cancelled", None, reason) if left else None
    _put_back({line.variant_id: line.quantity for line in order.lines.all() if line.variant_id}, order)
    return refund


def ship(person: Person, order_id: str, carrier: str, tracking: str, parts: Mapping[str, int]) -> Parcel:
    """Hand part or all of an order to a carrier; `parts` says how many of each line, and none means all that is left.

    Raises Http404, and ShopError for more than was ordered.
    """
    carrier = clean_line(carrier, "carrier", 60)
    tracking = clean_line(tracking, "tracking", 80, required=False)
    with transaction.atomic():
        order = access_order(person, order_id, StaffRole.PACKER, lock=True)
        if order.state not in (OrderState.PAID, OrderState.PARTLY_SHIPPED):
            raise ShopError("state", _("The order is not in a state in which that can be done."), 409)
        lines = {line.public_id: line for line in order.lines.all()}
        wanted = dict(parts) or {
            key: one.quantity - one.shipped for key, one in lines.items() if one.quantity > one.shipped
        }
        parcel = Parcel.objects.create(order=order, carrier=carrier, tracking=tracking)
        _write_parts(ParcelLine, "parcel", parcel, lines, wanted)
        is_all = not order.lines.filter(shipped__lt=F("quantity")).exists()
        after = OrderState.SHIPPED if is_all else OrderState.PARTLY_SHIPPED
        if order.state == after:
            tell(order, "parcel", person.pk, tracking)
        else:
            move(order, [OrderState.PAID, OrderState.PARTLY_SHIPPED], after, person.pk, tracking)
    return parcel


def mark_delivered(person: Person, order_id: str, parcel_id: str) -> Order:
    """Say that a parcel has arrived; with the last one the order has.  Raises Http404 and ShopError."""
    with transaction.atomic():
        order = access_order(person, order_id, StaffRole.PACKER, lock=True)
        moved = order.parcels.filter(pk=_decoded(parcel_id), delivered_at__isnull=True).update(
            delivered_at=timezone.now()
        )
        if not moved:
            raise Http404
        if order.state == OrderState.SHIPPED and not order.parcels.filter(delivered_at__isnull=True).exists():
            move(order, [OrderState.SHIPPED], OrderState.DELIVERED, person.pk)
            let_earn_from_arrival(order)
        else:
            tell(order, "arrived", person.pk)
    return order


def ask_return(numbers: Sequence[int], order_id: str, parts: Mapping[str, int], reason: str) -> Return:
    """Withdraw from part or all of what was sent (Directive 2011/83/EU, Article 9).  Raises Http404 and ShopError.

    The period begins when the last parcel arrived; until then it has not begun, and withdrawing is possible all the more.
    """
    reason = clean_line(reason, "reason", 500, required=False)
    with transaction.atomic():
        order = access_own_order(numbers, order_id, lock=True)
        days = settings.CELL.config.shop.return_days
        if order.delivered_at is not None and timezone.now() > order.delivered_at + timedelta(days=days):
            raise ShopError(
                "order", _("The %(days)d days in which it can be sent back are over.") % {"days": days}, 409
            )
        lines = {line.public_id: line for line in order.lines.all()}
        back = Return.objects.create(order=order, reason=reason)
        _write_parts(ReturnLine, "back", back, lines, parts)
        tell(order, "return_asked", numbers[0])
    return back


def decide_return(person: Person, return_id: str, state: str, answer: str, *, restock: bool = True) -> Return:
    """Say that a return arrived, which pays it back, or refuse it with a reason.  Raises Http404 and ShopError."""
    if state not in (ReturnState.RECEIVED, ReturnState.REFUSED):
        raise ShopError("state", _("A return is received or refused."))
    answer = clean_line(answer, "answer", 500, required=state == ReturnState.REFUSED)
    refund = None
    with transaction.atomic():
        back = access_own_return(person, return_id, StaffRole.MANAGER, lock=True)
        moved = Return.objects.filter(pk=back.pk, state=ReturnState.REQUESTED)
        if not moved.update(state=state, answer=answer, decided_at=timezone.now()):
            raise ShopError("state", _("This return was decided before."), 409)
        order = Order.objects.select_for_update(no_key=True).get(pk=back.order_id)
        if state == ReturnState.RECEIVED:
            parts = list(back.lines.select_related("line"))
            worth = {part.line_id: _share(part.line, part.quantity, part.line.returned) for part in parts}
            minor = min(sum(worth.values()), _refundable(order))
            if _is_all_back(order):
                # Who sends everything back gets the delivery back as well (Article 13).
                minor = _refundable(order)
            refund = write_refund(order, minor, f"return:{back.pk}", person, answer, worth) if minor else None
            if restock:
                _put_back({part.line.variant_id: part.quantity for part in parts if part.line.variant_id}, order)
        tell(order, f"return_{state}", person.pk, answer)
    _pay_back(refund)
    back.refresh_from_db()
    return back


def refund_order(person: Person, order_id: str, minor: int, reason: str, key: str) -> Refund:
    """Pay back part or all of an order, as a manager; the same key pays back once.  Raises Http404 and ShopError."""
    reason = clean_line(reason, "reason", 200, required=False)
    key = clean_line(key, "Idempotency-Key", 60)
    with transaction.atomic():
        order = access_order(person, order_id, StaffRole.MANAGER, lock=True)
        there = order.refunds.filter(key=f"{order.public_id}:by:{key}").first()
        if there is not None:
            if there.minor != minor:
                raise ShopError("Idempotency-Key", _("This key belongs to another refund."), 409)
            refund = there
        else:
            if not 0 < minor <= _refundable(order):
                raise ShopError("minor", _("Between nothing and what is left of the order can be paid back."))
            refund = write_refund(order, minor, f"by:{key}", person, reason)
            tell(order, "refunded", person.pk, reason)
    _pay_back(refund)
    refund.refresh_from_db()
    return refund


def issue_invoice(order: Order) -> Invoice:
    """Return the invoice of an order; the first time it gets its merchant's next number, without a gap."""
    found = Invoice.objects.filter(order=order).first()
    if found is not None:
        return found
    with transaction.atomic():
        # The merchant's row is the counter, so that two invoices never share a number and none is left out.
        merchant = Merchant.objects.select_for_update(no_key=True).get(pk=order.merchant_id)
        found = Invoice.objects.filter(order=order).first()
        if found is not None:
            return found
        merchant.invoices += 1
        merchant.save(update_fields=["invoices"])
        return Invoice.objects.create(order=order, merchant=merchant, number=merchant.invoices)


def retry_refunds(limit: int = 100) -> int:
    """Ask the provider about refunds that are not known to be done.  Safe to run beside itself."""
    waiting = Refund.objects.filter(state=RefundState.ASKED, purchase__payment__isnull=False)
    found = list(waiting.select_related("purchase").order_by("id")[:limit])
    for refund in found:
        try:
            _pay_back(refund)
        except Exception:
            # One that breaks does not keep the others.
            _logger.exception("a refund cannot be paid back", refund=refund.pk)
    return len(found)


def _refundable(order: Order) -> int:
    return order.total_minor - order.refunded_minor


def write_refund(
    order: Order, minor: int, key: str, by: Person | None, reason: str, worth: Mapping[int, int] | None = None
) -> Refund:
    """Write down a refund and its journal within a transaction, before its stock is touched (ARCHITECTURE.md, locks).

    The order's CHECK refuses more than it cost.

    `worth` says what it is for, by line; without it, it is for all lines and the delivery by their share.
    """
    earnings = lock_earnings(order)
    refund = Refund.objects.create(
        purchase_id=order.purchase_id,
        order=order,
        key=f"{order.public_id}:{key}",
        minor=minor,
        reason=reason[:200],
        by=by,
    )
    Order.objects.filter(pk=order.pk).update(refunded_minor=F("refunded_minor") + minor)
    before = order.refunded_minor
    order.refunded_minor += minor
    # What was refunded before has taken its part of the fee; so the parts of all refunds sum to the fee exactly.
    fee = _fee_part(order, order.refunded_minor) - _fee_part(order, before)
    post_refund(refund.pk, order.merchant_id, order.currency, minor, fee)
    is_all = order.refunded_minor == order.total_minor
    take_back(order, earnings, f"refund:{refund.pk}", minor, worth, is_all=is_all)
    return refund


def _fee_part(order: Order, refunded: int) -> int:
    if not refunded:
        return 0
    return allocate(order.fee_minor, [refunded, order.total_minor - refunded])[0]


def _pay_back(refund: Refund | None) -> None:
    """Ask the provider to pay back, after the refund is written down; what stays unknown is asked again by a job."""
    if refund is not None and refund.state == RefundState.ASKED:
        paying.give_back(refund)


def _share(line: OrderLine, quantity: int, returned: int) -> int:
    """Return what `quantity` of a line are worth, so that all parts that ever come back sum to the line exactly."""
    before = returned - quantity
    return line.total_minor * returned // line.quantity - line.total_minor * before // line.quantity


def _is_all_back(order: Order) -> bool:
    sums = order.lines.aggregate(ordered=Sum("quantity"), returned=Sum("returned"))
    waiting = order.returns.filter(state=ReturnState.REQUESTED).exists()
    return bool(sums["ordered"] == sums["returned"] and not waiting)


def _put_back(units: Mapping[int, int], order: Order) -> None:
    """Add what came back to stock, in the order in which everybody locks stock, and after everything else is locked."""
    with movement(MovementKind.RETURNED, str(order.pk)):
        for variant in sorted(units):
            row = (
                Stock.objects.filter(variant_id=variant, location__merchant_id=order.merchant_id).order_by("id").first()
            )
            if row is not None:
                Stock.objects.filter(pk=row.pk).update(on_hand=F("on_hand") + units[variant], low_told_at=None)


def _write_parts(model: Any, name: str, of: Any, lines: Mapping[str, OrderLine], parts: Mapping[str, int]) -> None:
    if not parts:
        raise ShopError("lines", _("Please say how many of what."))
    for key, quantity in sorted(parts.items()):
        line = lines.get(key)
        if line is None:
            raise ShopError(f"lines.{key}"[:60], _("There is no such line in this order."))
        if not 0 < quantity <= line.quantity:
            raise ShopError(f"lines.{key}", _("There are not so many."))
        try:
            with transaction.atomic():
                model.objects.create(**{name: of, "line": line, "quantity": quantity})
        except IntegrityError:
            raise ShopError(f"lines.{key}", _("There are not so many left."), 409) from None


def _decoded(public_id: str) -> int:
    try:
        return decode_id(public_id)
    except ValueError:
        raise Http404 from None
