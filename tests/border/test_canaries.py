"""Canaries: a thousand people with an unmistakable value in every column of every table, and what the border lets out of it.

What one value of is too small to be unmistakable (a year, a switch) is so by all of its rows together: no other column has
the same thousand in the same order.
"""

import itertools
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from glaswerk.border.models import Change, Spoken
from glaswerk.border.outward.speaking import speak_waiting
from glaswerk.border.role import ROWS, column_of, grant_table, public_columns
from glaswerk.canary import Detector, Needle, digested, new_token, spelled
from glaswerk.cell.classes import LIBRARY_FIELDS, DataClass, concrete_fields, data_class_of
from glaswerk.cell.ids import encode_id
from glaswerk.cell.models import Record
from tests.border.planting import GATES, LINKS, Place, Planted, Value, plant, read_as_border

PEOPLE = 1000
# Where one field after the other is tried.
PEOPLE_OF_A_TRY = 150
LISTED = Path(__file__).parent / "public_columns.txt"
HELD = "false"

# Each test plants for itself, in the transaction that is rolled back after it.
pytestmark = pytest.mark.django_db


class Beagle:
    """Says which columns that are not public are in what was read."""

    def __init__(self, planted: Planted) -> None:
        self._detector = Detector(spelled("private", planted.stem))
        self._planted = planted
        self._places = planted.of_class("PERSONAL", "SECRET", "COUNT")
        self._owners: dict[Value, Place] = {}
        for place in self._places:
            if place in planted.wide:
                self._owners |= dict.fromkeys(planted.values[place], place)

    def search(self, read: dict[Place, tuple[Value, ...]]) -> set[Place]:
        """The columns whose canaries are in what was read."""
        found = set()
        columns = {}
        for place in self._places:
            values = self._planted.values[place]
            # What is the same in all rows says of none of them more than that it is there.
            if place not in GATES and place not in LINKS:
                columns[values] = place
        for place, values in read.items():
            if not values:
                continue
            if values in columns:
                found.add(columns[values])
            found |= {self._owners[value] for value in values if value in self._owners}
            if self._detector.search("\n".join(map(str, values)).encode()).found:
                found.add(place)
        return found


def test_of_a_thousand_people_everything_public_leaves_by_the_role_and_nothing_else() -> None:
    planted = plant(PEOPLE, {})
    assert len(planted.of_class("PERSONAL", "SECRET")) > 600
    assert all(len(values) == PEOPLE for values in planted.values.values())
    read = read_as_border(PEOPLE)
    assert Beagle(planted).search(read) == set()
    # The control: without it, nothing would be found where nothing is read.
    assert set(read) == set(planted.of_class("PUBLIC"))
    leaving = {place for place in read if ROWS.get(place[0], HELD) != HELD}
    assert len(leaving) > 200
    assert {place for place, values in read.items() if values == planted.values[place]} == leaving
    assert {values for place, values in read.items() if place not in leaving} == {()}


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def declared_public(field: Any) -> Iterator[None]:
    """Somebody writes `public(...)` around the field."""
    with pytest.MonkeyPatch.context() as patch:
        if field.model._meta.label in LIBRARY_FIELDS:
            patch.setitem(LIBRARY_FIELDS[field.model._meta.label], field.name, DataClass.PUBLIC)
        else:
            patch.setattr(field, "db_comment", "PUBLIC")
        yield


def leaks_of(table: str, detector: Beagle) -> set[Place]:
    """What is found when the role is granted anew what the declarations say now of this table."""
    with rolled_back():
        grant_table(table, public_columns()[table])
        return detector.search(read_as_border(PEOPLE_OF_A_TRY, table))


def test_each_field_that_somebody_declares_public_is_found() -> None:
    planted = plant(PEOPLE_OF_A_TRY, {})
    detector = Beagle(planted)
    fields = [field for field in concrete_fields() if data_class_of(field) in (DataClass.PERSONAL, DataClass.SECRET)]
    assert len(fields) > 600
    missed, by_rows, same_in_all = [], set(), set()
    for field in fields:
        table, column = field.model._meta.db_table, column_of(field)
        with declared_public(field):
            found = leaks_of(table, detector)
            if not found and ROWS.get(table, HELD) == HELD:
                # No row of this table leaves, whatever its columns are; so somebody lets the rows out too.
                by_rows.add(table)
                with pytest.MonkeyPatch.context() as patch:
                    patch.setitem(ROWS, table, "true")
                    found = leaks_of(table, detector)
        if found == set() and ((table, column) in GATES or (table, column) in LINKS):
            same_in_all.add((table, column))
        elif found != {(table, column)}:
            missed.append((table, column, found))
    assert missed == []
    # Of rows that leave, these say nothing but that they do: they are what the policy itself asks for.
    assert same_in_all == {
        ("people_person", "is_active"),
        ("videos_video", "state"),
        ("videos_video", "visibility"),
    }
    assert by_rows == {field.model._meta.db_table for field in fields} - {
        table for table, rows in ROWS.items() if rows != HELD
    }
    assert read_as_border(1).keys() == set(planted.of_class("PUBLIC"))


