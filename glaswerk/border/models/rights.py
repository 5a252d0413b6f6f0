"""Exports, imports and erasures that are under way, and what became of them."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import count, personal
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.references import keeps_original
from glaswerk.people.models import Person


class ExportState(models.TextChoices):
    """How far an export is."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Being packed")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Deleted")


_EXPORTING = (ExportState.WAITING, ExportState.RUNNING)


class Export(models.Model):
    """A person's copy of everything, as one file that only they may have, for a while."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    person = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="exports"))
    state = personal(models.CharField(max_length=10, choices=ExportState.choices, default=ExportState.WAITING))
    progress = personal(models.PositiveSmallIntegerField(default=0))
    size = personal(models.PositiveBigIntegerField(default=0))
    asked_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    ready_at = personal(models.DateTimeField(null=True))
    expires_at = personal(models.DateTimeField(null=True, db_index=True))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(state__in=ExportState.values), name="export_state_is_known"),
            models.CheckConstraint(condition=Q(progress__lte=100), name="export_progress_is_percent"),
            models.CheckConstraint(
                condition=~Q(state=ExportState.READY) | Q(ready_at__isnull=False, expires_at__isnull=False, size__gt=0),
                name="export_ready_is_whole",
            ),
            models.UniqueConstraint(fields=["person"], condition=Q(state__in=_EXPORTING), name="export_one_at_a_time"),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)

    @property
    def path(self) -> Path:
        """Where its file lies."""
        folder: Path = settings.CELL.exports
        return folder / f"{self.public_id}.zip"


class ImportKind(models.TextChoices):
    """What somebody brings."""

    UNKNOWN = "", _("Being looked at")
    BAG = "bag", _("An export of a cell")
    TIKTOK = "tiktok", _("TikTok's archive")


class ImportState(models.TextChoices):
    """How far an import is."""

    READING = "reading", _("Being looked at")
    PREVIEW = "preview", _("Waits for you")
    APPLYING = "applying", _("Being brought in")
    DONE = "done", _("Done")
    FAILED = "failed", _("Cannot be used")
    DROPPED = "dropped", _("Not wanted")


_IMPORTING = (ImportState.READING, ImportState.PREVIEW, ImportState.APPLYING)


class Import(models.Model):
    """An archive that somebody brings: looked at, shown to them, and then brought in row by row."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    person = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="imports"))
    kind = personal(models.CharField(max_length=10, choices=ImportKind.choices, default=ImportKind.UNKNOWN, blank=True))
    state = personal(models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.READING))
    # The archive as it was uploaded; empty once it is not needed any more.
    archive = personal(keeps_original(models.CharField(max_length=64, blank=True)))
    # Where it comes from: the cell and the account there.
    origin = personal(models.CharField(max_length=300, blank=True))
    # Why it cannot be used, as a sentence in the language of its owner.
    failure = personal(models.CharField(max_length=500, blank=True))
    asked_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    ended_at = personal(models.DateTimeField(null=True))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="import_state_is_known"),
            models.CheckConstraint(condition=Q(kind__in=ImportKind.values), name="import_kind_is_known"),
            models.CheckConstraint(
                condition=~Q(state__in=_IMPORTING) | ~Q(archive=""), name="import_under_way_has_its_archive"
            ),
            models.UniqueConstraint(fields=["person"], condition=Q(state__in=_IMPORTING), name="import_one_at_a_time"),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class Outcome(models.TextChoices):
    """What becomes of one thing of an import."""

    WAITING = "waiting", _("Can be brought")
    DONE = "done", _("Brought")
    KNOWN = "known", _("Was here already")
    NOT_HERE = "not_here", _("Is not on this cell")
    NOT_POSSIBLE = "not_possible", _("Cannot be brought")
    LEFT_OUT = "left_out", _("Left out by you")
    FAILED = "failed", _("Failed")


class ImportRow(models.Model):
    """One thing that an archive holds.  `key` names it wherever it is met again, so that nothing is brought twice."""

    id = personal(models.BigAutoField(primary_key=True))
    run = personal(models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows"))
    number = personal(models.PositiveIntegerField())
    kind = personal(models.CharField(max_length=20))
    key = personal(models.CharField(max_length=400))
    title = personal(models.CharField(max_length=300, blank=True))
    facts = personal(models.JSONField(default=dict))
    outcome = personal(models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.WAITING))
    note = personal(models.CharField(max_length=500, blank=True))

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=["run", "number"], name="import_row_once"),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="import_row_outcome_is_known"),
        )
        indexes = (models.Index(fields=["run", "outcome"], name="import_row_by_outcome"),)


class Erasure(models.Model):
    """Somebody was erased from the tables; what the event log and the archive know of their number goes next.

    The row goes when that is done, so that not even the number is left.
    """

    number = personal(models.BigIntegerField(primary_key=True))
    erased_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    # The last messages that can be about them; null until the log was told to forget.
    events_end = count(models.BigIntegerField(null=True))
    slates_end = count(models.BigIntegerField(null=True))
