"""Removing what an audit made, by the erasure that everybody has, without its days of grace."""

import time
from typing import Final

from django.utils import timezone

from glaswerk.border import queries
from glaswerk.border.actions import erasures
from glaswerk.border.audit.life import Lived
from glaswerk.border.failures import RightsError
from glaswerk.people.models import Departure, Person

_PATIENCE_S: Final = 120.0
_LOOK_EVERY_S: Final = 0.5


def remove(lived: Lived) -> tuple[list[str], list[str]]:
    """Erase the people of an audit; return who is erased, and, as sentences, what still waits."""
    erased, waiting = [], []
    for who, name in lived.names.items():
        person = Person.objects.filter(name=name, home="").first()
        if person is None:
            continue
        try:
            _settle(person)
            erasures.request_erasure(person)
        except RightsError as refusal:
            waiting.append(f"{who} (@{name}): {refusal.message}")
            continue
        # They are nobody, so nobody can come back.
        Departure.objects.filter(person=person).update(due_at=timezone.now())
        number = person.pk
        if erasures.erase(number) or not Person.objects.filter(pk=number).exists():
            erased.append(name)
        else:
            waiting.append(f"{who} (@{name}) is hidden, and is erased as soon as nothing of theirs is open")
    return erased, waiting


def _settle(person: Person) -> None:
    """Wait until what they cancelled is paid back, and what they asked for is made."""
    deadline = time.monotonic() + _PATIENCE_S
    while queries.obstacles(person) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