def _hash() -> str:
    return secrets.token_hex(32)


# What the messages to other cells hold must be what they take, and the rules of what crosses must let it.
_CROSSING: dict[Place, Callable[[], Value]] = {
    ("people_person", "name"): new_token,
    ("people_person", "display_name"): new_token,
    ("people_person", "bio"): new_token,
    ("people_person", "avatar"): lambda: "",
    ("people_person", "home"): lambda: "",
    ("people_person", "stays_in_region"): lambda: "f",
    ("videos_video", "allow_elsewhere"): lambda: "t",
    ("videos_video", "caption"): new_token,
    ("videos_video", "sound_title"): new_token,
    ("videos_video", "language"): lambda: "en",
    ("videos_video", "region"): lambda: "eu",
    ("videos_video", "duration_ms"): lambda: "5000",
    ("videos_rendition", "family"): lambda: "h264",
    ("videos_rendition", "width"): lambda: "720",
    ("videos_rendition", "height"): lambda: "1280",
    ("videos_rendition", "size"): lambda: "99999",
    ("videos_rendition", "blob"): _hash,
    ("videos_captiontrack", "language"): lambda: "en",
    ("videos_captiontrack", "blob"): _hash,
    ("shop_merchant", "title"): new_token,
    ("shop_merchant", "currency"): lambda: "EUR",
    ("shop_merchant", "is_open_to_creators"): lambda: "t",
    ("shop_product", "title"): new_token,
    ("shop_product", "vendor"): new_token,
    ("shop_variant", "is_active"): lambda: "t",
    ("shop_price", "currency"): lambda: "EUR",
    ("shop_price", "minor"): lambda: "1990",
    ("shop_picture", "blob"): lambda: "",
}
# Public words that other cells are told.
_TOLD: list[Place] = [place for place, make in _CROSSING.items() if make is new_token]
PEOPLE_WHO_SPEAK = 60


def _needles(planted: Planted) -> list[Needle]:
    """Everything that is not public and unmistakable by itself, as messages would spell it."""
    needles = spelled("private", planted.stem)
    for table, column in planted.of_class("PERSONAL", "SECRET", "COUNT"):
        for value in planted.values[table, column] if (table, column) in planted.wide else ():
            label = f"{table}.{column}"
            needles.append(Needle(label, "as it stands", str(value).encode()))
            needles += digested(label, str(value))
            if str(value).isdecimal():
                needles.append(Needle(label, "id", encode_id(int(str(value))).encode()))
    return needles


def test_of_everything_that_is_said_to_other_cells_nothing_is_private() -> None:
    planted = plant(
        PEOPLE_WHO_SPEAK, _CROSSING, keep=("border_change", "border_spoken", "border_spokenfile", "cell_record")
    )
    Change.objects.all().delete()
    Change.objects.bulk_create(
        Change(about=about, item=item, version=number)
        for number, (about, item) in enumerate(itertools.product(("profile", "video", "offer"), planted.ids))
    )
    while speak_waiting():
        pass
    said = [*Spoken.objects.values_list("type", "body"), *Record.objects.values_list("kind", "entry")]
    assert Counter(kind for kind, _text in said) == {
        "profile": PEOPLE_WHO_SPEAK,
        "video": PEOPLE_WHO_SPEAK,
        "offer": PEOPLE_WHO_SPEAK,
        "cross.out": 3 * PEOPLE_WHO_SPEAK,
    }
    everything = "\n".join(text for _kind, text in said)
    detector = Detector(_needles(planted))
    assert detector.search(everything.encode()).found == ()
    # The controls: every public word is there, and a private one that is said would be found.
    assert [place for place in _TOLD for value in planted.values[place] if str(value) not in everything] == []
    secret = planted.values["people_person", "password"][7]
    leaking = everything.replace("5000", str(secret), 1)
    assert {one.label for one in detector.search(leaking.encode()).found} == {"private"}
    leaking = everything.replace("5000", encode_id(int(str(planted.values["social_follow", "id"][3]))), 1)
    assert {(one.label, one.spelling) for one in detector.search(leaking.encode()).found} == {
        ("social_follow.id", "id")
    }


def test_what_is_public_is_what_is_written_down() -> None:
    # So that a field which becomes public is seen in a review by its name, also where it holds no canary.
    listed = {tuple(line.split(".")) for line in LISTED.read_text().split()}
    assert {(table, column) for table, columns in public_columns().items() for column in columns} == listed
