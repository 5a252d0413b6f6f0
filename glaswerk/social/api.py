"""The JSON endpoints of comments."""

from datetime import UTC
from typing import Annotated

from django.conf import settings
from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema
from ninja.errors import ValidationError

from glaswerk.cell.blobs import blob_url
from glaswerk.cell.ids import decode_id
from glaswerk.cell.rates import check_rate
from glaswerk.people.models import Person
from glaswerk.social import actions, queries
from glaswerk.social.models import Comment
from glaswerk.videos.captions import find_mentions

router = Router(tags=["comments"])


class AuthorOut(Schema):
    """Who wrote a comment."""

    name: str
    display_name: str
    avatar: str | None = Field(description="Address of the picture; null where there is none.")


class CommentOut(Schema):
    """One comment, in plain text."""

    id: str
    author: AuthorOut
    text: str
    mentions: list[str] = Field(description="The names in the text that belong to somebody.")
    at: str = Field(description="When it was written, ISO 8601 in UTC.")
    mine: bool


class CommentsOut(Schema):
    """Some comments, newest first."""

    comments: list[CommentOut]
    next: str | None = Field(description="Ask with `before` set to this for older ones; null at the end.")


class CommentIn(Schema):
    """A comment to write."""

    text: str = Field(description=f"1 to {actions.MAX_COMMENT} characters, without control characters.")


def _id_or_404(text: str) -> int:
    try:
        return decode_id(text)
    except ValueError:
        raise Http404 from None


def _refusal(place: str, field: str, message: str) -> ValidationError:
    return ValidationError([{"type": "value_error", "loc": (place, field), "msg": message}])


def _shown(comment: Comment, names: set[str], viewer: Person | None) -> CommentOut:
    return CommentOut(
        id=comment.public_id,
        author=AuthorOut(
            name=comment.author.name,
            display_name=comment.author.shown_name,
            avatar=blob_url(comment.author.avatar, "webp") if comment.author.avatar else None,
        ),
        text=comment.text,
        mentions=[name for name in find_mentions(comment.text) if name in names],
        at=comment.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        mine=viewer is not None and comment.author_id == viewer.pk,
    )


@router.get("/videos/{video_id}/comments", response=CommentsOut, auth=None)
def list_comments(
    request: HttpRequest,
    video_id: str,
    before: str | None = None,
    limit: Annotated[int, Field(ge=1, le=50)] = 20,
) -> CommentsOut:
    """Read the comments of a video, newest first; signed out, those of public videos."""
    viewer = request.user if isinstance(request.user, Person) else None
    try:
        before_id = None if before is None else decode_id(before)
    except ValueError as error:
        raise _refusal("query", "before", str(error)) from None
    video = _id_or_404(video_id)
    if not queries.watchable(viewer).filter(pk=video).exists():
        raise Http404
    page = queries.comments_of(video, viewer, before_id, limit)
    names = queries.mentioned_names(comment.text for comment in page.comments)
    return CommentsOut(
        comments=[_shown(comment, names, viewer) for comment in page.comments],
        next=None if page.next is None else page.comments[-1].public_id,
    )


@router.post("/videos/{video_id}/comments", response={201: CommentOut})
def post_comment(request: HttpRequest, video_id: str, comment: CommentIn) -> tuple[int, CommentOut]:
    """Write a comment under a video that you may see."""
    assert isinstance(request.user, Person)
    video = _id_or_404(video_id)
    check_rate(f"write:{request.user.pk}", settings.CELL.config.limits.writes_per_minute)
    try:
        written = actions.post_comment(request.user, video, comment.text)
    except actions.CommentError as error:
        raise _refusal("body", "text", str(error)) from None
    return 201, _shown(written, queries.mentioned_names([written.text]), request.user)


@router.delete("/comments/{comment_id}", response={204: None})
def delete_comment(request: HttpRequest, comment_id: str) -> tuple[int, None]:
    """Delete a comment: your own, one under your video, or, as a moderator, any."""
    assert isinstance(request.user, Person)
    comment = _id_or_404(comment_id)
    check_rate(f"write:{request.user.pk}", settings.CELL.config.limits.writes_per_minute)
    actions.delete_comment(request.user, comment)
    return 204, None
