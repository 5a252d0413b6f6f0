"""Comments in the admin: read and delete.  Nobody edits another person's words."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from glaswerk.people.models import Person
from glaswerk.social.actions import delete_comment
from glaswerk.social.models import Comment

if TYPE_CHECKING:
    _CommentAdmin = admin.ModelAdmin[Comment]
else:  # Django's own class takes no type at run time.
    _CommentAdmin = admin.ModelAdmin


@admin.register(Comment)
class CommentAdmin(_CommentAdmin):
    """Comments for moderators and operators."""

    list_display = ("public_id", "author", "text", "at")
    list_select_related = ("author",)
    search_fields = ("text", "author__name")
    ordering = ("-id",)
    show_full_result_count = False
    fields = readonly_fields = ("public_id", "video", "author", "text", "at")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the section to moderators."""
        return _may_moderate(request)

    def has_view_permission(self, request: HttpRequest, obj: Comment | None = None) -> bool:
        """Let moderators read."""
        return _may_moderate(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let nobody write in another one's name."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Comment | None = None) -> bool:
        """Let nobody change another one's words."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Comment | None = None) -> bool:
        """Let moderators delete."""
        return _may_moderate(request)

    def delete_model(self, request: HttpRequest, obj: Comment) -> None:
        """Delete through the action, which keeps the count."""
        assert isinstance(request.user, Person)
        delete_comment(request.user, obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Comment]) -> None:
        """Delete several through the action, which keeps the counts."""
        for comment in queryset.order_by("pk"):
            self.delete_model(request, comment)


def _may_moderate(request: HttpRequest) -> bool:
    return isinstance(request.user, Person) and request.user.is_moderator
