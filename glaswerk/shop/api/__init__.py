"""The JSON endpoints of the shop, one noun a file: parse, authorise, call an action or a query, answer."""

from ninja import Router

from glaswerk.shop.api import catalogue, merchants, stock

router = Router()
for _part in (merchants, catalogue, stock):
    router.add_router("", _part.router)
