"""The pages of the border."""

from django.urls import URLPattern

from glaswerk.border.peers import pages as peers

urlpatterns: list[URLPattern] = [*peers.urlpatterns]
