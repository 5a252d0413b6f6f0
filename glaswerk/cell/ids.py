"""Identifiers: 63-bit integers inside, thirteen Crockford base32 characters outside.

The high 41 bits count milliseconds since 2026-01-01, so that ids sort by creation; the low 22 bits are random, so that
nobody can count a cell's people or guess the next id.  Base32 alphabet: Douglas Crockford, https://www.crockford.com/base32.html.
"""

import secrets
import threading
import time
from typing import Final

EPOCH_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
RANDOM_BITS: Final = 22
MAX_ID: Final = (1 << 63) - 1
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH: Final = 13


def now_ms() -> int:
    """Return the wall clock in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


class _Issuer:
    """Draws ids and remembers those of the current millisecond, because a few thousand draws of 22 bits do repeat."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moment = 0
        self._drawn: set[int] = set()

    def draw(self) -> int:
        with self._lock:
            moment = now_ms() - EPOCH_MS
            # A clock that was set back must not lead to a millisecond whose ids are forgotten.
            if moment > self._moment:
                self._moment = moment
                self._drawn.clear()
            while True:
                value = (self._moment << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)
                if value not in self._drawn:
                    self._drawn.add(value)
                    return value


_issuer = _Issuer()


def new_id() -> int:
    """Return a fresh positive 63-bit id, which this process has never returned before.

    Two processes that draw within the same millisecond agree once in four million times; a primary key refuses the second.
    """
    return _issuer.draw()


def created_ms(value: int) -> int:
    """Return when an id was made, in milliseconds since the Unix epoch."""
    return (value >> RANDOM_BITS) + EPOCH_MS


def encode_id(value: int) -> str:
    """Return the public form of a positive 63-bit id.  Raises ValueError outside 0..2^63-1."""
    if not 0 <= value <= MAX_ID:
        raise ValueError("an id is a non-negative 63-bit integer")
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))


def decode_id(text: str) -> int:
    """Return the id behind its public form.  Raises ValueError for anything `encode_id` would not have written."""
    if len(text) != _LENGTH:
        raise ValueError("an id has thirteen characters")
    value = 0
    for letter in text:
        digit = _DIGITS.get(letter)
        if digit is None:
            raise ValueError("an id has only the characters 0-9 and a-z without i, l, o and u")
        value = (value << 5) | digit
    if value > MAX_ID:
        raise ValueError("an id fits 63 bits")
    return value
