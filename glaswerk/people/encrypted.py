"""Columns that are encrypted with the key of the person whom they are about.

    text = personal(EncryptedTextField(person="sender", max_length=2000))
    address = personal(EncryptedJSONField(person="buyer"))

The value is bound to its table, column and row: moved anywhere else, it is noise.  It is decrypted when it is looked at,
so a query that reads many rows costs nothing more, and one that only asks the database gets ciphertext.  The column holds
it as text, or as a JSON string, so that whatever only passes it on, such as the database's own functions, need not know.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from django.core import checks
from django.core.exceptions import FieldError
from django.core.validators import MaxLengthValidator
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query_utils import DeferredAttribute
from psycopg import sql

from glaswerk.cell.key_holder import KeyDestroyed, KeyLost, NoWarrant

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    _Field = models.Field

_ROWS_AT_ONCE: Final = 1000


class Sealed(str):
    """A value as the database has it: base64, or empty."""

    __slots__ = ()


def sealed_text(owner: int, table: str, column: str, row: object, text: str) -> Sealed:
    """A text, encrypted for one place.  Empty texts stay empty, so that the database can tell them apart."""
    # The keys lie in a table whose app has encrypted columns as well, so its models load this file first.
    from glaswerk.people.keyring import seal

    return Sealed(b64encode(seal(owner, f"{table}/{column}/{row}", text)).decode() if text else "")


def opened_text(owner: int, table: str, column: str, row: object, value: str) -> str:
    """The text again; empty where its key was destroyed, and for staff who may not read it.  Raises KeyLost."""
    from glaswerk.people.keyring import unseal

    if not value:
        return ""
    place = f"{table}/{column}/{row}"
    try:
        return unseal(owner, place, b64decode(value, validate=True))
    except ValueError:
        raise KeyLost(f"{place} holds no encrypted value") from None
    except (KeyDestroyed, NoWarrant):
        return ""


class _Attribute(DeferredAttribute):
    """Decrypts at the moment of reading."""

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        return cast("_Encrypted", self.field).opened(instance, value) if isinstance(value, Sealed) else value

    def __set__(self, instance: models.Model, value: Any) -> None:
        # Without this the row's own dictionary would be asked before `__get__` is.
        instance.__dict__[self.field.attname] = value


class _Encrypted(_Field):
    """What encrypted columns have in common.

    `person`: whose key, as a path from the row to an id (`"buyer"`, `"purchase.buyer"`, `"id"`).  `row`: which fields name
    the row, where its primary key is the database's to give.
    """

    descriptor_class = _Attribute

    def __init__(self, *args: Any, person: str, row: Sequence[str] = ("pk",), **kwargs: Any) -> None:
        self.person = person
        self.row = tuple(row)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Say how to make this field again, for migrations."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "person": self.person, "row": self.row}

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        """Refuse a model whose rows have no id before they are stored: there is nothing to bind the value to."""
        found = super().check(**kwargs)
        if self.row == ("pk",) and getattr(self.model._meta.pk, "db_returning", False):
            message = f"{self.model._meta.label}.{self.name} is encrypted, and its row has no id before it is stored."
            hint = "Give the primary key new_id as its default, or name the row's own fields with row=."
            found.append(checks.Error(message, hint=hint, obj=self, id="glaswerk.E005"))
        return found

    def opened(self, instance: models.Model, value: Sealed) -> Any:
        """A row's value, decrypted; empty where its key was destroyed."""
        return self.from_text(opened_text(*self._place(instance), value))

    def sealed(self, instance: models.Model, value: Any) -> Sealed:
        """A value, encrypted for this row.  Raises KeyDestroyed."""
        return sealed_text(*self._place(instance), self.to_text(value))

    def _place(self, instance: models.Model) -> tuple[int, str, str, str]:
        owner: Any = instance
        *steps, last = self.person.split(".")
        for step in steps:
            owner = getattr(owner, step)
        row = "/".join(str(instance.pk if name == "pk" else getattr(instance, name)) for name in self.row)
        attribute = "pk" if last == "pk" else owner._meta.get_field(last).attname
        return getattr(owner, attribute), self.model._meta.db_table, cast("str", self.column), row

    def to_text(self, value: Any) -> str:
        """The text that is encrypted for a value."""
        raise NotImplementedError

    def from_text(self, text: str) -> Any:
        """The value that was encrypted as this text."""
        raise NotImplementedError

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Encrypt a value that was set; one that was only read goes back as it came."""
        value = model_instance.__dict__.get(self.attname)
        if value is not None and not isinstance(value, Sealed):
            value = model_instance.__dict__[self.attname] = self.sealed(model_instance, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        """Give the database nothing that is readable."""
        if value is None or value == "" or isinstance(value, Sealed):
            return value
        raise FieldError(f"{self.name} is encrypted: set it on a row and save that; nothing can be searched in it")

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Sealed | None:
        """Take what the database has."""
        return None if value is None else Sealed(value)


class EncryptedTextField(_Encrypted):
    """A text that only its person's key opens.  `max_length` is that of the text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.max_length is not None:
            self.validators.append(MaxLengthValidator(self.max_length))

    def get_internal_type(self) -> str:
        """The column's type."""
        return "TextField"

    def to_text(self, value: Any) -> str:
        """The text itself."""
        return str(value)

    def from_text(self, text: str) -> str:
        """The text itself."""
        return text

    def formfield(self, **kwargs: Any) -> Any:
        """Show it as a text."""
        from django import forms

        return super().formfield(**{"form_class": forms.CharField, "max_length": self.max_length, **kwargs})


