"""A buyer's own orders."""

from datetime import UTC, datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from glaswerk.shop.actions import orders as actions
from glaswerk.shop.api.catalogue import AmountOut, amount, language_of
from glaswerk.shop.api.identity import BuyerAuth, buyer_of, count_buyers_write, id_or_404
from glaswerk.shop.invoices import render_invoice
from glaswerk.shop.models import MAX_LINES, Order, Parcel, Refund, Return
from glaswerk.shop.queries import orders as queries

router = Router(tags=["orders"])


class OrderLineOut(Schema):
    """So many of something, as it was bought."""

    id: str
    title: str
    choices: list[str]
    sku: str
    quantity: int
    shipped: int
    returned: int = Field(description="Announced or received.")
    unit: AmountOut
    discount: AmountOut
    total: AmountOut
    vat_bp: int
    vat: AmountOut


class ParcelOut(Schema):
    """A parcel."""

    id: str
    carrier: str
    tracking: str
    shipped_at: datetime
    delivered_at: datetime | None
    lines: dict[str, int] = Field(description="How many of each line.")


class ReturnOut(Schema):
    """A return."""

    id: str
    state: str = Field(description="requested, received or refused")
    reason: str
    answer: str
    asked_at: datetime
    lines: dict[str, int]


class RefundOut(Schema):
    """Money that went back."""

    id: int = Field(description="Counts within this cell.")
    amount: AmountOut
    reason: str
    state: str = Field(description="asked (on its way) or done")
    at: datetime


class EventOut(Schema):
    """Something that happened."""

    kind: str
    note: str
    at: datetime


class OrderHeadOut(Schema):
    """An order in a list."""

    id: str
    merchant: str
    merchant_title: str
    state: str = Field(description="paid, partly_shipped, shipped, delivered or cancelled")
    total: AmountOut
    placed_at: datetime


class OrderOut(OrderHeadOut):
    """An order with everything about it."""

    purchase: str
    lines: list[OrderLineOut]
    items: AmountOut
    discount: AmountOut
    delivery: AmountOut
    delivery_name: str
    vat: AmountOut
    refunded: AmountOut
    address: dict[str, str]
    email: str
    parcels: list[ParcelOut]
    returns: list[ReturnOut]
    refunds: list[RefundOut]
    events: list[EventOut]


class OrdersOut(Schema):
    """Some orders, newest first."""

    orders: list[OrderHeadOut]
    next: str | None = Field(description="Ask with `before` set to this for older ones; null at the end.")


class PartsIn(Schema):
    """What goes back."""

    lines: dict[str, Annotated[int, Field(ge=1, le=1_000)]] = Field(
        max_length=MAX_LINES, description="How many of each line."
    )
    reason: str = Field("", max_length=2000, description="You need none to withdraw.")


def _head(order: Order, language: str) -> dict[str, Any]:
    return {
        "id": order.public_id,
        "merchant": order.merchant.name,
        "merchant_title": order.merchant.title,
        "state": order.state,
        "total": amount(order.total_minor, order.currency, language),
        "placed_at": order.placed_at.astimezone(UTC),
    }


def shown_parcel(parcel: Parcel) -> ParcelOut:
    """Return a parcel as the API has it."""
    return ParcelOut(
        id=parcel.public_id,
        carrier=parcel.carrier,
        tracking=parcel.tracking,
        shipped_at=parcel.shipped_at,
        delivered_at=parcel.delivered_at,
        lines={part.line.public_id: part.quantity for part in parcel.lines.all()},
    )


def shown_return(back: Return) -> ReturnOut:
    """Return a return as the API has it."""
    return ReturnOut(
        id=back.public_id,
        state=back.state,
        reason=back.reason,
        answer=back.answer,
        asked_at=back.asked_at,
        lines={part.line.public_id: part.quantity for part in back.lines.all()},
    )


def shown_refund(refund: Refund, currency: str, language: str) -> RefundOut:
    """Return a refund as the API has it."""
    return RefundOut(
        id=refund.pk,
        amount=amount(refund.minor, currency, language),
        reason=refund.reason,
        state=refund.state,
        at=refund.at,
    )


