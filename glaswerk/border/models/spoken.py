"""What this cell says to others: which things changed, what was said of them, and the files that belong to it.

The rules stand in the database (migrations 0031 and 0034): what crosses at all, that every change of it is noted in the transaction
of the act, that the act itself ends the serving of what may not cross any more, and that a message is what its hash says.
"""

from typing import Final

from django.db import models

from glaswerk.border.messages import KINDS
from glaswerk.cell.blobs.names import EXTENSIONS
from glaswerk.cell.classes import personal, public
from glaswerk.cell.models import Record
from glaswerk.cell.references import keeps_blob, keeps_nothing

ABOUT: Final = ("profile", "video", "offer", "move")


class Change(models.Model):
    """Something changed that others may have to be told of; the newest change of a thing stands for all of them."""

    id = personal(models.BigAutoField(primary_key=True))
    about = personal(models.CharField(max_length=8))
    item = personal(models.BigIntegerField())
    # It grows with every change, so that whoever told of one does not take the next one away.
    version = personal(models.BigIntegerField())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["about", "item"], name="change_once"),
            models.CheckConstraint(condition=models.Q(about__in=ABOUT), name="change_is_about_something"),
        )


class Spoken(models.Model):
    """One message of this cell, and the entry of the public log that names it.

    What counts of a thing is the last message about it.  A message that was withdrawn has no words any more.
    """

    id = public(models.BigAutoField(primary_key=True))
    type = public(models.CharField(max_length=9))
    # What it is about; counts and notices are about nothing in particular.
    about = public(models.CharField(max_length=8, blank=True))
    item = public(models.BigIntegerField(null=True))
    sha256 = public(keeps_nothing(models.CharField(max_length=64, db_index=True)))
    body = public(models.TextField())
    record = public(models.OneToOneField(Record, on_delete=models.PROTECT, related_name="+"))
    withdrawn_at = public(models.DateTimeField(null=True))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(type__in=KINDS), name="spoken_type_is_known"),
            models.CheckConstraint(
                condition=models.Q(about__in=ABOUT, item__isnull=False) | models.Q(about="", item=None),
                name="spoken_is_about_something_or_nothing",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None) & ~models.Q(body="")
                | models.Q(withdrawn_at__isnull=False, body="") & ~models.Q(type="tombstone"),
                name="spoken_is_served_or_empty",
            ),
        )
        indexes = (
            models.Index(fields=["about", "item", "-id"], name="spoken_last", condition=models.Q(item__isnull=False)),
        )


class SpokenFile(models.Model):
    """A file that a message names, for as long as the message is served."""

    id = public(models.BigAutoField(primary_key=True))
    spoken = public(models.ForeignKey(Spoken, on_delete=models.CASCADE, related_name="files"))
    blob = public(keeps_blob(models.CharField(max_length=64, db_index=True), *sorted(EXTENSIONS)))
    extension = public(models.CharField(max_length=4))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["spoken", "blob"], name="spoken_file_once"),
            models.CheckConstraint(
                condition=models.Q(extension__in=sorted(EXTENSIONS)), name="spoken_file_has_an_extension"
            ),
        )


class CountedDay(models.Model):
    """A day whose counts were published: noise is drawn once, because the mean of many draws would say the truth."""

    day = public(models.DateField(primary_key=True))
