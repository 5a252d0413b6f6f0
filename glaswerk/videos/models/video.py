"""Videos and their words."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal, public
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.references import keeps_blob, keeps_original
from glaswerk.people.models import Person, Visibility


class State(models.TextChoices):
    """Where a video is on its way from upload to playback."""

    UPLOADED = "uploaded", _("Waiting")
    PROCESSING = "processing", _("Processing")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


class Ladder(models.TextChoices):
    """How many of its renditions a video has: it plays from the first one on, and the others follow."""

    NONE = "none", _("None")
    FIRST = "first", _("The first")
    WHOLE = "whole", _("All")
    # The first one plays; the others could not be made.
    BROKEN = "broken", _("Only the first")


class Video(models.Model):
    """One video: who made it, what it says, who may see it and how far its processing is."""

    id = public(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    creator = public(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="videos"))
    caption = public(models.CharField(_("caption"), max_length=2200, blank=True))
    hashtags = public(ArrayField(models.CharField(max_length=50), default=list, blank=True))
    mentions = public(ArrayField(models.BigIntegerField(), default=list, blank=True))
    visibility = personal(models.CharField(_("visibility"), max_length=10, choices=Visibility.choices))
    language = public(models.CharField(max_length=5, blank=True))
    region = public(models.CharField(max_length=16))
    # What is heard: its own sound, or somebody's that it uses.  The title is what the feed compares, so that videos with
    # the same sound are found together; it stays when the sound is deleted.
    sound = public(models.ForeignKey("videos.Sound", on_delete=models.SET_NULL, null=True, related_name="videos"))
    sound_title = public(models.CharField(_("sound"), max_length=80, blank=True))
    # What its creator lets others make of it, while it is public; see `glaswerk.videos.reuse`.
    allow_duet = public(models.BooleanField(_("duets allowed"), default=False, db_default=False))
    allow_stitch = public(models.BooleanField(_("stitches allowed"), default=False, db_default=False))
    allow_sound = public(models.BooleanField(_("use of the sound allowed"), default=False, db_default=False))
    # Whether other cells may show it; what was published before anybody could say so stays in its region.
    allow_elsewhere = public(models.BooleanField(_("shown elsewhere"), default=False, db_default=False))

    state = personal(models.CharField(max_length=10, choices=State.choices, default=State.UPLOADED))
    ladder = personal(models.CharField(max_length=6, choices=Ladder.choices, default=Ladder.NONE))
    progress = personal(models.PositiveSmallIntegerField(default=0))
    # A stable code such as `truncated`; the sentence for it is chosen in the reader's language.
    failure = personal(models.CharField(max_length=40, blank=True))
    # The SHA-256 of the original as it was uploaded; it stays in the cell and is never served.  Empty until the cut that
    # the video is made from was rendered.
    source = personal(keeps_original(models.CharField(max_length=64)))

    duration_ms = public(models.PositiveIntegerField(default=0))
    width = public(models.PositiveIntegerField(default=0))
    height = public(models.PositiveIntegerField(default=0))
    poster = public(keeps_blob(models.CharField(max_length=64, blank=True), "jpg"))
    color = public(models.CharField(max_length=7, blank=True))
    # What it looks like, as 64 bytes of `glaswerk.reel.look`; empty until it was looked at, zeros where it could not be.
    features = public(models.BinaryField(default=bytes))

    created_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    published_at = public(models.DateTimeField(null=True, editable=False))
    edited_at = public(models.DateTimeField(null=True, editable=False))
    taken_down_at = public(models.DateTimeField(null=True, blank=True))

    class Meta:
        verbose_name = _("video")
        verbose_name_plural = _("videos")
        indexes = (
            models.Index(fields=["creator", "-published_at"], name="video_by_creator"),
            GinIndex(fields=["hashtags"], name="video_by_hashtag"),
        )
        constraints = (
            models.CheckConstraint(condition=models.Q(visibility__in=Visibility.values), name="video_visibility_known"),
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="video_state_known"),
            models.CheckConstraint(condition=models.Q(ladder__in=Ladder.values), name="video_ladder_known"),
            models.CheckConstraint(condition=models.Q(progress__lte=100), name="video_progress_is_percent"),
            # Nothing half-made can be shown: a ready video has its poster, its length and its date.
            models.CheckConstraint(
                condition=~models.Q(state=State.READY)
                | (~models.Q(poster="") & models.Q(duration_ms__gt=0) & models.Q(published_at__isnull=False)),
                name="video_ready_is_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(features=b"") | models.Q(Exact(Length("features"), 64)),
                name="video_features_whole",
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)
