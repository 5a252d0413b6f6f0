"""The shop's tab, and the page of a product."""

from dataclasses import dataclass
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from glaswerk.people.models import Person
from glaswerk.people.queries import person_by_name
from glaswerk.shop.actions.interest import count_interest
from glaswerk.shop.actions.touches import touch_from_showcase
from glaswerk.shop.api.catalogue import AmountOut, ProductOut, VariantOut, shown_products
from glaswerk.shop.models import Product
from glaswerk.shop.pages.visitor import Currencies, currencies_of, language, visitor
from glaswerk.shop.queries import browsing
from glaswerk.shop.queries.catalogue import shown_product
from glaswerk.shop.queries.reviews import rating_of, reviews_of

PAGE: Final = 24
_OTHERS: Final = 4
_PICKS: Final = 6
_REVIEWS: Final = 50


@dataclass(frozen=True, slots=True)
class Tile:
    """A product among others."""

    address: str
    title: str
    merchant: str
    picture: str | None
    price: AmountOut | None
    before: AmountOut | None
    is_from: bool
    is_sold_out: bool


def tiles_of(products: list[Product], currency: str) -> list[Tile]:
    """Return products as they stand among others.  Two queries."""
    return [_tile(one) for one in shown_products(products, language(), currency)]


def _tile(product: ProductOut) -> Tile:
    # What is sold out beckons nobody with its price, unless all of it is.
    priced = [(one.price.minor, one) for one in product.variants if one.price and one.available]
    priced = priced or [(one.price.minor, one) for one in product.variants if one.price]
    cheapest: VariantOut | None = min(priced, key=lambda one: one[0])[1] if priced else None
    before = cheapest.before if cheapest else None
    price = cheapest.price if cheapest else None
    return Tile(
        address=f"/shop/{product.merchant}/{product.handle}",
        title=product.title,
        merchant=product.merchant_title,
        picture=next((one.url for one in product.pictures if one.url), None),
        price=price,
        before=before if before and price and before.minor > price.minor else None,
        is_from=len({minor for minor, _ in priced}) > 1,
        is_sold_out=not any(one.available for one in product.variants),
    )


@require_safe
def shop(request: HttpRequest) -> HttpResponse:
    """Show what is on sale: found by words, in a category, the newest or the cheapest first.

    Nothing here is personal.  On the first page stands what many people buy; a script puts there what the engine picks for
    those who have a personal feed.
    """
    currencies = currencies_of(request)
    words = " ".join(request.GET.get("q", "").replace("\x00", " ").split())[: browsing.MAX_SEARCH]
    kind = request.GET.get("kind", "").replace("\x00", "")[:100]
    order = browsing.CHEAPEST if request.GET.get("sort") == browsing.CHEAPEST else browsing.NEWEST
    page = _page(request.GET.get("page", ""))
    found, more = browsing.browse(words, kind, order, currencies.chosen, page, PAGE)
    kept = {"q": words, "kind": kind, "sort": order if order != browsing.NEWEST else ""}

    def address(**changed: str | int) -> str:
        query = {name: value for name, value in {**kept, **changed}.items() if value}
        return f"{request.path}?{urlencode(query)}" if query else request.path

    is_first = not (words or kind or page) and order == browsing.NEWEST
    facts = {
        "picks": tiles_of(browsing.often_bought(currencies.chosen, _PICKS), currencies.chosen) if is_first else [],
        "words": words,
        "kind": kind,
        "order": order,
        "tiles": tiles_of(found, currencies.chosen),
        "currencies": currencies,
        "kinds": [(one, address(kind=one.name), one.name == kind) for one in browsing.kinds(currencies.chosen)],
        "all_kinds": address(kind=""),
        "newest": address(sort=""),
        "cheapest": address(sort=browsing.CHEAPEST),
        "next": address(page=page + 1) if more else None,
        "previous": address(page=page - 1) if page else None,
        "max_length": browsing.MAX_SEARCH,
    }
    return render(request, "shop/shop.html", facts)


def _page(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 4) or int(text) >= browsing.MOST_PAGES:
        raise Http404
    return int(text)


@require_safe
def product_by_id(request: HttpRequest, public_id: str) -> HttpResponse:
    """Lead from a product's id to the address that says what it is."""
    found = shown_product(public_id)
    return redirect("product", found.merchant.name, found.handle, permanent=True)


@require_safe
def product(request: HttpRequest, merchant: str, handle: str) -> HttpResponse:
    """Show a product; its form puts a variant into the cart or leads to the checkout."""
    get_token(request)
    found = browsing.product_at(merchant, handle)
    if request.method == "GET":
        count_interest("opened", product=found.pk)
    if "by" in request.GET:
        _touch(request, found)
    currencies = currencies_of(request)
    shown = shown_products([found], language(), currencies.chosen)[0]
    # What has a price in other currencies alone is not sold out: it says so, and lets one of them be chosen.
    is_unpriced = bool(shown.variants) and not any(one.price for one in shown.variants)
    if is_unpriced:
        offered = browsing.currencies_of([one.pk for one in found.variants.all()])
        currencies = Currencies(currencies.chosen, offered)
    can_moderate = isinstance(request.user, Person) and request.user.is_moderator
    buyable = [one for one in shown.variants if one.price and one.available > 0]
    facts: dict[str, Any] = {
        "product": shown,
        "merchant": found.merchant,
        "tile": _tile(shown),
        "variants": [
            {
                "variant": one,
                "can": one in buyable,
                "is_chosen": bool(buyable) and one.id == buyable[0].id,
                "is_few": one in buyable and one.available <= 5,
                "is_lowered": bool(one.before and one.price and one.before.minor > one.price.minor),
            }
            for one in shown.variants
        ],
        "can_buy": bool(buyable),
        "is_unpriced": is_unpriced,
        "currencies": currencies,
        "pictures": [one for one in shown.pictures if one.url],
        "rating": rating_of(found),
        "can_moderate": can_moderate,
        "reviews": reviews_of(found, with_hidden=can_moderate)[:_REVIEWS],
        "others": tiles_of(browsing.others_of(found, _OTHERS), currencies.chosen),
    }
    return render(request, "shop/product.html", facts)


def _touch(request: HttpRequest, product: Product) -> None:
    """Write down that a product was opened from a creator's showcase, if that was served to whoever looks.

    Only a link of our own page leads to it: an address that stands elsewhere, or in a hidden frame, counts for nobody.
    """
    is_ours = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    name = request.GET["by"]
    creator = person_by_name(name) if name.isprintable() and len(name) <= 30 else None
    if creator is not None and is_ours and request.method == "GET":
        buyer = visitor(request)
        if buyer.led is not None:
            touch_from_showcase({*buyer.numbers, buyer.led, buyer.viewer or buyer.led}, buyer.led, creator, product)


urlpatterns: list[URLPattern] = [
    path("shop", shop, name="shop"),
    path("shop/<str:public_id>", product_by_id, name="product_by_id"),
    path("shop/<str:merchant>/<str:handle>", product, name="product"),
]