def shown_order(order: Order, language: str) -> OrderOut:
    """Return an order as the API has it."""

    def money(minor: int) -> AmountOut:
        return amount(minor, order.currency, language)

    return OrderOut(
        **_head(order, language),
        purchase=order.purchase.public_id,
        lines=[
            OrderLineOut(
                id=line.public_id,
                title=line.title,
                choices=line.choices,
                sku=line.sku,
                quantity=line.quantity,
                shipped=line.shipped,
                returned=line.returned,
                unit=money(line.unit_minor),
                discount=money(line.discount_minor),
                total=money(line.total_minor),
                vat_bp=line.vat_bp,
                vat=money(line.vat_minor),
            )
            for line in order.lines.all()
        ],
        items=money(order.items_minor),
        discount=money(order.discount_minor),
        delivery=money(order.delivery_minor),
        delivery_name=order.delivery_name,
        vat=money(order.vat_minor),
        refunded=money(order.refunded_minor),
        address=order.purchase.address,
        email=order.purchase.email,
        parcels=[shown_parcel(one) for one in order.parcels.all()],
        returns=[shown_return(one) for one in order.returns.all()],
        refunds=[shown_refund(one, order.currency, language) for one in order.refunds.all()],
        events=[EventOut(kind=one.kind, note=one.note, at=one.at) for one in order.events.all()],
    )


def page_of(found: list[Order], limit: int, language: str) -> OrdersOut:
    """Return a page of orders of which one more than `limit` was asked."""
    heads = [OrderHeadOut(**_head(one, language)) for one in found[:limit]]
    return OrdersOut(orders=heads, next=heads[-1].id if len(found) > limit else None)


def invoice_of(order: Order) -> HttpResponse:
    """Return the invoice of an order as a PDF."""
    invoice = actions.issue_invoice(order)
    return HttpResponse(
        render_invoice(order, invoice),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{order.merchant.name}-{invoice.number}.pdf"'},
    )


@router.get("/shop/orders", response=OrdersOut, auth=BuyerAuth())
def list_orders(
    request: HttpRequest, before: str | None = None, limit: Annotated[int, Field(ge=1, le=50)] = 20
) -> OrdersOut:
    """List your orders, newest first."""
    found = queries.own_orders(buyer_of(request).numbers)
    if before is not None:
        found = found.filter(pk__lt=id_or_404(before))
    return page_of(list(found[: limit + 1]), limit, language_of(request))


@router.get("/shop/orders/{order_id}", response=OrderOut, auth=BuyerAuth())
def read_order(request: HttpRequest, order_id: str) -> OrderOut:
    """Read one of your orders."""
    order = queries.access_own_order(buyer_of(request).numbers, order_id)
    return _whole(order, language_of(request))


def _whole(order: Order, language: str) -> OrderOut:
    found = queries.with_parts(Order.objects.filter(pk=order.pk).select_related("merchant", "purchase"))
    return shown_order(found.get(), language)


@router.get("/shop/orders/{order_id}/invoice", response={200: None}, auth=BuyerAuth())
def read_invoice(request: HttpRequest, order_id: str) -> HttpResponse:
    """Download the invoice of one of your orders as PDF."""
    return invoice_of(queries.access_own_order(buyer_of(request).numbers, order_id))


@router.post("/shop/orders/{order_id}/cancel", response=OrderOut, auth=BuyerAuth())
def cancel_order(request: HttpRequest, order_id: str) -> OrderOut:
    """Cancel one of your orders of which nothing was sent yet."""
    buyer = buyer_of(request)
    count_buyers_write(request, buyer)
    return _whole(actions.cancel_order(buyer.numbers, order_id), language_of(request))


@router.post("/shop/orders/{order_id}/returns", response={201: ReturnOut}, auth=BuyerAuth())
def ask_return(request: HttpRequest, order_id: str, parts: PartsIn) -> tuple[int, ReturnOut]:
    """Withdraw from part or all of what was sent to you."""
    buyer = buyer_of(request)
    count_buyers_write(request, buyer)
    return 201, shown_return(actions.ask_return(buyer.numbers, order_id, parts.lines, parts.reason))
