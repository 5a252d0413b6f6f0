"""Captions that come beside a video, for whoever cannot or will not hear it."""

from django.db import models

from glaswerk.cell.classes import public
from glaswerk.cell.references import keeps_blob
from glaswerk.videos.models.video import Video


class CaptionTrack(models.Model):
    """What is said in a video, in one language, as a WebVTT file named by the SHA-256 of its bytes."""

    id = public(models.BigAutoField(primary_key=True))
    video = public(models.ForeignKey(Video, on_delete=models.CASCADE, related_name="tracks"))
    language = public(models.CharField(max_length=5))
    blob = public(keeps_blob(models.CharField(max_length=64, db_index=True), "vtt"))

    class Meta:
        ordering = ("language",)
        constraints = (models.UniqueConstraint(fields=["video", "language"], name="track_once_a_language"),)
