"""The four data classes, declared on every concrete field of every model.

A class is written into the column's comment (`db_comment`), so that it stands in the database from the first migration
on and an auditor can read it there without our code.  Fields of the libraries' models are declared in `LIBRARY_FIELDS`.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error
from django.db.models import Field, Model

AnyField = TypeVar("AnyField", bound="Field[Any, Any]")


class DataClass(StrEnum):
    """Who may see a value, from everyone to nobody."""

    PUBLIC = "PUBLIC"  # Its owner chose to publish it beyond this cell.
    COUNT = "COUNT"  # An aggregate; it leaves the cell only with noise.
    PERSONAL = "PERSONAL"  # About a person, and never leaves the cell.
    SECRET = "SECRET"  # noqa: S105 - A credential or a key; no page or export shows it.


def _classed(field: AnyField, data_class: DataClass) -> AnyField:
    field.db_comment = data_class.value
    return field


def public(field: AnyField) -> AnyField:
    """Declare a field PUBLIC."""
    return _classed(field, DataClass.PUBLIC)


def count(field: AnyField) -> AnyField:
    """Declare a field COUNT."""
    return _classed(field, DataClass.COUNT)


def personal(field: AnyField) -> AnyField:
    """Declare a field PERSONAL."""
    return _classed(field, DataClass.PERSONAL)


def secret(field: AnyField) -> AnyField:
    """Declare a field SECRET."""
    return _classed(field, DataClass.SECRET)


def _all(data_class: DataClass, names: str) -> dict[str, DataClass]:
    return dict.fromkeys(names.split(), data_class)


_P, _S, _C = DataClass.PERSONAL, DataClass.SECRET, DataClass.COUNT

LIBRARY_FIELDS: Final[dict[str, dict[str, DataClass]]] = {
    "account.EmailAddress": _all(_P, "id user email verified primary"),
    "account.EmailConfirmation": _all(_P, "id email_address created sent") | _all(_S, "key"),
    "admin.LogEntry": _all(_P, "id action_time user content_type object_id object_repr action_flag change_message"),
    "auth.Group": _all(_P, "id name"),
    "auth.Group_permissions": _all(_P, "id group permission"),
    "auth.Permission": _all(_P, "id name content_type codename"),
    "contenttypes.ContentType": _all(_P, "id app_label model"),
    "mfa.Authenticator": _all(_P, "id user type created_at last_used_at") | _all(_S, "data"),
    "people.Person_groups": _all(_P, "id person group"),
    "people.Person_user_permissions": _all(_P, "id person permission"),
    "procrastinate.ProcrastinateEvent": _all(_P, "id job type at"),
    "procrastinate.ProcrastinateJob": _all(
        _P,
        "id queue_name task_name priority lock args status scheduled_at attempts queueing_lock abort_requested worker",
    ),
    "procrastinate.ProcrastinatePeriodicDefer": _all(_P, "id task_name defer_timestamp job periodic_id"),
    "procrastinate.ProcrastinateWorker": _all(_P, "id last_heartbeat"),
    "sessions.Session": _all(_S, "session_key session_data") | _all(_P, "expire_date"),
}


def data_class_of(field: "Field[Any, Any]") -> DataClass | None:
    """Return the class a concrete field declares, or None where it declares none."""
    declared = LIBRARY_FIELDS.get(field.model._meta.label, {}).get(field.name)
    if declared is not None:
        return declared
    comment = getattr(field, "db_comment", None)
    return DataClass(comment) if isinstance(comment, str) and comment in DataClass.__members__ else None


def concrete_fields(models: Iterable[type[Model]] | None = None) -> Iterable["Field[Any, Any]"]:
    """Yield every field that has a column, of the given models or of all installed ones (join tables included)."""
    for model in models if models is not None else apps.get_models(include_auto_created=True):
        if not model._meta.proxy:
            yield from model._meta.concrete_fields


def check_every_field_declares_a_class(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """System check `glaswerk.E001`: a field without a data class keeps the cell from starting."""
    return [
        Error(
            f"{field.model._meta.label}.{field.name} declares no data class.",
            hint="Wrap the field in public(), count(), personal() or secret() of glaswerk.cell.classes.",
            obj=field,
            id="glaswerk.E001",
        )
        for field in concrete_fields()
        if data_class_of(field) is None
    ]
