"""Peers: the cells whose logs this one follows."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from glaswerk.cell.classes import public
from glaswerk.cell.references import keeps_nothing
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
    # When its log ended for good, and the one that goes on: its key, and the size and root of its first checkpoint.
    closed_at = public(models.DateTimeField(null=True))
    successor = public(models.CharField(max_length=400, blank=True))
    successor_size = public(models.BigIntegerField(null=True))
    successor_root = public(keeps_nothing(models.CharField(max_length=64, blank=True)))
    # The key by which it cosigns the logs of others, and its last checkpoint with this cell's own cosignature.
    witness = public(models.CharField(max_length=400, blank=True))
    cosigned = public(models.BinaryField(default=bytes))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(label__regex=rf"^(?:{CELL_PATTERN})$"), name="peer_label_is_plain"),
            models.CheckConstraint(condition=Q(next_index__gte=0), name="peer_index_is_not_negative"),
            models.CheckConstraint(
                condition=Q(closed_at=None, successor="", successor_size=None, successor_root="")
                | Q(closed_at__isnull=False, successor_size__isnull=False) & ~Q(successor="") & ~Q(successor_root=""),
                name="peer_closed_has_a_successor",
            ),
        )

    def __str__(self) -> str:
        return self.label


class Cosignature(models.Model):
    """The last cosignature of this cell's own log by a peer that was found right."""

    peer = public(models.OneToOneField(Peer, on_delete=models.CASCADE, primary_key=True, related_name="cosignature"))
    # The checkpoint with this cell's signature and the peer's.
    note = public(models.BinaryField())
    size = public(models.BigIntegerField())
    # As the peer says, in seconds since 1970.
    time = public(models.BigIntegerField())
    taken_at = public(models.DateTimeField())


class RefusedCosignature(models.Model):
    """What a peer published as its cosignature of this cell's log, and why it was refused: evidence, and kept as it came."""

    id = public(models.BigAutoField(primary_key=True))
    peer = public(models.ForeignKey(Peer, on_delete=models.CASCADE, related_name="refused_cosignatures"))
    word = public(models.CharField(max_length=20))
    sha256 = public(keeps_nothing(models.CharField(max_length=64)))
    note = public(models.BinaryField())
    at = public(models.DateTimeField())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["peer", "sha256"], name="refused_cosignature_once"),)
