"""Columns that are encrypted with the key of the person whom they are about.

    text = personal(EncryptedTextField(person="sender", max_length=2000))

The value is bound to its table, column and row: moved anywhere else, it is noise.  It is decrypted when it is looked at,
so a query that reads many rows costs nothing more, and one that only asks the database gets ciphertext.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from django.core import checks
from django.core.exceptions import FieldError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query_utils import DeferredAttribute

from glaswerk.people.keyring import KeyDestroyed, seal, unseal

if TYPE_CHECKING:
    _TextField = models.Field[str, str]
else:
    _TextField = models.Field

# Format, nonce and tag of an encrypted value.
OVERHEAD: Final = 29


class Sealed(bytes):
    """A value as the database has it."""


def place_of(table: str, column: str, row: int) -> str:
    """What an encrypted value is bound to."""
    return f"{table}/{column}/{row}"


class _Attribute(DeferredAttribute):
    """Decrypts at the moment of reading.  A value whose key was destroyed reads as empty."""

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        return cast("EncryptedTextField", self.field).opened(instance, value) if isinstance(value, Sealed) else value

    def __set__(self, instance: models.Model, value: Any) -> None:
        # Without this the row's own dictionary would be asked before `__get__` is.
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(_TextField):
    """A text that only its person's key opens.  Empty texts stay empty, so that the database can tell them apart.

    `person`: whose key, as a path from the row to an id (`"buyer"`, `"purchase.buyer"`, `"id"`).
    """

    descriptor_class = _Attribute
    empty_strings_allowed = True

    def __init__(self, *args: Any, person: str, **kwargs: Any) -> None:
        self.person = person
        super().__init__(*args, **kwargs)
        if self.max_length is not None:
            self.validators.append(MaxLengthValidator(self.max_length))

    def deconstruct(self) -> Any:
        """Say how to make this field again, for migrations."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "person": self.person}

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        """Refuse a model whose rows have no id before they are stored: there is nothing to bind the value to."""
        found = super().check(**kwargs)
        if not self.model._meta.pk.has_default():
            message = f"{self.model._meta.label}.{self.name} is encrypted, and its row has no id before it is stored."
            found.append(
                checks.Error(message, hint="Give the primary key a default: new_id.", obj=self, id="glaswerk.E003")
            )
        return found

    def get_internal_type(self) -> str:
        """The column's type is that of bytes."""
        return "BinaryField"

    def owner_of(self, instance: models.Model) -> int:
        """The id of the owner of a row's value."""
        owner: Any = instance
        *steps, last = self.person.split(".")
        for step in steps:
            owner = getattr(owner, step)
        return cast("int", getattr(owner, owner._meta.get_field(last).attname))

    def place_in(self, instance: models.Model) -> str:
        """What a row's value is bound to."""
        return place_of(self.model._meta.db_table, cast("str", self.column), instance.pk)

    def opened(self, instance: models.Model, value: Sealed) -> Any:
        """A row's value, decrypted; empty where its key was destroyed."""
        if not value:
            return ""
        try:
            return unseal(self.owner_of(instance), self.place_in(instance), value)
        except KeyDestroyed:
            return ""

    def sealed(self, instance: models.Model, text: str) -> Sealed:
        """A text, encrypted for this row.  Raises KeyDestroyed."""
        return Sealed(seal(self.owner_of(instance), self.place_in(instance), text) if text else b"")

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Encrypt a value that was set; one that was only read goes back as it came."""
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Sealed):
            return value
        sealed = self.sealed(model_instance, self.text_of(value))
        model_instance.__dict__[self.attname] = sealed
        return sealed

    def text_of(self, value: Any) -> str:
        """The text that is encrypted for a value."""
        return str(value)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Sealed | None:
        """Take what the database has."""
        return None if value is None else Sealed(bytes(value))

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        """Give the database nothing that is readable."""
        if value is None or isinstance(value, Sealed):
            return value
        if value in ("", b""):
            return b""
        raise FieldError(f"{self.name} is encrypted: set it on a row and save that; nothing can be searched in it")

    def formfield(self, **kwargs: Any) -> Any:
        """Show it as a text."""
        from django import forms

        return super().formfield(**{"form_class": forms.CharField, "max_length": self.max_length, **kwargs})

    def value_to_string(self, obj: models.Model) -> str:
        """The text, for serialisers."""
        return str(self.value_from_object(obj))


def sealed_columns(model: type[models.Model]) -> Sequence[EncryptedTextField]:
    """The encrypted columns of a model."""
    return [field for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]
