"""What merchants do with their catalogue."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import IO, Final

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Max, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from glaswerk.cell.blobs import store_bytes
from glaswerk.cell.ids import decode_id
from glaswerk.cell.keeping import keep_blobs
from glaswerk.money.amounts import AmountError, check_currency
from glaswerk.people.models import Person
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import (
    MAX_GRAMS,
    MAX_MINOR,
    MAX_OPTIONS,
    Merchant,
    Picture,
    Price,
    Product,
    ProductState,
    Sale,
    StaffRole,
    Variant,
    VatCategory,
)
from glaswerk.shop.queries.catalogue import access_product
from glaswerk.shop.queries.merchants import access_merchant, at_least
from glaswerk.shop.texts import check_period, clean_line, clean_text

MAX_VARIANTS: Final = 100
MAX_PICTURES: Final = 20
MAX_TAGS: Final = 50
MAX_PICTURE_BYTES: Final = 10 << 20
_MAX_PIXELS: Final = 50_000_000
_PICTURE_SIDE: Final = 1600
_HANDLE: Final = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """A variant to write: its choices name it; prices are minor units by currency."""

    choices: tuple[str, ...] = ()
    sku: str = ""
    barcode: str = ""
    weight_g: int = 0
    prices: dict[str, int] = field(default_factory=dict)
    compare: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A product to write, with all of its variants."""

    handle: str
    title: str
    description: str = ""
    vendor: str = ""
    kind: str = ""
    tags: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    vat_category: str = VatCategory.STANDARD
    state: str = ProductState.DRAFT
    variants: tuple[VariantDraft, ...] = (VariantDraft(),)


