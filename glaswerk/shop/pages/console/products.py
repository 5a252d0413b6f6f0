"""The catalogue: a list with CSV in and out, and a page for each product with its variants, prices, sales and pictures."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import IO, Any, Final

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.rates import RateLimited
from glaswerk.people.models import Person
from glaswerk.shop import spreadsheets
from glaswerk.shop.actions import catalogue, tags
from glaswerk.shop.actions.catalogue import MAX_VARIANTS, ProductDraft, VariantDraft
from glaswerk.shop.api.catalogue import MAX_CSV_BYTES, shown_products
from glaswerk.shop.api.identity import count_write
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import (
    MAX_GRAMS,
    MAX_OPTIONS,
    Merchant,
    Product,
    ProductState,
    Sale,
    StaffRole,
    VatCategory,
)
from glaswerk.shop.pages.console.frame import PAGE, before_of, console_page, day_of, frame, start_of, told, words_of
from glaswerk.shop.pages.visitor import language
from glaswerk.shop.prices import major_of, typed_minor
from glaswerk.shop.queries import catalogue as queries

_ROWS: Final = 200
_EMPTY_ROWS: Final = 3
_CELLS: Final = ("choices", "sku", "barcode", "weight", "price", "before")


@console_page
def products(request: HttpRequest, name: str) -> HttpResponse:
    """Show the catalogue; put products on sale or take them off; read a CSV and say what became of each row."""
    person, _merchant, facts = frame(request, name, "merchant_products")
    report = None
    if request.method == "POST":
        with told(request):
            file = request.FILES.get("file")
            if file is not None:
                report = _import(request, person, name, file)
            elif "creators" in request.POST:
                tags.open_to_creators(person, name, is_open=request.POST["creators"] == "open")
            else:
                catalogue.set_product_state(person, request.POST.get("product", ""), request.POST.get("state", ""))
        if not request.FILES:
            return redirect("merchant_products", name)
    words, state = words_of(request), request.GET.get("state", "")
    state = state if state in ProductState.values else ""
    found = queries.own_products(person, name, before_of(request), PAGE + 1, words, state)
    shown = shown_products(found[:PAGE], language())
    facts |= {
        "words": words,
        "state": state,
        "states": [("", _("All")), *ProductState.choices],
        "rows": [
            {
                "product": one,
                "label": ProductState(one.state).label,
                "picture": next((each.url for each in one.pictures if each.url), None),
                "price": min(
                    (each.price for each in one.variants if each.price), key=lambda price: price.minor, default=None
                ),
                "count": len(one.variants),
                "left": sum(each.available for each in one.variants),
            }
            for one in shown
        ],
        "next": shown[-1].id if len(found) > PAGE else None,
    }
    if report is not None:
        facts["report"] = {
            "counts": [
                (report.products("created"), _("new")),
                (report.products("changed"), _("changed")),
                (report.products("refused"), _("refused")),
            ],
            "rows": [row for row in report.rows if row.outcome == "refused"][:_ROWS],
            "notes": report.notes[:20],
        }
    return render(request, "shop/console/products.html", facts)


def _import(request: HttpRequest, person: Person, name: str, file: IO[bytes]) -> spreadsheets.Report | None:
    # Who may read the list may not import; the frame knows only the former.
    _person, merchant, _facts = frame(request, name, "merchant_products", StaffRole.MANAGER)
    try:
        return spreadsheets.import_products(merchant, file.read(MAX_CSV_BYTES + 1))
    except spreadsheets.CsvError as refusal:
        messages.error(request, str(refusal))
        return None


@dataclass
class _Form:
    """What the product's form holds: texts as they were typed, and a row for each variant."""

    values: dict[str, str]
    rows: list[dict[str, str]]
    error: ShopError | None = None


