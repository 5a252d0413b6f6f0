"""Documents are read strictly: what comes out is what was meant, and every fault is named with its place."""

import copy
import json
from collections.abc import Callable
from typing import Any

import opentimelineio as otio
import pytest
from hypothesis import given, settings

from glaswerk.reel.timeline import Clip, Gap, Text, Timeline, TimelineError, Track, Transition, dump, parse
from glaswerk.reel.timeline.model import Cut, length

from .made import everything, timelines

Change = Callable[[dict[str, Any]], object]


@settings(max_examples=25, deadline=None)
@given(timelines())
def test_what_is_written_is_read_again(timeline: Timeline) -> None:
    text = dump(timeline)
    again = parse(text)
    assert again == timeline and again.warnings == ()
    # Other programs see every clip at the same time.
    seen = otio.adapters.read_from_string(text, "otio_json")
    for track, written in zip(timeline.tracks, seen.tracks, strict=True):
        items = [item for item in track.items if not isinstance(item, Transition)]
        children = [child for child in written if not isinstance(child, otio.schema.Transition)]
        now = 0
        for item, child in zip(items, children, strict=True):
            placed = child.range_in_parent()
            assert (placed.start_time.value, placed.duration.value) == (now, length(item))
            now += length(item)


def test_a_bit_of_everything() -> None:
    timeline = everything()
    assert parse(dump(timeline)) == timeline
    assert timeline.duration_ms == 3133
    assert timeline.sources == ("source:a", "source:b", "below/c.mp4", "source:p", "sound:m", "source:v")


def main(document: dict[str, Any]) -> list[dict[str, Any]]:
    return document["tracks"]["children"][0]["children"]


def clip(document: dict[str, Any], number: int = 0) -> dict[str, Any]:
    return main(document)[number]


def glaswerk(document: dict[str, Any]) -> dict[str, Any]:
    return document["metadata"]["glaswerk"]


def reference(item: dict[str, Any]) -> dict[str, Any]:
    return item["media_references"]["DEFAULT_MEDIA"]


def text(document: dict[str, Any]) -> dict[str, Any]:
    return reference(document["tracks"]["children"][2]["children"][1])["parameters"]


