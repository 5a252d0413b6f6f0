"""From a document to a timeline: everything checked, nothing guessed, every complaint with its place."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from glaswerk.reel.timeline import foreign
from glaswerk.reel.timeline.clips import read_clip, read_transition, words
from glaswerk.reel.timeline.model import (
    MAX_CAPTIONS,
    MAX_CLIPS,
    MAX_FPS,
    MAX_MS,
    MAX_OVERLAYS,
    MAX_SIDE,
    MAX_TEXT,
    MIN_SIDE,
    Caption,
    Clip,
    Gap,
    Item,
    Layout,
    Note,
    Sticker,
    Text,
    Timeline,
    TimelineError,
    Track,
    Transition,
    length,
)
from glaswerk.reel.timeline.opening import open_document
from glaswerk.reel.timeline.place import Place
from glaswerk.reel.timeline.terms import Terms, milliseconds, reference_of, schema_of, seconds_of
from glaswerk.reel.timeline.writing import FORM

_NUMBERED: Final = re.compile(r"(overlays|music|voice)(?:-([2-9]|[1-9]\d))?")
_NOTHING: Final = Fraction(0)


def parse(text: str) -> Timeline:
    """Read a document. Raises TimelineError. What of a foreign document was left out stands in `warnings`."""
    document, is_foreign, notes = open_document(text)
    return _Reader(Terms(is_foreign, notes)).timeline(Place(document, ""))


class _Reader:
    """One pass over a document."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def timeline(self, root: Place) -> Timeline:
        tracks = [(each, schema_of(each)) for each in root["tracks"]["children"].each()] if root["tracks"] else []
        self._ignored(root["tracks"])
        facts = Place({}, "metadata.glaswerk") if self._terms.foreign else root["metadata"]["glaswerk"]
        if self._terms.foreign:
            self._terms.fps = foreign.frame_rate(root)
        else:
            self._terms.only(facts, "form width height fps background layout captions burn_captions cover_ms")
            if facts["form"].value != FORM:
                raise facts["form"].fail(f"has to be {FORM}; this document is of another form or names none.")
            self._terms.fps = facts["fps"].whole(1, MAX_FPS, 30)
        found: dict[str, Track] = {}
        for place, schema in tracks:
            if schema != "Track":
                self._terms.unknown(place, f"{schema} is not a track")
                continue
            name = self._track_name(place, found)
            if name is None:
                continue
            if name in found:
                raise place["name"].fail(f"{name} is there twice.")
            found[name] = self._track(place, name)
        if self._terms.foreign:
            foreign.drop_sound_of_clips(found, self._terms.notes)
        self._check_counts(found)
        main = found.get("main", Track(name="main"))
        if sum(length(item) for item in main.items) > MAX_MS:
            raise TimelineError("tracks", f"main is longer than {MAX_MS // 60_000} minutes; cut something out of it.")

        def all_of(kind: str) -> tuple[Track, ...]:
            names = [name for name in found if name.split("-")[0] == kind]
            return tuple(found[name] for name in sorted(names, key=_order))

        return Timeline(
            name=root["name"].text("", most=1000),
            width=_even(facts["width"], 720),
            height=_even(facts["height"], 1280),
            fps=self._terms.fps,
            background=facts["background"].colour("#000000", alpha=False),
            layout=facts["layout"].choice(Layout, Layout.SINGLE),
            captions=self._captions(facts["captions"]),
            burn_captions=facts["burn_captions"].flag(False),
            cover_ms=facts["cover_ms"].whole(0, MAX_MS, 0),
            main=main,
            partner=found.get("partner"),
            overlays=all_of("overlays"),
            music=all_of("music"),
            voice=all_of("voice"),
            warnings=tuple(self._terms.notes),
        )

    def _track_name(self, place: Place, found: dict[str, Track]) -> str | None:
        kind, name = place["kind"].text(""), place["name"].text("", most=1000)
        if kind not in ("Video", "Audio"):
            self._terms.unknown(place["kind"], f"{kind[:40]!r} is not a kind of track; Video and Audio are")
            return None
        if self._terms.foreign:
            own = foreign.track_name(kind, found)
            if own is None:
                self._terms.unknown(place, "only the first video track is used; this one")
            return own
        match = _NUMBERED.fullmatch(name)
        wanted = "Video" if name in ("main", "partner") or name.startswith("overlays") else "Audio"
        if match is None and name not in ("main", "partner"):
            raise place["name"].fail(
                "has to be main, partner, overlays, music or voice; the last three may go on: overlays-2."
            )
        if kind != wanted:
            raise place["kind"].fail(f"has to be {wanted} for {name}.")
        return name

    def _track(self, place: Place, name: str) -> Track:
        self._ignored(place)
        facts = (
            Place({}, "") if self._terms.foreign or not place["metadata"]["glaswerk"] else place["metadata"]["glaswerk"]
        )
        kind = name.split("-")[0]
        known = {"main": "volume", "partner": "volume video", "overlays": ""}.get(kind, "volume duck duck_db")
        self._terms.only(facts, known)
        items = self._items(place["children"], kind)
        while (misplaced := _misplaced(items)) is not None:
            number, why = misplaced
            where = Place(None, f"{place.path}.children[{number}]")
            if not self._terms.foreign:
                raise where.fail(f"is a transition that {why}")
            self._terms.notes.append(Note(where.path, f"is a transition that {why} It was left out."))
            items = items[:number] + items[number + 1 :]
        return Track(
            name=name,
            items=items,
            volume=facts["volume"].number(0, 2, 1.0),
            duck=facts["duck"].flag(False),
            duck_db=facts["duck_db"].number(0, 40, 12.0),
            video=facts["video"].name(),
        )

    def _items(self, children: Place, kind: str) -> tuple[Item, ...]:
        items: list[Item] = []
        # Exact until the end, so that rounding never adds up.
        now = _NOTHING
        for place in children.each():
            schema = schema_of(place)
            if schema == "Transition":
                if kind not in ("main", "partner"):
                    self._terms.unknown(place, "a transition needs the track main or partner, and")
                    continue
                items += read_transition(self._terms, place)
                continue
            start, duration = self._range(place, schema)
            begin, end = milliseconds(now), milliseconds(now + duration)
            now += duration
            if end <= begin:
                if self._terms.foreign:
                    self._terms.unknown(place, "an item with no length")
                    continue
                where = place["source_range"]["duration"]
                raise where.fail("is no time at all; give the item a length of at least one millisecond, or remove it.")
            if schema == "Gap":
                items.append(Gap(end - begin))
            elif schema == "Clip":
                items.append(read_clip(self._terms, place, kind, start, end - begin))
            else:
                self._terms.unknown(place, f"{schema} in a track")
                items.append(Gap(end - begin))
        return tuple(items)

    def _range(self, place: Place, schema: str) -> tuple[Fraction, Fraction]:
        """Where an item starts in its media, and how long it is, in seconds."""
        source_range = place["source_range"]
        available = reference_of(place)["available_range"] if schema == "Clip" else Place(None, "")
        if not source_range and self._terms.foreign:
            source_range = available if available else foreign.own_range(place)
        if not source_range and self._terms.foreign:
            return _NOTHING, _NOTHING
        if not source_range:
            raise source_range.fail("is missing; it says which part of the media is shown, and for how long.")
        start, duration = seconds_of(source_range["start_time"]), seconds_of(source_range["duration"])
        if self._terms.foreign and available:
            # Time codes of cameras start anywhere; here every media starts at zero.
            start = max(_NOTHING, start - seconds_of(available["start_time"]))
        for seconds, name in ((start, "start_time"), (duration, "duration")):
            if seconds < 0:
                raise source_range[name].fail("is negative; times begin at zero.")
            if seconds * 1000 > MAX_MS:
                raise source_range[name].fail(f"is longer than {MAX_MS // 60_000} minutes.")
        return start, duration

    def _captions(self, place: Place) -> tuple[Caption, ...]:
        captions: list[Caption] = []
        for each in place.each() if place else ():
            self._terms.only(each, "start_ms end_ms text")
            caption = Caption(
                each["start_ms"].whole(0, MAX_MS), each["end_ms"].whole(0, MAX_MS), words(each["text"], MAX_TEXT)
            )
            if caption.end_ms <= caption.start_ms:
                raise each["end_ms"].fail("has to be after start_ms.")
            if captions and caption.start_ms < captions[-1].end_ms:
                raise each["start_ms"].fail(f"is before the end of the caption before it ({captions[-1].end_ms} ms).")
            captions.append(caption)
            if len(captions) > MAX_CAPTIONS:
                raise place.fail(f"are more than {MAX_CAPTIONS}.")
        return tuple(captions)

    def _check_counts(self, found: dict[str, Track]) -> None:
        clips = sum(isinstance(item, Clip) for track in found.values() for item in track.items)
        overlays = sum(isinstance(item, Text | Sticker) for track in found.values() for item in track.items)
        if clips > MAX_CLIPS:
            raise TimelineError(
                "tracks", f"There are {clips} clips; at most {MAX_CLIPS} are possible. Publish it in parts."
            )
        if overlays > MAX_OVERLAYS:
            raise TimelineError(
                "tracks", f"There are {overlays} texts and stickers; at most {MAX_OVERLAYS} are possible."
            )

    def _ignored(self, place: Place) -> None:
        """What a track or a stack may carry in OpenTimelineIO, and does not here."""
        if not place:
            return
        for name in ("effects", "markers"):
            if place[name].value:
                self._terms.unknown(place[name], f"{name} of a whole track")
        if place["source_range"]:
            self._terms.unknown(place["source_range"], "a trim of a whole track")


def _misplaced(items: Sequence[Item]) -> tuple[int, str] | None:
    """The first transition that does not lie between two clips long enough for it, and for the one at their other end."""
    for number, item in enumerate(items):
        if not isinstance(item, Transition):
            continue
        around = (*items[number - 1 : number], *items[number + 1 : number + 2])
        if number == 0 or len(around) != 2 or not all(isinstance(each, Clip) for each in around):
            return number, "does not stand between two clips; move or remove it."
        for clip, own, other in (
            (items[number - 1], item.before_ms, items[number - 2] if number > 1 else None),
            (items[number + 1], item.after_ms, items[number + 2] if number + 2 < len(items) else None),
        ):
            taken = own
            if isinstance(other, Transition):
                taken += other.after_ms if clip is items[number - 1] else other.before_ms
            if taken > length(clip):
                return (
                    number,
                    f"needs more of a clip than there is: with its neighbour {taken} of {length(clip)} ms; shorten it.",
                )
    return None


def _even(place: Place, default: int) -> int:
    side = place.whole(MIN_SIDE, MAX_SIDE, default)
    if side % 2:
        raise place.fail("has to be even.")
    return side


def _order(name: str) -> int:
    return int(name.partition("-")[2] or 1)
