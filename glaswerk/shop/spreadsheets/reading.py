"""From bytes to the products that they mean.  Nothing is written here."""

import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser
from typing import Final

from django.utils.translation import gettext as _

from glaswerk.shop.actions.catalogue import MAX_PICTURES, MAX_VARIANTS, ProductDraft, VariantDraft, checked_product
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_UNITS, ProductState, VatCategory
from glaswerk.shop.prices import minor_of

MAX_BYTES: Final = 200 << 20
MAX_ROWS: Final = 200_000
CATALOGUE: Final = ("Handle", "Title")
# What we write ourselves where Shopify has no column.
VAT_COLUMN: Final = "VAT Category"
_STATES: Final = {"active": ProductState.ACTIVE, "draft": ProductState.DRAFT, "archived": ProductState.ARCHIVED}
_YES: Final = frozenset({"true", "yes", "1", "wahr"})
_BLOCKS: Final = frozenset(
    ["p", "div", "br", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "tr", "table", "blockquote"]
)
_SILENT: Final = frozenset({"script", "style", "template", "iframe"})
_NUMBER: Final = re.compile(r"[0-9]{1,12}([.][0-9]{1,6})?")
# What a spreadsheet runs when it begins a cell; our own export puts an apostrophe in front, which is taken away here.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class CsvError(ValueError):
    """The file cannot be read at all; the message says what is wrong and what to do."""


@dataclass(slots=True)
class Row:
    """A row of the file: its line and its cells by column."""

    line: int
    cells: dict[str, str]

    def cell(self, *names: str) -> str:
        """Return the first of these columns that is filled."""
        for name in names:
            value = self.cells.get(name, "").strip()
            if value:
                # The mark that our export sets before what a spreadsheet would run.
                return value[1:] if value[0] == "'" and value[1:2] in _FORMULA else value
        return ""


@dataclass(slots=True)
class Entry:
    """All rows of a product, and what they mean: a draft, or why there is none."""

    handle: str
    rows: list[Row] = field(default_factory=list)
    draft: ProductDraft | None = None
    stock: list[int | None] = field(default_factory=list)
    pictures: list[tuple[str, str]] = field(default_factory=list)
    bad_line: int = 0
    bad_field: str = ""
    reason: str = ""


