"""The cart: what somebody wants, across merchants."""

from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from glaswerk.cell.ids import decode_id
from glaswerk.cell.rates import RateLimited
from glaswerk.shop.actions import carts
from glaswerk.shop.api.cart import shown_quote
from glaswerk.shop.api.identity import count_buyers_write
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_QUANTITY
from glaswerk.shop.pages.pictures import pictures_of
from glaswerk.shop.pages.visitor import addresses_of, country_of, currencies_of, kept, language, visitor
from glaswerk.shop.pages.words import problem_words
from glaswerk.shop.queries.quotes import quote_of_cart

_QUANTITY: Final = "quantity-"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def cart(request: HttpRequest) -> HttpResponse:
    """Show the cart, and change how many of what are in it: `remove` takes one thing out, `add` puts one in."""
    buyer = visitor(request)
    if request.method == "POST":
        try:
            count_buyers_write(request, buyer)
            _change(request, buyer.number)
            # A product's page names the variant by a field of its own, because its buttons say what to do with it.
            wanted = request.POST.get("variant" if "put" in request.POST else "add")
            if wanted:
                carts.add_to_cart(buyer.number, buyer.person, wanted, 1)
        except (ShopError, RateLimited) as refusal:
            messages.error(request, str(refusal))
        except Http404:
            messages.error(request, _("This is not sold any more."))
        return kept(redirect("cart"), buyer)
    addresses = addresses_of(buyer)
    currencies = currencies_of(request)
    quote = quote_of_cart(buyer.number, currencies.chosen, country_of(request, addresses), {}, "")
    shown = shown_quote(quote, language())
    context = {
        "quote": shown,
        "pictures": pictures_of([line.variant for order in quote.orders for line in order.lines]),
        "problems": problem_words(quote),
        "gone": [one.variant for one in shown.problems if one.code == "gone" and one.variant],
        "unpriced": [one.variant for one in shown.problems if one.code == "no_price" and one.variant],
        "currencies": currencies,
        "can_go_on": any(order.lines for order in quote.orders),
        "most": MAX_QUANTITY,
    }
    return (
        kept(render(request, "shop/cart.html", context), buyer)
        if buyer.person
        else render(request, "shop/cart.html", context)
    )


def _change(request: HttpRequest, number: int) -> None:
    """Do what the cart's form says.  Raises ShopError."""
    gone = request.POST.get("remove", "")
    wanted = {
        name.removeprefix(_QUANTITY): request.POST.get(name, "") for name in request.POST if name.startswith(_QUANTITY)
    }
    if gone:
        wanted = {gone: "0"}
    for variant, text in list(wanted.items())[:100]:
        if not (text.isascii() and text.isdigit() and len(text) < 4):
            raise ShopError(variant, _("Please write how many you want as a number."))
        try:
            decode_id(variant)
            carts.set_quantity(number, variant, int(text))
        except (ValueError, Http404):
            # It was taken out on another device meanwhile; the page that follows shows what there is.
            continue


urlpatterns: list[URLPattern] = [path("cart", cart, name="cart")]
