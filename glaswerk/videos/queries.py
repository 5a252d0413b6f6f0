"""What pages and endpoints read about videos.  Who may see a video is decided here and nowhere else in this app."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from glaswerk.cell import blobs
from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person, Visibility
from glaswerk.videos.failures import failure_sentence, is_worth_a_retry
from glaswerk.videos.models import AssetKind, Credit, State, Video

PAGE = 30


def visible_to(person: Person | None) -> Q:
    """Return the condition that a video meets for this person, or for somebody signed out.

    One's own videos in every state; of others what is ready, not taken down, and public or for followers whom one
    belongs to; nothing where either has blocked the other, or of an account that is closed.  The condition multiplies
    no rows and may be combined at will.
    """
    shown = Q(state=State.READY, taken_down_at__isnull=True, creator__is_active=True)
    if person is None:
        return shown & Q(visibility=Visibility.PUBLIC)
    followed = Person.objects.filter(followers__follower=person.pk).values("pk")
    blocking = Person.objects.filter(blocking__blocked=person.pk).values("pk")
    blocked = Person.objects.filter(blocked_by__blocker=person.pk).values("pk")
    allowed = Q(visibility=Visibility.PUBLIC) | Q(visibility=Visibility.FOLLOWERS, creator__in=followed)
    return Q(creator=person.pk) | (shown & allowed & ~Q(creator__in=blocking) & ~Q(creator__in=blocked))


def access_video(person: Person | None, public_id: str) -> Video:
    """Return a video that this person may see.  Raises Http404, also where it exists but is not for them.

    Five queries: the video with its creator and its sound, its renditions, its other files, its credits and its captions.
    """
    return _found(Video.objects.filter(visible_to(person)), public_id)


def access_own_video(person: Person, public_id: str) -> Video:
    """Return a video that this person made.

    Raises PermissionDenied for somebody else's that they may see, and Http404 for everything that they may not.
    """
    video = access_video(person, public_id)
    if video.creator_id != person.pk:
        raise PermissionDenied
    return video


def access_video_to_moderate(person: Person, public_id: str) -> Video:
    """Return any video for a moderator.  Raises Http404 for everybody else, so that nothing is revealed."""
    if not person.is_moderator:
        raise Http404
    return _found(Video.objects.all(), public_id)


def own_videos(person: Person, before: int | None = None, limit: int = PAGE) -> list[Video]:
    """Return a page of this person's videos, the newest first, those with an id below `before`.  Five queries."""
    found = with_card_relations(Video.objects.filter(creator=person))
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found.order_by("-pk")[:limit])


def earlier_video(person: Person, source: str, before: int | None = None) -> Video | None:
    """Return the newest video that this person made from the same original, if any; of those with an id below `before`."""
    found = Video.objects.filter(creator=person, source=source)
    if before is not None:
        found = found.filter(pk__lt=before)
    return found.order_by("-pk").first()


def video_card(video: Video) -> dict[str, Any]:
    """Return what everybody who may see a video may know about it.  No query where its relations are loaded."""
    creator = video.creator
    counts = getattr(video, "counts", None)
    return {
        "id": video.public_id,
        "caption": video.caption,
        "creator": {
            "name": creator.name,
            "display_name": creator.shown_name,
            "avatar": creator.avatar_url,
        },
        "duration_ms": video.duration_ms,
        "width": video.width,
        "height": video.height,
        "color": video.color,
        "poster": blobs.blob_url(video.poster, "jpg") if video.poster else None,
        "hashtags": video.hashtags,
        "preview": _asset_url(video, AssetKind.PREVIEW),
        "storyboard": _asset_url(video, AssetKind.TILES),
        "stream": _asset_url(video, AssetKind.STREAM),
        "renditions": [
            {
                "url": blobs.blob_url(rendition.blob, "mp4"),
                "width": rendition.width,
                "height": rendition.height,
                "bitrate": rendition.bitrate,
                "codecs": rendition.codecs,
            }
            for rendition in video.renditions.all()
        ],
        "counts": {name: getattr(counts, name, 0) for name in ("likes", "comments", "saves", "shares")},
        "sound": _sound_line(video),
        "credits": [credit_line(credit) for credit in video.credits.all()],
        "captions": [
            {"lang": track.language, "url": blobs.blob_url(track.blob, "vtt")} for track in video.tracks.all()
        ],
        "allow": allowed_now(video),
        "published_at": video.published_at.isoformat() if video.published_at else None,
    }


