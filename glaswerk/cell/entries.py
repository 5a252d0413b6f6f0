"""What the entries of this cell's public log say: a few kinds, each with its own strict facts, as canonical JSON.

Nothing in here may be about somebody whom a reader could name: a person appears only as `HMAC(their salt, id)`, and the
few sentences that people write are refused where they look like an address, a number or a name of somebody.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self

import orjson

from glaswerk.cell.ids import decode_id, encode_id

VERSION: Final = 1
MOST_BYTES: Final = 16 << 10
LONGEST_TEXT: Final = 2000
_MOST_ITEMS: Final = 256
_TIME_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"
_LARGEST_NUMBER: Final = (1 << 53) - 1

Fact = str | int | bool | Sequence[str]
Facts = Mapping[str, Fact]


class EntryKind(StrEnum):
    """What the log has entries about."""

    CROSS_OUT = "cross.out"
    CROSS_IN = "cross.in"
    ACCESS = "access"
    MODERATE = "moderate"
    ERASE = "erase"
    POLICY = "policy"
    SUNSET = "sunset"
    CARVE = "carve"
    EPOCH = "epoch"
    WITNESS = "witness"


class RecordRefused(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """An entry that must not be made; the message names the fact and the remedy."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


# Looks like an e-mail address or somebody's name here; an IP address; a telephone, account or card number.
_PERSONAL: Final = (
    (re.compile(r"@"), "an address or somebody's name"),
    (re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"), "an IP address"),
    (re.compile(r"(?i)(?<![0-9a-f:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![0-9a-f:])"), "an IP address"),
    (re.compile(r"\d(?:[ ().-]{0,2}\d){6,}"), "somebody's number"),
)
_DATE: Final = re.compile(r"\b\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z?)?\b")


def _matching(pattern: str, sentence: str) -> Callable[[Any], str]:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: Any) -> str:
        return "" if isinstance(value, str) and compiled.fullmatch(value) else sentence

    return check


def _time(value: Any) -> str:
    try:
        is_one = isinstance(value, str) and datetime.fromisoformat(value).astimezone(UTC).strftime(_TIME_FORM) == value
    except ValueError:
        is_one = False
    return "" if is_one else "give a time as 2026-01-31T23:59:59Z"


def _number(value: Any) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_NUMBER
    return "" if fits else "give a whole number from 0 to 2^53-1"


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "give true or false"


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT or not value.isprintable():
        return f"give one line of 1 to {LONGEST_TEXT} characters"
    if unicodedata.normalize("NFC", value) != value:
        return "give it in Unicode's normal form NFC"
    # Digits and signs of other scripts and widths read as well as ours do.
    plain = _DATE.sub("", unicodedata.normalize("NFKC", value))
    for pattern, meaning in _PERSONAL:
        if pattern.search(plain):
            return f"it has what looks like {meaning}; leave that out, because everybody can read this for ever"
    return ""


def _several(check: Callable[[Any], str]) -> Callable[[Any], str]:
    def check_all(value: Any) -> str:
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= _MOST_ITEMS:
            return f"give a list of 1 to {_MOST_ITEMS}"
        return next(filter(None, map(check, value)), "")

    return check_all


_HASH: Final = _matching("[0-9a-f]{64}", "give 64 characters of 0-9 and a-f")
_WORD: Final = _matching("[a-z][a-z0-9_.-]{0,63}", "give a word of a-z, 0-9, dots, dashes and underscores")
_ID: Final = _matching("[0-7][0-9a-hjkmnp-tv-z]{12}", "give an id of thirteen characters")
_ORIGIN: Final = _matching(r"[!-*,-~]{1,255}", "give the name of a log")
_LOG_KEY: Final = _matching(r"[!-*,-~]{1,255}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}", "give the public key of a log")
_PSEUDONYM: Final = _matching("[0-9a-f]{64}", "give the person as HMAC(their salt, id): `pseudonym(person)`")

