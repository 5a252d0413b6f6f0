"""Who looks at a page of the shop, and in what terms prices are shown to them."""

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.views.decorators.http import require_POST

from glaswerk.shop.actions.carts import take_over
from glaswerk.shop.api.identity import Buyer, BuyerAuth, remember
from glaswerk.shop.models import Address
from glaswerk.shop.queries import browsing

_AUTH: Final = BuyerAuth()
HOME: Final = "DE"
# What somebody chose on one page holds on the next one.
COUNTRY: Final = "country"
CURRENCY: Final = "currency"
_CURRENCY_AGE_S: Final = 365 * 86_400


def visitor(request: HttpRequest) -> Buyer:
    """Return who looks: a person, a guest, or somebody who becomes a guest with what they first put into a cart."""
    buyer: Buyer = _AUTH.authenticate(request, None)
    if buyer.person is not None:
        take_over(buyer.person, buyer.guest, buyer.viewer)
    return buyer


def kept(response: HttpResponse, buyer: Buyer) -> HttpResponse:
    """Return an answer that lets a guest be known again."""
    remember(response, buyer)
    return response


def addresses_of(buyer: Buyer) -> list[Address]:
    """Return where a person's things went before, the usual place first.  One query."""
    if buyer.person is None:
        return []
    return list(Address.objects.filter(person=buyer.person).order_by("-is_default", "-pk"))


def country_of(request: HttpRequest, addresses: list[Address]) -> str:
    """Return where things shall go as far as it is known: what was chosen, an address, or where the language is spoken."""
    chosen = (request.POST.get(COUNTRY) or request.GET.get(COUNTRY) or "").strip().upper()
    if len(chosen) == 2 and chosen.isascii() and chosen.isalpha():
        return chosen
    return addresses[0].country if addresses else HOME


@dataclass(frozen=True, slots=True)
class Currencies:
    """In which currency prices are shown, and in which others they could be."""

    chosen: str
    offered: list[str]


def currencies_of(request: HttpRequest) -> Currencies:
    """Return the currency that somebody chose, the cell's, or the first in which there are prices at all.  One query."""
    offered = browsing.currencies()
    kept_choice, usual = request.COOKIES.get(CURRENCY, ""), settings.CELL.config.shop.currency
    wanted = (kept_choice, usual, *offered)
    return Currencies(next((one for one in wanted if one in offered), usual), offered)


@require_POST
def choose_currency(request: HttpRequest) -> HttpResponse:
    """Remember the currency that somebody chose, and go back to where they were."""
    there = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(there, allowed_hosts=None) or len(there) > 500:
        there = "/shop"
    answer = redirect(there)
    wanted = request.POST.get(CURRENCY, "")
    if wanted in browsing.currencies():
        answer.set_cookie(
            CURRENCY,
            wanted,
            max_age=_CURRENCY_AGE_S,
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
    return answer


def language() -> str:
    """Return the language that amounts are written in."""
    return get_language() or "en"


urlpatterns: list[URLPattern] = [path("shop/currency", choose_currency, name="currency")]
