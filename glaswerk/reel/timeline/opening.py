"""From untrusted text to a document in OpenTimelineIO's current schemas.

The library that reads it is written in C++, so what could hurt it (depth, odd numbers, broken text) is refused before, with a place that
it could not name. It then brings older schemas up to date and settles whether other programs can read the document too.
"""

import json
import math
import re
from typing import Any, Final

import opentimelineio as otio

from glaswerk.reel.timeline.model import MAX_MS, Note, TimelineError

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 64
# The largest whole number that a JSON number is sure to keep.
_MOST: Final = 2**53
_SCHEMA: Final = re.compile(r"([A-Za-z]\w{0,63})\.(\d{1,4})")
# Values that are no objects of their own to the reader, and have no newer version.
_TIMES: Final = frozenset({"RationalTime", "TimeRange", "TimeTransform", "Box2d", "V2d"})
_LONGEST_S: Final = 1_000_000
"""No time in a foreign document is larger: time codes may start anywhere within a day."""

# What the C++ reader demands of the values that it knows, and would complain about without naming a place.
_EXPECTED: Final[dict[str, tuple[type | tuple[type, ...], str]]] = {
    "name": ((str, type(None)), "a text"),
    "metadata": ((dict, type(None)), "an object"),
    "effects": ((list, type(None)), "a list"),
    "markers": ((list, type(None)), "a list"),
    "children": (list, "a list"),
    "enabled": (bool, "true or false"),
    "kind": (str, "a text"),
    "source_range": ((dict, type(None)), "a TimeRange"),
    "available_range": ((dict, type(None)), "a TimeRange"),
    "start_time": (dict, "a RationalTime"),
    "duration": (dict, "a RationalTime"),
    "in_offset": (dict, "a RationalTime"),
    "out_offset": (dict, "a RationalTime"),
    "media_reference": ((dict, type(None)), "a media reference"),
    "media_references": (dict, "an object of media references"),
    "active_media_reference_key": (str, "a text"),
    "target_url": (str, "a text"),
    "generator_kind": (str, "a text"),
    "parameters": (dict, "an object"),
    "time_scalar": ((int, float), "a number"),
    "transition_type": (str, "a text"),
    "tracks": (dict, "a Stack"),
}
# What the reader cannot do without, although it says nothing that we need.
_FILLED: Final[dict[str, dict[str, Any]]] = {
    "LinearTimeWarp": {"effect_name": ""},
    "FreezeFrame": {"effect_name": ""},
    "TimeEffect": {"effect_name": ""},
    "Effect": {"effect_name": ""},
}


def open_document(text: str) -> tuple[dict[str, Any], bool, list[Note]]:
    """The document, whether it is foreign, and what of a foreign one had to be left out to be able to read it."""
    value = _json(text)
    try:
        return _opened(value)
    except TimelineError as error:
        # Older schemas have one reference and newer ones several; complaints call it by one name.
        field = error.field.replace("media_references.DEFAULT_MEDIA", "media_reference")
        raise TimelineError(field, error.message) from None