_Checks = dict[str, Callable[[Any], str]]
# Of each kind: the facts that it has, and those that it may have.
_SHAPES: Final[dict[EntryKind, tuple[_Checks, _Checks]]] = {
    EntryKind.CROSS_OUT: (
        {"message": _WORD, "sha256": _HASH},
        {"item": _ID, "blobs": _several(_HASH), "person": _PSEUDONYM, "to": _ORIGIN, "bytes": _number},
    ),
    EntryKind.CROSS_IN: (
        {"message": _WORD, "sha256": _HASH, "from": _ORIGIN, "index": _number},
        {"item": _ID, "blobs": _several(_HASH), "bytes": _number, "refused": _WORD},
    ),
    EntryKind.ACCESS: (
        {
            "person": _PSEUDONYM,
            "by": _PSEUDONYM,
            "purpose": _WORD,
            "scope": _several(_WORD),
            "until": _time,
            "reason": _HASH,
        },
        {"role": _WORD},
    ),
    EntryKind.MODERATE: (
        {"decision": _WORD, "about": _WORD, "item": _HASH},
        {
            "person": _PSEUDONYM,
            "by": _PSEUDONYM,
            "ground": _WORD,
            "statement": _HASH,
            "automated": _flag,
            "appeal": _flag,
        },
    ),
    EntryKind.ERASE: ({"person": _PSEUDONYM}, {"rows": _number, "blobs": _number}),
    EntryKind.POLICY: ({"sha256": _HASH, "policy": _WORD, "reason": _text}, {"by": _PSEUDONYM, "url": _ORIGIN}),
    EntryKind.SUNSET: (
        {"state": _WORD, "reason": _text},
        {"basis": _text, "until": _time, "signer": _text, "by": _PSEUDONYM, "root": _HASH, "extension": _number},
    ),
    EntryKind.CARVE: (
        {"step": _WORD},
        {
            "sha256": _HASH,
            "root": _HASH,
            "log": _ORIGIN,
            "checkpoint": _HASH,
            "reason": _text,
            "people": _number,
            # Of the log that goes on: its key, and what its first checkpoint says.
            "key": _LOG_KEY,
            "size": _number,
            "head": _HASH,
        },
    ),
    EntryKind.EPOCH: ({"sha256": _HASH, "policy": _HASH, "videos": _number}, {}),
    EntryKind.WITNESS: ({"from": _ORIGIN, "refused": _WORD, "sha256": _HASH}, {"size": _number, "head": _HASH}),
}


def check_facts(kind: EntryKind, facts: Mapping[str, Any]) -> None:
    """Return when an entry of this kind may say this.  Raises RecordRefused, which names the fact."""
    needed, possible = _SHAPES[kind]
    for name in needed:
        if name not in facts:
            raise RecordRefused(name, f"an entry {kind.value} needs this fact")
    for name, value in facts.items():
        check = needed.get(name) or possible.get(name)
        if check is None:
            raise RecordRefused(name, f"an entry {kind.value} has no such fact; leave it out")
        if problem := check(value):
            raise RecordRefused(name, problem)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: the id of the record that it was made by, when it was made, and what it says."""

    id: int
    at: datetime
    kind: EntryKind
    facts: Facts

    def encode(self) -> bytes:
        """The bytes of the entry: JSON without spaces, keys in order, UTF-8.  Raises RecordRefused."""
        check_facts(self.kind, self.facts)
        at = self.at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        said = {"v": VERSION, "id": encode_id(self.id), "at": at, "kind": self.kind.value, "facts": dict(self.facts)}
        data = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
        if len(data) > MOST_BYTES:
            raise RecordRefused("facts", f"an entry has at most {MOST_BYTES} bytes, and this one has {len(data)}")
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read an entry of the log.  Raises ValueError for anything that `encode` would not have written."""
        try:
            said = orjson.loads(data) if len(data) <= MOST_BYTES else {}
            at = datetime.fromisoformat(said["at"])
            entry = cls(decode_id(said["id"]), at, EntryKind(said["kind"]), said["facts"])
            is_spelt_so = entry.encode() == data
        except (KeyError, TypeError, AttributeError, ValueError, RecordRefused) as error:
            raise ValueError(f"this is no entry: {error}") from None
        if not is_spelt_so:
            raise ValueError("this is no entry: it has another spelling")
        return entry
