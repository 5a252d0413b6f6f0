"""What people may ask of the cell: a copy of everything that it holds about them, and to be forgotten.

Every app answers through one `Exporter`, with a method for each category of data.  A category names the models that it
covers, and a model about people that no category covers, and that is not left out with a reason, keeps the cell from
starting (`check_everything_is_covered`): so nothing can be forgotten, neither in an export nor in an erasure.
"""

import base64
from abc import ABC
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.db.models import Field, Model
from django.utils.functional import Promise

from glaswerk.cell.blobs import Blob
from glaswerk.cell.classes import DataClass, data_class_of
from glaswerk.cell.ids import MAX_ID, encode_id
from glaswerk.people.models import Person

Record = dict[str, Any]
Words = str | Promise
_MARK: Final = "rights_category"
# Numbers from here on are ids of ours; JSON's readers would round them.
_LEAST_ID: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class Carried:
    """A file of an export: where it lies in it, and its bytes, or the stored blob that has them."""

    path: str
    blob: Blob | None = None
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of what an app holds about a person; `kept` says why the law keeps it when the person goes."""

    name: str
    title: Words
    covers: tuple[str, ...]
    kept: Words
    records: Callable[[Person], Iterable[Record]]


Method = TypeVar("Method", bound=Callable[..., Iterable[Record]])


def category(title: Words, *covers: str, kept: Words = "") -> Callable[[Method], Method]:
    """Declare a method of an exporter as the category of its name, which covers these models."""

    def mark(method: Method) -> Method:
        setattr(method, _MARK, (title, covers, kept))
        return method

    return mark


class Exporter(ABC):
    """What one app holds about people: handed out by categories, and erased by all of them together."""

    app: ClassVar[str]
    # Models about people that no export shows, each with the reason.
    excluded: ClassVar[Mapping[str, str]] = {}

    def categories(self) -> list[Category]:
        """Return the categories in the order in which they are written down."""
        found = []
        for name, member in vars(type(self)).items():
            if (marked := getattr(member, _MARK, None)) is not None:
                title, covers, kept = marked
                found.append(Category(name, title, covers, kept, getattr(self, name)))
        return found

    def files(self, person: Person) -> Iterable[Carried]:
        """Return the person's files; their paths are those that the records name."""
        return ()

    def obstacles(self, person: Person) -> list[str]:
        """Return what has to be settled before the person can be erased, as sentences for them."""
        return []

    def erase(self, person: Person) -> list[str]:
        """Delete or cut off everything about the person; the caller's transaction has locked their row.

        Returns the stored files that nobody may need any more: `<sha>.<extension>`, or `<sha>` for originals.  Rows that
        the person's own row takes along need no word here.
        """
        return []

    def forget(self, number: int) -> None:  # noqa: B027 - most apps read nothing of the event log.
        """Delete what the event log may have brought after `erase`; called once every reader has come past it."""


def facts(row: Model, *without: str) -> Record:
    """Return every field of a row as JSON has it, but for credentials and keys, and for those that are left out by name."""
    return {
        field.name: _plain(field, field.value_from_object(row))
        for field in row._meta.concrete_fields
        if field.name not in without and data_class_of(field) is not DataClass.SECRET
    }


def _plain(field: "Field[Any, Any]", value: Any) -> Any:
    is_name = field.primary_key or field.is_relation
    return public_form(value) if is_name else plain(value)


def public_form(value: Any) -> Any:
    """Return an id as addresses and JSON have it; other keys stay as they are."""
    return encode_id(value) if isinstance(value, int) and _LEAST_ID <= value <= MAX_ID else plain(value)


def plain(value: Any) -> Any:
    """Return a value of a column as JSON has it."""
    match value:
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case UUID():
            return str(value)
        case bytes() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case list() | tuple():
            return [public_form(each) for each in value]
        case dict() | str() | bool() | int() | float() | None:
            return value
        case _:
            return str(value)


def models_about_people() -> Iterator[type[Model]]:
    """Yield every model that leads to a person, by itself or through its parents, or that has a field about one."""
    everything = [each for each in apps.get_models(include_auto_created=True) if not each._meta.proxy]
    linked: set[type[Model]] = {Person}
    while True:
        more = {
            model
            for model in everything
            if model not in linked
            and any(field.is_relation and field.related_model in linked for field in model._meta.concrete_fields)
        }
        if not more:
            break
        linked |= more
    for model in everything:
        if model in linked or any(data_class_of(each) is DataClass.PERSONAL for each in model._meta.concrete_fields):
            yield model


def check_everything_is_covered(exporters: Sequence[Exporter]) -> list[CheckMessage]:
    """System check `glaswerk.E003`: data about people that no exporter covers keeps the cell from starting."""
    covered = {label for exporter in exporters for each in exporter.categories() for label in each.covers}
    excluded = {label: reason for exporter in exporters for label, reason in exporter.excluded.items()}
    known = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    about = [model._meta.label for model in models_about_people()]
    hint = "Name it in a category of the app's exporter, or in `excluded` with the reason (glaswerk.people.rights)."
    problems = [
        f"{label} is about people, and no export covers it." for label in about if label not in covered | {*excluded}
    ]
    problems += [
        f"{label} is covered by an export, and there is no such model."
        for label in sorted((covered | {*excluded}) - known)
    ]
    problems += [f"{label} is covered by an export, and left out of it too." for label in sorted(covered & {*excluded})]
    problems += [
        f"{label} is left out of exports without a reason." for label, reason in excluded.items() if not reason
    ]
    return [Error(problem, hint=hint, id="glaswerk.E003") for problem in problems]