class EncryptedJSONField(_Encrypted):
    """A JSON value that only its person's key opens.  The column is JSON as well, and holds a string."""

    def get_internal_type(self) -> str:
        """The column's type."""
        return "JSONField"

    def to_text(self, value: Any) -> str:
        """The value as JSON."""
        return orjson.dumps(value).decode()

    def from_text(self, text: str) -> Any:
        """The value of the JSON; empty where there is none any more."""
        return orjson.loads(text) if text else {}

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        """Wrap the string as JSON."""
        prepared_value = super().get_db_prep_value(value, connection, prepared)
        return None if prepared_value is None else connection.ops.adapt_json_value(str(prepared_value), None)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Sealed | None:
        """Take the string out of the JSON."""
        return None if value is None else Sealed(orjson.loads(value) if value[:1] == '"' else value)


def seal_for(instance: models.Model, name: str, value: Any) -> Sealed:
    """A value of an encrypted field, as `update` and the database's own functions take it.  Raises KeyDestroyed."""
    return cast("_Encrypted", instance._meta.get_field(name)).sealed(instance, value)


def encrypted_fields(model: type[models.Model]) -> list[_Encrypted]:
    """The encrypted columns of a model."""
    return [field for field in model._meta.concrete_fields if isinstance(field, _Encrypted)]


def encrypt_rows(
    table: str, columns: Mapping[str, bool], owner: str, *, key: str = "id", row: str = "", source: str = ""
) -> None:
    """Encrypt what a table holds, for migrations.  `columns`: their names, and whether they are JSON.

    `owner` and `row` are SQL for the owner's id and the row's name (left out: its key); `source` joins what they need.
    The columns have their new types by now, and nothing in them is encrypted.
    """
    names = [sql.Identifier(name) for name in columns]
    place, number = sql.Identifier(table), sql.Identifier(key)
    fetch = sql.SQL("SELECT t.{}, {}, ({})::text, {} FROM {} t {} WHERE t.{} > %s ORDER BY t.{} LIMIT %s").format(
        number,
        sql.SQL(owner),
        sql.SQL(row or f"t.{key}"),
        sql.SQL(", ").join(sql.SQL("t.{}::text").format(name) for name in names),
        place,
        sql.SQL(source),
        number,
        number,
    )
    new = [sql.SQL("to_jsonb(%s::text)" if is_json else "%s") for is_json in columns.values()]
    changes = [sql.SQL("{} = {}").format(name, value) for name, value in zip(names, new, strict=True)]
    keep = sql.SQL("UPDATE {} SET {} WHERE {} = %s").format(place, sql.SQL(", ").join(changes), number)
    last = -(1 << 63)
    with connection.cursor() as cursor:
        while True:
            cursor.execute(fetch, [last, _ROWS_AT_ONCE])
            rows = cursor.fetchall()
            for last, whose, name, *values in rows:
                sealed = [sealed_text(whose, table, *one) for one in _places(columns, name, values)]
                cursor.execute(keep, [*sealed, last])
            if len(rows) < _ROWS_AT_ONCE:
                return


def _places(columns: Mapping[str, bool], row: str, values: Sequence[str]) -> list[tuple[str, str, str]]:
    return [(column, row, value) for column, value in zip(columns, values, strict=True)]
