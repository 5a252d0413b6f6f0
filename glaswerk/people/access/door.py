"""What is open to whom: every look goes to the key holder with the log's entry and its proof, and the holder decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.utils import timezone

from glaswerk.people.keyring import KeyDestroyed, NoWarrant, Warrant, pseudonym, show_warrant, through
from glaswerk.people.models import Access, Person, Scope

# Which tables belong to which scope, by the beginning of their names.
_SCOPES: Final = (
    ("people_", Scope.ACCOUNT),
    ("account_", Scope.ACCOUNT),
    ("mfa_", Scope.ACCOUNT),
    ("videos_", Scope.VIDEOS),
    ("shop_", Scope.SHOPPING),
    ("money_", Scope.MONEY),
)


def scope_of(table: str) -> str:
    """Which scope a table's personal data has.  Raises NoWarrant where no access of staff is foreseen."""
    for beginning, scope in _SCOPES:
        if table.startswith(beginning):
            return str(scope)
    raise NoWarrant(f"nobody of the staff reads {table}")


def warrant_for(staff: Person, owner: int, scope: str) -> Warrant:
    """What this member of staff can show for somebody's data.  Raises NoWarrant where they have asked for nothing."""
    now = timezone.now()
    asked = Access.objects.filter(staff=staff, subject_id=owner, scopes__contains=[scope], until__gt=now).exclude(
        proof=""
    )
    access = asked.select_related("record").order_by("-until").first()
    if access is None:
        raise NoWarrant("nothing was asked for")
    return Warrant(access.record.entry.encode(), access.proof.encode(), pseudonym(staff), scope)


def check_access(staff: Person, owner: int, scope: str) -> bool:
    """Whether the key holder lets this member of staff see somebody's data of this scope now."""
    try:
        show_warrant(owner, warrant_for(staff, owner, scope))
    except (NoWarrant, KeyDestroyed):
        return False
    return staff.is_active and staff.is_moderator


def opened_to(staff: Person, scope: str) -> list[int]:
    """Whose data of this scope a member of staff may see now."""
    asked = Access.objects.filter(staff=staff, scopes__contains=[scope], until__gt=timezone.now()).exclude(proof="")
    owners = set(asked.values_list("subject_id", flat=True))
    return [owner for owner in owners if check_access(staff, owner, scope)]


@contextmanager
def reading_as(staff: Person) -> Iterator[None]:
    """Let what is encrypted be read by this member of staff only as far as doors are open to them."""
    with through(lambda owner, table: warrant_for(staff, owner, scope_of(table))):
        yield
