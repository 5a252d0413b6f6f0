"""The pages of the border."""

from django.urls import URLPattern

from glaswerk.border.pages import data, imports, leaving, sunset, transparency

urlpatterns: list[URLPattern] = [
    *data.urlpatterns,
    *imports.urlpatterns,
    *leaving.urlpatterns,
    *sunset.urlpatterns,
    *transparency.urlpatterns,
]
