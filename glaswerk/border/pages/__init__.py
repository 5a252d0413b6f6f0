"""The pages of the border."""

from django.urls import URLPattern

from glaswerk.border.pages import data, transparency

urlpatterns: list[URLPattern] = [*data.urlpatterns, *transparency.urlpatterns]
