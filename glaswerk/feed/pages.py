"""The pages of the feed app."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
