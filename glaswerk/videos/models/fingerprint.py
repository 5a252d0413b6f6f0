"""What a video is recognised by."""

from django.db import models

from glaswerk.cell.classes import personal
from glaswerk.videos.models.video import Video


class Fingerprint(models.Model):
    """The fingerprints of one video, as `glaswerk.reel` makes and compares them; empty where there is nothing to recognise."""

    video = personal(
        models.OneToOneField(Video, on_delete=models.CASCADE, primary_key=True, related_name="fingerprint")
    )
    # PDQ of a picture a second, 36 bytes each.
    pictures = personal(models.BinaryField(default=bytes))
    # Chromaprint of the whole sound, four bytes for about every eighth of a second.
    sound = personal(models.BinaryField(default=bytes))
