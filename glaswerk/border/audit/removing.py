"""Removing what an audit made, by the erasure that everybody has, without its days of grace."""

import time
from typing import Final

from django.utils import timezone

from glaswerk.border import queries
from glaswerk.border.actions import erasures
from glaswerk.border.audit.life import names_path
from glaswerk.border.failures import RightsError
from glaswerk.cell.config import Cell
from glaswerk.people.models import Departure, Person

_PATIENCE_S: Final = 120.0
_LOOK_EVERY_S: Final = 0.5


def remove(cell: Cell) -> tuple[list[str], list[str]]:
    """Erase the people of this audit and of any that was killed; return who is erased, and, as sentences, who waits."""
    path = names_path(cell)
    names = path.read_text().split() if path.exists() else []
    erased, waiting = [], []
    for name in names:
        person = Person.objects.filter(name=name, home="").first()
        if person is None:
            continue
        why_not = _erase(person)
        if why_not:
            waiting.append(f"@{name}: {why_not}")
        else:
            erased.append(name)
    if not waiting:
        path.unlink(missing_ok=True)
    return erased, waiting


def _erase(person: Person) -> str:
    """Erase somebody; return why it is not done yet, or nothing."""
    number = person.pk
    _settle(person)
    try:
        erasures.request_erasure(person)
    except RightsError as refusal:
        return refusal.message
    # They are nobody, so nobody can come back.
    Departure.objects.filter(person=number).update(due_at=timezone.now())
    is_gone = erasures.erase(number) or not Person.objects.filter(pk=number).exists()
    return "" if is_gone else "hidden, and erased as soon as nothing of theirs is open"


def _settle(person: Person) -> None:
    """Wait until what they cancelled is paid back, and what they asked for is made."""
    deadline = time.monotonic() + _PATIENCE_S
    while queries.obstacles(person) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
