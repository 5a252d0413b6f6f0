"""Products: looking at them, and keeping them as a merchant."""

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Literal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Field, File, Form, Router, Schema
from ninja.files import UploadedFile
from pydantic import BaseModel

from glaswerk.cell.blobs import blob_url
from glaswerk.cell.rates import check_rate
from glaswerk.money.amounts import Money
from glaswerk.people.models import Person
from glaswerk.shop import spreadsheets
from glaswerk.shop.actions import catalogue as actions
from glaswerk.shop.actions.interest import report_interest as count
from glaswerk.shop.api.identity import (
    BuyerAuth,
    buyer_of,
    count_write,
    id_or_404,
    person_of,
)
from glaswerk.shop.api.tokens import token_or_session
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_MINOR, Picture, Product, Scope, StaffRole, Variant
from glaswerk.shop.queries import catalogue as queries
from glaswerk.shop.queries.merchants import access_merchant

router = Router(tags=["products"])
MAX_CSV_BYTES = 9 << 20


class AmountOut(BaseModel):
    """An amount of money."""

    minor: int = Field(description="Minor units of the currency, such as cents.")
    currency: str
    shown: str = Field(description="As people write it in your language.")


class VariantOut(Schema):
    """What can be put into a cart."""

    id: str
    choices: list[str] = Field(description="One for each of the product's options.")
    sku: str
    price: AmountOut | None = Field(description="VAT included; null where it is not sold in this currency.")
    before: AmountOut | None = Field(description="What it costs or cost without the sale.")
    available: int = Field(description="How many can be had now, at most 99.")


class PictureOut(Schema):
    """A picture of a product."""

    position: int
    url: str | None = Field(description="null until a picture that an import named is uploaded here.")
    alt: str


class ProductOut(Schema):
    """A product with what can be bought of it."""

    id: str
    handle: str
    merchant: str
    merchant_title: str
    title: str
    description: str = Field(description="Plain text.")
    vendor: str
    kind: str
    tags: list[str]
    options: list[str]
    vat_category: str
    state: str
    pictures: list[PictureOut]
    variants: list[VariantOut]


class ProductsOut(Schema):
    """Some products, newest first."""

    products: list[ProductOut]
    next: str | None = Field(description="Ask with `before` set to this for older ones; null at the end.")


class VariantIn(Schema):
    """A variant to write."""

    choices: list[str] = Field([])
    sku: str = ""
    barcode: str = ""
    weight_g: int = Field(0, ge=0, le=1_000_000)
    prices: dict[str, Annotated[int, Field(gt=0, le=MAX_MINOR)]] = Field({}, description="Minor units by currency.")
    compare: dict[str, Annotated[int, Field(gt=0, le=MAX_MINOR)]] = Field({}, description="Shown struck through.")


class ProductIn(Schema):
    """A product to write, with all of its variants."""

    title: str
    description: str = ""
    vendor: str = ""
    kind: str = ""
    tags: list[str] = Field([])
    options: list[str] = Field([])
    vat_category: str = "standard"
    state: str = "draft"
    variants: list[VariantIn] = Field(default_factory=lambda: [VariantIn.model_validate({})])


class StateIn(Schema):
    """Whether it is sold."""

    state: str = Field(description="draft, active or archived")


class InterestIn(Schema):
    """What somebody did with a product."""

    stage: Literal["opened", "wanted"]


class SaleIn(Schema):
    """A lower price for a period."""

    currency: str = Field("EUR", min_length=3, max_length=3)
    minor: int = Field(gt=0, le=MAX_MINOR)
    start: datetime
    end: datetime | None = None


class SaleOut(Schema):
    """A sale that stands."""

    id: int


class RowOut(Schema):
    """What became of a row of the file."""

    line: int
    handle: str
    outcome: str = Field(description="created, changed or refused")
    field: str
    reason: str


class ImportOut(Schema):
    """What became of a file."""

    created: int
    changed: int
    refused: int
    rows: list[RowOut]
    notes: list[str]


def amount(minor: int, currency: str, language: str) -> AmountOut:
    """Return an amount as the API has it."""
    return AmountOut(minor=minor, currency=currency, shown=_shown(minor, currency, language))


@lru_cache(20_000)
def _shown(minor: int, currency: str, language: str) -> str:
    return Money(minor, currency).shown(language)


