"""A merchant's orders: found by state and words, sent many at once, and each on a page of its own."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from glaswerk.people.models import Person
from glaswerk.shop.actions import orders as actions
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_QUANTITY, Order, OrderState, RefundState, ReturnState, StaffRole
from glaswerk.shop.pages.console.frame import PAGE, before_of, console_page, frame, number_of, told, words_of
from glaswerk.shop.pages.pictures import pictures_of
from glaswerk.shop.pages.words import SOLD_EVENTS
from glaswerk.shop.prices import major_of, typed_minor
from glaswerk.shop.queries import orders as queries

_COUNT = "count-"
OPEN = "open"


@console_page
def orders(request: HttpRequest, name: str) -> HttpResponse:
    """Show what waits to be sent, the oldest first, or what is asked for; hand what was ticked to a carrier."""
    person, merchant, facts = frame(request, name, "merchant_orders")
    if request.method == "POST":
        _ship(request, person)
        return redirect("merchant_orders", name)
    state, words = request.GET.get("state", ""), words_of(request)
    # Who looks for something looks everywhere, unless they say otherwise.
    state = state if state in (*OrderState.values, "all", OPEN) else "all" if words else OPEN
    if state == OPEN:
        found = queries.open_orders(merchant).select_related("merchant", "purchase")
    else:
        found = queries.orders_of(person, name, "" if state == "all" else state)
    found = queries.search_orders(found, words).prefetch_related("lines")
    before = before_of(request)
    if before is not None:
        found = found.filter(pk__gt=before) if state == OPEN else found.filter(pk__lt=before)
    page = list(found[: PAGE + 1])
    shown = page[:PAGE]

    def address(**changed: str) -> str:
        query = {key: value for key, value in {"state": state, "q": words, **changed}.items() if value}
        return f"?{urlencode(query)}"

    facts |= {
        "rows": [_row(order) for order in shown],
        "state": state,
        "words": words,
        "states": [
            (address(state=value), label, value == state)
            for value, label in ((OPEN, _("To send")), ("all", _("All")), *OrderState.choices)
        ],
        "next": address(before=shown[-1].public_id) if len(page) > PAGE else None,
        "can_ship": any(order.state in queries.OPEN for order in shown),
        "slips": urlencode([("order", one.public_id) for one in shown if one.state in queries.OPEN]),
    }
    return render(request, "shop/console/orders.html", facts)


def _row(order: Order) -> dict[str, Any]:
    lines = list(order.lines.all())
    return {
        "order": order,
        "label": OrderState(order.state).label,
        "address": order.purchase.address,
        "left": [(line, line.quantity - line.shipped) for line in lines if line.quantity > line.shipped],
        "lines": lines,
        "can_ship": order.state in queries.OPEN,
    }


def _ship(request: HttpRequest, person: Person) -> None:
    """Send what was ticked; one order that cannot be sent keeps no other from it."""
    carrier, sent = request.POST.get("carrier", "")[:240], 0
    wanted = request.POST.getlist("order")[:PAGE]
    for order in wanted:
        with told(request, order[:13]):
            try:
                actions.ship(person, order, carrier, request.POST.get(f"tracking-{order}", "")[:320], {})
                sent += 1
            except Http404:
                messages.error(request, _("There is no such order here."))
    if sent:
        messages.success(
            request,
            ngettext("%(count)d order is on its way.", "%(count)d orders are on their way.", sent) % {"count": sent},
        )
    elif not wanted:
        messages.error(request, _("Please tick what you have sent."))


@console_page
def order(request: HttpRequest, name: str, public_id: str) -> HttpResponse:
    """Show an order with all about it; send part of it, say that it arrived, cancel it, or pay money back."""
    person, merchant, facts = frame(request, name, "merchant_orders")
    found = queries.access_order(person, public_id, StaffRole.PACKER)
    if found.merchant_id != merchant.pk:
        raise Http404
    if request.method == "POST":
        with told(request):
            _act(request, person, found)
        return redirect("merchant_order", name, public_id)
    whole = queries.with_parts(Order.objects.filter(pk=found.pk).select_related("merchant", "purchase")).get()
    lines = list(whole.lines.all())
    pictures = pictures_of([line.variant_id for line in lines if line.variant_id])
    left = whole.total_minor - whole.refunded_minor
    facts |= {
        "order": whole,
        "label": OrderState(whole.state).label,
        "address": whole.purchase.address,
        "email": whole.purchase.email,
        "lines": [(line, pictures.get(queries.public(line.variant_id), "")) for line in lines],
        "left": [(line, line.quantity - line.shipped) for line in lines if line.quantity > line.shipped],
        "can_ship": whole.state in queries.OPEN,
        "can_cancel": facts["is_manager"] and whole.state == OrderState.PAID,
        "refundable": major_of(left, whole.currency) if facts["is_manager"] and left else "",
        "refund_key": str(uuid.uuid4()),
        "parcels": [(one, [(part.line, part.quantity) for part in one.lines.all()]) for one in whole.parcels.all()],
        "returns": [
            (one, ReturnState(one.state).label, [(part.line, part.quantity) for part in one.lines.all()])
            for one in whole.returns.all()
        ],
        "refunds": [(one, RefundState(one.state).label) for one in whole.refunds.all()],
        "happened": [(SOLD_EVENTS.get(event.kind, event.kind), event) for event in whole.events.all()],
    }
    return render(request, "shop/console/order.html", facts)


def _act(request: HttpRequest, person: Person, found: Order) -> None:
    """Do what the form says.  Raises Http404 and ShopError."""
    number = found.public_id
    match request.POST.get("action"):
        case "ship":
            parts = _counts(request)
            words = request.POST.get("carrier", "")[:240], request.POST.get("tracking", "")[:320]
            actions.ship(person, number, *words, parts)
            messages.success(request, _("On its way. Its buyer hears of it."))
        case "delivered":
            actions.mark_delivered(person, number, request.POST.get("parcel", ""))
        case "cancel":
            actions.cancel_as_merchant(person, number, request.POST.get("reason", "")[:800])
            messages.success(request, _("Cancelled. The money goes back."))
        case "refund":
            minor = typed_minor(request.POST.get("amount", ""), "amount", found.currency)
            words = request.POST.get("reason", "")[:800], request.POST.get("key", "")[:60]
            actions.refund_order(person, number, minor, *words)
            messages.success(request, _("The money goes back."))
        case _:
            raise Http404


def _counts(request: HttpRequest) -> dict[str, int]:
    """Return how many of each line go into the parcel.  Raises ShopError, also for nothing at all."""
    names = [name for name in request.POST if name.startswith(_COUNT)]
    counts = {name.removeprefix(_COUNT): number_of(request, name, MAX_QUANTITY) for name in names}
    # To the action, no counts at all mean everything that is left, which is not what a form full of zeros says.
    if not any(counts.values()):
        raise ShopError("lines", _("Please say how many of what."))
    return {line: count for line, count in counts.items() if count}


urlpatterns: list[URLPattern] = [
    path("merchant/<str:name>/orders", orders, name="merchant_orders"),
    path("merchant/<str:name>/orders/<str:public_id>", order, name="merchant_order"),
]