FIRST = "tracks.children[0].children[0]"
TEXT = "tracks.children[2].children[1].media_reference.parameters"
FAULTS: dict[str, tuple[Change, str, str]] = {
    "negative start": (lambda d: clip(d)["source_range"]["start_time"].update(value=-1), f"{FIRST}.source_range.start_time", "negative"),
    "negative length": (lambda d: clip(d)["source_range"]["duration"].update(value=-5), f"{FIRST}.source_range.duration", "negative"),
    "no length": (lambda d: clip(d, 3)["source_range"]["duration"].update(value=0), "tracks.children[0].children[3].source_range.duration", "no time at all"),
    "less than a frame": (lambda d: clip(d, 4)["source_range"]["duration"].update(value=10), "tracks.children[0].children[4].source_range.duration", "34 ms is the least"),
    "rate 0": (lambda d: clip(d)["source_range"]["duration"].update(rate=0), f"{FIRST}.source_range.duration.rate", "above zero"),
    "huge": (lambda d: clip(d)["source_range"]["duration"].update(value=1e300), f"{FIRST}.source_range.duration.value", "sensible size"),
    "long": (lambda d: clip(d)["source_range"]["duration"].update(value=1e12), f"{FIRST}.source_range.duration", "longer than any video"),
    "a text as a time": (lambda d: clip(d)["source_range"]["duration"].update(value="5"), f"{FIRST}.source_range.duration.value", "a number"),
    "no time": (lambda d: clip(d)["source_range"].update(duration=5), f"{FIRST}.source_range.duration", "RationalTime"),
    "no range": (lambda d: clip(d).update(source_range=None), f"{FIRST}.source_range", "missing"),
    "eleven minutes": (lambda d: clip(d, 3)["source_range"]["duration"].update(value=599_000), "tracks", "cut something out"),
    "unknown schema": (lambda d: clip(d).update(OTIO_SCHEMA="Hologram.1"), f"{FIRST}.OTIO_SCHEMA", "Hologram is no schema"),
    "future schema": (lambda d: clip(d).update(OTIO_SCHEMA="Clip.9"), f"{FIRST}.OTIO_SCHEMA", "versions 1 to 2"),
    "no schema": (lambda d: clip(d).pop("OTIO_SCHEMA"), f"{FIRST}.OTIO_SCHEMA", "missing"),
    "a child that is none": (lambda d: main(d).append(5), "tracks.children[0].children[5]", "object"),
    "volume as a text": (lambda d: clip(d)["metadata"]["glaswerk"].update(volume="1"), f"{FIRST}.metadata.glaswerk.volume", "a number"),
    "volume true": (lambda d: clip(d)["metadata"]["glaswerk"].update(volume=True), f"{FIRST}.metadata.glaswerk.volume", "a number"),
    "too loud": (lambda d: clip(d)["metadata"]["glaswerk"].update(volume=3), f"{FIRST}.metadata.glaswerk.volume", "from 0 to 2"),
    "metadata as a list": (lambda d: clip(d)["metadata"].update(glaswerk=[]), f"{FIRST}.metadata.glaswerk", "an object"),
    "unknown look": (lambda d: clip(d)["metadata"]["glaswerk"].update(filter="lut3d=/etc"), f"{FIRST}.metadata.glaswerk.filter", "noir"),
    "crop beyond": (lambda d: clip(d)["metadata"]["glaswerk"].update(crop={"x": 0.5, "y": 0, "width": 0.6, "height": 1}), f"{FIRST}.metadata.glaswerk.crop", "beyond"),
    "fast": (lambda d: clip(d)["effects"][0].update(time_scalar=9), f"{FIRST}.effects[0].time_scalar", "from 0.3 to 3"),
    "effects as a number": (lambda d: clip(d).update(effects=3), f"{FIRST}.effects", "a list"),
    "a path upwards": (lambda d: reference(clip(d)).update(target_url="../x.mp4"), f"{FIRST}.media_reference.target_url", "below the document"),
    "a path of the machine": (lambda d: reference(clip(d)).update(target_url="/etc/passwd"), f"{FIRST}.media_reference.target_url", "below the document"),
    "an escaped path upwards": (lambda d: reference(clip(d)).update(target_url="%2e%2e/x"), f"{FIRST}.media_reference.target_url", "below the document"),
    "a protocol": (lambda d: reference(clip(d)).update(target_url="concat:a|b"), f"{FIRST}.media_reference.target_url", "below the document"),
    "transition too long": (lambda d: clip(d, 1)["in_offset"].update(value=1001), "tracks.children[0].children[1]", "shorten"),
    "transition of a minute": (lambda d: clip(d, 1)["in_offset"].update(value=60_000), "tracks.children[0].children[1]", "5000 are possible"),
    "negative transition": (lambda d: clip(d, 1)["in_offset"].update(value=-1), "tracks.children[0].children[1].in_offset", "negative"),
    "transition first": (lambda d: main(d).insert(0, main(d)[1]), "tracks.children[0].children[0]", "between two clips"),
    "unknown transition": (lambda d: clip(d, 1)["metadata"]["glaswerk"].update(kind="fade;movie=x"), "tracks.children[0].children[1].metadata.glaswerk.kind", "one of dissolve"),
    "another form": (lambda d: glaswerk(d).update(form=2), "metadata.glaswerk.form", "has to be 1"),
    "odd width": (lambda d: glaswerk(d).update(width=721), "metadata.glaswerk.width", "even"),
    "wide": (lambda d: glaswerk(d).update(width=4096), "metadata.glaswerk.width", "2160"),
    "a frame rate of 0": (lambda d: glaswerk(d).update(fps=0), "metadata.glaswerk.fps", "from 1 to 60"),
    "colour": (lambda d: glaswerk(d).update(background="red,drawtext"), "metadata.glaswerk.background", "#rrggbb"),
    "overlapping captions": (lambda d: glaswerk(d)["captions"][1].update(start_ms=3), "metadata.glaswerk.captions[1].start_ms", "before the end"),
    "backward caption": (lambda d: glaswerk(d)["captions"][1].update(end_ms=500), "metadata.glaswerk.captions[1].end_ms", "after start_ms"),
    "a long text": (lambda d: text(d).update(text="\x07';[v]" * 2000), f"{TEXT}.text", "at most 500"),
    "a control character": (lambda d: text(d).update(text="a\x07"), f"{TEXT}.text", "U+0007, number 2"),
    "no character": (lambda d: text(d).update(text="a\uffff"), f"{TEXT}.text", "U+FFFF"),
    "half a character": (lambda d: text(d).update(text="\ud800"), f"{TEXT}.text", "surrogate"),
    "an empty text": (lambda d: text(d).update(text=" \n"), f"{TEXT}.text", "empty"),
    "many lines": (lambda d: text(d).update(text="a\n" * 30), f"{TEXT}.text", "20 lines"),
    "no sticker": (lambda d: reference(d["tracks"]["children"][3]["children"][0])["parameters"].update(name="x"), "tracks.children[3].children[0].media_reference.parameters.name", "arrow"),
    "a thousand clips": (lambda d: main(d).extend(copy.deepcopy(main(d)[2]) for _ in range(1000)), "tracks", "at most 100"),
    "a track twice": (lambda d: d["tracks"]["children"].append(d["tracks"]["children"][0]), "tracks.children[6].name", "twice"),
    "an unknown track": (lambda d: d["tracks"]["children"][0].update(name="fancy"), "tracks.children[0].name", "has to be main"),
    "music as a picture": (lambda d: d["tracks"]["children"][4].update(kind="Video"), "tracks.children[4].kind", "Audio"),
    "no tracks": (lambda d: d.update(tracks=None), "tracks", "Stack"),
    "a clip alone": (lambda d: d.update(OTIO_SCHEMA="Clip.1"), "OTIO_SCHEMA", "Timeline.1"),
    "switched off": (lambda d: clip(d).update(enabled=False), f"{FIRST}.enabled", "switched off"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_place(fault: str) -> None:
    change, field, words = FAULTS[fault]
    document = json.loads(dump(everything()))
    change(document)
    with pytest.raises(TimelineError) as caught:
        parse(json.dumps(document))
    assert caught.value.field == field and words in caught.value.message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("", "no JSON"),
        ("[1]", "a JSON object"),
        ("{}", "Timeline.1"),
        ("[" * 100_000, "levels deep"),
        ('{"a":' * 90 + "1" + "}" * 90, "levels deep"),
        ('{"OTIO_SCHEMA": NaN}', "NaN"),
        ('{"a": 1e999}', "sensible size"),
        ('{"a": ' + "9" * 5000 + "}", "no JSON"),
        ('{"a": "\\ud800"}', "surrogate"),
        (" " * (1 << 20) + " {}", "larger than"),
    ],
)
def test_what_is_no_document_at_all(document: str, words: str) -> None:
    with pytest.raises(TimelineError) as caught:
        parse(document)
    assert words in str(caught.value)