def language_of(request: HttpRequest) -> str:
    """Return the language that amounts are written in."""
    return str(getattr(request, "LANGUAGE_CODE", None) or "en")


def _picture(picture: Picture) -> PictureOut:
    return PictureOut(
        position=picture.position, url=blob_url(picture.blob, "webp") if picture.blob else None, alt=picture.alt
    )


def shown_products(products: list[Product], language: str, currency: str | None = None) -> list[ProductOut]:
    """Return products as the API has them.  Two queries for each currency among them."""
    now = timezone.now()
    variants: dict[str, list[int]] = {}
    for product in products:
        wanted = variants.setdefault(currency or product.merchant.currency, [])
        wanted += [one.pk for one in product.variants.all()]
    costs = {money: queries.costs_of(ids, money, now) for money, ids in variants.items()}
    left = queries.available([one for ids in variants.values() for one in ids])

    def variant_out(variant: Variant, money: str) -> VariantOut:
        cost = costs[money].get(variant.pk)
        return VariantOut(
            id=variant.public_id,
            choices=variant.choices,
            sku=variant.sku,
            price=amount(cost.minor, money, language) if cost else None,
            before=amount(cost.before_minor, money, language) if cost and cost.before_minor is not None else None,
            # How many a merchant has is theirs to know; a buyer learns no more than what they could put in a cart.
            available=min(99, left[variant.pk]),
        )

    return [
        ProductOut(
            id=product.public_id,
            handle=product.handle,
            merchant=product.merchant.name,
            merchant_title=product.merchant.title,
            title=product.title,
            description=product.description,
            vendor=product.vendor,
            kind=product.kind,
            tags=product.tags,
            options=product.options,
            vat_category=product.vat_category,
            state=product.state,
            pictures=[_picture(one) for one in product.pictures.all()],
            variants=[variant_out(one, currency or product.merchant.currency) for one in product.variants.all()],
        )
        for product in products
    ]


def _before(text: str | None) -> int | None:
    return None if text is None else id_or_404(text)


def _page(found: list[Product], limit: int, language: str) -> ProductsOut:
    shown = shown_products(found[:limit], language)
    return ProductsOut(products=shown, next=shown[-1].id if len(found) > limit else None)


@router.get("/shop/products", response=ProductsOut, auth=None)
def search_products(
    request: HttpRequest,
    q: Annotated[str, Field(max_length=200)] = "",
    merchant: str | None = None,
    before: str | None = None,
    limit: Annotated[int, Field(ge=1, le=50)] = 20,
) -> ProductsOut:
    """Search what is on sale, newest first."""
    if "\x00" in q or "\x00" in (merchant or ""):
        raise ShopError("q", "A search holds no zero bytes.")
    found = queries.search_products(q, merchant, _before(before), limit + 1)
    return _page(found, limit, language_of(request))


@router.get("/shop/products/{product_id}", response=ProductOut, auth=None)
def read_product(request: HttpRequest, product_id: str) -> ProductOut:
    """Read a product that is on sale."""
    return shown_products([queries.shown_product(product_id)], language_of(request))[0]


@router.post("/shop/products/{product_id}/interest", response={204: None}, auth=BuyerAuth())
def report_interest(request: HttpRequest, product_id: str, interest: InterestIn) -> tuple[int, None]:
    """Count that a product was opened, or is about to be bought past the cart; who did is not kept."""
    buyer = buyer_of(request)
    who = buyer.number if buyer.person is not None or buyer.guest is not None else request.META.get("REMOTE_ADDR", "")
    # Apart from carts: who only looks must not use up what others need for buying.
    check_rate(f"interest:{str(who)[:60]}", settings.CELL.config.limits.new_viewers_per_minute)
    count(product_id, interest.stage)
    return 204, None


@router.get("/shop/merchants/{name}/products", response=ProductsOut, auth=token_or_session(Scope.PRODUCTS_READ))
def list_own_products(
    request: HttpRequest, name: str, before: str | None = None, limit: Annotated[int, Field(ge=1, le=50)] = 20
) -> ProductsOut:
    """List a merchant's products in every state, as one who works there."""
    found = queries.own_products(person_of(request), name, _before(before), limit + 1)
    return _page(found, limit, language_of(request))


