"""Drafts: what somebody is cutting, what it is cut from, and the cuts that became videos."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.references import keeps_blob, keeps_original
from glaswerk.people.encrypted import EncryptedTextField
from glaswerk.people.models import Person
from glaswerk.videos.models.credit import Reuse
from glaswerk.videos.models.video import Video


class Draft(models.Model):
    """A timeline that its owner works on.  Every change counts `version` up, so that no device overwrites another."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    owner = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="drafts"))
    title = personal(EncryptedTextField(_("title"), person="owner", max_length=80, blank=True))
    # OpenTimelineIO's JSON as it was last saved.
    timeline = personal(EncryptedTextField(person="owner"))
    duration_ms = personal(models.PositiveIntegerField(default=0))
    version = personal(models.PositiveIntegerField(default=1))
    created_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    updated_at = personal(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")
        indexes = (models.Index(fields=["owner", "-updated_at"], name="draft_by_owner"),)

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class SourceState(models.TextChoices):
    """Where a source is on its way from upload to the timeline."""

    UPLOADED = "uploaded", _("Waiting")
    PROCESSING = "processing", _("Processing")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


class SourceKind(models.TextChoices):
    """What a source holds; unknown until it was looked into."""

    VIDEO = "video", _("Video")
    AUDIO = "audio", _("Audio")
    IMAGE = "image", _("Picture")
    UNKNOWN = "", _("Unknown")


class Source(models.Model):
    """Something that a draft is cut from: a file of the owner's, or somebody's published video.

    A file of the owner's has an `original` and, once it is ready, a light proxy to cut with.  A published video has
    none of these: it is shown by its own renditions and under its own permissions, for as long as it is there.
    """

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    draft = personal(models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="sources"))
    state = personal(models.CharField(max_length=10, choices=SourceState.choices, default=SourceState.UPLOADED))
    progress = personal(models.PositiveSmallIntegerField(default=0))
    failure = personal(models.CharField(max_length=40, blank=True))
    kind = personal(models.CharField(max_length=5, choices=SourceKind.choices, default=SourceKind.UNKNOWN, blank=True))
    # The SHA-256 of the file as it was uploaded; it stays in the cell and is never served.
    original = personal(keeps_original(models.CharField(max_length=64, blank=True, db_index=True)))
    # MP4 for a video, M4A for a sound, JPEG for a picture; served to the draft's owner alone.
    proxy = personal(keeps_blob(models.CharField(max_length=64, blank=True, db_index=True), "mp4", "m4a", "jpg"))
    poster = personal(keeps_blob(models.CharField(max_length=64, blank=True, db_index=True), "jpg"))
    duration_ms = personal(models.PositiveIntegerField(default=0))
    width = personal(models.PositiveIntegerField(default=0))
    height = personal(models.PositiveIntegerField(default=0))
    has_audio = personal(models.BooleanField(default=False))
    # How loud it is, one byte for every 20 ms, for drawing.
    peaks = personal(models.BinaryField(default=bytes))
    # Somebody's published video, and what is made of it; when that is deleted, only the words are left.
    reuse = personal(models.CharField(max_length=6, choices=Reuse.choices, blank=True))
    of_video = personal(models.ForeignKey(Video, on_delete=models.SET_NULL, null=True, related_name="used_as_source"))
    credit = personal(models.CharField(max_length=30, blank=True))
    created_at = personal(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=models.Q(state__in=SourceState.values), name="source_state_known"),
            models.CheckConstraint(condition=models.Q(progress__lte=100), name="source_progress_is_percent"),
            models.CheckConstraint(
                condition=models.Q(original="") ^ models.Q(reuse=""), name="source_is_a_file_or_a_video"
            ),
            # What can be cut with is whole: it has its kind, and a file has its proxy.
            models.CheckConstraint(
                condition=~models.Q(state=SourceState.READY)
                | (~models.Q(kind=SourceKind.UNKNOWN) & (models.Q(original="") | ~models.Q(proxy=""))),
                name="source_ready_is_whole",
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class Cut(models.Model):
    """A draft as it was when it was published; the video is rendered from this, whatever becomes of the draft."""

    video = personal(models.OneToOneField(Video, on_delete=models.CASCADE, primary_key=True, related_name="cut"))
    draft = personal(models.ForeignKey(Draft, on_delete=models.SET_NULL, null=True, related_name="cuts"))
    version = personal(models.PositiveIntegerField())
    timeline = personal(EncryptedTextField(person="video.creator"))
