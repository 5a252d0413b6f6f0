"""Moves between cells: what each of the two cells says of one, as halves that count only together.

What is said of a half of this cell's own, and when it is withdrawn, stands in the database (migration 0034).
"""

from django.db import models
from django.db.models import Q

from glaswerk.border.models.peer import Peer
from glaswerk.cell.classes import public
from glaswerk.people.models import Person
from glaswerk.people.names import MAX_NAME


class MoveHalf(models.Model):
    """That somebody moved, as one of the two cells says: this one, for a person of its own, or a peer.

    A move is known by the logs and ids of its two accounts.  A half that was withdrawn stays as a number, so that the
    same one does not count again.
    """

    id = public(models.BigAutoField(primary_key=True))
    # Who said it: a person of this cell, or a peer.
    person = public(models.ForeignKey(Person, on_delete=models.CASCADE, null=True, related_name="+"))
    said_by = public(models.ForeignKey(Peer, on_delete=models.CASCADE, null=True, related_name="+"))
    # Of one's own half: the peer that has to say the other one.
    other = public(models.ForeignKey(Peer, on_delete=models.CASCADE, null=True, related_name="+"))
    home = public(models.CharField(max_length=255))
    item = public(models.BigIntegerField())
    name = public(models.CharField(max_length=MAX_NAME, blank=True))
    to = public(models.CharField(max_length=255))
    to_item = public(models.BigIntegerField())
    to_name = public(models.CharField(max_length=MAX_NAME, blank=True))
    # When it was said, in milliseconds since 1970 by the clock of the cell that said it.
    at = public(models.BigIntegerField())
    withdrawn_at = public(models.DateTimeField(null=True))
    # When both halves were here and the followers went along.
    done_at = public(models.DateTimeField(null=True))

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(person__isnull=False, said_by=None, other__isnull=False)
                | Q(person=None, said_by__isnull=False, other=None),
                name="move_half_is_said_by_somebody",
            ),
            models.CheckConstraint(condition=~Q(home=models.F("to")), name="move_half_leads_elsewhere"),
            models.UniqueConstraint(fields=["person"], condition=Q(withdrawn_at=None), name="move_half_one_at_a_time"),
        )
        indexes = (models.Index(fields=["home", "item", "to", "to_item"], name="move_half_by_pair"),)

    def __str__(self) -> str:
        return f"{self.name} to {self.to_name}"
