"""The pages of the border."""

from django.urls import URLPattern

from glaswerk.border.pages import data

urlpatterns: list[URLPattern] = [*data.urlpatterns]
