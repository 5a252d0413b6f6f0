"""What lies where: counting, receiving, when to be told, and every change that there was."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from glaswerk.people.models import Person
from glaswerk.shop.actions import stock as actions
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_UNITS, MovementKind, StaffRole
from glaswerk.shop.pages.console.frame import console_page, frame, number_of, number_or_none, told, words_of
from glaswerk.shop.queries.stock import locations_of, movements_of, stocks_of

_ROWS: Final = 200


@console_page
def stocks(request: HttpRequest, name: str) -> HttpResponse:
    """Show what lies where; count it anew, say what came in, and at how many one is told."""
    person, _merchant, facts = frame(request, name, "merchant_stock")
    if request.method == "POST":
        with told(request):
            _change(request, person, name)
        return redirect(request.get_full_path())
    words, is_low = words_of(request), "low" in request.GET
    found = stocks_of(person, name, words, is_low=is_low)
    facts |= {
        "rows": list(found[:_ROWS]),
        "words": words,
        "is_low": is_low,
        "locations": list(locations_of(person, name)),
    }
    return render(request, "shop/console/stock.html", facts)


def _change(request: HttpRequest, person: Person, name: str) -> None:
    """Do what the form says.  Raises Http404 and ShopError."""
    variant, location = request.POST.get("variant", ""), request.POST.get("location", "")
    match request.POST.get("action", "count"):
        case "count":
            count = number_of(request, "on_hand", MAX_UNITS)
            actions.set_stock(person, variant, location, on_hand=count, low_at=number_or_none(request, "low_at"))
            messages.success(request, _("Counted."))
        case "receive":
            text = request.POST.get("units", "").strip()
            if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10):
                raise ShopError("units", _("Please say how many came in, or went out as a negative number."))
            actions.receive_stock(person, variant, location, int(text), request.POST.get("reference", "")[:240])
            messages.success(request, _("Written down."))
        case "place":
            actions.add_location(person, name, request.POST.get("name", "")[:320])
        case _:
            raise ShopError("action", _("There is no such form here."))


@console_page
def movements(request: HttpRequest, name: str) -> HttpResponse:
    """Show the newest changes of stock, and why each was."""
    person, _merchant, facts = frame(request, name, "merchant_stock", StaffRole.MANAGER)
    found = movements_of(person, name)[:_ROWS]
    facts["rows"] = [(one, MovementKind(one.kind).label) for one in found]
    return render(request, "shop/console/movements.html", facts)


urlpatterns: list[URLPattern] = [
    path("merchant/<str:name>/stock", stocks, name="merchant_stock"),
    path("merchant/<str:name>/stock/movements", movements, name="merchant_movements"),
]