def test_a_misspelt_name_is_told() -> None:
    document = json.loads(dump(everything()))
    clip(document)["metadata"]["glaswerk"]["volme"] = 0
    timeline = parse(json.dumps(document))
    assert timeline == everything()
    assert [note.field for note in timeline.warnings] == [f"{FIRST}.metadata.glaswerk.volme"]


def test_emoji_that_are_newer_than_this_python_are_taken() -> None:
    document = json.loads(dump(everything()))
    text(document)["text"] = "\U0001fa77\U0001fae9 \ue000"
    item = parse(json.dumps(document)).overlays[0].items[1]
    assert isinstance(item, Text) and item.text == text(document)["text"]


def test_every_way_to_end_a_line_is_one() -> None:
    document = json.loads(dump(everything()))
    text(document)["text"] = "a\r\nb\rc\u2028d\u2029e\tf"
    item = parse(json.dumps(document)).overlays[0].items[1]
    assert isinstance(item, Text) and item.text == "a\nb\nc\nd\ne f"


def test_an_empty_draft_can_be_kept() -> None:
    empty = Timeline(main=Track(name="main"))
    assert parse(dump(empty)) == empty and empty.duration_ms == 0


def foreign(*tracks: Any, rate: float = 25) -> str:
    timeline = otio.schema.Timeline(name="cut")
    timeline.tracks.extend(tracks)
    return str(timeline.to_json_string())


