"""The OpenAPI description of what the front door answers itself."""

from typing import Any, Final

from glaswerk.feed.dials import LONGEST_WORD
from glaswerk.feed.events import MOST_EVENTS
from glaswerk.feed.fold import CREATOR_KINDS, KINDS
from glaswerk.feed.serving import DEFAULT_LIMIT, MOST_SLOTS
from glaswerk.feed.settings import HIDDEN_KINDS, MOST_HIDDEN
from glaswerk.glass.dials import MOST, MOST_TOPICS, NAMES

_ID: Final = {"type": "string", "pattern": "^[0-9a-z]{13}$"}
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_FLAG: Final = {"type": "boolean"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _answer(description: str, schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


_PROBLEM: Final = {
    "type": "object",
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "errors": _list(_object(field=_TEXT, message=_TEXT)),
    },
    "required": ["type", "title", "status", "detail"],
}


def _problems(*statuses: tuple[int, str]) -> dict[str, Any]:
    return {str(status): _answer(text, _PROBLEM, "application/problem+json") for status, text in statuses}


_VIDEO: Final = _object(
    id=_ID,
    caption=_TEXT,
    creator=_object(name=_TEXT, display_name=_TEXT, avatar=_nullable(_TEXT), followed={"type": "boolean"}),
    duration_ms=_COUNT,
    poster=_TEXT,
    color=_TEXT,
    width=_COUNT,
    height=_COUNT,
    hashtags=_list(_TEXT),
    preview=_nullable(_TEXT),
    storyboard=_nullable(_TEXT),
    stream=_nullable(_TEXT),
    renditions=_list(_object(url=_TEXT, width=_COUNT, height=_COUNT, bitrate=_COUNT, codecs=_TEXT)),
    counts=_object(likes=_COUNT, comments=_COUNT, saves=_COUNT, shares=_COUNT),
    sound=_object(id=_nullable(_ID), title=_TEXT, url=_nullable(_TEXT)),
    credits=_list(_object(kind=_TEXT, name=_TEXT, title=_TEXT, url=_nullable(_TEXT))),
    captions=_list(_object(lang=_TEXT, url=_TEXT)),
    allow=_object(duet=_FLAG, stitch=_FLAG, sound=_FLAG),
    visibility=_TEXT,
    published_at={"type": "string", "format": "date-time"},
    liked={"type": "boolean"},
    saved={"type": "boolean"},
)

_PRICE: Final = _nullable(_object(minor=_COUNT, currency=_TEXT, shown=_TEXT))
_GOOD: Final = _object(
    product=_ID,
    title=_TEXT,
    merchant=_TEXT,
    merchant_title=_TEXT,
    picture=_nullable(_TEXT),
    price=_PRICE,
    before=_PRICE,
    is_from=_FLAG,
    is_sold_out=_FLAG,
    from_ms=_COUNT,
    to_ms=_COUNT,
)
_SLOT: Final = _object(position=_COUNT, value={"type": "integer"}, sources=_list(_TEXT), video=_VIDEO)
# Where prices and stock are not known to be fresh, a slot says nothing about what it sells.
_SLOT["properties"]["products"] = _list(_GOOD)

SLATE: Final = _object(
    slate=_ID, epoch={"type": "string", "pattern": "^[0-9a-f]{64}$"}, personal=_FLAG, slots=_list(_SLOT)
)

_EVENT: Final = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid", "description": "Yours; the same id counts once."},
        "kind": {"type": "string", "enum": sorted(KINDS)},
        "video": _ID,
        "creator": {"type": "string", "description": f"In place of video, for {', '.join(sorted(CREATOR_KINDS))}."},
        "watched_ms": _COUNT,
        "loops": _COUNT,
        "at": {"type": "string", "format": "date-time"},
    },
    "required": ["id", "kind", "at"],
}

