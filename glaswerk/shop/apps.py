"""Shop: merchants, products, stock, carts, purchases, orders, parcels and returns."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """The shop app."""

    name = "glaswerk.shop"
    label = "shop"

    def ready(self) -> None:
        """Ask to be told of the payments of purchases, have pictures delivered, stand in the feed, say what is sold, and have showcases."""
        from django.utils.translation import gettext

        from glaswerk.feed.extensions import Extension, ProfileTab, extend_player, extend_profile
        from glaswerk.money.payments import on_payment
        from glaswerk.shop.hearing import hear
        from glaswerk.shop.market import open_shop
        from glaswerk.shop.models.product import PICTURE_EXTENSION
        from glaswerk.shop.paying import KIND
        from glaswerk.shop.queries.catalogue import PICTURE_SQL
        from glaswerk.shop.queries.plans import has_showcase
        from glaswerk.videos.media import open_files

        on_payment(KIND, hear, seller="shop_sell")
        open_files(PICTURE_EXTENSION, PICTURE_SQL)
        open_shop()
        extend_player(Extension(template="shop/in_feed.html", script="shop/in_feed.js"))
        extend_profile(ProfileTab("showcase", lambda: gettext("Showcase"), "bag", has_showcase))
