"""Carts, addresses and quotes, for people and guests."""

from typing import Annotated

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from ninja import Field, Router, Schema
from pydantic import BaseModel

from glaswerk.cell.ids import encode_id
from glaswerk.shop.actions import carts as actions
from glaswerk.shop.actions.purchases import check_things, chosen_of
from glaswerk.shop.actions.terms import check_country, check_money
from glaswerk.shop.api.catalogue import AmountOut, amount, language_of
from glaswerk.shop.api.identity import Buyer, BuyerAuth, buyer_of, count_buyers_write, count_write, person_of, remember
from glaswerk.shop.models import MAX_LINES, MAX_QUANTITY, Address
from glaswerk.shop.queries.quotes import quote_for, quote_of_cart
from glaswerk.shop.quoting import Method, Quote, QuotedLine, QuotedOrder

# What is shown of a quote are plain models: those of ninja look into each value for more, and a quote has fifty of them.
router = Router(tags=["cart"])
USUAL_CURRENCY: str = settings.CELL.config.shop.currency
Quantity = Annotated[int, Field(ge=1, le=MAX_QUANTITY, strict=True)]


class LineIn(Schema):
    """So many of a variant."""

    variant: str = Field(max_length=13)
    quantity: Quantity


class QuantityIn(Schema):
    """How many; 0 takes it out."""

    quantity: int = Field(ge=0, le=MAX_QUANTITY, strict=True)


class QuoteIn(Schema):
    """What a quote is wanted for; it holds no price."""

    lines: list[LineIn] | None = Field(None, max_length=MAX_LINES, description="Left out: what is in the cart.")
    country: str = Field("DE", max_length=2)
    currency: str = Field(USUAL_CURRENCY, pattern="^[A-Z]{3}$")
    delivery: dict[str, str] = Field({}, description="The id of a delivery method by merchant; left out: the cheapest.")
    voucher: str = Field("", max_length=40)


class QuotedLineOut(BaseModel):
    """So many of a variant: total = unit x quantity - discount."""

    variant: str
    title: str
    choices: list[str]
    quantity: int
    unit: AmountOut
    discount: AmountOut
    total: AmountOut
    vat_bp: int = Field(description="Hundredths of a percent.")
    vat: AmountOut = Field(description="Included in the total.")


class MethodChoiceOut(BaseModel):
    """A way of delivery that can be chosen."""

    id: str
    name: str
    price: AmountOut
    days_min: int
    days_max: int


class QuotedOrderOut(BaseModel):
    """What one merchant would get."""

    merchant: str
    merchant_title: str
    lines: list[QuotedLineOut]
    delivery_methods: list[MethodChoiceOut]
    delivery_method: str | None
    items: AmountOut
    discount: AmountOut
    delivery: AmountOut
    vat: AmountOut
    total: AmountOut


class ProblemOut(BaseModel):
    """Why this cannot be bought as it is."""

    code: str = Field(description="gone, sold_out, no_price, no_vat, no_delivery, voucher or voucher_minimum")
    variant: str | None
    merchant: str | None


class QuoteOut(BaseModel):
    """What it costs.  Buy it by sending `hash`; it is null while there are problems."""

    hash: str | None
    currency: str
    country: str
    orders: list[QuotedOrderOut]
    voucher: str | None
    discount: AmountOut
    vat: AmountOut
    total: AmountOut
    problems: list[ProblemOut]


class AddressIn(Schema):
    """Where things go."""

    name: str = Field("", max_length=400)
    company: str = Field("", max_length=400)
    street: str = Field("", max_length=800)
    postal_code: str = Field("", max_length=80)
    city: str = Field("", max_length=400)
    area: str = Field("", max_length=400, description="State or province, where the country has them in addresses.")
    country: str = Field(max_length=2)
    phone: str = Field("", max_length=40)


class KeptAddressIn(AddressIn):
    """An address to keep."""

    is_default: bool = False


class AddressOut(KeptAddressIn):
    """An address that is kept."""

    id: str


class AddressesOut(Schema):
    """All addresses of yours."""

    addresses: list[AddressOut]


def shown_quote(quote: Quote, language: str) -> QuoteOut:
    """Return a quote as the API has it."""

    def money(minor: int) -> AmountOut:
        return amount(minor, quote.currency, language)

    def line_out(line: QuotedLine) -> QuotedLineOut:
        return QuotedLineOut(
            variant=encode_id(line.variant),
            title=line.title,
            choices=list(line.choices),
            quantity=line.quantity,
            unit=money(line.unit_minor),
            discount=money(line.discount_minor),
            total=money(line.total_minor),
            vat_bp=line.vat_bp,
            vat=money(line.vat_minor),
        )

    def method_out(method: Method, order: QuotedOrder) -> MethodChoiceOut:
        free = method.free_from_minor is not None and order.items_minor - order.discount_minor >= method.free_from_minor
        return MethodChoiceOut(
            id=encode_id(method.id),
            name=method.name,
            price=money(0 if free else method.minor),
            days_min=method.days_min,
            days_max=method.days_max,
        )

    def order_out(order: QuotedOrder) -> QuotedOrderOut:
        return QuotedOrderOut(
            merchant=order.merchant_name,
            merchant_title=order.merchant_title,
            lines=[line_out(one) for one in order.lines],
            delivery_methods=[method_out(one, order) for one in order.methods],
            delivery_method=encode_id(order.method.id) if order.method is not None else None,
            items=money(order.items_minor),
            discount=money(order.discount_minor),
            delivery=money(order.delivery_minor),
            vat=money(order.vat_minor),
            total=money(order.total_minor),
        )

    return QuoteOut(
        hash=quote.hash or None,
        currency=quote.currency,
        country=quote.country,
        orders=[order_out(one) for one in quote.orders],
        voucher=quote.voucher.code if quote.voucher is not None else None,
        discount=money(quote.discount_minor),
        vat=money(quote.vat_minor),
        total=money(quote.total_minor),
        problems=[
            ProblemOut(
                code=one.code,
                variant=encode_id(one.variant) if one.variant is not None else None,
                merchant=one.merchant,
            )
            for one in quote.problems
        ],
    )


