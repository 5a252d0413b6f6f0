"""What came from other cells, and what became of it here."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from glaswerk.border.models.peer import Peer
from glaswerk.cell.classes import count, public
from glaswerk.cell.references import keeps_blob, keeps_nothing
from glaswerk.people.models import Person
from glaswerk.videos.models import Video

ARRIVES: Final = ("profile", "video", "offer")


class Arrival(models.Model):
    """A thing of another cell, by its id there, and what stands for it here."""

    id = public(models.BigAutoField(primary_key=True))
    peer = public(models.ForeignKey(Peer, on_delete=models.CASCADE, related_name="arrivals"))
    about = public(models.CharField(max_length=8))
    item = public(models.BigIntegerField())
    # Which entry of its log spoke of it last; an earlier one changes nothing any more.
    index = public(models.BigIntegerField())
    person = public(models.OneToOneField(Person, on_delete=models.CASCADE, null=True, related_name="arrival"))
    video = public(models.OneToOneField(Video, on_delete=models.CASCADE, null=True, related_name="arrival"))
    # The file that the video was made from, as the message named it.
    media = public(keeps_nothing(models.CharField(max_length=64, blank=True)))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["peer", "about", "item"], name="arrival_once"),
            models.CheckConstraint(
                condition=Q(about="profile", person__isnull=False, video=None)
                | Q(about="video", person=None, video__isnull=False)
                | Q(about="offer", person=None, video=None),
                name="arrival_stands_for_one_thing",
            ),
            models.CheckConstraint(condition=Q(about__in=ARRIVES), name="arrival_is_about_something"),
        )


class ForeignOffer(models.Model):
    """Something that another cell sells; whoever wants it buys it there."""

    arrival = public(models.OneToOneField(Arrival, on_delete=models.CASCADE, primary_key=True, related_name="offer"))
    title = public(models.CharField(max_length=200))
    vendor = public(models.CharField(max_length=100, blank=True))
    seller = public(models.CharField(max_length=80))
    url = public(models.CharField(max_length=500))
    currency = public(models.CharField(max_length=3))
    minor = public(models.BigIntegerField())
    picture = public(keeps_blob(models.CharField(max_length=64, blank=True), "webp"))
    # The videos that it is seen in, by their ids there.
    videos = public(ArrayField(models.BigIntegerField()))

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(minor__gt=0), name="foreign_offer_has_a_price"),)


class Elsewhere(models.Model):
    """How often a video of this cell was watched on one day in another cell, as that cell says: noisy, and never less than 0."""

    id = count(models.BigAutoField(primary_key=True))
    peer = count(models.ForeignKey(Peer, on_delete=models.CASCADE, related_name="+"))
    video = count(models.ForeignKey(Video, on_delete=models.CASCADE, related_name="elsewhere"))
    day = count(models.DateField())
    plays = count(models.PositiveBigIntegerField())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["video", "peer", "day"], name="elsewhere_once_a_day"),)
