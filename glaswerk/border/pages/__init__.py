"""The pages of the border."""

from django.urls import URLPattern

from glaswerk.border.pages import sunset

urlpatterns: list[URLPattern] = [*sunset.urlpatterns]
