"""A merchant's catalogue as CSV, which our own import and Shopify's take back."""

import csv
import io
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from django.conf import settings

from glaswerk.cell.blobs import blob_url
from glaswerk.shop.models import Merchant, Product, ProductState, Variant
from glaswerk.shop.prices import major_of
from glaswerk.shop.queries.catalogue import stock_by_variant
from glaswerk.shop.spreadsheets.reading import VAT_COLUMN

COLUMNS: Final = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Option1 Name", "Option1 Value",
    "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value", "Variant SKU", "Variant Grams",
    "Variant Inventory Qty", "Variant Price", "Variant Compare At Price", "Variant Barcode", "Image Src",
    "Image Position", "Image Alt Text", "Status", VAT_COLUMN,
)  # fmt: skip
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """Return a cell that no spreadsheet runs as a formula: what begins like one gets an apostrophe (OWASP, CSV injection)."""
    return f"'{text}" if text.lstrip(" ").startswith(_DANGEROUS) else text


def export_products(merchant: Merchant) -> Iterator[str]:
    """Yield the lines of a merchant's catalogue, one row a variant, further pictures on rows of their own."""
    yield csv_line(COLUMNS)
    products = Product.objects.filter(merchant=merchant).prefetch_related("pictures").order_by("handle")
    for product in products.iterator(chunk_size=500):
        variants = (
            Variant.objects.filter(product=product, is_active=True)
            .annotate(units=stock_by_variant())
            .prefetch_related("prices")
        )
        yield from _rows(product, list(variants), merchant.currency)


def _rows(product: Product, variants: list[Variant], currency: str) -> Iterator[str]:
    pictures = [
        (one.source or f"{settings.PUBLIC_URL}{blob_url(one.blob, 'webp')}", one.alt) for one in product.pictures.all()
    ]
    for number in range(max(len(variants), len(pictures))):
        cells = dict.fromkeys(COLUMNS, "")
        cells["Handle"] = product.handle
        if number == 0:
            cells |= {
                "Title": product.title,
                "Body (HTML)": "".join(f"<p>{escape(part)}</p>" for part in product.description.split("\n") if part),
                "Vendor": product.vendor,
                "Type": product.kind,
                "Tags": ", ".join(product.tags),
                "Published": "FALSE" if product.state == ProductState.DRAFT else "TRUE",
                "Status": product.state,
                VAT_COLUMN: product.vat_category,
            }
            if not product.options:
                cells["Option1 Name"] = "Title"
            cells |= {f"Option{place} Name": name for place, name in enumerate(product.options, 1)}
        if number < len(variants):
            cells |= _variant_cells(variants[number], currency)
            if not product.options:
                cells["Option1 Value"] = "Default Title"
        if number < len(pictures):
            cells |= {
                "Image Src": pictures[number][0],
                "Image Position": str(number + 1),
                "Image Alt Text": pictures[number][1],
            }
        yield csv_line(tuple(safe_cell(cells[name]) for name in COLUMNS))


def _variant_cells(variant: Variant, currency: str) -> dict[str, str]:
    cells = {f"Option{place} Value": choice for place, choice in enumerate(variant.choices, 1)}
    price = next((one for one in variant.prices.all() if one.currency == currency), None)
    if price is not None:
        cells["Variant Price"] = major_of(price.minor, currency)
        if price.compare_minor is not None:
            cells["Variant Compare At Price"] = major_of(price.compare_minor, currency)
    return cells | {
        "Variant SKU": variant.sku,
        "Variant Barcode": variant.barcode,
        "Variant Grams": str(variant.weight_g),
        "Variant Inventory Qty": str(variant.units),  # type: ignore[attr-defined]
    }


def csv_line(cells: Iterable[str]) -> str:
    """Return a line of a file."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(list(cells))
    return out.getvalue()
