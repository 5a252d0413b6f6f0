"""The merchant's console: for those who work there, each with what their role may.  Everything is a plain form."""

from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from glaswerk.cell.ids import decode_id
from glaswerk.cell.rates import RateLimited
from glaswerk.shop import spreadsheets
from glaswerk.shop.actions import catalogue, merchants, orders, stock, tags
from glaswerk.shop.api.catalogue import MAX_CSV_BYTES, shown_products
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import (
    Merchant,
    MerchantState,
    Order,
    OrderState,
    ProductState,
    Return,
    ReturnState,
    StaffRole,
)
from glaswerk.shop.pages.visitor import language
from glaswerk.shop.queries import catalogue as products_of
from glaswerk.shop.queries.merchants import access_merchant, merchants_of
from glaswerk.shop.queries.orders import orders_of
from glaswerk.shop.queries.stock import stocks_of

PAGE: Final = 50
_ROWS: Final = 200
_DETAILS: Final = (
    "name", "title", "about", "legal_name", "street", "postal_code", "city", "country", "email", "phone",
    "registration", "vat_id",
)  # fmt: skip
_OPEN: Final = (OrderState.PAID, OrderState.PARTLY_SHIPPED)


@never_cache
@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Show the shops where somebody works; who works nowhere is shown how to begin."""
    found = list(merchants_of(person_of(request)))
    if len(found) == 1 and found[0].state == MerchantState.APPROVED:
        return redirect("merchant_orders", found[0].name)
    rows = [(one, MerchantState(one.state).label) for one in found]
    return render(request, "shop/merchant_home.html", {"rows": rows})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def apply(request: HttpRequest) -> HttpResponse:
    """Apply to sell, with what the law wants known of a trader."""
    person = person_of(request)
    values = {name: request.POST.get(name, "")[:4000] for name in _DETAILS}
    values = values if request.method == "POST" else {**values, "country": "DE", "email": person.email}
    error = None
    if request.method == "POST":
        try:
            count_write(person.pk)
            details = {**values, "self_certified": "self_certified" in request.POST}
            merchants.apply_as_merchant(person, values["name"], "EUR", details)
        except ShopError as refusal:
            error = refusal
        except RateLimited as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Your application is here. You hear from us when it is decided."))
            return redirect("merchant_home")
    facts = {"values": values, "error": error, "is_certified": "self_certified" in request.POST}
    return render(request, "shop/merchant_apply.html", facts, status=422 if error else 200)


def frame(request: HttpRequest, name: str, place: str) -> tuple[Merchant, dict[str, Any]]:
    """Return the merchant, for whoever works there, and what every page of the console shows.  Raises Http404."""
    person = person_of(request)
    merchant = access_merchant(person, name, StaffRole.PACKER)
    role = merchant.staff.get(person=person).role
    waiting = Order.objects.filter(merchant=merchant, state__in=_OPEN).count()
    asked = Return.objects.filter(order__merchant=merchant, state=ReturnState.REQUESTED).count()
    places = [
        ("merchant_orders", _("Orders"), waiting),
        ("merchant_products", _("Products"), 0),
        ("merchant_stock", _("Stock"), 0),
        ("merchant_returns", _("Returns"), asked),
    ]
    if role != StaffRole.PACKER:
        places.append(("merchant_plans", _("Creators"), 0))
    return merchant, {
        "merchant": merchant,
        "state_label": MerchantState(merchant.state).label,
        "is_manager": role != StaffRole.PACKER,
        "places": places,
        "place": place,
    }


def _refused(request: HttpRequest, refusal: ShopError | RateLimited, what: str = "") -> None:
    messages.error(request, f"{what}: {refusal}" if what else str(refusal))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def to_ship(request: HttpRequest, name: str) -> HttpResponse:
    """Show what waits to be sent, the oldest first, and hand what was ticked to a carrier, each with its number."""
    person = person_of(request)
    _merchant, facts = frame(request, name, "merchant_orders")
    if request.method == "POST":
        _ship(request)
        return redirect("merchant_orders", name)
    state = request.GET.get("state", "")
    found = orders_of(person, name, state if state in OrderState.values else "").prefetch_related("lines")
    if state not in OrderState.values:
        state = ""
        found = found.filter(state__in=_OPEN).order_by("pk")
    facts["rows"] = [
        {
            "order": order,
            "label": OrderState(order.state).label,
            "address": order.purchase.address,
            "left": [
                (line, line.quantity - line.shipped) for line in order.lines.all() if line.quantity > line.shipped
            ],
            "lines": list(order.lines.all()),
            "can_ship": order.state in _OPEN,
        }
        for order in found[:PAGE]
    ]
    facts |= {"state": state, "states": [("", _("To send")), *((one.value, one.label) for one in OrderState)]}
    return render(request, "shop/merchant_orders.html", facts)


def _ship(request: HttpRequest) -> None:
    """Send what was ticked; one order that cannot be sent keeps no other from it."""
    person, carrier, sent = person_of(request), request.POST.get("carrier", "")[:240], 0
    for order in request.POST.getlist("order")[:PAGE]:
        try:
            count_write(person.pk)
            orders.ship(person, order, carrier, request.POST.get(f"tracking-{order}", "")[:320], {})
            sent += 1
        except (ShopError, RateLimited) as refusal:
            _refused(request, refusal, order[:13])
        except Http404:
            messages.error(request, _("There is no such order here."))
    if sent:
        messages.success(
            request,
            ngettext("%(count)d order is on its way.", "%(count)d orders are on their way.", sent) % {"count": sent},
        )
    elif not request.POST.getlist("order"):
        messages.error(request, _("Please tick what you have sent."))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def products(request: HttpRequest, name: str) -> HttpResponse:
    """Show the catalogue; put products on sale or take them off; read a CSV and say what became of each row."""
    person = person_of(request)
    merchant, facts = frame(request, name, "merchant_products")
    report = None
    if request.method == "POST":
        try:
            count_write(person.pk)
            file = request.FILES.get("file")
            if isinstance(file, UploadedFile):
                access_merchant(person, name, StaffRole.MANAGER)
                report = spreadsheets.import_products(merchant, file.read(MAX_CSV_BYTES + 1))
            elif "creators" in request.POST:
                tags.open_to_creators(person, name, is_open=request.POST["creators"] == "open")
                return redirect("merchant_products", name)
            else:
                catalogue.set_product_state(person, request.POST.get("product", ""), request.POST.get("state", ""))
                return redirect("merchant_products", name)
        except spreadsheets.CsvError as refusal:
            messages.error(request, str(refusal))
        except (ShopError, RateLimited) as refusal:
            _refused(request, refusal)
    try:
        before = decode_id(request.GET["before"]) if "before" in request.GET else None
    except ValueError:
        raise Http404 from None
    found = products_of.own_products(person, name, before, PAGE + 1)
    shown = shown_products(found[:PAGE], language())
    facts["rows"] = [
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
    ]
    facts["next"] = shown[-1].id if len(found) > PAGE else None
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
    return render(request, "shop/merchant_products.html", facts)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def stocks(request: HttpRequest, name: str) -> HttpResponse:
    """Show what lies where, and count it anew."""
    person = person_of(request)
    _merchant, facts = frame(request, name, "merchant_stock")
    if request.method == "POST":
        try:
            count_write(person.pk)
            text = request.POST.get("on_hand", "")
            if not (text.isascii() and text.isdigit() and len(text) < 8):
                raise ShopError("on_hand", _("Please write how many there are as a number."))
            place = request.POST.get("location", "")
            stock.set_stock(person, request.POST.get("variant", ""), place, on_hand=int(text), low_at=_low(request))
            messages.success(request, _("Counted."))
        except (ShopError, RateLimited) as refusal:
            _refused(request, refusal)
        return redirect("merchant_stock", name)
    facts["rows"] = list(stocks_of(person, name)[:_ROWS])
    return render(request, "shop/merchant_stock.html", facts)


def _low(request: HttpRequest) -> int | None:
    text = request.POST.get("low_at", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def returns(request: HttpRequest, name: str) -> HttpResponse:
    """Show what comes back; say that it arrived, which pays it back, or refuse it with a reason."""
    person = person_of(request)
    merchant, facts = frame(request, name, "merchant_returns")
    if request.method == "POST":
        try:
            count_write(person.pk)
            orders.decide_return(
                person,
                request.POST.get("return", ""),
                request.POST.get("state", ""),
                request.POST.get("answer", "")[:2000],
                restock="restock" in request.POST,
            )
            messages.success(request, _("Decided. Its buyer hears of it."))
        except (ShopError, RateLimited) as refusal:
            _refused(request, refusal)
        return redirect("merchant_returns", name)
    found = Return.objects.filter(order__merchant=merchant).select_related("order").prefetch_related("lines__line")
    facts["rows"] = [
        {"back": one, "label": ReturnState(one.state).label, "is_open": one.state == ReturnState.REQUESTED}
        for one in found.order_by("-pk")[:PAGE]
    ]
    return render(request, "shop/merchant_returns.html", facts)


urlpatterns: list[URLPattern] = [
    path("merchant", home, name="merchant_home"),
    path("merchants/apply", apply, name="merchant_apply"),
    path("merchant/<str:name>", to_ship, name="merchant_orders"),
    path("merchant/<str:name>/products", products, name="merchant_products"),
    path("merchant/<str:name>/stock", stocks, name="merchant_stock"),
    path("merchant/<str:name>/returns", returns, name="merchant_returns"),
]
