"""The pages of the shop, one noun a file.  Each works without a script."""

from django.urls import URLPattern

from glaswerk.shop.pages import cart, checkout, orders

urlpatterns: list[URLPattern] = [*cart.urlpatterns, *checkout.urlpatterns, *orders.urlpatterns]
