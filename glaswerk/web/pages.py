"""Pages that belong to no app: the offline shell, the manifest and the service worker."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
