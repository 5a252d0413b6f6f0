"""The timeline document of a draft: made, looked through, and held to its form.  Pure functions over JSON.

The form is described in docs/timeline.md, and `glaswerk.reel.timeline` is what reads it when it is rendered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from glaswerk.reel.timeline import TimelineError, dump, parse
from glaswerk.videos.drafts.limits import MAX_DOCUMENT_BYTES

Document = dict[str, Any]

_FORM: Final = {"form": 1, "width": 720, "height": 1280, "fps": 30, "background": "#000000"}
_RATE: Final = 1000.0


class DocumentError(Exception):
    """A document cannot be kept; `field` is the place in it, the message says what is wrong and what would be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Use:
    """A clip that shows or plays something: `kind` is "source" or "sound", or "" for what is neither.

    `end_ms` is up to where it uses what it shows or plays.
    """

    place: str
    track: str
    number: int
    kind: str
    id: str
    end_ms: int = 0


def new_document(
    *,
    sound: tuple[str, int] | None = None,
    partner: tuple[str, int] | None = None,
    stitch: tuple[str, int, str] | None = None,
) -> Document:
    """Return an empty timeline, or one that begins with a sound, a partner (a duet) or a first clip (a stitch).

    Each is an id and a length in milliseconds, and for a stitch also the video that it is taken from.
    """
    metadata: Document = {**_FORM}
    main: list[Document] = []
    if stitch is not None:
        source, length, video = stitch
        main.append(_clip(f"source:{source}", length, {"stitched_from": video}))
    tracks = [_track("main", "Video", main)]
    if partner is not None:
        metadata["layout"] = "duet_left"
        tracks.append(_track("partner", "Video", [_clip(f"source:{partner[0]}", partner[1])]))
    if sound is not None:
        tracks.append(_track("music", "Audio", [_clip(f"sound:{sound[0]}", sound[1])]))
    return {
        "OTIO_SCHEMA": "Timeline.1",
        "name": "",
        "metadata": {"glaswerk": metadata},
        "global_start_time": None,
        "tracks": {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "metadata": {}, "children": tracks},
    }


def check_document(document: object) -> str:
    """Return the text of a document that can be kept.  Raises DocumentError.

    Anything that renders can be kept, and so can a timeline that nothing is on yet.
    """
    if not isinstance(document, dict):
        raise DocumentError("timeline", "The timeline must be an OpenTimelineIO document: a JSON object.")
    if not _metadata(document):
        message = "It is missing. A document of another editor is taken by POST /api/drafts/import."
        raise DocumentError("timeline.metadata.glaswerk", message)
    try:
        text = orjson.dumps(document)
    except (TypeError, ValueError):
        message = "The timeline must be plain JSON: text without lone surrogates, nested at most 64 levels deep."
        raise DocumentError("timeline", message) from None
    if len(text) > MAX_DOCUMENT_BYTES:
        raise DocumentError("timeline", f"The timeline may have at most {MAX_DOCUMENT_BYTES >> 20} MiB of JSON.")
    try:
        parse(text.decode())
    except TimelineError as error:
        raise DocumentError(f"timeline.{error.field}" if error.field else "timeline", error.message) from None
    return text.decode()


def import_document(text: str) -> tuple[str, list[str]]:
    """Return the document that an .otio file makes, and what of it was left out.  Raises DocumentError."""
    if len(text.encode("utf-8", "replace")) > MAX_DOCUMENT_BYTES:
        raise DocumentError("file", f"The file may have at most {MAX_DOCUMENT_BYTES >> 20} MiB.")
    try:
        timeline = parse(text)
        return dump(timeline), [f"{note.field}: {note.message}" for note in timeline.warnings]
    except TimelineError as error:
        raise DocumentError(f"file.{error.field}" if error.field else "file", error.message) from None


def uses_of(document: Document) -> list[Use]:
    """Return what the clips of a document that `check_document` has passed refer to, in the order of the tracks."""
    found = []
    for track_number, track in enumerate(_children(document.get("tracks"))):
        name = str(track.get("name", ""))
        number = 0
        for item_number, item in enumerate(_children(track)):
            if not _is(item, "Clip"):
                continue
            number += 1
            for target in _targets(item):
                kind, _, reference = target.partition(":")
                known = kind in ("source", "sound")
                found.append(
                    Use(
                        place=f"timeline.tracks.children[{track_number}].children[{item_number}]",
                        track=name,
                        number=number,
                        kind=kind if known else "",
                        id=reference if known else target,
                        end_ms=_end_ms(item),
                    )
                )
    return found


def is_empty(document: Document) -> bool:
    """Whether there is no clip on the main track yet."""
    main = [track for track in _children(document.get("tracks")) if track.get("name") == "main"]
    return len(main) == 1 and _children(main[0]) == []


