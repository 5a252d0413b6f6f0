"""Sounds: what is heard in a video, as something that other videos can use."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal, public
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.references import keeps_blob
from glaswerk.people.models import Person

MAX_SOUND_TITLE = 80


class Sound(models.Model):
    """The sound of one video: it goes where that video goes, and whoever may see the video may hear it.

    Whether others may use it is `allow_sound` of the video.  Videos that use it refer to it by `Video.sound`, and so
    does the video that it comes from.
    """

    id = public(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    title = public(models.CharField(_("title"), max_length=MAX_SOUND_TITLE))
    owner = public(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="sounds"))
    video = public(models.OneToOneField("videos.Video", on_delete=models.CASCADE, related_name="own_sound"))
    # The SHA-256 of an M4A file.
    blob = public(keeps_blob(models.CharField(max_length=64, db_index=True), "m4a"))
    duration_ms = public(models.PositiveIntegerField())
    # How loud it is, one byte for every 20 ms, for drawing.
    peaks = public(models.BinaryField(default=bytes))
    created_at = personal(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        verbose_name = _("sound")
        verbose_name_plural = _("sounds")
        constraints = (models.CheckConstraint(condition=models.Q(duration_ms__gt=0), name="sound_has_length"),)

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)