def _opened(value: Any) -> tuple[dict[str, Any], bool, list[Note]]:
    if not isinstance(value, dict):
        raise TimelineError("", "The document has to be a JSON object, an OpenTimelineIO Timeline.1.")
    _check(value, "", 0)
    schema = value.get("OTIO_SCHEMA")
    if not isinstance(schema, str) or not schema.startswith("Timeline."):
        raise TimelineError(
            "OTIO_SCHEMA", "has to be Timeline.1: one timeline, and not a part or a collection of them."
        )
    if value.get("tracks") is None:
        raise TimelineError("tracks", "is missing; it has to be a Stack of tracks.")
    metadata = value.get("metadata")
    foreign = not (isinstance(metadata, dict) and metadata.get("glaswerk") is not None)
    notes: list[Note] = []
    _prepare(value, "", foreign, notes)
    try:
        read = otio.adapters.read_from_string(json.dumps(value), "otio_json")
        canonical = json.loads(read.to_json_string())
    except (otio.exceptions.OTIOError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise TimelineError("", f"OpenTimelineIO cannot read the document: {_said(error)}.") from None
    return canonical, foreign, notes


def _json(text: str) -> Any:
    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is no number of JSON")

    try:
        if len(text.encode()) > MAX_BYTES:
            raise TimelineError("", f"The document is larger than {MAX_BYTES} bytes.")
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise TimelineError(
            "", f"The document is no JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from None
    except UnicodeEncodeError:
        raise TimelineError("", "The document holds half a character (a surrogate).") from None
    except RecursionError:
        raise TimelineError("", f"The document is nested more than {MAX_DEPTH} levels deep.") from None
    except ValueError as error:
        raise TimelineError("", f"The document is no JSON: {error}.") from None


def _check(value: Any, path: str, depth: int) -> None:
    """Refuse what no reader should have to see, wherever it stands."""
    if depth > MAX_DEPTH:
        raise TimelineError("", f"The document is nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, dict):
        for key, each in value.items():
            _check_text(key, path)
            _check(each, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            _check(each, f"{path}[{number}]", depth + 1)
    elif isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= _MOST):
        raise TimelineError(path, "is not a number of a sensible size.")


def _check_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise TimelineError(path, "holds half a character (a surrogate).") from None


def _prepare(value: Any, path: str, foreign: bool, notes: list[Note]) -> None:
    """Check the types of what the schemas name, the times, and the schemas themselves. What stands in metadata is not touched."""
    if isinstance(value, list):
        for number, each in enumerate(value):
            _prepare(each, f"{path}[{number}]", foreign, notes)
        return
    if not isinstance(value, dict):
        return
    name = _schema(value, path)
    if name in ("RationalTime", "TimeRange"):
        _check_time(value, name, path)
    for key, each in value.items():
        place = f"{path}.{key}" if path else key
        if key in _EXPECTED and name is not None:
            kinds, wanted = _EXPECTED[key]
            if not isinstance(each, kinds) or (isinstance(each, bool) and kinds is not bool):
                raise TimelineError(place, f"has to be {wanted}.")
        if key == "children":
            value[key] = _children(each, place, foreign, notes)
            continue
        if key not in ("metadata", "parameters"):
            _prepare(each, place, foreign, notes)
    for key, filling in _FILLED.get(name or "", {}).items():
        value.setdefault(key, filling)


def _children(children: list[Any], path: str, foreign: bool, notes: list[Note]) -> list[Any]:
    """The children that can be read. What a foreign document has beyond the schemas leaves a pause of its length."""
    kept = []
    known = otio.core.type_version_map()
    for number, child in enumerate(children):
        place = f"{path}[{number}]"
        if not isinstance(child, dict):
            raise TimelineError(place, "has to be an object: a track, a clip, a gap or a transition.")
        schema = _SCHEMA.fullmatch(child["OTIO_SCHEMA"]) if isinstance(child.get("OTIO_SCHEMA"), str) else None
        if foreign and schema is not None and schema[1] not in known:
            notes.append(Note(place, f"{schema[1]} is not known here and was left out."))
            if not isinstance(child.get("source_range"), dict):
                continue
            child = {"OTIO_SCHEMA": "Gap.1", "source_range": child["source_range"]}
        elif schema is None:
            raise TimelineError(
                f"{place}.OTIO_SCHEMA", "is missing; it has to be a schema's name and version, such as Clip.2."
            )
        _prepare(child, place, foreign, notes)
        kept.append(child)
    return kept


def _schema(value: dict[str, Any], path: str) -> str | None:
    label = value.get("OTIO_SCHEMA")
    if label is None:
        return None
    place = f"{path}.OTIO_SCHEMA" if path else "OTIO_SCHEMA"
    match = _SCHEMA.fullmatch(label) if isinstance(label, str) else None
    if match is None:
        raise TimelineError(place, "has to be a schema's name and version, such as Clip.2.")
    newest = 1 if match[1] in _TIMES else otio.core.type_version_map().get(match[1])
    if newest is None:
        raise TimelineError(place, f"{match[1]} is no schema of OpenTimelineIO.")
    if not 1 <= int(match[2]) <= newest:
        raise TimelineError(place, f"{match[1]} is known in the versions 1 to {newest}.")
    return match[1]


def _check_time(value: dict[str, Any], name: str, path: str) -> None:
    if name == "TimeRange":
        for key in ("start_time", "duration"):
            if not isinstance(value.get(key), dict) or value[key].get("OTIO_SCHEMA") != "RationalTime.1":
                raise TimelineError(f"{path}.{key}", "has to be a RationalTime.1.")
        return
    for key in ("value", "rate"):
        if isinstance(value.get(key), bool) or not isinstance(value.get(key), int | float):
            raise TimelineError(f"{path}.{key}", "has to be a number.")
    if value["rate"] <= 0:
        raise TimelineError(f"{path}.rate", "has to be above zero; our own programs write 1000 (milliseconds).")
    if abs(value["value"]) / value["rate"] > _LONGEST_S:
        raise TimelineError(path, f"is longer than any video; a timeline lasts at most {MAX_MS // 60_000} minutes.")


def _said(error: BaseException) -> str:
    """The reader's words without the names of C++ types in them."""
    said = str(error.args[0]) if error.args else type(error).__name__
    said = re.sub(r"\(of type '\w+'\)", "", said)
    said = re.sub(r"N\d+opentimelineio\w+|\(near line \d+\)|[\"']", "", said)
    return " ".join(said.split())[:200].rstrip(":. ")
