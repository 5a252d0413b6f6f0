"""The JSON endpoints of the shop, one noun a file: parse, authorise, call an action or a query, answer."""

from ninja import Router

from glaswerk.shop.api import (
    cart,
    catalogue,
    earnings,
    merchants,
    notices,
    orders,
    plans,
    purchases,
    reviews,
    shipping,
    stock,
    tags,
    terms,
    tokens,
    webhooks,
)

router = Router()
for _part in (
    merchants,
    catalogue,
    stock,
    terms,
    cart,
    purchases,
    orders,
    shipping,
    tags,
    webhooks,
    tokens,
    plans,
    earnings,
    reviews,
    notices,
):
    router.add_router("", _part.router)
