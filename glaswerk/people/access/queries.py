"""Who looked at whose data."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from glaswerk.people.models import Access, Person, Role


@dataclass(frozen=True, slots=True)
class Look:
    """One access as the person whom it is about sees it: by whom in which office, and not by which name."""

    public_id: str
    role: str
    pseudonym: str
    purpose: str
    scopes: list[str]
    reason: str
    at: datetime
    until: datetime
    index: int | None


def looks_at(person: Person, limit: int = 100) -> list[Look]:
    """Return who asked to see this person's data, the newest first.  One query, and one for each member of staff."""
    found = Access.objects.filter(subject=person).select_related("record", "staff").order_by("-pk")[:limit]
    return [
        Look(
            access.public_id,
            str(Role(access.record.facts["role"]).label),
            access.record.facts["by"],
            str(access.get_purpose_display()),
            access.scope_names,
            access.reason,
            access.at,
            access.until,
            access.record.index,
        )
        for access in found
    ]


def own_accesses(staff: Person, limit: int = 50) -> list[Access]:
    """Return what a member of staff has asked for, the newest first.  One query."""
    found = Access.objects.filter(staff=staff).select_related("record", "subject").order_by("-pk")
    return list(found[:limit])


def proof_for(person: Person, access_id: int) -> Access | None:
    """Return an access whose proof this person may have: about them, or theirs.  One query."""
    found = Access.objects.filter(pk=access_id).select_related("record").exclude(proof="").first()
    return found if found is not None and person.pk in (found.subject_id, found.staff_id) else None


def is_open(access: Access) -> bool:
    """Whether the time that was asked for is not over."""
    return access.proof != "" and access.until > timezone.now()
