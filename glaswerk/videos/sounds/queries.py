"""What pages and endpoints read about sounds.  A sound is seen and heard by whoever may see the video it comes from."""

from collections.abc import Iterable
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.http import Http404

from glaswerk.cell import blobs
from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.videos.models import Reuse, Sound, State, Video
from glaswerk.videos.queries import visible_to
from glaswerk.videos.reuse import may_reuse, reusable_by

PAGE: Final = 30
MAX_SEARCH: Final = 80


def access_sound(person: Person | None, public_id: str) -> Sound:
    """Return a sound that this person may hear.  Raises Http404, also where it exists but is not for them.  One query."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    heard = Video.objects.filter(visible_to(person), state=State.READY, taken_down_at__isnull=True)
    found = _with_relations(Sound.objects.filter(pk=wanted, video__in=heard.values("pk"))).first()
    if found is None:
        raise Http404
    return found


def usable_sounds(person: Person, public_ids: Iterable[str]) -> dict[str, Sound]:
    """Return those of the sounds that this person may use now, by their public ids.  At most one query."""
    wanted = []
    for each in public_ids:
        try:
            wanted.append(decode_id(each))
        except ValueError:
            continue
    if not wanted:
        return {}
    allowed = Video.objects.filter(reusable_by(person, Reuse.SOUND)).values("pk")
    found = _with_relations(Sound.objects.filter(pk__in=wanted, video__in=allowed))
    return {sound.public_id: sound for sound in found}


def search_sounds(person: Person, text: str, limit: int = PAGE) -> list[Sound]:
    """Return sounds that this person may use whose title or creator has the text, the most used first.  One query."""
    allowed = Video.objects.filter(reusable_by(person, Reuse.SOUND)).values("pk")
    found = Sound.objects.filter(video__in=allowed)
    # A null character would be an error of the database, and no title holds what cannot be seen.
    for word in "".join(c if c.isprintable() else " " for c in text[:MAX_SEARCH]).split():
        found = found.filter(
            Q(title__icontains=word) | Q(owner__name__icontains=word) | Q(owner__display_name__icontains=word)
        )
    return list(_with_relations(found).annotate(used=Count("videos")).order_by("-used", "-pk")[:limit])


def videos_with(sound: Sound, person: Person | None) -> QuerySet[Video]:
    """Return the videos with a sound that this person may watch."""
    shown = Q(state=State.READY, taken_down_at__isnull=True)
    return Video.objects.filter(visible_to(person) & shown, sound=sound)


def sound_card(sound: Sound) -> dict[str, Any]:
    """Return what everybody who may hear a sound may know about it.  No query where its relations are loaded."""
    owner = sound.owner
    return {
        "id": sound.public_id,
        "title": sound.title,
        "url": blobs.blob_url(sound.blob, "m4a"),
        "page": sound_address(sound.public_id),
        "duration_ms": sound.duration_ms,
        "video": sound.video.public_id,
        "poster": blobs.blob_url(sound.video.poster, "jpg"),
        "creator": {"name": owner.name, "display_name": owner.shown_name, "avatar": owner.avatar_url},
    }


def sound_facts(person: Person | None, sound: Sound) -> dict[str, Any]:
    """Return the card, how many videos one may watch with it, and whether one may use it.  Two queries more."""
    return {
        **sound_card(sound),
        "videos": videos_with(sound, person).count(),
        "may_use": person is not None and may_reuse(person, sound.video_id, Reuse.SOUND),
    }


def sound_address(public_id: str) -> str:
    """Return the address of a sound's page."""
    return f"/sound/{public_id}"


def _with_relations(sounds: QuerySet[Sound]) -> QuerySet[Sound]:
    return sounds.select_related("owner", "video")