def with_card_relations(videos: QuerySet[Video]) -> QuerySet[Video]:
    """Return the videos with all that a card needs."""
    return videos.select_related("creator", "counts", "sound__video").prefetch_related(
        "renditions", "assets", "tracks", "credits__of_video", "credits__of_sound__video"
    )


def allowed_now(video: Video) -> dict[str, bool]:
    """Return what everybody who sees a video may make of it at this moment."""
    shown = is_for_everybody(video)
    return {
        "duet": shown and video.allow_duet,
        "stitch": shown and video.allow_stitch,
        "sound": shown and video.allow_sound,
    }


def is_for_everybody(video: Video) -> bool:
    """Whether everybody may see a video, so that others may link to it and, where its creator allows it, use it."""
    return video.visibility == Visibility.PUBLIC and video.state == State.READY and video.taken_down_at is None


def credit_line(credit: Credit) -> dict[str, Any]:
    """Return a credit in words, with a link where what it names is still there for everybody."""
    video, sound = credit.of_video, credit.of_sound
    url = None
    if video is not None and is_for_everybody(video):
        url = f"/v/{video.public_id}"
    elif sound is not None and is_for_everybody(sound.video):
        url = f"/sound/{sound.public_id}"
    return {"kind": credit.kind, "name": credit.name, "title": credit.title, "url": url}


def _sound_line(video: Video) -> dict[str, Any]:
    """Return what is heard in a video; a link leads to the sound's page where everybody finds it."""
    sound = video.sound
    linked = sound is not None and (sound.video_id == video.pk or is_for_everybody(sound.video))
    return {
        "id": sound.public_id if sound is not None and linked else None,
        "title": video.sound_title,
        "url": f"/sound/{sound.public_id}" if sound is not None and linked else None,
    }


def _asset_url(video: Video, kind: AssetKind) -> str | None:
    """Return the address of the file of a kind, or None until it is made."""
    found = next((asset for asset in video.assets.all() if asset.kind == kind), None)
    return blobs.blob_url(found.blob, found.extension) if found else None


def signed_addresses(video: Video) -> dict[str, Any]:
    """Return the addresses of a video's files, each with one that opens it to whoever holds it, and when that ends."""
    files = [(rendition.blob, "mp4") for rendition in video.renditions.all()]
    files += [(video.poster, "jpg")] if video.poster else []
    seconds = settings.CELL.config.storage.signed_seconds
    return {
        "expires_at": (timezone.now() + timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        "addresses": {blobs.blob_url(*file): settings.PUBLIC_URL + blobs.signed_url(*file, seconds) for file in files},
    }


def own_card(video: Video) -> dict[str, Any]:
    """Return what its creator may know about a video: the card, who may see it, and how far it is."""
    return {
        **video_card(video),
        **state_of(video),
        "visibility": video.visibility,
        "created_at": video.created_at.isoformat(),
        "taken_down": video.taken_down_at is not None,
        "allow_said": {
            "duet": video.allow_duet,
            "stitch": video.allow_stitch,
            "sound": video.allow_sound,
            "elsewhere": video.allow_elsewhere,
        },
    }


def state_of(video: Video) -> dict[str, Any]:
    """Return how far a video is, with the failure as a sentence in the reader's language."""
    failed = video.state == State.FAILED
    return {
        "state": video.state,
        "progress": video.progress,
        "failure": failure_sentence(video.failure) if failed else None,
        "retry": failed and is_worth_a_retry(video.failure),
    }


def _found(videos: QuerySet[Video], public_id: str) -> Video:
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    found = with_card_relations(videos.filter(pk=wanted)).first()
    if found is None:
        raise Http404
    return found