@router.put(
    "/shop/merchants/{name}/products/{handle}",
    response={200: ProductOut, 201: ProductOut},
    auth=token_or_session(Scope.PRODUCTS_WRITE),
)
def write_product(request: HttpRequest, name: str, handle: str, product: ProductIn) -> tuple[int, ProductOut]:
    """Create or replace a product, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    words = product.dict()
    variants = tuple(actions.VariantDraft(**{**one, "choices": tuple(one["choices"])}) for one in words.pop("variants"))
    draft = actions.ProductDraft(
        **{
            **words,
            "handle": handle,
            "tags": tuple(words["tags"]),
            "options": tuple(words["options"]),
            "variants": variants,
        }
    )
    written, is_new = actions.write_product(person, name, draft)
    return (201 if is_new else 200), _own(person, written.public_id, language_of(request))


def _own(person: Person, public_id: str, language: str) -> ProductOut:
    return shown_products([queries.access_product(person, public_id, StaffRole.PACKER)], language)[0]


@router.put("/shop/products/{product_id}/state", response=ProductOut, auth=token_or_session(Scope.PRODUCTS_WRITE))
def set_product_state(request: HttpRequest, product_id: str, state: StateIn) -> ProductOut:
    """Put a product on sale, or take it off, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    actions.set_product_state(person, product_id, state.state)
    return _own(person, product_id, language_of(request))


@router.post(
    "/shop/products/{product_id}/pictures", response={201: PictureOut}, auth=token_or_session(Scope.PRODUCTS_WRITE)
)
def add_picture(
    request: HttpRequest,
    product_id: str,
    file: Annotated[UploadedFile, File(description="JPEG, PNG or WebP, at most 9 MB.")],
    alt: Annotated[str, Form(max_length=250)] = "",
) -> tuple[int, PictureOut]:
    """Add a picture of a product, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    return 201, _picture(actions.add_picture(person, product_id, file, alt))


@router.delete(
    "/shop/products/{product_id}/pictures/{position}", response={204: None}, auth=token_or_session(Scope.PRODUCTS_WRITE)
)
def remove_picture(request: HttpRequest, product_id: str, position: int) -> tuple[int, None]:
    """Remove a picture of a product, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    actions.remove_picture(person, product_id, min(max(position, 0), 32_767))
    return 204, None


@router.post("/shop/variants/{variant_id}/sales", response={201: SaleOut}, auth=token_or_session(Scope.PRODUCTS_WRITE))
def add_sale(request: HttpRequest, variant_id: str, sale: SaleIn) -> tuple[int, SaleOut]:
    """Lower a variant's price for a period, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    made = actions.add_sale(person, variant_id, sale.currency.upper(), sale.minor, sale.start, sale.end)
    return 201, SaleOut(id=made.pk)


@router.delete("/shop/sales/{sale_id}", response={204: None}, auth=token_or_session(Scope.PRODUCTS_WRITE))
def end_sale(request: HttpRequest, sale_id: int) -> tuple[int, None]:
    """Remove a sale, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    actions.end_sale(person, min(max(sale_id, 0), (1 << 63) - 1))
    return 204, None


@router.post("/shop/merchants/{name}/import", response=ImportOut, auth=token_or_session(Scope.PRODUCTS_WRITE))
def import_products(
    request: HttpRequest, name: str, file: Annotated[UploadedFile, File(description="CSV in UTF-8, at most 9 MB.")]
) -> ImportOut:
    """Create and change products from a CSV in the columns of Shopify's product export, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    merchant = access_merchant(person, name, StaffRole.MANAGER)
    try:
        report = spreadsheets.import_products(merchant, file.read(MAX_CSV_BYTES + 1))
    except spreadsheets.CsvError as error:
        raise ShopError("file", str(error)) from None
    return ImportOut(
        created=report.products("created"),
        changed=report.products("changed"),
        refused=report.products("refused"),
        rows=[RowOut.from_orm(row) for row in report.rows],
        notes=report.notes,
    )


@router.get("/shop/merchants/{name}/export", response={200: None}, auth=token_or_session(Scope.PRODUCTS_READ))
def export_products(request: HttpRequest, name: str) -> HttpResponse:
    """Download a merchant's catalogue as CSV, as a manager."""
    merchant = access_merchant(person_of(request), name, StaffRole.MANAGER)
    lines = spreadsheets.export_products(merchant)
    return HttpResponse(
        "".join(lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{merchant.name}.csv"'},
    )
