"""Shop: merchants, products, stock, carts, purchases, orders, parcels and returns."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """The shop app."""

    name = "glaswerk.shop"
    label = "shop"
