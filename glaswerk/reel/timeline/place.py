"""A value in a document together with its place there, so that every complaint can name it."""

import math
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, TypeVar

from glaswerk.reel.timeline.model import TimelineError

_COLOUR: Final = re.compile(r"#[0-9a-f]{6}(?:[0-9a-f]{2})?")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{0,64}")
_KINDS: Final = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}
_Chosen = TypeVar("_Chosen", bound=StrEnum)


class Place:
    """One JSON value and the path to it. Every reading method raises TimelineError where the value is not what it has to be."""

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path

    def fail(self, message: str) -> TimelineError:
        return TimelineError(self.path, message)

    def __getitem__(self, key: str) -> "Place":
        path = f"{self.path}.{key}" if self.path else key
        return Place(self.object().get(key), path)

    def __bool__(self) -> bool:
        """Whether there is a value at all."""
        return self.value is not None

    def each(self) -> Iterator["Place"]:
        if not isinstance(self.value, list):
            raise self._not("a list")
        for number, value in enumerate(self.value):
            yield Place(value, f"{self.path}[{number}]")

    def object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self._not("an object")
        return self.value

    def only(self, *known: str) -> None:
        """Refuse names that mean nothing here: a misspelt one would otherwise be ignored in silence."""
        for key in self.object():
            if key not in known:
                raise self[key].fail(f"is not known here; known are {', '.join(known)}.")

    def text(self, default: str | None = None, most: int = 500) -> str:
        if self.value is None and default is not None:
            return default
        if not isinstance(self.value, str):
            raise self._not("a text")
        if len(self.value) > most:
            raise self.fail(f"has {len(self.value)} characters; at most {most} are allowed.")
        return self.value

    def name(self, default: str = "") -> str:
        text = self.text(default)
        if _NAME.fullmatch(text) is None:
            raise self.fail("may hold only A-Z, a-z, 0-9, _ and -, and at most 64 of them.")
        return text

    def number(self, least: float, most: float, default: float | None = None) -> float:
        if self.value is None and default is not None:
            return default
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self._not("a number")
        # A whole number may be too large for a float, and is then certainly out of bounds.
        if (isinstance(self.value, int) or math.isfinite(self.value)) and least <= self.value <= most:
            # OpenTimelineIO writes numbers with so many places; more would not survive.
            return round(float(self.value), 6)
        raise self.fail(f"has to be from {least:g} to {most:g}.")

    def whole(self, least: int, most: int, default: int | None = None) -> int:
        if self.value is None and default is not None:
            return default
        number = self.number(least, most)
        if number != int(number):
            raise self.fail("has to be a whole number.")
        return int(number)

    def flag(self, default: bool) -> bool:
        if self.value is None:
            return default
        if not isinstance(self.value, bool):
            raise self._not("true or false")
        return self.value

    def choice(self, names: type[_Chosen], default: _Chosen | None = None) -> _Chosen:
        if self.value is None and default is not None:
            return default
        if isinstance(self.value, str) and self.value in set(names):
            return names(self.value)
        raise self.fail(f"has to be one of {', '.join(names)}.")

    def colour(self, default: str, alpha: bool = True) -> str:
        if self.value is None or (self.value == "" and default == ""):
            return default
        text = self.value.lower() if isinstance(self.value, str) else ""
        if _COLOUR.fullmatch(text) is None or (len(text) > 7 and not alpha):
            raise self.fail("has to be a colour, #rrggbb" + (" or #rrggbbaa." if alpha else "."))
        return text

    def _not(self, wanted: str) -> TimelineError:
        if self.value is None:
            return self.fail(f"is missing; it has to be {wanted}.")
        return self.fail(f"is {_KINDS.get(type(self.value), 'something else')}; it has to be {wanted}.")