def check_minor(minor: int, where: str) -> int:
    """Return a price in minor units.  Raises ShopError for what is no price."""
    if not 0 < minor <= MAX_MINOR:
        raise ShopError(where, _("A price is more than nothing and at most %(most)d.") % {"most": MAX_MINOR // 100})
    return minor


def checked_product(draft: ProductDraft) -> ProductDraft:
    """Return a product in clean form.  Raises ShopError, which names the field."""
    handle = draft.handle.strip().lower()
    if not _HANDLE.fullmatch(handle) or len(handle) > 200:
        raise ShopError("handle", _("A handle has letters a to z, digits, hyphens and underscores."))
    if draft.state not in ProductState.values:
        raise ShopError("state", _("A product is draft, active or archived."))
    if draft.vat_category not in VatCategory.values:
        raise ShopError("vat_category", _("A VAT category is standard, reduced, lower or zero."))
    if len(draft.tags) > MAX_TAGS:
        raise ShopError("tags", _("A product has at most %(count)d tags.") % {"count": MAX_TAGS})
    if len(draft.options) > MAX_OPTIONS:
        raise ShopError("options", _("A product has at most three options."))
    options = tuple(clean_line(one, "options", 40) for one in draft.options)
    if len(set(options)) != len(options):
        raise ShopError("options", _("Two options have the same name."))
    if not 1 <= len(draft.variants) <= MAX_VARIANTS:
        raise ShopError("variants", _("A product has 1 to %(count)d variants.") % {"count": MAX_VARIANTS})
    variants = tuple(_checked_variant(one, len(options)) for one in draft.variants)
    if len({one.choices for one in variants}) != len(variants):
        raise ShopError("variants", _("Two variants have the same choices."))
    if draft.state == ProductState.ACTIVE and not all(one.prices for one in variants):
        raise ShopError("price", _("What is on sale needs a price for every variant."))
    return ProductDraft(
        handle=handle,
        title=clean_line(draft.title, "title", 200),
        description=clean_text(draft.description, "description", 20_000),
        vendor=clean_line(draft.vendor, "vendor", 100, required=False),
        kind=clean_line(draft.kind, "kind", 100, required=False),
        tags=tuple(
            dict.fromkeys(tag for one in draft.tags if (tag := clean_line(one, "tags", 60, required=False).lower()))
        ),
        options=options,
        vat_category=draft.vat_category,
        state=draft.state,
        variants=variants,
    )


def _checked_variant(draft: VariantDraft, options: int) -> VariantDraft:
    if len(draft.choices) != options:
        raise ShopError("choices", _("Every variant chooses once for each option."))
    if not 0 <= draft.weight_g <= MAX_GRAMS:
        raise ShopError("weight_g", _("A weight is between 0 and %(most)d grams.") % {"most": MAX_GRAMS})
    for currency, minor in draft.prices.items():
        try:
            check_currency(currency)
        except AmountError:
            raise ShopError("currency", _("There is no such currency. Please take a code such as EUR.")) from None
        check_minor(minor, "price")
    return VariantDraft(
        choices=tuple(clean_line(one, "choices", 80) for one in draft.choices),
        sku=clean_line(draft.sku, "sku", 80, required=False),
        barcode=clean_line(draft.barcode, "barcode", 40, required=False),
        weight_g=draft.weight_g,
        prices=dict(draft.prices),
        # A price before that was not higher says nothing, and is left out as other shops do.
        compare={
            currency: before
            for currency, before in draft.compare.items()
            if draft.prices.get(currency, MAX_MINOR) < before <= MAX_MINOR
        },
    )


def save_products(merchant: Merchant, drafts: Sequence[ProductDraft]) -> list[tuple[Product, bool]]:
    """Create or replace products by their handles within a transaction; return each, and whether it is new.

    Variants are told by their choices: those that are there keep their ids, stock and sales; those that are no longer
    named are not sold any more, but stay, because orders name them.  The caller holds the merchant's lock, so that
    nobody else adds the same handles; the drafts come from `checked_product` and have different handles.  Five queries.
    """
    handles = [draft.handle for draft in drafts]
    ids = dict(Product.objects.filter(merchant=merchant, handle__in=handles).values_list("handle", "id"))
    products = [_product_of(merchant, draft, ids.get(draft.handle)) for draft in drafts]
    Product.objects.bulk_create(
        products,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[
            "title", "description", "vendor", "kind", "tags", "options", "vat_category", "state", "updated_at",
        ],
    )  # fmt: skip
    there: dict[tuple[int, tuple[str, ...]], Variant] = {
        (one.product_id, tuple(one.choices)): one for one in Variant.objects.filter(product_id__in=ids.values())
    }
    wanted, prices = [], []
    for product, draft in zip(products, drafts, strict=True):
        for position, one in enumerate(draft.variants, 1):
            variant = there.pop((product.pk, one.choices), None) or Variant(product=product, choices=list(one.choices))
            variant.position, variant.sku, variant.barcode = position, one.sku, one.barcode
            variant.weight_g, variant.is_active = one.weight_g, True
            wanted.append(variant)
            prices += [
                Price(variant=variant, currency=currency, minor=minor, compare_minor=one.compare.get(currency))
                for currency, minor in one.prices.items()
            ]
    Variant.objects.bulk_create(
        wanted,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["position", "sku", "barcode", "weight_g", "is_active"],
    )
    gone = [one.pk for one in there.values() if one.is_active]
    if gone:
        Variant.objects.filter(pk__in=gone).update(is_active=False)
    Price.objects.bulk_create(
        prices, update_conflicts=True, unique_fields=["variant", "currency"], update_fields=["minor", "compare_minor"]
    )
    return [(product, product.handle not in ids) for product in products]


def _product_of(merchant: Merchant, draft: ProductDraft, known: int | None) -> Product:
    product = Product(
        merchant=merchant,
        handle=draft.handle,
        title=draft.title,
        description=draft.description,
        vendor=draft.vendor,
        kind=draft.kind,
        tags=list(draft.tags),
        options=list(draft.options),
        vat_category=draft.vat_category,
        state=draft.state,
    )
    if known is not None:
        product.pk = known
    return product


def write_product(person: Person, name: str, draft: ProductDraft) -> tuple[Product, bool]:
    """Create or replace a product, as a manager.  Raises Http404 and ShopError."""
    clean = checked_product(draft)
    with transaction.atomic():
        return save_products(access_merchant(person, name, StaffRole.MANAGER, lock=True), [clean])[0]


def set_product_state(person: Person, public_id: str, state: str) -> Product:
    """Put a product on sale, or take it off.  Raises Http404 and ShopError."""
    if state not in ProductState.values:
        raise ShopError("state", _("A product is draft, active or archived."))
    with transaction.atomic():
        product = access_product(person, public_id, lock=True)
        if state == ProductState.ACTIVE and product.variants.filter(is_active=True, prices__isnull=True).exists():
            raise ShopError("price", _("What is on sale needs a price for every variant."))
        product.state, product.updated_at = state, timezone.now()
        product.save(update_fields=["state", "updated_at"])
    return product


def add_sale(person: Person, variant_id: str, currency: str, minor: int, start: datetime, end: datetime | None) -> Sale:
    """Lower a price for a period.  Raises Http404, and ShopError also where it would overlap with another one."""
    check_minor(minor, "minor")
    check_period(start, end)
    try:
        with transaction.atomic():
            price = _own_prices(person, variant_id).filter(currency=currency).select_for_update(of=("self",)).first()
            if price is None:
                raise Http404
            if minor >= price.minor:
                raise ShopError("minor", _("A sale price is lower than the list price."))
            return Sale.objects.create(price=price, minor=minor, period=DateTimeTZRange(start, end))
    except IntegrityError:
        raise ShopError("start", _("Another sale of this price falls into this period."), 409) from None


def end_sale(person: Person, sale_id: int) -> None:
    """Remove a sale.  Raises Http404."""
    found = Sale.objects.filter(
        pk=sale_id,
        price__variant__product__merchant__staff__person=person,
        price__variant__product__merchant__staff__role__in=at_least(StaffRole.MANAGER),
    )
    if not Sale.objects.filter(pk__in=found.values("pk")).delete()[0]:
        raise Http404


def _own_prices(person: Person, variant_id: str) -> QuerySet[Price]:
    try:
        wanted = decode_id(variant_id)
    except ValueError:
        raise Http404 from None
    return Price.objects.filter(
        variant_id=wanted,
        variant__product__merchant__staff__person=person,
        variant__product__merchant__staff__role__in=at_least(StaffRole.MANAGER),
    )


def add_picture(person: Person, public_id: str, file: IO[bytes], alt: str) -> Picture:
    """Keep a picture of a product as WebP of at most 1600 pixels, without metadata.  Raises Http404 and ShopError."""
    data = _picture(file.read(MAX_PICTURE_BYTES + 1))
    alt = clean_line(alt, "alt", 250, required=False)
    with transaction.atomic():
        product = access_product(person, public_id, lock=True)
        if product.pictures.count() >= MAX_PICTURES:
            raise ShopError("file", _("A product has at most %(count)d pictures.") % {"count": MAX_PICTURES}, 409)
        keep_blobs()
        last: int = product.pictures.aggregate(last=Max("position"))["last"] or 0
        return Picture.objects.create(product=product, position=last + 1, blob=store_bytes(data, "webp"), alt=alt)


def remove_picture(person: Person, public_id: str, position: int) -> None:
    """Remove a picture of a product; its file goes with the next collection of garbage.  Raises Http404."""
    with transaction.atomic():
        if not access_product(person, public_id, lock=True).pictures.filter(position=position).delete()[0]:
            raise Http404


def _picture(data: bytes) -> bytes:
    if len(data) > MAX_PICTURE_BYTES:
        raise ShopError("file", _("This picture is larger than 10 MB. Please choose a smaller one."), 413)
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as picture:
            # The size stands in the header, so that a bomb is refused before a single pixel is unpacked.
            if picture.width * picture.height > _MAX_PIXELS:
                raise ShopError("file", _("This picture has more than 50 million pixels. Please choose a smaller one."))
            picture.draft("RGB", (2 * _PICTURE_SIDE, 2 * _PICTURE_SIDE))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            upright.thumbnail((_PICTURE_SIDE, _PICTURE_SIDE))
            out = BytesIO()
            upright.save(out, "WEBP", quality=82, method=4)
            return out.getvalue()
    except _BROKEN:
        raise ShopError("file", _("This file is not a picture that we can read. JPEG, PNG and WebP work.")) from None


def set_pictures(wanted: Mapping[int, Sequence[tuple[str, str]]]) -> None:
    """Let products (by id) have these pictures by (address, alternative text); uploaded ones stay in front.

    Within a transaction that holds the merchant's lock.
    """
    Picture.objects.filter(product_id__in=wanted, blob="").delete()
    last = dict(
        Picture.objects.filter(product_id__in=wanted)
        .values_list("product_id")
        .annotate(last=Max("position"))
        .order_by()
    )
    Picture.objects.bulk_create(
        Picture(product_id=product, position=last.get(product, 0) + number, source=source, alt=alt)
        for product, sources in wanted.items()
        for number, (source, alt) in enumerate(sources, 1)
    )
