"""Resumable uploads on their way, and those that are whole but not yet used."""

from django.db import models
from django.utils import timezone

from glaswerk.cell.classes import personal
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.references import keeps_original
from glaswerk.people.models import Person
from glaswerk.videos.models.video import Video


class UploadPurpose(models.TextChoices):
    """What becomes of an upload when it is whole."""

    VIDEO = "video"
    SOURCE = "source"


class UploadState(models.TextChoices):
    """Whether bytes may still be added."""

    OPEN = "open"
    WHOLE = "whole"
    EXPIRED = "expired"


class Upload(models.Model):
    """One resumable upload: `offset` bytes of `length` are on the disk, and were acknowledged as such."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    owner = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="uploads"))
    purpose = personal(models.CharField(max_length=10, choices=UploadPurpose.choices))
    state = personal(models.CharField(max_length=10, choices=UploadState.choices, default=UploadState.OPEN))
    length = personal(models.PositiveBigIntegerField())
    offset = personal(models.PositiveBigIntegerField(default=0))
    # The Upload-Metadata header exactly as it was sent, because the protocol gives it back.
    metadata = personal(models.TextField(blank=True))
    # The SHA-256 of the original, once the upload is whole.
    # A video has a row of its own that keeps it.
    sha = personal(
        keeps_original(
            models.CharField(max_length=64, blank=True, db_index=True), where=models.Q(purpose=UploadPurpose.SOURCE)
        )
    )
    # What it became, and the person's earlier video that has the very same bytes.
    video = personal(models.ForeignKey(Video, on_delete=models.SET_NULL, null=True, related_name="+"))
    duplicate_of = personal(models.ForeignKey(Video, on_delete=models.SET_NULL, null=True, related_name="+"))
    created_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    expires_at = personal(models.DateTimeField(db_index=True))

    class Meta:
        indexes = (models.Index(fields=["owner", "state"], name="upload_by_owner"),)
        constraints = (
            models.CheckConstraint(condition=models.Q(purpose__in=UploadPurpose.values), name="upload_purpose_known"),
            models.CheckConstraint(condition=models.Q(state__in=UploadState.values), name="upload_state_known"),
            models.CheckConstraint(condition=models.Q(offset__lte=models.F("length")), name="upload_offset_within"),
            models.CheckConstraint(
                condition=~models.Q(state=UploadState.WHOLE)
                | (models.Q(offset=models.F("length")) & ~models.Q(sha="")),
                name="upload_whole_is_whole",
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)

    @property
    def is_complete(self) -> bool:
        """Whether every byte is there."""
        return self.offset == self.length
