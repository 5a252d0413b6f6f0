"""Leaving the cell: a person asks to be erased, is hidden at once, and may come back until it is due."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from glaswerk.people.models import Departure, Person


def leave(person: Person) -> Departure:
    """Hide a person at once, and have them erased when the days of grace are over.  Asked twice, the first time counts."""
    with transaction.atomic():
        locked = Person.objects.select_for_update().get(pk=person.pk)
        now = timezone.now()
        due = now + timedelta(days=settings.CELL.config.rights.erase_days)
        departure, _fresh = Departure.objects.get_or_create(person=locked, defaults={"asked_at": now, "due_at": due})
        locked.is_active = False
        locked.save(update_fields=["is_active"])
    person.is_active = False
    return departure


def is_leaving(person: Person) -> bool:
    """Whether somebody has asked to be erased and may still come back.  One query."""
    return not person.is_active and Departure.objects.filter(person=person).exists()


def stay(person: Person) -> bool:
    """Take back that somebody leaves, and show them again; return whether they were leaving."""
    with transaction.atomic():
        # Whoever erases locks the person first as well: it is this or that, and never half of both.
        locked = Person.objects.select_for_update().filter(pk=person.pk).first()
        if locked is None:
            return False
        deleted, _each = Departure.objects.filter(person=locked).delete()
        if not deleted:
            return False
        locked.is_active = True
        locked.save(update_fields=["is_active"])
    person.is_active = True
    return True
