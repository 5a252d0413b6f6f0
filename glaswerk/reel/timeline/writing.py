"""From a timeline to a document, by way of OpenTimelineIO's own objects."""

from dataclasses import fields
from typing import Any, Final

import opentimelineio as otio

from glaswerk.reel.timeline.model import Clip, Crop, Cut, Gap, Item, Sticker, Text, Timeline, Track, Transition

FORM: Final = 1
_RATE: Final = 1000
# What stands elsewhere in the document than in metadata.glaswerk.
_ELSEWHERE: Final = frozenset({"source", "start_ms", "duration_ms", "speed", "name"})
CLIP_NAMES: Final = {"look": "filter", "look_strength": "filter_strength"}
"""Fields that are called otherwise in the document."""


def dump(timeline: Timeline) -> str:
    """The document, as OTIO JSON. `parse` makes the same timeline of it."""
    document = otio.schema.Timeline(name=timeline.name)
    document.metadata["glaswerk"] = {
        "form": FORM,
        "width": timeline.width,
        "height": timeline.height,
        "fps": timeline.fps,
        "background": timeline.background,
        "layout": str(timeline.layout),
        "captions": [
            {"start_ms": each.start_ms, "end_ms": each.end_ms, "text": each.text} for each in timeline.captions
        ],
        "burn_captions": timeline.burn_captions,
        "cover_ms": timeline.cover_ms,
    }
    sounding = {track.name for track in (*timeline.music, *timeline.voice)}
    for track in timeline.tracks:
        document.tracks.append(_track(track, track.name in sounding))
    return str(document.to_json_string())


def _track(track: Track, sounding: bool) -> Any:
    kind = otio.schema.TrackKind.Audio if sounding else otio.schema.TrackKind.Video
    written = otio.schema.Track(name=track.name, kind=kind)
    written.extend([_item(item) for item in track.items])
    if sounding:
        written.metadata["glaswerk"] = {"volume": track.volume, "duck": track.duck, "duck_db": track.duck_db}
    elif track.name in ("main", "partner"):
        written.metadata["glaswerk"] = {"volume": track.volume, **({"video": track.video} if track.video else {})}
    return written


def _item(item: Item) -> Any:
    if isinstance(item, Transition):
        kind = "SMPTE_Dissolve" if item.kind == Cut.DISSOLVE else "Custom_Transition"
        written = otio.schema.Transition(
            transition_type=kind, in_offset=_time(item.before_ms), out_offset=_time(item.after_ms)
        )
        written.metadata["glaswerk"] = {"kind": str(item.kind)}
        return written
    if isinstance(item, Gap):
        return otio.schema.Gap(source_range=_range(0, item.duration_ms))
    if isinstance(item, Clip):
        clip = otio.schema.Clip(
            name=item.name,
            media_reference=otio.schema.ExternalReference(target_url=item.source),
            source_range=_range(item.start_ms, item.duration_ms),
        )
        if item.speed != 1:
            clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=item.speed))
        clip.metadata["glaswerk"] = {
            CLIP_NAMES.get(each.name, each.name): _plain(getattr(item, each.name))
            for each in fields(item)
            if each.name not in _ELSEWHERE
        }
        return clip
    overlay = otio.schema.Clip(source_range=_range(0, item.duration_ms))
    overlay.media_reference = otio.schema.GeneratorReference(
        generator_kind="text" if isinstance(item, Text) else "sticker", parameters=_parameters(item)
    )
    if item.id:
        overlay.metadata["glaswerk"] = {"id": item.id}
    return overlay


def _parameters(item: Text | Sticker) -> dict[str, Any]:
    names = [each.name for each in fields(item) if each.name not in ("duration_ms", "id")]
    return {"name" if name == "sticker" else name: _plain(getattr(item, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Crop):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return str(value) if isinstance(value, str) else value


def _time(milliseconds: int) -> Any:
    return otio.opentime.RationalTime(milliseconds, _RATE)


def _range(start_ms: int, duration_ms: int) -> Any:
    return otio.opentime.TimeRange(_time(start_ms), _time(duration_ms))