def decode(data: bytes) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark.  Raises CsvError."""
    if len(data) > MAX_BYTES:
        raise CsvError(_("The file is larger than %(most)d MiB. Please split it.") % {"most": MAX_BYTES >> 20})
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise CsvError(_("The file is in UTF-16. Please save it as CSV in UTF-8."))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CsvError(
            _("The file is not in UTF-8: line %(line)d holds the byte %(byte)s, as files in Windows-1252 or Latin-1 do."
              " Please save it as CSV in UTF-8.")
            % {"line": line, "byte": f"0x{data[error.start]:02x}"}
        ) from None  # fmt: skip
    if "\x00" in text:
        raise CsvError(_("The file holds zero bytes; it is no text. Please save it as CSV in UTF-8."))
    return text


def read_rows(text: str, required: Collection[str] = CATALOGUE, most: int = MAX_ROWS) -> Iterator[Row]:
    """Yield the rows of a file.  Raises CsvError where it lacks a column, has more than `most` rows, or is broken."""
    csv.field_size_limit(1 << 20)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        head = [name.strip() for name in next(reader)]
        missing = [name for name in required if name not in head]
        if missing:
            words = (
                _(
                    "The file has no column %(names)s. Its first line must name the columns as Shopify's product export does."
                )
                if required is CATALOGUE
                else _("The file has no column %(names)s. Its first line must name the columns.")
            )
            raise CsvError(words % {"names": ", ".join(missing)})
        twice = sorted({name for name in head if name and head.count(name) > 1})
        if twice:
            raise CsvError(_("The column %(name)s is there twice.") % {"name": twice[0]})
        line, number = reader.line_num + 1, 0
        for cells in reader:
            if any(cell.strip() for cell in cells):
                number += 1
                if number > most:
                    raise CsvError(_("The file has more than %(most)d rows. Please split it.") % {"most": most})
                yield Row(line, dict(zip(head, cells, strict=False)))
            line = reader.line_num + 1
    except StopIteration:
        raise CsvError(_("The file is empty.")) from None
    except csv.Error as error:
        raise CsvError(
            _("Line %(line)d is broken: %(reason)s. Perhaps a quotation mark is not closed.")
            % {"line": reader.line_num, "reason": error}
        ) from None


def read_entries(text: str, currency: str) -> Iterator[Entry]:
    """Yield the products of a file in the order of their first rows.  Raises CsvError.

    The rows of a product follow each other.  A handle that comes again later is refused there, so that no product is
    half of one and half of another.
    """
    entry: Entry | None = None
    seen: set[str] = set()
    for row in read_rows(text):
        handle = row.cell("Handle").lower()
        if entry is None or handle != entry.handle:
            if entry is not None:
                yield _read(entry, currency)
            entry = Entry(handle)
            if handle in seen:
                entry.bad_line, entry.bad_field = row.line, "Handle"
                entry.reason = _("This handle stands further up already; the rows of a product must follow each other.")
            seen.add(handle)
        entry.rows.append(row)
    if entry is not None:
        yield _read(entry, currency)


def _read(entry: Entry, currency: str) -> Entry:
    if entry.reason:
        return entry
    row = entry.rows[0]
    column = ""
    try:
        if not entry.handle:
            raise ShopError("Handle", _("Please fill this in."))
        names = [row.cell(f"Option{number} Name") for number in (1, 2, 3)]
        options = tuple(name for name in names if name)
        if options == ("Title",):
            # Shopify's way to say that there are no options.
            options = ()
        variants: list[VariantDraft] = []
        for row in entry.rows:
            source = row.cell("Image Src")
            if source:
                if not re.fullmatch(r"https?://[^\s]{1,480}", source):
                    raise ShopError("Image Src", _("This is no address of a picture."))
                if len(entry.pictures) < MAX_PICTURES and source not in [one for one, _alt in entry.pictures]:
                    entry.pictures.append((source, row.cell("Image Alt Text")[:250]))
            if row is not entry.rows[0] and not _has_variant(row):
                continue
            variants.append(_variant(row, len(options), currency))
            entry.stock.append(_units(row))
        if len(variants) > MAX_VARIANTS:
            raise ShopError("Option1 Value", _("A product has 1 to %(count)d variants.") % {"count": MAX_VARIANTS})
        row = entry.rows[0]
        entry.draft = checked_product(
            ProductDraft(
                handle=entry.handle,
                title=row.cell("Title"),
                description=plain_text(row.cell("Body (HTML)")),
                vendor=row.cell("Vendor"),
                kind=row.cell("Type", "Custom Product Type"),
                tags=tuple(tag.strip() for tag in row.cell("Tags").split(",") if tag.strip()),
                options=options,
                vat_category=row.cell(VAT_COLUMN).lower() or VatCategory.STANDARD,
                state=_state(row),
                variants=tuple(variants),
            )
        )
    except ShopError as error:
        column = _COLUMNS.get(error.field, error.field)
        entry.draft, entry.bad_line, entry.bad_field, entry.reason = None, row.line, column, error.message
    return entry


_COLUMNS: Final = {
    "handle": "Handle", "title": "Title", "description": "Body (HTML)", "vendor": "Vendor", "kind": "Type",
    "tags": "Tags", "options": "Option1 Name", "choices": "Option1 Value", "variants": "Option1 Value",
    "state": "Status", "vat_category": VAT_COLUMN, "price": "Variant Price", "weight_g": "Variant Grams",
    "sku": "Variant SKU", "barcode": "Variant Barcode",
}  # fmt: skip


def _has_variant(row: Row) -> bool:
    return any(row.cell(name) for name in ("Option1 Value", "Variant SKU", "Variant Price"))


def _state(row: Row) -> str:
    status = row.cell("Status").lower()
    if status:
        if status not in _STATES:
            raise ShopError("Status", _("A product is draft, active or archived."))
        if status != "active":
            return _STATES[status]
    published = row.cell("Published").lower()
    return ProductState.DRAFT if published and published not in _YES else ProductState.ACTIVE


def _variant(row: Row, options: int, currency: str) -> VariantDraft:
    prices, compare = {}, {}
    price = row.cell("Variant Price")
    if price:
        prices[currency] = minor_of(price, "Variant Price", currency)
    before = row.cell("Variant Compare At Price")
    # Shopify writes 0 where there was no price before.
    if before and before.strip("0.,"):
        compare[currency] = minor_of(before, "Variant Compare At Price", currency)
    return VariantDraft(
        choices=tuple(row.cell(f"Option{number} Value") for number in range(1, options + 1)),
        sku=row.cell("Variant SKU"),
        barcode=row.cell("Variant Barcode"),
        weight_g=_grams(row),
        prices=prices,
        compare=compare,
    )


def _grams(row: Row) -> int:
    text = row.cell("Variant Grams") or "0"
    if not _NUMBER.fullmatch(text):
        raise ShopError("Variant Grams", _("This is no weight in grams."))
    return round(Decimal(text))


def _units(row: Row) -> int | None:
    text = row.cell("Variant Inventory Qty")
    if not text:
        return None
    # A shop that sold more than it had exports a negative stock; there is nothing there then.
    if re.fullmatch(r"-[0-9]{1,8}", text):
        return 0
    if not re.fullmatch(r"[0-9]{1,8}", text) or int(text) > MAX_UNITS:
        raise ShopError("Variant Inventory Qty", _("A stock is between 0 and %(most)d.") % {"most": MAX_UNITS})
    return int(text)


class _Plain(HTMLParser):
    """Keeps what a reader would see: no tag survives, and no script's text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self._silent:
            self._silent -= 1
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(" ".join(data.split()) if "\n" in data and not data.strip() else data)


def plain_text(html: str) -> str:
    """Return HTML as the text that a reader sees, with its paragraphs; descriptions are plain text here."""
    if "<" not in html and "&" not in html:
        return html
    parser = _Plain()
    parser.feed(html)
    parser.close()
    lines = ("".join(parser.parts)).split("\n")
    text = "\n".join(line.strip() for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip()
