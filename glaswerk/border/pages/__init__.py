"""The pages of the border."""

from django.urls import URLPattern

from glaswerk.border.pages import data, imports, leaving, moving, sunset, transparency

urlpatterns: list[URLPattern] = [
    *data.urlpatterns,
    *imports.urlpatterns,
    *leaving.urlpatterns,
    *moving.urlpatterns,
    *sunset.urlpatterns,
    *transparency.urlpatterns,
]