@console_page
def new_product(request: HttpRequest, name: str) -> HttpResponse:
    """Begin a product; pictures, sales and stock come with its own page."""
    person, merchant, facts = frame(request, name, "merchant_products", StaffRole.MANAGER)
    form = _Form({"vat_category": VatCategory.STANDARD, "state": ProductState.DRAFT}, [])
    if request.method == "POST":
        form = _typed(request)
        written = _save(request, person, merchant, form, None)
        if written is not None:
            messages.success(request, _("It stands in your catalogue now."))
            return redirect("merchant_product", name, written.public_id)
    return _show(request, merchant, facts, form, None)


@console_page
def product(request: HttpRequest, name: str, public_id: str) -> HttpResponse:
    """Show and change a product: its words and variants, and apart from them its pictures and sales."""
    person, merchant, facts = frame(request, name, "merchant_products", StaffRole.MANAGER)
    found = queries.access_product_of(merchant, public_id)
    form = _stored(found, merchant)
    if request.method == "POST":
        action = request.POST.get("action", "")
        if action != "save":
            with told(request):
                _change(request, person, merchant, found, action)
            return redirect("merchant_product", name, public_id)
        form = _typed(request)
        if _save(request, person, merchant, form, found) is not None:
            messages.success(request, _("Your changes are saved."))
            return redirect("merchant_product", name, public_id)
    return _show(request, merchant, facts, form, found)


def _show(
    request: HttpRequest, merchant: Merchant, facts: dict[str, Any], form: _Form, found: Product | None
) -> HttpResponse:
    rows = form.rows + [dict.fromkeys(_CELLS, "")] * max(0, min(_EMPTY_ROWS, MAX_VARIANTS - len(form.rows)))
    facts |= {
        "product": found,
        "values": form.values,
        "variants": [(number, row) for number, row in enumerate(rows or [dict.fromkeys(_CELLS, "")], 1)],
        "error": form.error,
        "product_states": ProductState.choices,
        "vat_categories": VatCategory.choices,
        "currency": merchant.currency,
    }
    if found is not None:
        shown = shown_products([found], language())[0]
        facts |= {
            "shown": shown,
            "pictures": [one for one in shown.pictures if one.url],
            "sales": queries.sales_of(found),
            "sellable": [one for one in shown.variants if one.price],
        }
    return render(request, "shop/console/product.html", facts, status=422 if form.error else 200)


def _stored(found: Product, merchant: Merchant) -> _Form:
    values = {
        "handle": found.handle,
        "title": found.title,
        "description": found.description,
        "vendor": found.vendor,
        "kind": found.kind,
        "tags": ", ".join(found.tags),
        "options": ", ".join(found.options),
        "vat_category": found.vat_category,
        "state": found.state,
    }
    rows = []
    for variant in found.variants.all():
        if not variant.is_active:
            continue
        price = next((one for one in variant.prices.all() if one.currency == merchant.currency), None)
        rows.append(
            {
                "choices": ", ".join(variant.choices),
                "sku": variant.sku,
                "barcode": variant.barcode,
                "weight": str(variant.weight_g),
                "price": major_of(price.minor, price.currency) if price else "",
                "before": major_of(price.compare_minor, price.currency) if price and price.compare_minor else "",
            }
        )
    return _Form(values, rows)


def _typed(request: HttpRequest) -> _Form:
    names = ("handle", "title", "description", "vendor", "kind", "tags", "options", "vat_category", "state")
    values = {name: request.POST.get(name, "")[:90_000] for name in names}
    columns = {cell: request.POST.getlist(cell)[: MAX_VARIANTS + _EMPTY_ROWS] for cell in _CELLS}
    count = max(map(len, columns.values()))
    rows = [{cell: (columns[cell][at : at + 1] or [""])[0][:400].strip() for cell in _CELLS} for at in range(count)]
    # A row is there when something stands in it that nobody fills in for somebody who adds nothing.
    return _Form(values, [row for row in rows if any(row[cell] for cell in _CELLS if cell != "weight")])


