"""How a merchant delivers and what it costs, and the vouchers that they give."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.people.models import Person
from glaswerk.shop.actions import terms as actions
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import WHOLE_BP, Merchant, StaffRole, Voucher
from glaswerk.shop.pages.console.frame import console_page, day_of, frame, number_of, start_of, told
from glaswerk.shop.prices import typed_minor

_VOUCHERS = 200


@console_page
def terms(request: HttpRequest, name: str) -> HttpResponse:
    """Show and change ways of delivery and vouchers."""
    person, merchant, facts = frame(request, name, "merchant_terms", StaffRole.MANAGER)
    if request.method == "POST":
        with told(request):
            _change(request, person, merchant)
        return redirect("merchant_terms", name)
    now = timezone.now()
    facts |= {
        "methods": merchant.delivery_methods.filter(is_active=True).order_by("country", "minor", "pk"),
        "vouchers": [
            {"voucher": one, "state": _state(one, now), "until": one.period.upper if not one.period.isempty else None}
            for one in merchant.vouchers.order_by("-pk")[:_VOUCHERS]
        ],
        "currency": merchant.currency,
    }
    return render(request, "shop/console/terms.html", facts)


def _state(voucher: Voucher, now: datetime) -> str:
    """Return whether a voucher holds: holds, over, spent, or later."""
    if voucher.period.isempty or (voucher.period.upper is not None and voucher.period.upper <= now):
        return "over"
    if voucher.used >= voucher.cap:
        return "spent"
    return "later" if voucher.period.lower > now else "holds"


def _change(request: HttpRequest, person: Person, merchant: Merchant) -> None:
    """Do what the form says.  Raises Http404 and ShopError."""
    match request.POST.get("action"):
        case "add_method":
            actions.add_method(person, merchant.name, _method(request, merchant.currency))
            messages.success(request, _("Buyers can choose it now."))
        case "remove_method":
            actions.remove_method(person, request.POST.get("method", ""))
        case "add_voucher":
            values, start, end = _voucher(request, merchant.currency)
            actions.add_voucher(person, merchant.name, values, start, end)
            messages.success(request, _("The voucher holds."))
        case "end_voucher":
            actions.end_voucher(person, request.POST.get("voucher", ""))
        case _:
            raise ShopError("action", _("There is no such form here."))


def _method(request: HttpRequest, currency: str) -> dict[str, Any]:
    free = request.POST.get("free_from", "").strip()
    return {
        "country": request.POST.get("country", "")[:8],
        "name": request.POST.get("name", "")[:320],
        "currency": currency,
        "minor": typed_minor(request.POST.get("price", ""), "price", currency, least=0),
        "free_from_minor": typed_minor(free, "free_from", currency) if free else None,
        "max_weight_g": number_of(request, "max_weight", 100_000) * 1_000,
        "days_min": number_of(request, "days_min", 365),
        "days_max": number_of(request, "days_max", 365),
    }


def _voucher(request: HttpRequest, currency: str) -> tuple[dict[str, Any], datetime | None, datetime | None]:
    kind = request.POST.get("kind", "")
    if kind not in ("percentage", "fixed"):
        raise ShopError("kind", _("A voucher takes off a percentage or an amount."))
    amount, minimum = request.POST.get("amount", ""), request.POST.get("minimum", "").strip()
    # Hundredths of a percent are to a percent what cents are to a euro.
    worth = typed_minor(amount, "amount", "EUR" if kind == "percentage" else currency)
    if kind == "percentage" and worth > WHOLE_BP:
        raise ShopError("amount", _("A percentage is between 0.01 and 100, and no amount beside it."))
    values = {
        "code": request.POST.get("code", "")[:60],
        "kind": kind,
        "percent_bp": worth if kind == "percentage" else 0,
        "minor": worth if kind == "fixed" else 0,
        "currency": currency,
        "minimum_minor": typed_minor(minimum, "minimum", currency, least=0) if minimum else 0,
        "cap": number_of(request, "cap", 1_000_000),
    }
    if not values["cap"]:
        raise ShopError("cap", _("A voucher can be used at least once."))
    last = day_of(request, "until")
    return values, None, start_of(last + timedelta(days=1)) if last else None


urlpatterns: list[URLPattern] = [path("merchant/<str:name>/terms", terms, name="merchant_terms")]