def duration_ms(document: Document) -> int:
    """Return how long the main track of a checked document lasts."""
    total = 0.0
    for track in _children(document.get("tracks")):
        if track.get("name") == "main":
            for item in _children(track):
                length = (item.get("source_range") or {}).get("duration")
                if length and not _is(item, "Transition"):
                    total += float(length["value"]) * 1000 / float(length["rate"])
    return round(total)


def cover_ms(document: Document) -> int | None:
    """Return the moment of the cover frame of a checked document, or None where nobody has chosen one."""
    chosen: int | None = _metadata(document).get("cover_ms")
    return chosen


def captions_of(document: Document) -> list[dict[str, Any]]:
    """Return the captions of a checked document: [{"start_ms", "end_ms", "text"}]."""
    captions: list[dict[str, Any]] = _metadata(document).get("captions") or []
    return captions


def with_captions(document: Document, captions: list[dict[str, Any]]) -> Document:
    """Return the document with other captions."""
    metadata = dict(document.get("metadata") or {})
    metadata["glaswerk"] = {**_metadata(document), "captions": captions}
    return {**document, "metadata": metadata}


def with_sound(document: Document, sound: str, length_ms: int) -> Document:
    """Return the document with a sound as its music, in place of what was there."""
    tracks = dict(document["tracks"])
    others = [track for track in _children(tracks) if track.get("name") != "music"]
    tracks["children"] = [*others, _track("music", "Audio", [_clip(f"sound:{sound}", length_ms)])]
    return {**document, "tracks": tracks}


def with_sources(document: Document, ids: dict[str, str]) -> Document:
    """Return the document with other sources in the places of its own: `ids` says which instead of which."""

    def clip_with(item: Document) -> Document:
        changed = dict(item)
        several = item.get("media_references")
        if isinstance(several, dict):
            changed["media_references"] = {name: reference_with(each) for name, each in several.items()}
        if "media_reference" in item:
            changed["media_reference"] = reference_with(item["media_reference"])
        return changed

    def reference_with(reference: Any) -> Any:
        target = reference.get("target_url") if isinstance(reference, dict) else None
        kind, _, source = target.partition(":") if isinstance(target, str) else ("", "", "")
        return {**reference, "target_url": f"source:{ids[source]}"} if kind == "source" and source in ids else reference

    tracks = dict(document["tracks"])
    tracks["children"] = [
        {**track, "children": [clip_with(item) for item in _children(track)]} for track in _children(tracks)
    ]
    return {**document, "tracks": tracks}


def _clip(target: str, length_ms: int, metadata: Document | None = None) -> Document:
    return {
        "OTIO_SCHEMA": "Clip.1",
        "name": "",
        "metadata": {"glaswerk": metadata} if metadata else {},
        "source_range": {
            "OTIO_SCHEMA": "TimeRange.1",
            "start_time": _time(0),
            "duration": _time(length_ms),
        },
        "effects": [],
        "markers": [],
        "media_reference": {
            "OTIO_SCHEMA": "ExternalReference.1",
            "name": "",
            "metadata": {},
            "available_range": None,
            "target_url": target,
        },
    }


def _track(name: str, kind: str, children: list[Document]) -> Document:
    return {"OTIO_SCHEMA": "Track.1", "name": name, "kind": kind, "metadata": {}, "children": children}


def _time(ms: int) -> Document:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": _RATE, "value": float(ms)}


def _metadata(document: Document) -> Document:
    metadata = document.get("metadata")
    ours = metadata.get("glaswerk") if isinstance(metadata, dict) else None
    return ours if isinstance(ours, dict) else {}


def _children(item: object) -> list[Document]:
    children = item.get("children") if isinstance(item, dict) else None
    return [child for child in children if isinstance(child, dict)] if isinstance(children, list) else []


def _is(item: Document, schema: str) -> bool:
    return str(item.get("OTIO_SCHEMA", "")).partition(".")[0] == schema


def _end_ms(clip: Document) -> int:
    """Return up to where a clip uses its media; a trim says how long it lasts in the track, whatever its speed."""
    trim = clip.get("source_range") or {}
    start, lasts = (
        float(time["value"]) * 1000 / float(time["rate"]) if (time := trim.get(name)) else 0.0
        for name in ("start_time", "duration")
    )
    speed = 1.0
    for effect in clip.get("effects") or ():
        if _is(effect, "LinearTimeWarp"):
            speed = float(effect.get("time_scalar", 1.0))
    return round(start + lasts * speed)


def _targets(clip: Document) -> Iterator[str]:
    """Yield where a clip's media is: one reference in the older schema, the active one of several in the newer."""
    reference = clip.get("media_reference")
    several = clip.get("media_references")
    if isinstance(several, dict):
        reference = several.get(clip.get("active_media_reference_key") or "DEFAULT_MEDIA")
    if isinstance(reference, dict) and isinstance(target := reference.get("target_url"), str):
        yield target
