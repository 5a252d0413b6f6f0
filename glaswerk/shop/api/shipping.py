"""A merchant's orders: packing, returns and refunds."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Field, File, Header, Router, Schema
from ninja.files import UploadedFile

from glaswerk.shop import spreadsheets
from glaswerk.shop.actions import orders as actions
from glaswerk.shop.api.catalogue import MAX_CSV_BYTES, language_of
from glaswerk.shop.api.identity import count_write, id_or_404, person_of
from glaswerk.shop.api.orders import (
    OrderOut,
    OrdersOut,
    ParcelOut,
    RefundOut,
    ReturnOut,
    invoice_of,
    page_of,
    shown_order,
    shown_parcel,
    shown_refund,
    shown_return,
)
from glaswerk.shop.api.tokens import token_or_session
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_LINES, MAX_MINOR, Order, OrderState, Scope, StaffRole
from glaswerk.shop.queries import orders as queries

router = Router(tags=["shipping"])


class ParcelIn(Schema):
    """What is handed to a carrier."""

    carrier: str = Field(max_length=240)
    tracking: str = Field("", max_length=320)
    lines: dict[str, Annotated[int, Field(ge=1, le=1_000)]] = Field(
        {}, max_length=MAX_LINES, description="How many of each line; left out: all that is left."
    )


class ReasonIn(Schema):
    """Why."""

    reason: str = Field(max_length=800)


class ReturnDecisionIn(Schema):
    """What became of a return."""

    state: str = Field(description="received (which pays it back) or refused")
    answer: str = Field("", max_length=2000)
    restock: bool = Field(True, description="Whether it can be sold again.")


class RefundIn(Schema):
    """Money to pay back."""

    minor: int = Field(gt=0, le=MAX_MINOR * 100)
    reason: str = Field("", max_length=800)


class ShipmentRowOut(Schema):
    """What became of a row of the file."""

    line: int
    order: str
    outcome: str = Field(description="shipped, known (it was sent just so before) or refused")
    field: str
    reason: str


class ShipmentsOut(Schema):
    """What became of a file."""

    shipped: int
    known: int
    refused: int
    rows: list[ShipmentRowOut]


def _whole(order: Order, language: str) -> OrderOut:
    found = queries.with_parts(Order.objects.filter(pk=order.pk).select_related("merchant", "purchase"))
    return shown_order(found.get(), language)


@router.get("/shop/merchants/{name}/orders", response=OrdersOut, auth=token_or_session(Scope.ORDERS_READ))
def list_merchant_orders(
    request: HttpRequest,
    name: str,
    state: Annotated[str, Field(pattern=f"^({'|'.join(OrderState.values)})?$")] = "",
    before: str | None = None,
    limit: Annotated[int, Field(ge=1, le=100)] = 50,
) -> OrdersOut:
    """List a merchant's orders, newest first, as one who works there."""
    found = queries.orders_of(person_of(request), name, state)
    if before is not None:
        found = found.filter(pk__lt=id_or_404(before))
    return page_of(list(found[: limit + 1]), limit, language_of(request))


@router.get("/shop/sold/{order_id}", response=OrderOut, auth=token_or_session(Scope.ORDERS_READ))
def read_sold(request: HttpRequest, order_id: str) -> OrderOut:
    """Read an order as one who works for its merchant."""
    order = queries.access_order(person_of(request), order_id, StaffRole.PACKER)
    return _whole(order, language_of(request))


@router.get("/shop/sold/{order_id}/invoice", response={200: None}, auth=token_or_session(Scope.ORDERS_READ))
def read_sold_invoice(request: HttpRequest, order_id: str) -> HttpResponse:
    """Download the invoice of an order as PDF, as one who works for its merchant."""
    return invoice_of(queries.access_order(person_of(request), order_id, StaffRole.PACKER))


@router.post("/shop/sold/{order_id}/parcels", response={201: ParcelOut}, auth=token_or_session(Scope.ORDERS_SHIP))
def ship(request: HttpRequest, order_id: str, parcel: ParcelIn) -> tuple[int, ParcelOut]:
    """Hand part or all of an order to a carrier."""
    person = person_of(request)
    count_write(person.pk)
    return 201, shown_parcel(actions.ship(person, order_id, parcel.carrier, parcel.tracking, parcel.lines))


@router.post(
    "/shop/sold/{order_id}/parcels/{parcel_id}/delivered", response=OrderOut, auth=token_or_session(Scope.ORDERS_SHIP)
)
def mark_delivered(request: HttpRequest, order_id: str, parcel_id: str) -> OrderOut:
    """Say that a parcel has arrived."""
    person = person_of(request)
    count_write(person.pk)
    return _whole(actions.mark_delivered(person, order_id, parcel_id), language_of(request))


@router.post("/shop/merchants/{name}/shipments", response=ShipmentsOut, auth=token_or_session(Scope.ORDERS_SHIP))
def ship_from_file(
    request: HttpRequest, name: str, file: Annotated[UploadedFile, File(description="CSV in UTF-8, at most 2000 rows.")]
) -> ShipmentsOut:
    """Send what a CSV names by its columns order, tracking and carrier; the same file again sends nothing twice."""
    person = person_of(request)
    count_write(person.pk)
    try:
        report = spreadsheets.ship_from_file(person, name, file.read(MAX_CSV_BYTES + 1))
    except spreadsheets.CsvError as error:
        raise ShopError("file", str(error)) from None
    return ShipmentsOut(
        shipped=report.count("shipped"),
        known=report.count("known"),
        refused=report.count("refused"),
        rows=[ShipmentRowOut.from_orm(row) for row in report.rows],
    )


@router.post("/shop/sold/{order_id}/cancel", response=OrderOut)
def cancel_sold(request: HttpRequest, order_id: str, why: ReasonIn) -> OrderOut:
    """Cancel an order of which nothing was sent yet, as a manager; its money goes back."""
    person = person_of(request)
    count_write(person.pk)
    return _whole(actions.cancel_as_merchant(person, order_id, why.reason), language_of(request))


@router.post("/shop/sold/{order_id}/refunds", response={201: RefundOut})
def refund_order(
    request: HttpRequest, order_id: str, refund: RefundIn, key: Annotated[str, Header(alias="Idempotency-Key")] = ""
) -> tuple[int, RefundOut]:
    """Pay back part or all of an order, as a manager; once for each `Idempotency-Key`."""
    person = person_of(request)
    count_write(person.pk)
    made = actions.refund_order(person, order_id, refund.minor, refund.reason, key)
    return 201, shown_refund(made, made.order.currency, language_of(request))


@router.post("/shop/returns/{return_id}/decision", response=ReturnOut)
def decide_return(request: HttpRequest, return_id: str, decision: ReturnDecisionIn) -> ReturnOut:
    """Say that a return arrived, or refuse it, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    made = actions.decide_return(person, return_id, decision.state, decision.answer, restock=decision.restock)
    return shown_return(made)
