"""What the studio reads about drafts.  A draft is its owner's alone: to everybody else there is none."""

from typing import Any, Final, TypeVar

import orjson
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import Http404

from glaswerk.cell import blobs
from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.reel.material import PEAKS_PER_SECOND
from glaswerk.videos.drafts import checks
from glaswerk.videos.drafts.documents import uses_of
from glaswerk.videos.drafts.failures import source_sentence
from glaswerk.videos.failures import failure_sentence
from glaswerk.videos.models import Cut, Draft, Reuse, Sound, Source, SourceKind, SourceState, State
from glaswerk.videos.reuse import may_reuse
from glaswerk.videos.sounds.queries import sound_card, usable_sounds

_EXTENSIONS: Final = {SourceKind.VIDEO: "mp4", SourceKind.AUDIO: "m4a", SourceKind.IMAGE: "jpg"}
_UNDERWAY: Final = (State.UPLOADED, State.PROCESSING)
_Row = TypeVar("_Row", Draft, Source)


def access_draft(person: Person, public_id: str, *, lock: bool = False) -> Draft:
    """Return this person's draft; with `lock` it stays as it is until the transaction ends.  Raises Http404."""
    return _found(Draft.objects.filter(owner=person), public_id, lock)


def access_source(person: Person, draft_id: str, public_id: str, *, lock: bool = False) -> Source:
    """Return a source of this person's draft.  Raises Http404."""
    draft = access_draft(person, draft_id, lock=lock)
    return _found(Source.objects.filter(draft=draft), public_id, lock)


def drafts_of(person: Person) -> list[dict[str, Any]]:
    """Return this person's drafts without their timelines, the newest change first.  Two queries."""
    poster = Source.objects.filter(draft=OuterRef("pk")).exclude(poster="").order_by("pk").values("poster")[:1]
    found = Draft.objects.filter(owner=person).annotate(first_poster=Subquery(poster)).order_by("-updated_at", "-pk")
    cuts = Cut.objects.select_related("video").order_by("-video_id")
    return [
        {
            **_head(draft, next(iter(draft.cuts.all()), None)),
            "poster": blobs.blob_url(draft.first_poster, "jpg") if draft.first_poster else None,
        }
        for draft in found.defer("timeline").prefetch_related(Prefetch("cuts", cuts))
    ]


def draft_card(person: Person, draft: Draft) -> dict[str, Any]:
    """Return all that its owner may know about a draft.  At most seven queries, and one more for each reuse."""
    document = orjson.loads(draft.timeline)
    sources = list(draft.sources.select_related("of_video__creator").prefetch_related("of_video__renditions"))
    wanted = {use.id for use in uses_of(document) if use.kind == "sound"}
    sounds = usable_sounds(person, wanted)
    latest = draft.cuts.select_related("video").order_by("-video_id").first()
    return {
        **_head(draft, latest),
        "timeline": document,
        "sources": [source_card(person, source) for source in sources],
        "sounds": [_used_sound(sounds.get(each), each) for each in sorted(wanted)],
        "problems": [
            {"field": each.field, "message": each.message}
            for each in checks.problems_of(person, document, sources, sounds)
            if not each.passes
        ],
    }


def source_card(person: Person, source: Source) -> dict[str, Any]:
    """Return what the studio needs of a source.  No query for a file; one for somebody's video."""
    failure = source_sentence(source.failure) if source.state == SourceState.FAILED else None
    url = poster = None
    if source.reuse:
        video = source.of_video
        refusal = checks.reuse_refusal(source, allowed=may_reuse(person, source.of_video_id, source.reuse))
        if refusal is None and video is not None:
            # The smallest that is sharp enough for a preview.
            renditions = sorted(video.renditions.all(), key=lambda each: each.height)
            chosen = next((each for each in renditions if min(each.width, each.height) >= 360), renditions[-1])
            url, poster = blobs.blob_url(chosen.blob, "mp4"), blobs.blob_url(video.poster, "jpg")
        else:
            failure = refusal
    elif source.state == SourceState.READY:
        url = blobs.blob_url(source.proxy, _EXTENSIONS[SourceKind(source.kind)])
        poster = blobs.blob_url(source.poster, "jpg") if source.poster else None
    return {
        "id": source.public_id,
        "state": SourceState.FAILED if source.reuse and failure else source.state,
        "progress": source.progress,
        "failure": failure,
        "kind": source.kind or None,
        "url": url,
        "poster": poster,
        "duration_ms": source.duration_ms,
        "width": source.width,
        "height": source.height,
        "has_audio": source.has_audio,
        "credit": _credit(source),
    }


def peaks_of(source: Source) -> dict[str, Any]:
    """Return how loud a source is, for drawing; nothing until it is ready."""
    return {"per_second": PEAKS_PER_SECOND, "peaks": list(bytes(source.peaks))}


def is_being_published(draft: Draft) -> bool:
    """Whether a video is being made of this draft.  One query."""
    return draft.cuts.filter(video__state__in=_UNDERWAY).exists()


def _credit(source: Source) -> dict[str, Any] | None:
    if not source.reuse:
        return None
    video = source.of_video
    return {
        "kind": source.reuse,
        "name": source.credit,
        "video": video.public_id if video is not None else None,
        "label": str(Reuse(source.reuse).label),
    }


def _used_sound(sound: Sound | None, public_id: str) -> dict[str, Any]:
    """Return a sound of a timeline; of one that cannot be used (any more) only that."""
    if sound is None:
        return {"id": public_id, "available": False, "title": None, "url": None, "duration_ms": None, "creator": None}
    card = sound_card(sound)
    return {**{name: card[name] for name in ("id", "title", "url", "duration_ms", "creator")}, "available": True}


def _head(draft: Draft, latest: Cut | None) -> dict[str, Any]:
    """Return what a list shows of a draft, given the newest video that was made of it."""
    state, video, failure = "editing", None, None
    if latest is not None:
        video = latest.video.public_id
        if latest.video.state == State.READY:
            state = "published"
        elif latest.video.state == State.FAILED:
            failure = failure_sentence(latest.video.failure)
        else:
            state = "publishing"
    return {
        "id": draft.public_id,
        "title": draft.title,
        "version": draft.version,
        "duration_ms": draft.duration_ms,
        "created_at": draft.created_at.isoformat(),
        "updated_at": draft.updated_at.isoformat(),
        "state": state,
        "video": video,
        "failure": failure,
    }


def _found(rows: QuerySet[_Row], public_id: str, lock: bool) -> _Row:
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    found = (rows.select_for_update() if lock else rows).filter(pk=wanted).first()
    if found is None:
        raise Http404
    return found
