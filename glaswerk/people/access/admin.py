"""The admin behind the same door: what is personal is not in its lists, and on a row's page only while the door is open."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import DataClass, data_class_of
from glaswerk.people.access.door import check_access, scope_of
from glaswerk.people.models import Person

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:  # Django's own class takes no type at run time.
    _ModelAdmin = admin.ModelAdmin


def is_personal(model: type[Model], name: str) -> bool:
    """Whether a name of an admin's page is a field that only its person and an open door may show."""
    try:
        field: Any = model._meta.get_field(name.removeprefix("=").removeprefix("^").partition("__")[0])
    except FieldDoesNotExist:
        return False
    return data_class_of(field) in (DataClass.PERSONAL, DataClass.SECRET, None)


class DoorAdmin(_ModelAdmin):
    """Hides personal fields from staff for whom the door to their person is not open.

    `administered` are the facts that the cell itself sets on this very page; they are in no list either.
    """

    administered: ClassVar[frozenset[str]] = frozenset()

    def subject_of(self, obj: Any) -> int:
        """The id of the person whom a row is about."""
        raise NotImplementedError

    def is_open(self, request: HttpRequest, obj: Any) -> bool:
        """Whether the person of this row lets whoever asks look in, by the public log."""
        if obj is None or not isinstance(request.user, Person):
            return False
        return check_access(request.user, self.subject_of(obj), scope_of(obj._meta.db_table))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out what may not be seen, so that it is neither shown nor taken from a form."""
        fieldsets = super().get_fieldsets(request, obj)
        if self.is_open(request, obj):
            return fieldsets
        kept = []
        for title, options in fieldsets:
            names = [
                name
                for name in options["fields"]
                if name in self.administered or not is_personal(self.model, str(name))
            ]
            if names:
                kept.append((title, {**options, "fields": tuple(names)}))
        return kept

    def render_change_form(self, request: HttpRequest, context: Any, *words: Any, **named: Any) -> Any:
        """Say where the door is."""
        obj = context.get("original")
        if obj is not None and not self.is_open(request, obj):
            context["subtitle"] = _("Personal data is hidden. Ask for it at /access.")
        return super().render_change_form(request, context, *words, **named)
