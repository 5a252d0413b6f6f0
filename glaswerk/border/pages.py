"""The pages of the border."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
