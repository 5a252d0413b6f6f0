"""Credits: what a video was made with, and whose that is."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import public
from glaswerk.people.models import Person
from glaswerk.people.names import MAX_NAME
from glaswerk.videos.models.sound import MAX_SOUND_TITLE, Sound
from glaswerk.videos.models.video import Video


class Reuse(models.TextChoices):
    """What may be made of somebody else's video."""

    DUET = "duet", _("Duet")
    STITCH = "stitch", _("Stitch")
    SOUND = "sound", _("Sound")


class Credit(models.Model):
    """A video was made with another video, or with a sound.

    The words stay when what they name is deleted: who was credited once is credited for good, without a link.
    """

    id = public(models.BigAutoField(primary_key=True))
    video = public(models.ForeignKey(Video, on_delete=models.CASCADE, related_name="credits"))
    kind = public(models.CharField(max_length=6, choices=Reuse.choices))
    of_video = public(models.ForeignKey(Video, on_delete=models.SET_NULL, null=True, related_name="credited_by"))
    of_sound = public(models.ForeignKey(Sound, on_delete=models.SET_NULL, null=True, related_name="credited_by"))
    of_person = public(models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="credited_by"))
    # The words: the person's name, and the title of the sound.
    name = public(models.CharField(max_length=MAX_NAME))
    title = public(models.CharField(max_length=MAX_SOUND_TITLE, blank=True))

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=models.Q(kind__in=Reuse.values), name="credit_kind_known"),
            models.UniqueConstraint(fields=["video", "kind", "of_video"], name="credit_video_once"),
            models.UniqueConstraint(fields=["video", "kind", "of_sound"], name="credit_sound_once"),
        )
