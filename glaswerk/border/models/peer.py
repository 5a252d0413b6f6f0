"""Peers: the cells whose logs this one follows."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from glaswerk.cell.classes import public
from glaswerk.people.names import CELL_PATTERN, MAX_CELL


class Peer(models.Model):
    """A cell that this one follows, and what is believed of its log.

    A row stays when its peer is removed: whoever is followed again is still held to what its log has shown before.
    """

    id = public(models.BigAutoField(primary_key=True))
    # How it is called here; the names of its people end with it.
    label = public(models.CharField(max_length=MAX_CELL, unique=True))
    url = public(models.CharField(max_length=300))
    # Of its log, as `glaswerk log key` prints it there.
    key = public(models.CharField(max_length=400, unique=True))
    # Whether it may be on this machine or in the local network.
    is_private = public(models.BooleanField(default=False))
    added_at = public(models.DateTimeField(default=timezone.now))
    removed_at = public(models.DateTimeField(null=True))
    # The last checkpoint that was accepted, as its note, and how far its entries were taken.
    checkpoint = public(models.BinaryField(default=bytes))
    next_index = public(models.BigIntegerField(default=0))
    looked_at = public(models.DateTimeField(null=True))
    grown_at = public(models.DateTimeField(null=True))
    # Why nothing is taken from it just now: a word for programs, and a sentence.
    failure = public(models.CharField(max_length=20, blank=True))
    detail = public(models.CharField(max_length=500, blank=True))
    failed_at = public(models.DateTimeField(null=True))
    # What it said last of itself: the state, and what it announced.
    state = public(models.CharField(max_length=10, default="open"))
    notice = public(models.TextField(blank=True))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(label__regex=rf"^(?:{CELL_PATTERN})$"), name="peer_label_is_plain"),
            models.CheckConstraint(condition=Q(next_index__gte=0), name="peer_index_is_not_negative"),
        )

    def __str__(self) -> str:
        return self.label
