"""A person and what they published, in ActivityStreams 2.0: the form in which other networks read it."""

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings

from glaswerk.cell.ids import encode_id
from glaswerk.people.models import Person
from glaswerk.social.models import Comment, Follow, Like
from glaswerk.videos.models import Video

CONTEXT: Final = "https://www.w3.org/ns/activitystreams"
PUBLIC: Final = f"{CONTEXT}#Public"
_AT_ONCE: Final = 1000


def actor(person: Person) -> dict[str, Any]:
    """Return who the person is."""
    address = address_of(person.name)
    return {
        "@context": CONTEXT,
        "type": "Person",
        "id": address,
        "url": address,
        "preferredUsername": person.name,
        "name": person.shown_name,
        "summary": person.bio,
        "published": person.joined_at.isoformat(),
        "outbox": "outbox.json",
        **(
            {"icon": {"type": "Image", "mediaType": "image/webp", "url": "people/picture.webp"}}
            if person.avatar
            else {}
        ),
    }


def activities(person: Person, files: dict[int, str]) -> Iterator[dict[str, Any]]:
    """Yield what the person did, each kind from the oldest on: videos (`files`: their originals), comments, likes, follows."""
    for video in Video.objects.filter(creator=person, published_at__isnull=False).order_by("pk").iterator(_AT_ONCE):
        assert video.published_at is not None
        yield _activity(person, "Create", video.published_at.isoformat(), _video(person, video, files.get(video.pk)))
    comments = Comment.objects.filter(author=person).order_by("pk").values_list("pk", "video_id", "text", "at")
    for pk, video_id, text, at in comments.iterator(_AT_ONCE):
        note = {
            "type": "Note",
            "id": f"{_video_address(video_id)}#{encode_id(pk)}",
            "content": text,
            "inReplyTo": _video_address(video_id),
        }
        yield _activity(person, "Create", at.isoformat(), note)
    for video_id, at in (
        Like.objects.filter(person=person).order_by("pk").values_list("video_id", "at").iterator(_AT_ONCE)
    ):
        yield _activity(person, "Like", at.isoformat(), _video_address(video_id))
    follows = Follow.objects.filter(follower=person).order_by("pk").values_list("followed__name", "at")
    for name, at in follows.iterator(_AT_ONCE):
        yield _activity(person, "Follow", at.isoformat(), address_of(name))


def address_of(name: str) -> str:
    """Return the address of somebody's page on this cell."""
    return f"{settings.PUBLIC_URL}/@{name}"


def _video_address(video_id: int) -> str:
    return f"{settings.PUBLIC_URL}/v/{encode_id(video_id)}"


def _activity(person: Person, kind: str, at: str, thing: Any) -> dict[str, Any]:
    return {"type": kind, "actor": address_of(person.name), "published": at, "object": thing}


def _video(person: Person, video: Video, file: str | None) -> dict[str, Any]:
    return {
        "type": "Video",
        "id": _video_address(video.pk),
        "attributedTo": address_of(person.name),
        "content": video.caption,
        "duration": f"PT{video.duration_ms / 1000:.3f}S",
        "to": [PUBLIC] if video.visibility == "public" else [],
        "tag": [{"type": "Hashtag", "name": f"#{word}"} for word in video.hashtags],
        **({"attachment": [{"type": "Document", "url": file}]} if file else {}),
    }
