"""Videos in the operators' admin: to look at, and to take down."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from glaswerk.people.models import Person
from glaswerk.videos import actions
from glaswerk.videos.models import Rendition, Video

if TYPE_CHECKING:
    # The stubs know which model an admin is for; Django's own classes take no such parameter.
    _RenditionInline = admin.TabularInline[Rendition, Video]
    _VideoAdmin = admin.ModelAdmin[Video]
else:
    _RenditionInline = admin.TabularInline
    _VideoAdmin = admin.ModelAdmin


class RenditionInline(_RenditionInline):
    """The playable files of a video."""

    model = Rendition
    extra = 0
    can_delete = False
    fields = readonly_fields = ("width", "height", "bitrate", "size", "codecs", "blob")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Files come from processing alone."""
        return False


@admin.register(Video)
class VideoAdmin(_VideoAdmin):
    """Reads everything and changes nothing, but for taking down."""

    list_display = ("public_id", "creator", "state", "visibility", "created_at", "published_at", "taken_down_at")
    list_filter = ("state", "visibility", ("taken_down_at", admin.EmptyFieldListFilter))
    list_select_related = ("creator",)
    search_fields = ("=id", "=creator__name", "caption")
    ordering = ("-id",)
    inlines = (RenditionInline,)
    actions = ("take_down",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Videos are uploaded by their creators."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Video | None = None) -> bool:
        """What a creator said stays as they said it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Video | None = None) -> bool:
        """Taking down hides a video, and its creator can still take it along."""
        return False

    @admin.action(description=_("Take down the selected videos"), permissions=["view"])
    def take_down(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        """Hide the selected videos from everybody."""
        assert isinstance(request.user, Person)
        videos = list(queryset)
        for video in videos:
            actions.take_down(request.user, video)
        text = ngettext("%(count)d video is taken down.", "%(count)d videos are taken down.", len(videos))
        messages.success(request, text % {"count": len(videos)})
