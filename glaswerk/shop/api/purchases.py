"""Buying."""

from typing import Annotated

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Header, Router, Schema
from pydantic import BaseModel

from glaswerk.cell.ids import encode_id
from glaswerk.shop.actions import purchases as actions
from glaswerk.shop.api.cart import USUAL_CURRENCY, AddressIn, LineIn, answered, lines_of, shown_quote
from glaswerk.shop.api.catalogue import AmountOut, amount, language_of
from glaswerk.shop.api.identity import Buyer, BuyerAuth, buyer_of, count_buyers_write, id_or_404
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_LINES, Purchase, PurchaseState
from glaswerk.shop.paying import page_of
from glaswerk.shop.queries.purchases import access_own_purchase

router = Router(tags=["purchases"])


class PurchaseIn(Schema):
    """What to buy.  Prices are the database's; `quote` says which ones you saw."""

    lines: list[LineIn] = Field(min_length=1, max_length=MAX_LINES)
    quote: str = Field(max_length=64, description="The hash of the quote that you agree to.")
    currency: str = Field(USUAL_CURRENCY, pattern="^[A-Z]{3}$")
    method: str = Field(
        "", pattern=r"^[A-Za-z0-9_:.-]{0,40}$", description="A card of the payment provider; left out: pay on its page."
    )
    address: AddressIn | str = Field(description="Where it goes, or the id of one of your addresses.")
    delivery: dict[str, str] = Field({}, description="The id of a delivery method by merchant, as quoted.")
    voucher: str = Field("", max_length=40)
    email: str = Field("", max_length=254, description="Where the confirmation goes; people may leave it out.")


class PurchaseOut(BaseModel):
    """A purchase."""

    id: str
    state: str = Field(description="reserved (waiting for the payment), paid, declined, expired or reversed")
    total: AmountOut
    orders: list[str] = Field(description="One for each merchant, once it is paid.")
    pay_at: str | None = Field(description="Where to go for paying, if the provider wants you there.")


def _shown(request: HttpRequest, purchase: Purchase) -> PurchaseOut:
    is_paid = purchase.state == PurchaseState.PAID
    orders = [encode_id(order["id"]) for order in purchase.plan["orders"]] if is_paid else []
    return PurchaseOut(
        id=purchase.public_id,
        state=purchase.state,
        total=amount(purchase.total_minor, purchase.currency, language_of(request)),
        orders=orders,
        pay_at=None if is_paid else page_of(purchase),
    )


def _changed(changed: actions.QuoteChanged, language: str) -> HttpResponse:
    """Return a problem document with the quote that holds now, so that the buyer can look and agree to it."""
    body = {
        "type": "about:blank",
        "title": "Conflict",
        "status": changed.status,
        "detail": changed.message,
        "errors": [{"field": changed.field, "message": changed.message}],
        "quote": shown_quote(changed.quote, language).model_dump(),
    }
    return HttpResponse(orjson.dumps(body), status=changed.status, content_type="application/problem+json")


@router.post("/purchases", response={200: PurchaseOut, 201: PurchaseOut}, auth=BuyerAuth())
def buy(
    request: HttpRequest,
    asked: PurchaseIn,
    key: Annotated[str, Header(alias="Idempotency-Key")] = "",
) -> HttpResponse:
    """Buy what was quoted, once for each `Idempotency-Key`: sending the same again tells how it stands."""
    buyer: Buyer = buyer_of(request)
    if buyer.person is None and buyer.guest is None:
        # Each request of a guest without a cookie would be another buyer, for whom the same key buys again.
        message = _("Please ask for a quote first, and send back the cookie that comes with it.")
        raise ShopError("cart", message, 409)
    count_buyers_write(request, buyer)
    try:
        purchase = actions.buy(
            buyer.number,
            buyer.person,
            key,
            actions.Asked(
                things=lines_of(asked.lines),
                quote=asked.quote,
                currency=asked.currency,
                method=asked.method,
                address=asked.address if isinstance(asked.address, str) else asked.address.dict(),
                delivery=asked.delivery,
                voucher=asked.voucher,
                email=asked.email,
            ),
        )
    except actions.QuoteChanged as changed:
        return _changed(changed, language_of(request))
    status = 201 if purchase.state == PurchaseState.PAID else 200
    return answered(_shown(request, purchase), status)


@router.get("/purchases/{purchase_id}", response=PurchaseOut, auth=BuyerAuth())
def read_purchase(request: HttpRequest, purchase_id: str) -> PurchaseOut:
    """Read how one of your purchases stands; a payment that is under way is asked about."""
    purchase = access_own_purchase(buyer_of(request).numbers, id_or_404(purchase_id))
    return _shown(request, actions.look(purchase))
