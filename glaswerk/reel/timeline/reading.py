"""From a document to a timeline: everything checked, nothing guessed, every complaint with its place."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final
from urllib.parse import unquote

from glaswerk.reel.timeline import foreign
from glaswerk.reel.timeline.looks import LOOKS
from glaswerk.reel.timeline.model import (
    MAX_CAPTIONS,
    MAX_CLIPS,
    MAX_FPS,
    MAX_LINES,
    MAX_MS,
    MAX_OVERLAYS,
    MAX_SIDE,
    MAX_SPEED,
    MAX_TEXT,
    MAX_TRANSITION_MS,
    MIN_SIDE,
    MIN_SPEED,
    Align,
    Backdrop,
    Caption,
    Clip,
    Crop,
    Cut,
    Fit,
    Gap,
    Item,
    Layout,
    Note,
    Sticker,
    Text,
    TextStyle,
    Timeline,
    TimelineError,
    Track,
    Transition,
    length,
)
from glaswerk.reel.timeline.opening import open_document
from glaswerk.reel.timeline.place import Place
from glaswerk.reel.timeline.stickers import STICKERS
from glaswerk.reel.timeline.writing import FORM

_REFERENCE: Final = re.compile(r"(?:source|sound):[A-Za-z0-9_.-]{1,64}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_NUMBERED: Final = re.compile(r"(overlays|music|voice)(?:-([2-9]|[1-9]\d))?")
_NOTHING: Final = Fraction(0)


def parse(text: str) -> Timeline:
    """Read a document. Raises TimelineError. What of a foreign document was left out stands in `warnings`."""
    document, is_foreign, notes = open_document(text)
    return _Reader(is_foreign, notes).timeline(Place(document, ""))


class _Reader:
    """One pass over a document; `_unknown` is an error in one of our own, and a note in a foreign one."""

    def __init__(self, is_foreign: bool, notes: list[Note]) -> None:
        self._foreign = is_foreign
        self._notes = notes
        self._fps = 30

    def timeline(self, root: Place) -> Timeline:
        tracks = [(each, _schema(each)) for each in root["tracks"]["children"].each()] if root["tracks"] else []
        self._ignored(root["tracks"])
        facts = Place({}, "metadata.glaswerk") if self._foreign else root["metadata"]["glaswerk"]
        if self._foreign:
            self._fps = foreign.frame_rate(root)
        else:
            self._only(facts, "form width height fps background layout captions burn_captions cover_ms")
            if facts["form"].value != FORM:
                raise facts["form"].fail(f"has to be {FORM}; this document is of another form or names none.")
            self._fps = facts["fps"].whole(1, MAX_FPS, 30)
        found: dict[str, Track] = {}
        for place, schema in tracks:
            if schema != "Track":
                self._unknown(place, f"{schema} is not a track")
                continue
            name = self._track_name(place, found)
            if name is None:
                continue
            if name in found:
                raise place["name"].fail(f"{name} is there twice.")
            found[name] = self._track(place, name)
        if self._foreign:
            foreign.drop_sound_of_clips(found, self._notes)
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
            fps=self._fps,
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
            warnings=tuple(self._notes),
        )

    def _track_name(self, place: Place, found: dict[str, Track]) -> str | None:
        kind, name = place["kind"].text(""), place["name"].text("", most=1000)
        if kind not in ("Video", "Audio"):
            self._unknown(place["kind"], f"{kind[:40]!r} is not a kind of track; Video and Audio are")
            return None
        if self._foreign:
            own = foreign.track_name(kind, found)
            if own is None:
                self._unknown(place, "only the first video track is used; this one")
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
        facts = Place({}, "") if self._foreign or not place["metadata"]["glaswerk"] else place["metadata"]["glaswerk"]
        kind = name.split("-")[0]
        known = {"main": "volume", "partner": "volume video", "overlays": ""}.get(kind, "volume duck duck_db")
        self._only(facts, known)
        items = self._items(place["children"], kind)
        while (misplaced := _misplaced(items)) is not None:
            number, why = misplaced
            where = Place(None, f"{place.path}.children[{number}]")
            if not self._foreign:
                raise where.fail(f"is a transition that {why}")
            self._notes.append(Note(where.path, f"is a transition that {why} It was left out."))
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
            schema = _schema(place)
            if schema == "Transition":
                if kind not in ("main", "partner"):
                    self._unknown(place, "a transition needs the track main or partner, and")
                    continue
                items += self._transition(place)
                continue
            start, duration = self._range(place, schema)
            begin, end = _milliseconds(now), _milliseconds(now + duration)
            now += duration
            if end <= begin:
                if self._foreign:
                    self._unknown(place, "an item with no length")
                    continue
                where = place["source_range"]["duration"]
                raise where.fail("is no time at all; give the item a length of at least one millisecond, or remove it.")
            if schema == "Gap":
                items.append(Gap(end - begin))
            elif schema == "Clip":
                items.append(self._clip(place, kind, start, end - begin))
            else:
                self._unknown(place, f"{schema} in a track")
                items.append(Gap(end - begin))
        return tuple(items)

    def _range(self, place: Place, schema: str) -> tuple[Fraction, Fraction]:
        """Where an item starts in its media, and how long it is, in seconds."""
        source_range = place["source_range"]
        available = _reference(place)["available_range"] if schema == "Clip" else Place(None, "")
        if not source_range and self._foreign:
            source_range = available if available else foreign.own_range(place)
        if not source_range and self._foreign:
            return _NOTHING, _NOTHING
        if not source_range:
            raise source_range.fail("is missing; it says which part of the media is shown, and for how long.")
        start, duration = _seconds(source_range["start_time"]), _seconds(source_range["duration"])
        if self._foreign and available:
            # Time codes of cameras start anywhere; here every media starts at zero.
            start = max(_NOTHING, start - _seconds(available["start_time"]))
        for seconds, name in ((start, "start_time"), (duration, "duration")):
            if seconds < 0:
                raise source_range[name].fail("is negative; times begin at zero.")
            if seconds * 1000 > MAX_MS:
                raise source_range[name].fail(f"is longer than {MAX_MS // 60_000} minutes.")
        return start, duration

    def _clip(self, place: Place, kind: str, start: Fraction, duration_ms: int) -> Item:
        reference = _reference(place)
        schema = _schema(reference) if reference else "MissingReference"
        if place["enabled"].value is False:
            self._unknown(place["enabled"], "a clip that is switched off")
            return Gap(duration_ms)
        if len(place["markers"].value or []):
            self._unknown(place["markers"], "markers")
        if kind == "overlays":
            if schema != "GeneratorReference":
                raise reference.fail("has to be a GeneratorReference: overlays are texts and stickers.")
            return _overlay(place, reference, duration_ms)
        if schema != "ExternalReference":
            self._unknown(reference, f"{schema} (only an ExternalReference has something to show or to hear)")
            return Gap(duration_ms)
        source = self._source(reference["target_url"])
        if source is None:
            return Gap(duration_ms)
        if kind in ("main", "partner") and duration_ms * self._fps < 1000:
            least = -(-1000 // self._fps)
            raise place["source_range"]["duration"].fail(
                f"is less than a frame; {least} ms is the least at {self._fps} fps."
            )
        clip = Clip(
            source=source,
            start_ms=_milliseconds(start),
            duration_ms=duration_ms,
            speed=self._speed(place["effects"]),
            name=place["name"].text("", most=1000),
        )
        facts = place["metadata"]["glaswerk"]
        return clip if self._foreign or not facts else self._with_facts(clip, facts)

    def _with_facts(self, clip: Clip, facts: Place) -> Clip:
        self._only(facts, "id volume fade_in_ms fade_out_ms filter filter_strength fit backdrop crop stitched_from")
        look = facts["filter"].text("")
        if look and look not in LOOKS:
            raise facts["filter"].fail(f"is not a look; looks are {', '.join(LOOKS)}.")
        clip = replace(
            clip,
            id=facts["id"].name(),
            volume=facts["volume"].number(0, 2, 1.0),
            fade_in_ms=facts["fade_in_ms"].whole(0, MAX_MS, 0),
            fade_out_ms=facts["fade_out_ms"].whole(0, MAX_MS, 0),
            look=look,
            look_strength=facts["filter_strength"].number(0, 1, 1.0),
            fit=facts["fit"].choice(Fit, Fit.COVER),
            backdrop=facts["backdrop"].choice(Backdrop, Backdrop.PLAIN),
            crop=self._crop(facts["crop"]) if facts["crop"] else None,
            stitched_from=facts["stitched_from"].name(),
        )
        if clip.fade_in_ms + clip.fade_out_ms > clip.duration_ms:
            raise facts["fade_out_ms"].fail(
                f"and fade_in_ms together are longer than the clip ({clip.duration_ms} ms)."
            )
        return clip

    def _crop(self, place: Place) -> Crop:
        self._only(place, "x y width height")
        crop = Crop(
            x=place["x"].number(0, 1),
            y=place["y"].number(0, 1),
            width=place["width"].number(0.05, 1),
            height=place["height"].number(0.05, 1),
        )
        # Fractions that a client computed may miss one by a rounding.
        if crop.x + crop.width > 1.0001 or crop.y + crop.height > 1.0001:
            raise place.fail("reaches beyond the picture: x + width and y + height are at most 1.")
        return crop

    def _source(self, place: Place) -> str | None:
        url = place.text(most=2000)
        if self._foreign:
            source = foreign.source_name(url)
            if source is None:
                self._unknown(place, "media that is no file")
            elif source != url:
                self._notes.append(Note(place.path, f"{source} is looked for by its name, and not where it was."))
            return source
        if _REFERENCE.fullmatch(url) is not None:
            return url
        parts = unquote(url).replace("\\", "/").split("/")
        if (
            not url
            or _SCHEME.match(url)
            or parts[0] == ""
            or ".." in parts
            or any(ord(each) < 32 for each in unquote(url))
        ):
            raise place.fail("has to be source:ID, sound:ID, or the path of a file below the document's folder.")
        return url

    def _speed(self, effects: Place) -> float:
        speed, warped = 1.0, False
        for place in effects.each() if effects else ():
            if _schema(place) != "LinearTimeWarp":
                self._unknown(place, f"the effect {_schema(place)}")
                continue
            scalar = place["time_scalar"]
            if warped:
                raise place.fail("is a second time warp; a clip has one speed.")
            if self._foreign and not MIN_SPEED <= scalar.number(-1000, 1000) <= MAX_SPEED:
                self._unknown(scalar, f"a speed that is not from {MIN_SPEED:g} to {MAX_SPEED:g}")
                continue
            speed, warped = scalar.number(MIN_SPEED, MAX_SPEED), True
        return speed

    def _transition(self, place: Place) -> list[Item]:
        before, after = (_seconds(place[name]) for name in ("in_offset", "out_offset"))
        for seconds, name in ((before, "in_offset"), (after, "out_offset")):
            if seconds < 0:
                raise place[name].fail("is negative; it says how long before or after the cut the transition lies.")
        kind = (
            place["metadata"]["glaswerk"]["kind"]
            if place["metadata"] and place["metadata"]["glaswerk"]
            else Place(None, "")
        )
        if kind:
            chosen = kind.choice(Cut)
        else:
            chosen = Cut.DISSOLVE
            if place["transition_type"].text("") != "SMPTE_Dissolve":
                self._unknown(
                    place["transition_type"], "a transition other than SMPTE_Dissolve without metadata.glaswerk.kind"
                )
                return []
        found = Transition(chosen, _milliseconds(before), _milliseconds(after))
        if not 2 <= found.before_ms + found.after_ms <= MAX_TRANSITION_MS:
            if self._foreign:
                self._unknown(place, "a transition of such a length")
                return []
            raise place.fail(f"lasts {found.before_ms + found.after_ms} ms; 2 to {MAX_TRANSITION_MS} are possible.")
        return [found]

    def _captions(self, place: Place) -> tuple[Caption, ...]:
        captions: list[Caption] = []
        for each in place.each() if place else ():
            self._only(each, "start_ms end_ms text")
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
                self._unknown(place[name], f"{name} of a whole track")
        if place["source_range"]:
            self._unknown(place["source_range"], "a trim of a whole track")

    def _unknown(self, place: Place, what: str) -> None:
        if not self._foreign:
            raise place.fail(f"{what} is not known here; take it out.")
        self._notes.append(Note(place.path, f"{what} was left out."))

    def _only(self, facts: Place, known: str) -> None:
        """Note the names that mean nothing here: a misspelt one would otherwise be ignored in silence."""
        for key in facts.object():
            if key not in known.split():
                self._notes.append(Note(facts[key].path, "is not known here and was not read."))


def words(place: Place, most: int) -> str:
    """A text for people: line feeds are its only control characters."""
    text = place.text(most=most).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    for number, character in enumerate(text):
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co"):
            raise place.fail(
                f"holds a character that cannot be shown (U+{ord(character):04X}, number {number + 1}); remove it."
            )
    if text.count("\n") >= MAX_LINES:
        raise place.fail(f"has more than {MAX_LINES} lines.")
    return text


def _overlay(place: Place, reference: Place, duration_ms: int) -> Text | Sticker:
    parameters = reference["parameters"]
    kind = reference["generator_kind"].text("")
    metadata = place["metadata"]["glaswerk"]
    x, y = (parameters[name].number(-1, 2, 0.5) for name in ("x", "y"))
    rotation = parameters["rotation"].number(-360, 360, 0.0)
    own_id = metadata["id"].name() if metadata else ""
    if kind == "text":
        text = words(parameters["text"], MAX_TEXT)
        if not text.strip():
            raise parameters["text"].fail("is empty; write something or remove it.")
        return Text(
            text=text,
            duration_ms=duration_ms,
            x=x,
            y=y,
            rotation=rotation,
            size=parameters["size"].number(0.01, 0.5, 0.05),
            color=parameters["color"].colour("#ffffff"),
            background=parameters["background"].colour(""),
            align=parameters["align"].choice(Align, Align.CENTER),
            style=parameters["style"].choice(TextStyle, TextStyle.PLAIN),
            id=own_id,
        )
    if kind == "sticker":
        name = parameters["name"].text()
        if name not in STICKERS:
            raise parameters["name"].fail(f"is not a sticker; stickers are {', '.join(STICKERS)}.")
        size = parameters["size"].number(0.02, 1, 0.15)
        return Sticker(sticker=name, duration_ms=duration_ms, x=x, y=y, rotation=rotation, size=size, id=own_id)
    raise reference["generator_kind"].fail("has to be text or sticker.")


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


def _schema(place: Place) -> str:
    return place["OTIO_SCHEMA"].text("").split(".")[0] or "nothing"


def _reference(place: Place) -> Place:
    """The active media reference of a clip, under the name that older documents give it."""
    key = place["active_media_reference_key"].text("DEFAULT_MEDIA")
    references = place["media_references"]
    value: Any = references.object().get(key) if references else None
    return Place(value if value is not None else {"OTIO_SCHEMA": "MissingReference.1"}, f"{place.path}.media_reference")


def _seconds(place: Place) -> Fraction:
    return Fraction(place["value"].number(-1e12, 1e12)) / Fraction(place["rate"].number(1e-6, 1e9))


def _milliseconds(seconds: Fraction) -> int:
    return int(seconds * 1000 + Fraction(1, 2))


def _even(place: Place, default: int) -> int:
    side = place.whole(MIN_SIDE, MAX_SIDE, default)
    if side % 2:
        raise place.fail("has to be even.")
    return side


def _order(name: str) -> int:
    return int(name.partition("-")[2] or 1)
