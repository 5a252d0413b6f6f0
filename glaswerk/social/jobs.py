"""What the social app does after a commit."""

from typing import Final
from uuid import UUID, uuid5

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from glaswerk.cell import log
from glaswerk.cell.ids import encode_id
from glaswerk.social.models import Comment

# The namespace of the ids of comment events; it never changes, or comments would count twice.
_COMMENT_EVENTS: Final = UUID("6f0c8f52-4b6e-5f0e-9a3d-1c8d1f6b7a20")


def comment_event_id(comment: int) -> UUID:
    """Return the id of the event that says that this comment was written; the same each time it is asked."""
    return uuid5(_COMMENT_EVENTS, encode_id(comment))


@app.task(name="social.announce_comment", queue="events", retry=RetryStrategy(max_attempts=12, exponential_wait=2))
def announce_comment(comment: int) -> None:
    """Put a comment into the event log, where ranking sees it.  Safe to run twice: the event's id is the comment's."""
    row = Comment.objects.filter(pk=comment).values("author_id", "video_id", "at").first()
    if row is None:  # It was deleted before anybody could count it.
        return
    log.publish_sync(
        "events",
        {
            "viewer": row["author_id"],
            "slate": None,
            "events": [
                {
                    "id": str(comment_event_id(comment)),
                    "video": row["video_id"],
                    "kind": "comment",
                    "at": int(row["at"].timestamp() * 1000),
                }
            ],
        },
    )
