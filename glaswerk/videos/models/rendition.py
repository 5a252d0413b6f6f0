"""The playable files of videos."""

from django.db import models

from glaswerk.cell.classes import public
from glaswerk.videos.models.video import Video


class Rendition(models.Model):
    """One playable file of a video, named by the SHA-256 of its bytes."""

    id = public(models.BigAutoField(primary_key=True))
    video = public(models.ForeignKey(Video, on_delete=models.CASCADE, related_name="renditions"))
    blob = public(models.CharField(max_length=64, db_index=True))
    width = public(models.PositiveIntegerField())
    height = public(models.PositiveIntegerField())
    bitrate = public(models.PositiveIntegerField())
    size = public(models.PositiveBigIntegerField())
    codecs = public(models.CharField(max_length=80))

    class Meta:
        constraints = (models.UniqueConstraint(fields=["video", "width", "height"], name="rendition_once_a_size"),)
        ordering = ("-height",)