_SETTING: Final = {"type": "integer", "minimum": -MOST, "maximum": MOST}
DIALS: Final = _object(
    **dict.fromkeys(NAMES, _SETTING),
    topics={
        "type": "object",
        "maxProperties": MOST_TOPICS,
        "additionalProperties": _SETTING,
        "description": "By hashtag; those given replace all.",
    },
)
HIDDEN: Final = _object(
    kind={"type": "string", "enum": list(HIDDEN_KINDS)},
    value={
        "type": "string",
        "description": f"A word of at most {LONGEST_WORD} letters, a hashtag, a person's name, or the title of a sound.",
    },
)
SETTINGS: Final = _object(
    dials=DIALS,
    profiling={"type": "boolean", "description": "false: a feed by rules alone, which nothing watched steers."},
    profiling_allowed={"type": "boolean"},
    hidden={**_list(HIDDEN), "maxItems": MOST_HIDDEN, "description": "Those given replace all."},
    reset_at={"type": ["integer", "null"], "description": "What was watched until then says nothing; ms since 1970."},
)


def _settings(operation: str, summary: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One operation on a viewer's own settings, which answers with all of them."""
    whole: dict[str, Any] = {
        "operationId": operation,
        "tags": ["dials"],
        "summary": summary,
        "description": "Signed out it works on an anonymous cookie. The very next slate follows what is set.",
        "responses": {
            "200": _answer("All settings", SETTINGS),
            **_problems((429, "Too much within a minute"), (503, "Nothing was set; send it again")),
        },
    }
    if body is not None:
        whole["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
        whole["responses"] |= _problems(
            (400, "Not JSON"),
            (403, "Sent from another site's page"),
            (413, "Too large"),
            (415, "Not application/json"),
            (422, "A field does not fit; nothing was set"),
        )
    return whole


def _without_requirements(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in schema.items() if name != "required"}


_CHANGE: Final = _without_requirements(SETTINGS)
_CHANGE["properties"] = {**_CHANGE["properties"], "dials": _without_requirements(DIALS)}


FRONT_DOOR_PATHS: Final[dict[str, Any]] = {
    "/api/feed": {
        "get": {
            "operationId": "feed",
            "tags": ["feed"],
            "summary": "The next slate",
            "description": "Signed out it works on an anonymous cookie. Every slate is recorded and can be explained.",
            "parameters": [
                _query(
                    "limit", "How many slots.", type="integer", minimum=1, maximum=MOST_SLOTS, default=DEFAULT_LIMIT
                ),
                _query("feed", "Whose videos.", type="string", enum=["for_you", "following"], default="for_you"),
                _query("hashtag", "Only videos with this hashtag.", type="string", minLength=1, maxLength=50),
                _query("creator", "Only videos of this person.", type="string", minLength=3, maxLength=30),
                _query(
                    "again", "1 lets videos come again that were seen.", type="string", enum=["0", "1"], default="0"
                ),
            ],
            "responses": {
                "200": _answer("The slate", SLATE),
                **_problems(
                    (404, "Nobody has this name"),
                    (422, "A parameter does not fit"),
                    (429, "Too much within a minute"),
                    (503, "Not ready"),
                ),
            },
        }
    },
    "/api/dials": {
        "get": _settings("dials", "What you have set for your feed"),
        "put": _settings("set_dials", "Set it; what is left out stays", _CHANGE),
    },
    "/api/dials/hide": {
        "post": _settings("hide", "Hide a word, hashtag, creator or sound", HIDDEN),
        "delete": _settings("show_again", "Show it again", HIDDEN),
    },
    "/api/dials/reset": {
        "post": _settings("reset_history", "Let nothing count any more that you watched until now", {"type": "object"})
    },
    "/api/events": {
        "post": {
            "operationId": "events",
            "tags": ["feed"],
            "summary": "Report what was watched and done",
            "description": f"At most {MOST_EVENTS} events. 202 means that what was accepted is on disk, and that the next "
            "slate takes it into account. Events that do not fit are refused one by one.",
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {"slate": _nullable(_ID), "events": _list(_EVENT)},
                            "required": ["events"],
                        }
                    }
                },
            },
            "responses": {
                "202": _answer(
                    "Acknowledged",
                    _object(
                        accepted=_COUNT,
                        refused=_list(_object(id=_nullable(_TEXT), field=_TEXT, message=_TEXT)),
                    ),
                ),
                **_problems(
                    (400, "Not JSON"),
                    (403, "Sent from another site's page"),
                    (413, "Too large"),
                    (415, "Not application/json"),
                    (422, "The batch does not fit"),
                    (429, "Too much within a minute"),
                    (503, "Nothing was taken; send it again"),
                ),
            },
        }
    },
}
