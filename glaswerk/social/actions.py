"""Everything that changes a comment.  Each action is one transaction and may run beside itself."""

import unicodedata
from typing import Final

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404
from django.utils.translation import gettext as _

from glaswerk.people.decisions import record_decision
from glaswerk.people.models import Person
from glaswerk.social.jobs import announce_comment
from glaswerk.social.models import Comment
from glaswerk.social.queries import watchable
from glaswerk.videos.models import Video

MAX_COMMENT: Final = 500
# Characters that reorder what follows them (bidirectional embeddings, overrides and isolates) or that carry hidden text
# (tags): with them a comment could pretend to be something else.
_DECEIVING: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xE0000, 0xE0080))))


class CommentError(ValueError):
    """The text of a comment cannot be taken; the message is a sentence for its author."""


def check_comment_text(text: str) -> str:
    """Return the text in NFC without blanks at its ends.  Raises CommentError with the reason.

    Line breaks are allowed; other control characters, lone surrogates and deceiving format characters are not.
    Characters are Unicode code points after normalisation.
    """
    # Longer than this, no text normalises into one that fits, and nobody should make us try.
    if len(text) > 4 * MAX_COMMENT:
        raise CommentError(_("A comment has at most %(max)d characters.") % {"max": MAX_COMMENT})
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    if len(text) > MAX_COMMENT:
        raise CommentError(_("A comment has at most %(max)d characters.") % {"max": MAX_COMMENT})
    if any(c in _DECEIVING or (unicodedata.category(c) in ("Cc", "Cs") and c != "\n") for c in text):
        raise CommentError(_("A comment cannot contain control characters."))
    # Joiners and other characters without a shape are no comment on their own.
    if all(unicodedata.category(c)[0] in "CZ" for c in text):
        raise CommentError(_("Please write something first."))
    return text


def post_comment(author: Person, video_id: int, text: str) -> Comment:
    """Write a comment under a video that `author` may see.

    Raises CommentError for the text, and Http404 where the author may not see the video: it must not be
    distinguishable from one that is not there.
    """
    text = check_comment_text(text)
    with transaction.atomic():
        # The lock keeps the video, and who may see it, as it is until the comment stands.
        video = watchable(author).select_for_update(of=("self",), no_key=True).filter(pk=video_id).first()
        if video is None:
            raise Http404
        comment = Comment.objects.create(video=video, author=author, text=text)
        _count_comments(video_id, 1)
        announce_comment.defer(comment=comment.pk)
    return comment


def delete_comment(person: Person, comment_id: int) -> None:
    """Delete a comment as its author, as the creator of its video, or as a moderator.

    Raises PermissionDenied for everybody else who can see it, and Http404 for those who cannot.
    """
    with transaction.atomic():
        # Whoever changes a video's comments locks the video first, as its deletion does, so that no two can wait for
        # each other.  A comment never moves to another video, which makes it safe to ask for the video before.
        locked = Video.objects.select_for_update(of=("self",), no_key=True)
        video = locked.filter(comments__pk=comment_id).first()
        comment = Comment.objects.filter(pk=comment_id).first()
        if video is None or comment is None:
            raise Http404
        if person.pk not in (comment.author_id, video.creator_id) and not person.is_moderator:
            if watchable(person).filter(pk=video.pk).exists():
                raise PermissionDenied
            raise Http404
        if person.pk not in (comment.author_id, video.creator_id):
            record_decision("delete", person, comment.author, f"comment:{comment.public_id}")
        comment.delete()
        _count_comments(video.pk, -1)


def _count_comments(video_id: int, change: int) -> None:
    """Add to a video's count of comments; the first comment makes the row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO social_counts AS held (video_id, likes, saves, shares, comments)"
            " VALUES (%s, 0, 0, 0, greatest(%s, 0))"
            " ON CONFLICT (video_id) DO UPDATE SET comments = greatest(held.comments + %s, 0)",
            [video_id, change, change],
        )
