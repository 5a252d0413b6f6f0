"""The pages of the social app."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