def answered(shown: BaseModel, status: int) -> HttpResponse:
    """Return an answer; what it shows was checked when it was made, and is not checked once more on its way out."""
    return HttpResponse(shown.model_dump_json(), status=status, content_type="application/json; charset=utf-8")


def _answer(request: HttpRequest, quote: Quote, status: int = 200) -> HttpResponse:
    return answered(shown_quote(quote, language_of(request)), status)


def _merge(buyer: Buyer) -> None:
    """Take over what a person did before they signed in."""
    if buyer.person is not None:
        actions.take_over(buyer.person, buyer.guest, buyer.viewer)


@router.get("/cart", response=QuoteOut, auth=BuyerAuth())
def read_cart(
    request: HttpRequest,
    country: Annotated[str, Field(max_length=2)] = "DE",
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = USUAL_CURRENCY,
) -> HttpResponse:
    """Read your cart as a quote, signed in or not."""
    # Whoever reads their cart may write it next, and a guest has no session that brought the cookie along.
    get_token(request)
    buyer = buyer_of(request)
    country, currency = check_country(country), check_money(currency)
    _merge(buyer)
    return _answer(request, quote_of_cart(buyer.number, currency, country, {}, ""))


@router.post("/cart/lines", response={201: QuoteOut}, auth=BuyerAuth())
def add_line(
    request: HttpRequest,
    line: LineIn,
    country: Annotated[str, Field(max_length=2)] = "DE",
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = USUAL_CURRENCY,
) -> HttpResponse:
    """Put something into your cart."""
    buyer = buyer_of(request)
    country, currency = check_country(country), check_money(currency)
    count_buyers_write(request, buyer)
    _merge(buyer)
    actions.add_to_cart(buyer.number, buyer.person, line.variant, line.quantity)
    answer = _answer(request, quote_of_cart(buyer.number, currency, country, {}, ""), 201)
    remember(answer, buyer)
    return answer


@router.put("/cart/lines/{variant_id}", response=QuoteOut, auth=BuyerAuth())
def set_line(
    request: HttpRequest,
    variant_id: str,
    line: QuantityIn,
    country: Annotated[str, Field(max_length=2)] = "DE",
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = USUAL_CURRENCY,
) -> HttpResponse:
    """Change how many of something you want; 0 takes it out."""
    buyer = buyer_of(request)
    country, currency = check_country(country), check_money(currency)
    count_buyers_write(request, buyer)
    _merge(buyer)
    actions.set_quantity(buyer.number, variant_id, line.quantity)
    answer = _answer(request, quote_of_cart(buyer.number, currency, country, {}, ""))
    remember(answer, buyer)
    return answer


@router.post("/shop/quotes", response=QuoteOut, auth=BuyerAuth())
def make_quote(request: HttpRequest, asked: QuoteIn) -> HttpResponse:
    """Ask what something costs, VAT and delivery included.  Nothing is reserved by it."""
    buyer = buyer_of(request)
    country, currency = check_country(asked.country), check_money(asked.currency)
    chosen = chosen_of(asked.delivery)
    if asked.lines is None:
        quote = quote_of_cart(buyer.number, currency, country, chosen, asked.voucher)
    else:
        quote = quote_for(check_things(lines_of(asked.lines)), currency, country, chosen, asked.voucher)
    answer = _answer(request, quote)
    # A guest has to be somebody before they buy, so that a retry of theirs is known as one.
    remember(answer, buyer)
    return answer


def lines_of(lines: list[LineIn]) -> dict[str, int]:
    """Return how many of each variant; the same one twice is one of so many more."""
    things: dict[str, int] = {}
    for line in lines:
        things[line.variant] = things.get(line.variant, 0) + line.quantity
    return things


@router.get("/shop/addresses", response=AddressesOut)
def list_addresses(request: HttpRequest) -> AddressesOut:
    """List your addresses, the usual one first."""
    found: QuerySet[Address] = Address.objects.filter(person=person_of(request)).order_by("-is_default", "-pk")
    return AddressesOut(addresses=[_address(one) for one in found])


@router.post("/shop/addresses", response={201: AddressOut})
def save_address(request: HttpRequest, address: KeptAddressIn) -> tuple[int, AddressOut]:
    """Keep an address; it is checked by the rules of its country."""
    person = person_of(request)
    count_write(person.pk)
    values = address.dict()
    is_default = values.pop("is_default")
    return 201, _address(actions.save_address(person, values, is_default=is_default))


@router.delete("/shop/addresses/{address_id}", response={204: None})
def delete_address(request: HttpRequest, address_id: str) -> tuple[int, None]:
    """Forget an address; orders that went there keep it."""
    person = person_of(request)
    count_write(person.pk)
    actions.delete_address(person, address_id)
    return 204, None


def _address(kept: Address) -> AddressOut:
    return AddressOut(
        id=kept.public_id,
        name=kept.name,
        company=kept.company,
        street=kept.street,
        postal_code=kept.postal_code,
        city=kept.city,
        area=kept.area,
        country=kept.country,
        phone=kept.phone,
        is_default=kept.is_default,
    )
