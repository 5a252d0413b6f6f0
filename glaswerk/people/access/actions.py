"""Asking for personal data, and opening what was asked for."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.entries import EntryKind
from glaswerk.cell.key_holder import LONGEST_ACCESS
from glaswerk.cell.records import prove_record, record, wait_recorded
from glaswerk.people.keyring import commitment, pseudonym
from glaswerk.people.models import Access, Person, Purpose, Scope

SHORTEST_REASON: Final = 10
LONGEST_REASON: Final = 1000
MOST_HOURS: Final = int(LONGEST_ACCESS.total_seconds()) // 3600


class AccessRefused(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """What was asked for cannot be had so: which field, and a sentence that says what to do about it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def request_access(
    staff: Person, name: str, *, purpose: str, reason: str, scopes: Collection[str], hours: int
) -> Access:
    """Ask to see the personal data of somebody, and return what is open once the public log says so.

    Raises PermissionDenied for who is no staff, AccessRefused for what does not fit, and NotRecorded where the log is
    busy: then `open_access` goes on.
    """
    if not (staff.is_active and staff.is_moderator):
        raise PermissionDenied
    reason = " ".join(reason.split())
    if purpose not in Purpose.values:
        raise AccessRefused("purpose", _("Please choose what it is for."))
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON or not reason.isprintable():
        message = _("Please say why, in %(least)d to %(most)d characters; the person will read it.")
        raise AccessRefused("reason", message % {"least": SHORTEST_REASON, "most": LONGEST_REASON})
    if not scopes or not set(scopes) <= set(Scope.values):
        raise AccessRefused("scopes", _("Please choose which data."))
    if not 1 <= hours <= MOST_HOURS:
        raise AccessRefused("hours", _("Please choose from 1 to %(most)d hours.") % {"most": MOST_HOURS})
    subject = Person.objects.filter(name=name.strip().lower().removeprefix("@")).first() if name.isprintable() else None
    if subject is None:
        raise AccessRefused("name", _("There is nobody of that name here."))
    if subject.pk == staff.pk:
        raise AccessRefused("name", _("What the cell has about you is on your own pages."))
    wanted = [scope for scope in Scope.values if scope in scopes]
    with transaction.atomic():
        now = timezone.now()
        # The entry counts from the second in which it was made, and so does this.
        until = (now + timedelta(hours=hours)).replace(microsecond=0)
        made = record(
            EntryKind.ACCESS,
            {
                "person": pseudonym(subject), "by": pseudonym(staff), "role": staff.role, "purpose": purpose, "scope": wanted,
                "reason": commitment(subject, reason), "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        )  # fmt: skip
        access = Access.objects.create(
            staff=staff,
            subject=subject,
            record=made,
            purpose=purpose,
            scopes=wanted,
            reason=reason,
            at=made.at,
            until=until,
        )
    return open_access(access)


def open_access(access: Access) -> Access:
    """Put the log's proof to what was asked for; without it nothing opens.  Safe to run again.  Raises NotRecorded."""
    if not access.proof:
        proof = prove_record(wait_recorded(access.record), settings.CELL).encode().decode()
        Access.objects.filter(pk=access.pk, proof="").update(proof=proof)
        access.refresh_from_db(fields=["proof"])
    return access


def open_what_waits(staff: Person) -> None:
    """Open whatever this member of staff has asked for and the log was too busy for."""
    for access in Access.objects.filter(staff=staff, proof="", until__gt=timezone.now()).select_related("record"):
        if access.record.index is not None:
            open_access(access)
