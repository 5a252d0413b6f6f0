"""Reading JSON of any size piece by piece, with bounds on all that could grow: depth, texts, keys and single elements.

Only what stands in a list, and values that are no list and no object, are handed out; each with the keys that lead to
it.  So a file of a gigabyte needs the memory of its largest element.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

MOST_DEEP: Final = 24
LONGEST_TEXT: Final = 256 << 10
MOST_KEYS: Final = 10_000
MOST_TOKENS: Final = 20_000
"""What one element of a list may consist of."""
MOST_NUMBER: Final = 100

# Possessive where it matters: a text is either whole in the buffer, or more is read.
_TOKEN: Final = re.compile(
    r'[ \t\r\n]*(?:([{}\[\]:,])|("(?:[^"\\\x00-\x1f]|\\.)*")|(-?[0-9][0-9.eE+-]*|true|false|null)(?=[^0-9.eE+a-z-]))',
    re.DOTALL,
)
_SIGNS: Final = ("{", "}", "[", "]", ":", ",")
_BLANK: Final = re.compile(r"[ \t\r\n]*\Z")

Path = tuple[str, ...]


class BadJson(Exception):  # noqa: N818 - it says what was found.
    """The text is no JSON, or more than is taken; `reason` is one word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def elements(pieces: Iterable[bytes]) -> Iterator[tuple[Path, Any]]:
    """Yield (keys, value) for every element of every list, and for every plain value outside of lists.  Raises BadJson."""
    tokens = _tokens(pieces)
    first = next(tokens, None)
    if first is None:
        raise BadJson("empty")
    yield from _walk(first, tokens, ())
    if next(tokens, None) is not None:
        raise BadJson("trailing")


def _walk(part: str, tokens: Iterator[str], path: Path) -> Iterator[tuple[Path, Any]]:
    if len(path) > MOST_DEEP:
        raise BadJson("deep")
    if part == "{":
        for key, first in _members(tokens):
            yield from _walk(first, tokens, (*path, key))
    elif part == "[":
        for first in _items(tokens):
            yield path, _value(first, tokens, len(path) + 1, [MOST_TOKENS])
    else:
        yield path, _scalar(part)


def _value(part: str, tokens: Iterator[str], depth: int, left: list[int]) -> Any:
    """Return one whole value; `left` counts what it may still consist of."""
    if depth > MOST_DEEP:
        raise BadJson("deep")
    left[0] -= 1
    if left[0] < 0:
        raise BadJson("large")
    if part == "{":
        return {key: _value(first, tokens, depth + 1, left) for key, first in _members(tokens)}
    if part == "[":
        return [_value(first, tokens, depth + 1, left) for first in _items(tokens)]
    return _scalar(part)


def _members(tokens: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the keys of an object, each with the first token of its value, which the caller reads before it goes on."""
    seen: set[str] = set()
    part = _next(tokens)
    if part == "}":
        return
    while True:
        if not part.startswith('"'):
            raise BadJson("malformed")
        key = _scalar(part)
        # Two readers that choose differently between equal keys would see two different archives.
        if key in seen:
            raise BadJson("twice")
        seen.add(key)
        if len(seen) > MOST_KEYS:
            raise BadJson("large")
        if _next(tokens) != ":":
            raise BadJson("malformed")
        yield key, _next(tokens)
        part = _next(tokens)
        if part == "}":
            return
        if part != ",":
            raise BadJson("malformed")
        part = _next(tokens)


def _items(tokens: Iterator[str]) -> Iterator[str]:
    """Yield the first token of every element of a list; the caller reads the rest of it before it goes on."""
    part = _next(tokens)
    if part == "]":
        return
    while True:
        yield part
        part = _next(tokens)
        if part == "]":
            return
        if part != ",":
            raise BadJson("malformed")
        part = _next(tokens)


def _next(tokens: Iterator[str]) -> str:
    part = next(tokens, None)
    if part is None:
        raise BadJson("malformed")
    return part


def _scalar(part: str) -> Any:
    if part in _SIGNS:
        raise BadJson("malformed")
    if len(part) > MOST_NUMBER and not part.startswith('"'):
        raise BadJson("large")
    try:
        value = json.loads(part)
    except (ValueError, RecursionError):
        raise BadJson("malformed") from None
    # No database text holds a zero, and half a surrogate is no character.
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    return value


def _tokens(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    buffer = ""
    ended = False
    source = iter(pieces)
    while True:
        place = 0
        while match := _TOKEN.match(buffer, place):
            part: str = match[match.lastindex or 0]
            if len(part) > LONGEST_TEXT:
                raise BadJson("large")
            yield part
            place = match.end()
        buffer = buffer[place:]
        if ended:
            if not _BLANK.match(buffer):
                raise BadJson("malformed")
            return
        if len(buffer) > LONGEST_TEXT:
            raise BadJson("large" if buffer.lstrip().startswith('"') else "malformed")
        piece = next(source, None)
        try:
            if piece is None:
                # The blank lets a number at the very end be whole.
                buffer += decoder.decode(b"", final=True) + " "
                ended = True
            else:
                buffer += decoder.decode(piece)
        except UnicodeDecodeError:
            raise BadJson("encoding") from None