def _save(
    request: HttpRequest, person: Person, merchant: Merchant, form: _Form, found: Product | None
) -> Product | None:
    """Write what the form holds, or keep in it why not."""
    try:
        count_write(person.pk)
        draft = _draft(form, merchant)
        if found is not None:
            # What it is called in addresses stays: links to it are out in the world.
            draft = replace(draft, handle=found.handle)
        elif Product.objects.filter(merchant=merchant, handle=draft.handle.strip().lower()).exists():
            raise ShopError("handle", _("There is a product of this handle already."), 409)
        written, _is_new = catalogue.write_product(person, merchant.name, draft)
    except ShopError as refusal:
        form.error = refusal
        return None
    except RateLimited as refusal:
        form.error = ShopError("title", str(refusal), 429)
        return None
    return written


def _draft(form: _Form, merchant: Merchant) -> ProductDraft:
    """Return what the form means.  Raises ShopError, which names the field."""
    options = _parts(form.values["options"])
    if len(options) > MAX_OPTIONS:
        raise ShopError("options", _("A product has at most three options."))
    variants = tuple(_variant(row, number, merchant.currency) for number, row in enumerate(form.rows, 1))
    return ProductDraft(
        handle=form.values["handle"],
        title=form.values["title"],
        description=form.values["description"],
        vendor=form.values["vendor"],
        kind=form.values["kind"],
        tags=_parts(form.values["tags"]),
        options=options,
        vat_category=form.values["vat_category"],
        state=form.values["state"],
        variants=variants or (VariantDraft(),),
    )


def _variant(row: dict[str, str], number: int, currency: str) -> VariantDraft:
    try:
        weight = row["weight"] or "0"
        if not (weight.isascii() and weight.isdigit() and int(weight) <= MAX_GRAMS):
            raise ShopError("weight", _("A weight is between 0 and %(most)d grams.") % {"most": MAX_GRAMS})
        return VariantDraft(
            choices=_parts(row["choices"]),
            sku=row["sku"],
            barcode=row["barcode"],
            weight_g=int(weight),
            prices={currency: typed_minor(row["price"], "price", currency)} if row["price"] else {},
            compare={currency: typed_minor(row["before"], "before", currency)} if row["before"] else {},
        )
    except ShopError as refusal:
        where = _("Variant %(number)d: %(reason)s") % {"number": number, "reason": refusal.message}
        raise ShopError("variants", where) from None


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for one in text.split(",") if (part := one.strip()))


def _change(request: HttpRequest, person: Person, merchant: Merchant, found: Product, action: str) -> None:
    """Change a picture or a sale.  Raises Http404 and ShopError."""
    match action:
        case "add_picture":
            file = request.FILES.get("file")
            if not isinstance(file, UploadedFile):
                raise ShopError("file", _("Please choose a file."))
            catalogue.add_picture(person, found.public_id, file, request.POST.get("alt", "")[:1000])
        case "remove_picture":
            text = request.POST.get("position", "")
            position = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
            catalogue.remove_picture(person, found.public_id, position)
        case "add_sale":
            minor = typed_minor(request.POST.get("price", ""), "price", merchant.currency)
            first, last = day_of(request, "start"), day_of(request, "end")
            start = start_of(first) if first else timezone.now()
            end = start_of(last + timedelta(days=1)) if last else None
            catalogue.add_sale(person, request.POST.get("variant", ""), merchant.currency, minor, start, end)
        case "end_sale":
            text = request.POST.get("sale", "")
            number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
            if not Sale.objects.filter(pk=number, price__variant__product=found).exists():
                raise ShopError("sale", _("This sale is over already."), 409)
            catalogue.end_sale(person, number)
        case _:
            raise ShopError("action", _("There is no such form here."))


urlpatterns: list[URLPattern] = [
    path("merchant/<str:name>/products", products, name="merchant_products"),
    path("merchant/<str:name>/products/new", new_product, name="merchant_new_product"),
    path("merchant/<str:name>/products/<str:public_id>", product, name="merchant_product"),
]
