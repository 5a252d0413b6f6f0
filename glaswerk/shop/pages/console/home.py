"""The shops where somebody works, and applying for one."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from glaswerk.cell.rates import RateLimited
from glaswerk.shop.actions import merchants
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MerchantState
from glaswerk.shop.pages.console.frame import console_page
from glaswerk.shop.queries.merchants import merchants_of

DETAILS: Final = (
    "title", "about", "legal_name", "street", "postal_code", "city", "country", "email", "phone", "registration",
    "vat_id",
)  # fmt: skip


@console_page
def home(request: HttpRequest) -> HttpResponse:
    """Show the shops where somebody works; who works nowhere is shown how to begin."""
    found = list(merchants_of(person_of(request)))
    if len(found) == 1 and found[0].state == MerchantState.APPROVED:
        return redirect("merchant_overview", found[0].name)
    rows = [(one, MerchantState(one.state).label) for one in found]
    return render(request, "shop/merchant_home.html", {"rows": rows})


@console_page
def apply(request: HttpRequest) -> HttpResponse:
    """Apply to sell, with what the law wants known of a trader."""
    person = person_of(request)
    values = {name: request.POST.get(name, "")[:4000] for name in ("name", *DETAILS)}
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


urlpatterns: list[URLPattern] = [
    path("merchant", home, name="merchant_home"),
    path("merchants/apply", apply, name="merchant_apply"),
]
