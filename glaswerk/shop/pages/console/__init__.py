"""The merchant's console, one place a file: for those who work there, each with what their role may.

Everything is a plain form.  What is refused is told where it stands, and nothing of it is written.
"""

from django.urls import URLPattern

from glaswerk.shop.pages.console import (
    figures,
    home,
    orders,
    overview,
    products,
    programs,
    returns,
    reviews,
    shipping,
    shop,
    stock,
    terms,
)

urlpatterns: list[URLPattern] = [
    *home.urlpatterns,
    *overview.urlpatterns,
    *orders.urlpatterns,
    *shipping.urlpatterns,
    *returns.urlpatterns,
    *products.urlpatterns,
    *stock.urlpatterns,
    *figures.urlpatterns,
    *reviews.urlpatterns,
    *terms.urlpatterns,
    *shop.urlpatterns,
    *programs.urlpatterns,
]
