"""Which columns refer to blobs, declared beside each of them.

A file that no declared column names is removed sooner or later, so a forgotten declaration would lose files.  Therefore
a column that could hold a SHA-256 either says which blobs it keeps or says that it keeps none, and a cell with one that
says nothing does not start.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from django.apps import AppConfig
from django.contrib.postgres.fields import ArrayField
from django.core.checks import CheckMessage, Error
from django.db.models import CharField, Field, Q, QuerySet

from glaswerk.cell.blobs.names import EXTENSIONS, Blob
from glaswerk.cell.classes import concrete_fields

AnyField = TypeVar("AnyField", bound="Field[Any, Any]")

# An attribute of the field and not a part of its definition, so that it needs no migration.
_KEPT: Final = "kept_extensions"
_WHERE: Final = "kept_where"
_ORIGINAL: Final = ""
_SHA_LENGTH: Final = 64


def keeps_blob(field: AnyField, *extensions: str, where: Q | None = None) -> AnyField:
    """Declare that blobs with any of these extensions are kept while a value of this field names them.

    `where` narrows it to some of the rows.
    """
    unknown = set(extensions) - EXTENSIONS
    if unknown or not extensions:
        raise ValueError(f"a blob's extension is one of {', '.join(sorted(EXTENSIONS))}")
    return _declared(field, extensions, where)


def keeps_original(field: AnyField, where: Q | None = None) -> AnyField:
    """Declare that an uploaded file is kept while a value of this field names it, in the rows that `where` names."""
    return _declared(field, (_ORIGINAL,), where)


def keeps_nothing(field: AnyField) -> AnyField:
    """Declare that this field's hashes, or whatever it holds, are not the names of blobs."""
    return _declared(field, (), None)


def _declared(field: AnyField, extensions: Iterable[str], where: Q | None) -> AnyField:
    setattr(field, _KEPT, frozenset(extensions))
    setattr(field, _WHERE, where or Q())
    return field


@dataclass(frozen=True, slots=True)
class Reference:
    """A value of a column, and the extensions of the blobs that it may keep by it; some of them need not be there."""

    column: str
    sha: str
    extensions: frozenset[str]


def declared_fields() -> list["Field[Any, Any]"]:
    """Return the fields that keep blobs."""
    return [field for field in concrete_fields() if getattr(field, _KEPT, None)]


def referenced(blobs: Collection[Blob]) -> set[Blob]:
    """Return those of the blobs that a row refers to.  One query a column."""
    kept: set[Blob] = set()
    for field in declared_fields():
        extensions: frozenset[str] = getattr(field, _KEPT)
        asked = {blob.sha for blob in blobs if blob.extension in extensions}
        if not asked:
            continue
        named = _named(field, asked)
        kept |= {blob for blob in blobs if blob.sha in named and blob.extension in extensions}
    return kept


def all_references() -> Iterator[Reference]:
    """Yield everything that any row refers to."""
    for field in declared_fields():
        column = f"{field.model._meta.label}.{field.name}"
        for value in _rows(field).values_list(field.name, flat=True).distinct().iterator(chunk_size=2000):
            for sha in value if isinstance(value, list) else (value,):
                if sha:
                    yield Reference(column, sha, getattr(field, _KEPT))


def _named(field: "Field[Any, Any]", asked: set[str]) -> set[str]:
    rows = _rows(field)
    if isinstance(field, ArrayField):
        lists = rows.filter(**{f"{field.name}__overlap": sorted(asked)}).values_list(field.name, flat=True)
        return {sha for one in lists for sha in one or ()} & asked
    return set(rows.filter(**{f"{field.name}__in": asked}).values_list(field.name, flat=True))


def _rows(field: "Field[Any, Any]") -> "QuerySet[Any]":
    rows: QuerySet[Any] = field.model._base_manager.filter(getattr(field, _WHERE)).order_by()
    return rows


def check_every_hash_declares_what_it_keeps(
    app_configs: Sequence[AppConfig] | None, **kwargs: object
) -> list[CheckMessage]:
    """System check `glaswerk.E002`: an undeclared column for hashes keeps the cell from starting."""
    return [
        Error(
            f"{field.model._meta.label}.{field.name} could name a blob and does not say whether it keeps it.",
            hint="Wrap the field in keeps_blob(), keeps_original() or keeps_nothing() of glaswerk.cell.references.",
            obj=field,
            id="glaswerk.E002",
        )
        for field in concrete_fields()
        if _could_name_a_blob(field) and not hasattr(field, _KEPT)
    ]


def _could_name_a_blob(field: "Field[Any, Any]") -> bool:
    if not field.model.__module__.startswith("glaswerk."):
        # A library knows nothing of our blobs.
        return False
    held = field.base_field if isinstance(field, ArrayField) else field
    return isinstance(held, CharField) and held.max_length == _SHA_LENGTH
