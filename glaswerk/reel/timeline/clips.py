"""Clips, transitions, texts and stickers: from a place in a document to an item of a track."""

import re
import unicodedata
from dataclasses import replace
from fractions import Fraction
from typing import Final
from urllib.parse import unquote

from glaswerk.reel.timeline import foreign
from glaswerk.reel.timeline.looks import LOOKS
from glaswerk.reel.timeline.model import (
    MAX_LINES,
    MAX_MS,
    MAX_SPEED,
    MAX_TEXT,
    MAX_TRANSITION_MS,
    MIN_SPEED,
    Align,
    Backdrop,
    Clip,
    Crop,
    Cut,
    Fit,
    Gap,
    Item,
    Note,
    Sticker,
    Text,
    TextStyle,
    Transition,
)
from glaswerk.reel.timeline.place import Place
from glaswerk.reel.timeline.stickers import STICKERS
from glaswerk.reel.timeline.terms import Terms, milliseconds, reference_of, schema_of, seconds_of

_REFERENCE: Final = re.compile(r"(?:source|sound):[A-Za-z0-9_.-]{1,64}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def read_clip(terms: Terms, place: Place, kind: str, start: Fraction, duration_ms: int) -> Item:
    reference = reference_of(place)
    schema = schema_of(reference) if reference else "MissingReference"
    if place["enabled"].value is False:
        terms.unknown(place["enabled"], "a clip that is switched off")
        return Gap(duration_ms)
    if len(place["markers"].value or []):
        terms.unknown(place["markers"], "markers")
    if kind == "overlays":
        if schema != "GeneratorReference":
            raise reference.fail("has to be a GeneratorReference: overlays are texts and stickers.")
        return _overlay(place, reference, duration_ms)
    if schema != "ExternalReference":
        terms.unknown(reference, f"{schema} (only an ExternalReference has something to show or to hear)")
        return Gap(duration_ms)
    source = _source(terms, reference["target_url"])
    if source is None:
        return Gap(duration_ms)
    if kind in ("main", "partner") and duration_ms * terms.fps < 1000:
        least = -(-1000 // terms.fps)
        raise place["source_range"]["duration"].fail(
            f"is less than a frame; {least} ms is the least at {terms.fps} fps."
        )
    clip = Clip(
        source=source,
        start_ms=milliseconds(start),
        duration_ms=duration_ms,
        speed=_speed(terms, place["effects"]),
        name=place["name"].text("", most=1000),
    )
    facts = place["metadata"]["glaswerk"]
    return clip if terms.foreign or not facts else _with_facts(terms, clip, facts)


def read_transition(terms: Terms, place: Place) -> list[Item]:
    before, after = (seconds_of(place[name]) for name in ("in_offset", "out_offset"))
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
            terms.unknown(
                place["transition_type"], "a transition other than SMPTE_Dissolve without metadata.glaswerk.kind"
            )
            return []
    found = Transition(chosen, milliseconds(before), milliseconds(after))
    if not 2 <= found.before_ms + found.after_ms <= MAX_TRANSITION_MS:
        if terms.foreign:
            terms.unknown(place, "a transition of such a length")
            return []
        raise place.fail(f"lasts {found.before_ms + found.after_ms} ms; 2 to {MAX_TRANSITION_MS} are possible.")
    return [found]


def _with_facts(terms: Terms, clip: Clip, facts: Place) -> Clip:
    terms.only(facts, "id volume fade_in_ms fade_out_ms filter filter_strength fit backdrop crop stitched_from")
    look = facts["filter"].text("")
    if look and look not in LOOKS:
        raise facts["filter"].fail(f"is not a look; looks are {', '.join(LOOKS)}.")
    return replace(
        clip,
        id=facts["id"].name(),
        volume=facts["volume"].number(0, 2, 1.0),
        fade_in_ms=facts["fade_in_ms"].whole(0, MAX_MS, 0),
        fade_out_ms=facts["fade_out_ms"].whole(0, MAX_MS, 0),
        look=look,
        look_strength=facts["filter_strength"].number(0, 1, 1.0),
        fit=facts["fit"].choice(Fit, Fit.COVER),
        backdrop=facts["backdrop"].choice(Backdrop, Backdrop.PLAIN),
        crop=_crop(terms, facts["crop"]) if facts["crop"] else None,
        stitched_from=facts["stitched_from"].name(),
    )


def _crop(terms: Terms, place: Place) -> Crop:
    terms.only(place, "x y width height")
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


def _source(terms: Terms, place: Place) -> str | None:
    url = place.text(most=2000)
    if terms.foreign:
        source = foreign.source_name(url)
        if source is None:
            terms.unknown(place, "media that is no file")
        elif source != url:
            terms.notes.append(Note(place.path, f"{source} is looked for by its name, and not where it was."))
        return source
    if _REFERENCE.fullmatch(url) is not None:
        return url
    parts = unquote(url).replace("\\", "/").split("/")
    if not url or _SCHEME.match(url) or parts[0] == "" or ".." in parts or any(ord(each) < 32 for each in unquote(url)):
        raise place.fail("has to be source:ID, sound:ID, or the path of a file below the document's folder.")
    return url


def _speed(terms: Terms, effects: Place) -> float:
    speed, warped = 1.0, False
    for place in effects.each() if effects else ():
        if schema_of(place) != "LinearTimeWarp":
            terms.unknown(place, f"the effect {schema_of(place)}")
            continue
        scalar = place["time_scalar"]
        if warped:
            raise place.fail("is a second time warp; a clip has one speed.")
        if terms.foreign and not MIN_SPEED <= scalar.number(-1000, 1000) <= MAX_SPEED:
            terms.unknown(scalar, f"a speed that is not from {MIN_SPEED:g} to {MAX_SPEED:g}")
            continue
        speed, warped = scalar.number(MIN_SPEED, MAX_SPEED), True
    return speed


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


def words(place: Place, most: int) -> str:
    """A text for people: line feeds are its only control characters."""
    text = place.text(most=most).replace("\r\n", "\n").replace("\t", " ")
    for line_end in ("\r", "\u2028", "\u2029"):
        text = text.replace(line_end, "\n")
    for number, character in enumerate(text):
        # Characters that are newer than this Python's tables are taken: emoji come every year.
        is_none = ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF
        if character != "\n" and (is_none or unicodedata.category(character) in ("Cc", "Cs")):
            raise place.fail(
                f"holds a character that cannot be shown (U+{ord(character):04X}, number {number + 1}); remove it."
            )
    if text.count("\n") >= MAX_LINES:
        raise place.fail(f"has more than {MAX_LINES} lines.")
    return text
