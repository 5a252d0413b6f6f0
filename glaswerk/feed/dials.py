"""What viewers ask of their own feed, read strictly: dials, hidden things, and the switch of the personal feed."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from glaswerk.feed.events import BadEvent
from glaswerk.feed.settings import HIDDEN_KINDS, MOST_HIDDEN, PROFILING, Settings, hide_register, topic_register
from glaswerk.glass import caption_tokens
from glaswerk.glass.dials import MOST, MOST_TOPICS, NAMES
from glaswerk.people.names import FULL_NAME_COMPILED
from glaswerk.videos.captions import MAX_HASHTAG, find_hashtags, fold_hashtag

LONGEST_WORD: Final = 50
LONGEST_SOUND: Final = 80
_SPACE: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Hidden:
    """Something that a viewer does not want to see; value: a word, a hashtag, a creator's name or a sound's title."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a request changes.  `topics` and `hidden` replace all of theirs; None leaves them as they are."""

    dials: Mapping[str, int]
    topics: Mapping[str, int] | None
    profiling: bool | None
    hidden: tuple[Hidden, ...] | None


def read_change(body: Any) -> Change:
    """Read the body of `PUT /api/dials`; keys that are left out leave things as they are.

    What `GET /api/dials` gave may be sent back whole.  Raises BadEvent, which names the field.
    """
    body = _object("body", body, ("dials", "profiling", "hidden", "profiling_allowed", "reset_at"))
    dials, topics = read_dials(body.get("dials", {}))
    things = None
    if "hidden" in body:
        hidden = body["hidden"]
        if not isinstance(hidden, list) or len(hidden) > MOST_HIDDEN:
            raise BadEvent("hidden", f"must be a list of at most {MOST_HIDDEN} things to hide")
        things = tuple(read_hidden(one, f"hidden.{place}") for place, one in enumerate(hidden))
    return Change(dials, topics, read_profiling(body), things)


def read_profiling(body: Mapping[str, Any]) -> bool | None:
    """Read the switch of the personal feed; None where it is not given.  Raises BadEvent."""
    profiling = body.get("profiling")
    if "profiling" in body and not isinstance(profiling, bool):
        raise BadEvent("profiling", "must be true or false")
    return profiling


def read_dials(raw: Any) -> tuple[dict[str, int], dict[str, int] | None]:
    """Read those dials that are given, and the topics, None where they are not given.  Raises BadEvent."""
    given = _object("dials", raw, (*NAMES, "topics"))
    dials = {name: _setting(f"dials.{name}", given[name]) for name in NAMES if name in given}
    if "topics" not in given:
        return dials, None
    if not isinstance(given["topics"], dict) or len(given["topics"]) > MOST_TOPICS:
        raise BadEvent("dials.topics", f"must be an object of at most {MOST_TOPICS} hashtags, each with its setting")
    topics: dict[str, int] = {}
    for name, setting in given["topics"].items():
        hashtag = _hashtag("dials.topics", name)
        if hashtag in topics:
            raise BadEvent("dials.topics", f"names #{hashtag} twice; upper and lower case are the same")
        topics[hashtag] = _setting(f"dials.topics.{hashtag}", setting)
    return dials, {hashtag: setting for hashtag, setting in topics.items() if setting}


def read_hidden(raw: Any, place: str = "") -> Hidden:
    """Read one thing to hide, which stands at `place` of the body.  Raises BadEvent, which names the field."""
    given = _object(place or "body", raw, ("kind", "value"))
    inside = f"{place}." if place else ""
    kind, value = given.get("kind"), given.get("value")
    if kind not in HIDDEN_KINDS:
        raise BadEvent(f"{inside}kind", f"must be one of {', '.join(HIDDEN_KINDS)}")
    if not isinstance(value, str) or len(value) > 4 * LONGEST_SOUND:
        raise BadEvent(f"{inside}value", "must be a text")
    return Hidden(kind, _READERS[kind](f"{inside}value", value))


