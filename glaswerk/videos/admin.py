"""Videos in the operators' admin: to look at, and to take down."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from glaswerk.people.access.admin import DoorAdmin
from glaswerk.people.access.door import opened_to
from glaswerk.people.models import Person, Scope, Visibility
from glaswerk.videos import actions
from glaswerk.videos.models import Rendition, State, Video

if TYPE_CHECKING:
    # The stubs know which model an admin is for; Django's own classes take no such parameter.
    _RenditionInline = admin.TabularInline[Rendition, Video]
else:
    _RenditionInline = admin.TabularInline


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
class VideoAdmin(DoorAdmin):
    """Reads what is public and changes nothing, but for taking down; what is not public has its door."""

    list_display = ("public_id", "creator", "published_at", "taken_down_at")
    list_filter = (("taken_down_at", admin.EmptyFieldListFilter),)
    list_select_related = ("creator",)
    search_fields = ("=id", "=creator__name", "caption")
    ordering = ("-id",)
    inlines = (RenditionInline,)
    actions = ("take_down",)

    def subject_of(self, obj: Video) -> int:
        """A video is about its creator."""
        return obj.creator_id

    def get_queryset(self, request: HttpRequest) -> QuerySet[Video]:
        """What everybody could see, and whatever else is of somebody who lets whoever asks look in."""
        assert isinstance(request.user, Person)
        shown = Q(state=State.READY, visibility=Visibility.PUBLIC)
        return super().get_queryset(request).filter(shown | Q(creator__in=opened_to(request.user, Scope.VIDEOS)))

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
