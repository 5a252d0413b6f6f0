"""Every address of the cell; the lean paths (`/api/feed`, `/api/events`, `/media/…`, health) are the front door's."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from glaswerk.web.api import api

handler500 = "glaswerk.web.pages.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", api.urls),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("glaswerk.web.pages")),
    path("", include("glaswerk.people.pages")),
    path("", include("glaswerk.people.access.pages")),
    path("", include("glaswerk.videos.pages")),
    path("", include("glaswerk.videos.studio.pages")),
    path("", include("glaswerk.videos.queue.pages")),
    path("", include("glaswerk.social.pages")),
    path("", include("glaswerk.feed.pages")),
    path("", include("glaswerk.money.pages")),
    path("", include("glaswerk.shop.pages")),
    path("", include("glaswerk.border.pages")),
]