def foreign_clip(url: str, start: float = 0, duration: float = 50, rate: float = 25) -> Any:
    """As other editors write it: in frames, with a time code that starts at one hour."""
    hour = otio.opentime.RationalTime(3600 * rate, rate)
    media = otio.schema.ExternalReference(
        target_url=url, available_range=otio.opentime.TimeRange(hour, otio.opentime.RationalTime(500, rate))
    )
    used = otio.opentime.TimeRange(
        hour + otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(duration, rate)
    )
    return otio.schema.Clip(media_reference=media, source_range=used)


def test_another_editors_document() -> None:
    picture = otio.schema.Track(name="V1", kind="Video")
    picture.append(foreign_clip("file:///Users/me/My%20clips/a.mov", 10, 25))
    picture.append(
        otio.schema.Transition(
            transition_type="SMPTE_Dissolve",
            in_offset=otio.opentime.RationalTime(5, 25),
            out_offset=otio.opentime.RationalTime(5, 25),
        )
    )
    slow = foreign_clip("C:\\clips\\b.mp4")
    slow.effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))
    slow.effects.append(otio.schema.Effect(effect_name="Lens flare"))
    picture.append(slow)
    nested = otio.schema.Stack(
        source_range=otio.opentime.TimeRange(otio.opentime.RationalTime(0, 25), otio.opentime.RationalTime(25, 25))
    )
    picture.append(nested)
    sound = otio.schema.Track(name="A1", kind="Audio")
    sound.append(foreign_clip("file:///Users/me/My%20clips/a.mov", 10, 25))
    song = otio.schema.Track(name="A2", kind="Audio")
    song.append(foreign_clip("song.mp3", 0, 100))
    timeline = parse(foreign(picture, otio.schema.Track(name="V2", kind="Video"), sound, song))
    assert timeline.main.items == (
        Clip(source="a.mov", start_ms=400, duration_ms=1000),
        Transition(Cut.DISSOLVE, 200, 200),
        Clip(source="b.mp4", start_ms=0, duration_ms=2000, speed=0.5),
        Gap(1000),
    )
    assert timeline.fps == 25
    assert [track.items for track in timeline.music] == [(Clip(source="song.mp3", start_ms=0, duration_ms=4000),)]
    said = " ".join(f"{note.field} {note.message}" for note in timeline.warnings)
    for part in (
        "a.mov is looked for",
        "the effect Effect",
        "Stack in a track",
        "tracks.children[1]",
        "music is the sound",
    ):
        assert part in said
    # Once taken over it is one of our own.
    assert parse(dump(timeline)) == timeline


def test_frames_of_a_broken_rate_do_not_drift() -> None:
    track = otio.schema.Track(kind="Video")
    track.extend([foreign_clip("a.mp4", 0, 1001, 24000 / 1001) for _ in range(10)])
    timeline = parse(foreign(track))
    # 10 x 1001 frames at 23.976 per second are 417.5 s and a bit: rounding each would have missed it.
    assert timeline.duration_ms == round(10 * 1001 * 1001 / 24000 * 1000)