def sound_name(title: str) -> str:
    """What a sound is called when sounds are compared: its title, however its spaces are written."""
    return _SPACE.sub(" ", unicodedata.normalize("NFC", title)).strip()


def creator_names(things: Iterable[Hidden] | None) -> set[str]:
    """The names among things to hide, whose ids are to be looked up."""
    return {one.value for one in things or () if one.kind == "creator"}


def difference(settings: Settings, change: Change, creators: Mapping[str, int]) -> dict[str, int]:
    """The registers to which a change gives another value; `creators`: the ids of the names in it."""
    wanted = dict(change.dials)
    if change.topics is not None:
        wanted |= {topic_register(hashtag): 0 for hashtag in settings.topics}
        wanted |= {topic_register(hashtag): setting for hashtag, setting in change.topics.items()}
    if change.hidden is not None:
        wanted |= {hide_register(kind, value): 0 for kind, value in settings.hidden}
        wanted |= {_register(one, creators): 1 for one in change.hidden}
    different = {name: value for name, value in wanted.items() if value != settings.value(name)}
    # Whoever has never chosen follows the account's default, so that even the same choice is news.
    if change.profiling is not None and change.profiling is not settings.profiling:
        different[PROFILING] = int(change.profiling)
    return different


def hiding(settings: Settings, one: Hidden, on: bool, creators: Mapping[str, int]) -> dict[str, int]:
    """The registers that hide one thing more, or show it again.  Raises BadEvent where too much is hidden."""
    name = _register(one, creators)
    if settings.value(name) == int(on):
        return {}
    if on and len(settings.hidden) >= MOST_HIDDEN:
        raise BadEvent("value", f"is one too many: {MOST_HIDDEN} things are hidden; show one of them again first")
    return {name: int(on)}


def _register(one: Hidden, creators: Mapping[str, int]) -> str:
    return hide_register(one.kind, str(creators[one.value]) if one.kind == "creator" else one.value)


def _object(place: str, value: Any, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadEvent(place, "must be an object")
    unknown = value.keys() - set(known)
    if unknown:
        inside = "" if place == "body" else f"{place}."
        raise BadEvent(f"{inside}{min(unknown)[:60]}", f"is not known here; there are {', '.join(known)}")
    return value


def _setting(place: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -MOST <= value <= MOST:
        raise BadEvent(place, f"must be a whole number from -{MOST} to {MOST}")
    return value


def _word(place: str, value: str) -> str:
    folded = fold_hashtag(value)
    # What stands around the word, such as a quotation mark, is no part of it in captions either.
    word = "".join(sign for sign in folded if unicodedata.category(sign)[0] in "LMN")
    if len(caption_tokens(folded)) != 1 or caption_tokens(folded) != caption_tokens(word) or len(word) > LONGEST_WORD:
        raise BadEvent(place, f"must be one word of at most {LONGEST_WORD} letters and digits")
    return word


def _hashtag(place: str, value: str) -> str:
    hashtag = fold_hashtag(value.strip().removeprefix("#"))
    if len(hashtag) > MAX_HASHTAG or find_hashtags(f"#{hashtag}") != (hashtag,):
        raise BadEvent(place, f"must be a hashtag of at most {MAX_HASHTAG} characters")
    return hashtag


def _creator(place: str, value: str) -> str:
    creator = value.strip().removeprefix("@").lower()
    if not FULL_NAME_COMPILED.fullmatch(creator):
        raise BadEvent(place, "must be a person's name")
    return creator


def _sound(place: str, value: str) -> str:
    title = sound_name(value)
    # Other invisible signs join letters and emoji; these can stand in no title.
    if not 0 < len(title) <= LONGEST_SOUND or any(unicodedata.category(sign) in ("Cc", "Cs") for sign in title):
        raise BadEvent(place, f"must be the title of a sound, at most {LONGEST_SOUND} characters")
    return title


_READERS: Final = {"word": _word, "hashtag": _hashtag, "creator": _creator, "sound": _sound}
