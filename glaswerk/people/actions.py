"""Every write about persons."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from typing import IO

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.blobs import StorageError, store_bytes
from glaswerk.cell.keeping import Busy, discard, keep_blobs
from glaswerk.people.age import is_too_young, starts_protected
from glaswerk.people.avatars import make_avatar
from glaswerk.people.models import AVATAR_EXTENSION, Person, Role, Visibility
from glaswerk.people.names import clean_shown_text


def apply_birth_year(person: Person, birth_year: int, today: date) -> None:
    """Set the year of birth of an unsaved person, and the safe defaults where it asks for them.

    Raises ValidationError for somebody who is too young; nothing of the person may be stored then.
    """
    if is_too_young(birth_year, today):
        raise ValidationError(_("You need to be at least 13 to have an account here."), code="too_young")
    person.birth_year = birth_year
    if starts_protected(birth_year, today):
        person.default_visibility = Visibility.FOLLOWERS
        person.profiling = False


def add_person(
    name: str,
    password: str,
    *,
    role: str = Role.VIEWER,
    email: str = "",
    display_name: str = "",
    birth_year: int | None = None,
) -> Person:
    """Create a person on behalf of the cell's operator, whose word confirms the e-mail address.

    Raises ValidationError, whose dictionary names the field, for a bad or taken name or address.
    """
    address = email.strip().lower()
    person = Person(name=name.strip().lower(), role=role, display_name=clean_shown_text(display_name), email=address)
    if birth_year is not None:
        apply_birth_year(person, birth_year, timezone.localdate())
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise ValidationError({"password": error}) from None
    person.set_password(password)
    with transaction.atomic():
        person.full_clean(exclude=["birth_year"] if birth_year is None else [])
        if address and EmailAddress.objects.filter(email=address, verified=True).exists():
            raise ValidationError({"email": _("Another account has this address.")})
        try:
            person.save(force_insert=True)
        except IntegrityError:
            # Somebody took the name between the look and the insert.
            raise ValidationError({"name": _("This name is taken. Please choose another one.")}) from None
        if address:
            EmailAddress.objects.create(user=person, email=address, verified=True, primary=True)
    return person


def change_role(actor: Person, person: Person, role: str) -> None:
    """Give a person another role.  Only operators may; raises PermissionDenied or ValidationError and changes nothing."""
    with transaction.atomic():
        # Both rows and every operator's are locked in one order, so that two operators who demote each other at the
        # same moment cannot leave the cell without any.
        involved = Person.objects.select_for_update().filter(Q(role=Role.OPERATOR) | Q(pk__in=(actor.pk, person.pk)))
        locked = {one.pk: one for one in involved.order_by("pk")}
        stored = locked.get(actor.pk)
        if stored is None or not stored.is_active or stored.role != Role.OPERATOR:
            raise PermissionDenied
        _store_role(locked[person.pk], role, list(locked.values()))
    person.role = role


def assign_role(person: Person, role: str) -> None:
    """Give a person another role on the word of whoever runs the cell's command line."""
    with transaction.atomic():
        involved = Person.objects.select_for_update().filter(Q(role=Role.OPERATOR) | Q(pk=person.pk))
        locked = {one.pk: one for one in involved.order_by("pk")}
        _store_role(locked[person.pk], role, list(locked.values()))
    person.role = role


def _store_role(person: Person, role: str, locked: Iterable[Person]) -> None:
    if role not in Role.values:
        raise ValidationError({"role": _("There is no such role.")})
    if person.role == Role.OPERATOR and role != Role.OPERATOR:
        others = [one for one in locked if one.role == Role.OPERATOR and one.is_active and one.pk != person.pk]
        if not others:
            raise ValidationError({"role": _("A cell needs at least one operator. Make somebody else one first.")})
    person.role = role
    person.save(update_fields=["role"])


def become_creator(person: Person) -> None:
    """Make a viewer a creator, because they publish; everybody else keeps their role.  Safe to run again."""
    if Person.objects.filter(pk=person.pk, role=Role.VIEWER).update(role=Role.CREATOR):
        person.role = Role.CREATOR


def edit_profile(person: Person, *, display_name: str, bio: str) -> None:
    """Change what a person shows of themselves.  Raises ValidationError for texts that are too long."""
    person.display_name = " ".join(clean_shown_text(display_name).split())
    person.bio = clean_shown_text(bio)
    person.clean_fields(
        exclude=[field.name for field in Person._meta.fields if field.name not in ("display_name", "bio")]
    )
    person.save(update_fields=["display_name", "bio"])


def stay_in_region(person: Person, stays: bool) -> None:
    """Say whether a person, and all that they publish, is told of in this region only."""
    person.stays_in_region = stays
    person.save(update_fields=["stays_in_region"])


def set_avatar(person: Person, file: IO[bytes]) -> None:
    """Show another picture of a person.  Raises AvatarError, and keeps the old one, for what is no usable picture."""
    data = make_avatar(file)
    old = person.avatar
    with transaction.atomic():
        keep_blobs()
        person.avatar = store_bytes(data, AVATAR_EXTENSION)
        person.save(update_fields=["avatar"])
    if old != person.avatar:
        _forget_picture(old)


def remove_avatar(person: Person) -> None:
    """Show no picture of a person any more, and keep none."""
    old, person.avatar = person.avatar, ""
    person.save(update_fields=["avatar"])
    _forget_picture(old)


def _forget_picture(sha: str) -> None:
    """Delete a picture that nobody shows any more: two people may show the same one, and then it stays."""
    if sha:
        # Nobody's change of picture fails, or waits for long, because of the old one: the next collection of garbage
        # removes what stays now.
        with suppress(StorageError, Busy):
            discard([f"{sha}.{AVATAR_EXTENSION}"], tries=1)


def set_language(person: Person, language: str) -> None:
    """Set the language of a person's pages; empty follows the browser.  Raises ValidationError for an unknown one."""
    if language and language not in dict(settings.LANGUAGES):
        raise ValidationError({"language": _("We do not speak this language yet.")})
    person.language = language
    person.save(update_fields=["language"])
