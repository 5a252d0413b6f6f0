"""Django's admin, for operators only, behind the same sign-in as everything else."""

from importlib import import_module
from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from procrastinate.contrib.django.models import ProcrastinateJob

from glaswerk.people.access.admin import DoorAdmin
from glaswerk.people.actions import change_role
from glaswerk.people.decisions import record_decision
from glaswerk.people.models import Person

# The admin's own sign-in knows neither second factors nor rate limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Glaswerk"

# Addresses would stand in search addresses, keys and credentials on pages; groups mean nothing, the role decides; jobs are
# about people, and operators have a page for them.
# The libraries register these when their own modules are imported, so that has to come first.
for _module in (
    "allauth.account.admin",
    "allauth.mfa.admin",
    "django.contrib.auth.admin",
    "procrastinate.contrib.django.admin",
):
    import_module(_module)
for _model in (EmailAddress, EmailConfirmation, Authenticator, Group, ProcrastinateJob):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


class PersonForm(ModelForm):  # type: ignore[type-arg]
    """What an operator may change about a person."""

    def clean_role(self) -> str:
        """Refuse what `change_role` would refuse, while the form can still say so."""
        role: str = self.cleaned_data["role"]
        leaves = self.instance.role == "operator" and role != "operator"
        if leaves and not Person.objects.filter(role="operator", is_active=True).exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("A cell needs at least one operator. Make somebody else one first."))
        return role


@admin.register(Person)
class PersonAdmin(DoorAdmin):
    """Persons: found by name, never by address; no password hash, no year of birth.

    Role and state of an account are set here, so they are shown here; anything else that is personal has its door.
    """

    administered = frozenset(("role", "is_active"))
    form = PersonForm
    list_display = ("name", "display_name")
    search_fields = ("name", "display_name")
    ordering = ("name",)
    list_per_page = 50
    readonly_fields = ("name", "email", "joined_at", "last_login")
    fieldsets = (
        (None, {"fields": ("name", "display_name", "bio", "role", "is_active", "joined_at")}),
        (_("E-mail address and last sign-in"), {"fields": ("email", "last_login"), "classes": ("collapse",)}),
    )

    def subject_of(self, obj: Person) -> int:
        """A person is about themselves."""
        return obj.pk

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Persons sign up, or `glaswerk person add` makes them: this form could not set a password."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        """An account is switched off here; erasing one takes more than deleting a row."""
        return False

    def save_model(self, request: HttpRequest, obj: Person, form: "ModelForm[Person]", change: bool) -> None:
        """Store the change; the role goes through the action that everyone else uses."""
        assert isinstance(request.user, Person)
        role = obj.role
        others: list[Any] = [name for name in form.changed_data if name != "role"]
        if others:
            with transaction.atomic():
                obj.save(update_fields=others)
                if "is_active" in others:
                    decision = "reactivate" if obj.is_active else "deactivate"
                    record_decision(decision, request.user, obj, f"account:{obj.public_id}")
        if "role" in form.changed_data:
            change_role(request.user, obj, role)
