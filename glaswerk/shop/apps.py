"""Shop: merchants, products, stock, carts, purchases, orders, parcels and returns."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """The shop app."""

    name = "glaswerk.shop"
    label = "shop"

    def ready(self) -> None:
        """Ask to be told of the payments of purchases."""
        from glaswerk.money.payments import on_payment
        from glaswerk.shop.hearing import hear
        from glaswerk.shop.paying import KIND

        on_payment(KIND, hear)
