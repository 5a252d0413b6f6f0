"""A buyer's orders: how far each is, and what can be done about it."""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from glaswerk.cell.ids import decode_id, encode_id
from glaswerk.cell.rates import RateLimited
from glaswerk.people.models import Person
from glaswerk.shop.actions import orders as actions
from glaswerk.shop.actions.reviews import delete_review, write_review
from glaswerk.shop.api.identity import count_buyers_write
from glaswerk.shop.api.orders import OrderOut, shown_order
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_STARS, Order, OrderState
from glaswerk.shop.pages.pictures import pictures_of
from glaswerk.shop.pages.visitor import language, visitor
from glaswerk.shop.pages.words import EVENTS
from glaswerk.shop.queries import orders as queries
from glaswerk.shop.queries.reviews import own_reviews

PAGE: Final = 20
_BACK: Final = "back-"
# The steps that an order takes when nothing goes wrong.
_STEPS: Final = (OrderState.PAID, OrderState.SHIPPED, OrderState.DELIVERED)


@never_cache
@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    """List what somebody bought, the newest first."""
    buyer = visitor(request)
    found = queries.own_orders(buyer.numbers).prefetch_related("lines")
    try:
        before = decode_id(request.GET["before"]) if "before" in request.GET else None
    except ValueError:
        raise Http404 from None
    if before is not None:
        found = found.filter(pk__lt=before)
    page = list(found[: PAGE + 1])
    shown = page[:PAGE]
    lines = {order.pk: list(order.lines.all()) for order in shown}
    pictures = pictures_of([line.variant_id for some in lines.values() for line in some if line.variant_id])
    rows = [
        {
            "order": order,
            "label": OrderState(order.state).label,
            "lines": lines[order.pk],
            "picture": next((url for line in lines[order.pk] if (url := _picture(line, pictures))), None),
            "more": len(lines[order.pk]) - 1,
        }
        for order in shown
    ]
    next_page = shown[-1].public_id if len(page) > PAGE else None
    return render(request, "shop/orders.html", {"rows": rows, "next": next_page, "is_guest": buyer.person is None})


def _picture(line: Any, pictures: dict[str, str]) -> str | None:
    return pictures.get(encode_id(line.variant_id)) if line.variant_id else None


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def order(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show one order; cancel it before it is sent, or send things back after that."""
    buyer = visitor(request)
    found = queries.access_own_order(buyer.numbers, public_id)
    if request.method == "POST":
        try:
            count_buyers_write(request, buyer)
            if request.POST.get("action") == "cancel":
                actions.cancel_order(buyer.numbers, public_id)
                messages.success(request, _("Your order is cancelled. Your money goes back."))
            elif request.POST.get("action") == "return":
                actions.ask_return(buyer.numbers, public_id, _parts(request), request.POST.get("reason", "")[:2000])
                messages.success(request, _("The shop knows that you send it back."))
            elif request.POST.get("action") in ("review", "unreview") and buyer.person is not None:
                _review(request, buyer.person, buyer.numbers)
            else:
                raise Http404
        except (ShopError, RateLimited) as refusal:
            messages.error(request, str(refusal))
        return redirect("order", public_id)
    whole = queries.with_parts(Order.objects.filter(pk=found.pk).select_related("merchant", "purchase")).get()
    shown = shown_order(whole, language())
    facts = {**order_facts(whole, shown), "order": shown, "merchant": whole.merchant}
    if buyer.person is not None:
        written = own_reviews([line.pk for line in whole.lines.all()])
        facts |= {
            "reviewable": {line.public_id for line in whole.lines.all() if line.shipped and line.variant_id},
            "reviews": {encode_id(line): review for line, review in written.items()},
            "star_choices": range(MAX_STARS, 0, -1),
        }
    return render(request, "shop/order.html", facts)


def _review(request: HttpRequest, person: Person, numbers: tuple[int, ...]) -> None:
    """Write or take back a review.  Raises Http404 and ShopError."""
    line = request.POST.get("line", "")
    if request.POST["action"] == "unreview":
        delete_review(numbers, line)
        messages.success(request, _("Your review is gone."))
        return
    text = request.POST.get("stars", "")
    stars = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 0
    write_review(person, numbers, line, stars, request.POST.get("text", "")[:8_000])
    messages.success(request, _("Thank you. Your review stands with the product."))


def order_facts(order: Order, shown: OrderOut) -> dict[str, Any]:
    """Return what the page says of an order beyond its numbers."""
    lines = {line.id: line for line in shown.lines}
    over = None
    if order.delivered_at is not None:
        over = order.delivered_at + timedelta(days=settings.CELL.config.shop.return_days)
    reached = {"paid": 0, "partly_shipped": 0, "shipped": 1, "delivered": 2}.get(order.state, -1)
    return {
        "label": OrderState(order.state).label,
        "steps": [
            {"label": OrderState(step).label, "is_done": number <= reached, "is_current": number == reached}
            for number, step in enumerate(_STEPS)
        ],
        "is_cancelled": order.state == OrderState.CANCELLED,
        "can_cancel": order.state == OrderState.PAID,
        "returnable": [
            (line, line.shipped - line.returned, [*range(line.shipped - line.returned + 1)])
            for line in shown.lines
            if line.shipped > line.returned and (over is None or timezone.now() <= over)
        ],
        "return_until": over,
        "pictures": _pictures(order),
        "parcels": [
            (one, [(lines[key], count) for key, count in one.lines.items() if key in lines]) for one in shown.parcels
        ],
        "returns": [
            (one, [(lines[key], count) for key, count in one.lines.items() if key in lines]) for one in shown.returns
        ],
        "happened": [(EVENTS.get(one.kind, one.kind), one) for one in shown.events],
    }


def _pictures(order: Order) -> dict[str, str]:
    by_variant = pictures_of([line.variant_id for line in order.lines.all() if line.variant_id])
    return {line.public_id: url for line in order.lines.all() if (url := _picture(line, by_variant))}


def _parts(request: HttpRequest) -> dict[str, int]:
    """Return how many of each line go back.  Raises ShopError."""
    found: dict[str, int] = {}
    for name in request.POST:
        text = request.POST.get(name, "")
        if name.startswith(_BACK) and text not in ("", "0"):
            if not (text.isascii() and text.isdigit() and len(text) < 5):
                raise ShopError("lines", _("Please say how many go back as a number."))
            found[name.removeprefix(_BACK)] = int(text)
    if not found:
        raise ShopError("lines", _("Please choose what you send back."))
    return found


urlpatterns: list[URLPattern] = [
    path("orders", orders, name="orders"),
    path("orders/<str:public_id>", order, name="order"),
]
