"""The pages of the videos app."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
