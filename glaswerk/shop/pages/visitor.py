"""Who looks at a page of the shop, and in what terms prices are shown to them."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language

from glaswerk.shop.actions.carts import merge_carts
from glaswerk.shop.api.identity import Buyer, BuyerAuth, remember
from glaswerk.shop.models import Address

_AUTH: Final = BuyerAuth()
HOME: Final = "DE"
# What somebody chose on one page holds on the next one.
COUNTRY: Final = "country"
CURRENCY: Final = "EUR"


def visitor(request: HttpRequest) -> Buyer:
    """Return who looks: a person, a guest, or somebody who becomes a guest with what they first put into a cart."""
    buyer: Buyer = _AUTH.authenticate(request, None)
    if buyer.person is not None and buyer.guest is not None:
        merge_carts(buyer.guest, buyer.person)
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


def language() -> str:
    """Return the language that amounts are written in."""
    return get_language() or "en"
