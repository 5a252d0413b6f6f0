"""A shop's settings: holidays, who works there, and what the law wants known of the trader."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.rates import RateLimited
from glaswerk.people.models import Person
from glaswerk.shop.actions import merchants, tags
from glaswerk.shop.api.identity import count_write
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import StaffRole
from glaswerk.shop.pages.console.frame import console_page, day_of, frame, told
from glaswerk.shop.pages.console.home import DETAILS
from glaswerk.shop.queries.merchants import staff_of


@console_page
def shop(request: HttpRequest, name: str) -> HttpResponse:
    """Show and change a shop's settings; details and staff are an owner's."""
    person, merchant, facts = frame(request, name, "merchant_shop", StaffRole.MANAGER)
    values, error = {field: getattr(merchant, field) for field in DETAILS}, None
    if request.method == "POST":
        if request.POST.get("action") != "details":
            with told(request):
                _change(request, person, name)
            return redirect("merchant_shop", name)
        values = {field: request.POST.get(field, "")[:4000] for field in DETAILS}
        try:
            count_write(person.pk)
            details = {**values, "self_certified": "self_certified" in request.POST}
            merchants.edit_merchant(person, name, details)
        except ShopError as refusal:
            error = refusal
        except RateLimited as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Your changes are saved."))
            return redirect("merchant_shop", name)
    today = timezone.localdate()
    facts |= {
        "values": values,
        "error": error,
        "is_certified": merchant.self_certified if request.method != "POST" else "self_certified" in request.POST,
        "roles": StaffRole.choices,
        "staff": [(one, StaffRole(one.role).label) for one in staff_of(merchant)] if facts["is_owner"] else [],
        "is_away": bool(
            merchant.holiday_from
            and merchant.holiday_until
            and merchant.holiday_from <= today <= merchant.holiday_until
        ),
    }
    return render(request, "shop/console/shop.html", facts, status=422 if error else 200)


def _change(request: HttpRequest, person: Person, name: str) -> None:
    """Do what the form says.  Raises Http404 and ShopError."""
    match request.POST.get("action"):
        case "holiday":
            merchants.set_holiday(person, name, day_of(request, "first"), day_of(request, "last"))
            messages.success(request, _("Your changes are saved."))
        case "no_holiday":
            merchants.set_holiday(person, name, None, None)
            messages.success(request, _("You sell again."))
        case "creators":
            tags.open_to_creators(person, name, is_open=request.POST.get("is_open") == "1")
        case "set_staff":
            words = request.POST.get("person", "").strip().removeprefix("@")[:60], request.POST.get("role", "")
            merchants.set_staff(person, name, *words)
        case "remove_staff":
            merchants.remove_staff(person, name, request.POST.get("person", "")[:60])
        case _:
            raise ShopError("action", _("There is no such form here."))


urlpatterns: list[URLPattern] = [path("merchant/<str:name>/settings", shop, name="merchant_shop")]
