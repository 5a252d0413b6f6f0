"""The playable files of videos."""

from django.db import models

from glaswerk.cell.classes import public
from glaswerk.cell.references import keeps_blob
from glaswerk.videos.models.video import Video


class Family(models.TextChoices):
    """How a rendition is encoded.  Every browser plays H.264; of AV1 the player asks the browser first."""

    H264 = "h264", "H.264"
    AV1 = "av1", "AV1"


class Rendition(models.Model):
    """One playable file of a video, named by the SHA-256 of its bytes."""

    id = public(models.BigAutoField(primary_key=True))
    video = public(models.ForeignKey(Video, on_delete=models.CASCADE, related_name="renditions"))
    blob = public(keeps_blob(models.CharField(max_length=64, db_index=True), "mp4"))
    family = public(models.CharField(max_length=4, choices=Family.choices, default=Family.H264))
    width = public(models.PositiveIntegerField())
    height = public(models.PositiveIntegerField())
    bitrate = public(models.PositiveIntegerField())
    size = public(models.PositiveBigIntegerField())
    codecs = public(models.CharField(max_length=80))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["video", "family", "width", "height"], name="rendition_once_a_size"),
            models.CheckConstraint(condition=models.Q(family__in=Family.values), name="rendition_family_known"),
        )
        # The largest first, and of two as large the one that plays everywhere.
        ordering = ("-height", "-family")
