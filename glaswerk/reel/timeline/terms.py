"""How a document is read: on whose terms, and what both readers of it need."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from glaswerk.reel.timeline.model import Note
from glaswerk.reel.timeline.place import Place


@dataclass(slots=True)
class Terms:
    """What is unknown is an error in a document of our own, and a note in a foreign one."""

    foreign: bool
    notes: list[Note] = field(default_factory=list)
    fps: int = 30

    def unknown(self, place: Place, what: str) -> None:
        if not self.foreign:
            raise place.fail(f"{what} is not known here; take it out.")
        self.notes.append(Note(place.path, f"{what} was left out."))

    def only(self, facts: Place, known: str) -> None:
        """Note the names that mean nothing here: a misspelt one would otherwise be ignored in silence."""
        for key in facts.object():
            if key not in known.split():
                self.notes.append(Note(facts[key].path, "is not known here and was not read."))


def schema_of(place: Place) -> str:
    return place["OTIO_SCHEMA"].text("").split(".")[0] or "nothing"


def reference_of(place: Place) -> Place:
    """The active media reference of a clip, under the name that older documents give it."""
    key = place["active_media_reference_key"].text("DEFAULT_MEDIA")
    references = place["media_references"]
    value: Any = references.object().get(key) if references else None
    return Place(value if value is not None else {"OTIO_SCHEMA": "MissingReference.1"}, f"{place.path}.media_reference")


def seconds_of(place: Place) -> Fraction:
    return Fraction(place["value"].number(-1e12, 1e12)) / Fraction(place["rate"].number(1e-6, 1e9))


def milliseconds(seconds: Fraction) -> int:
    return int(seconds * 1000 + Fraction(1, 2))
