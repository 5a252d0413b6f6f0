"""The pages of the shop, one noun a file.  Each works without a script."""

from django.urls import URLPattern

from glaswerk.shop.pages import (
    cart,
    catalogue,
    checkout,
    console,
    earnings,
    notices,
    orders,
    plans,
    reviews,
    showcase,
    tagging,
    visitor,
)

urlpatterns: list[URLPattern] = [
    # Before those of products, whose ids stand in the same place.
    *visitor.urlpatterns,
    *catalogue.urlpatterns,
    *cart.urlpatterns,
    *checkout.urlpatterns,
    *orders.urlpatterns,
    *console.urlpatterns,
    *tagging.urlpatterns,
    *plans.urlpatterns,
    *earnings.urlpatterns,
    *showcase.urlpatterns,
    *notices.urlpatterns,
    *reviews.urlpatterns,
]
