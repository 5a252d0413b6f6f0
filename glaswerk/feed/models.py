"""What the feed remembers: viewers, their watches, statistics, epochs and slates."""

from django.db import models

from glaswerk.cell.classes import count, personal, public
from glaswerk.cell.references import keeps_nothing
from glaswerk.videos.models import Video


class Watch(models.Model):
    """Everything one viewer did with one video: `glaswerk.feed.fold.VideoMemory` as a row.

    `viewer` is a person's id, or negative for somebody signed out.  Times are milliseconds since the Unix epoch;
    `liked_at`, `saved_at` and `refused_at` are positive while the choice holds and negative once it was taken back.
    `watched_at` is when it was last watched or shared, 0 for never.
    """

    id = personal(models.BigAutoField(primary_key=True))
    viewer = personal(models.BigIntegerField())
    video = personal(models.BigIntegerField())
    first_at = personal(models.BigIntegerField())
    last_at = personal(models.BigIntegerField())
    watched = personal(models.BooleanField())
    watched_ms = personal(models.PositiveIntegerField())
    loops = personal(models.PositiveIntegerField())
    shared = personal(models.BooleanField())
    liked_at = personal(models.BigIntegerField())
    saved_at = personal(models.BigIntegerField())
    refused_at = personal(models.BigIntegerField())
    watched_at = personal(models.BigIntegerField())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["viewer", "video"], name="watch_once"),)
        indexes = (
            models.Index(fields=["viewer", "-last_at"], name="watch_newest_first"),
            models.Index(fields=["video"], name="watch_by_video"),
        )


class Relation(models.Model):
    """What one viewer said of one creator: `glaswerk.feed.fold.CreatorMemory` as a row."""

    id = personal(models.BigAutoField(primary_key=True))
    viewer = personal(models.BigIntegerField())
    creator = personal(models.BigIntegerField())
    follow_at = personal(models.BigIntegerField())
    block_at = personal(models.BigIntegerField())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["viewer", "creator"], name="relation_once"),)


class Dials(models.Model):
    """What one viewer has set: `glaswerk.feed.settings.Settings` as a row; what was watched until `reset_at` says nothing."""

    viewer = personal(models.BigIntegerField(primary_key=True))
    settings = personal(models.JSONField())
    at = personal(models.BigIntegerField())
    reset_at = personal(models.BigIntegerField())


class CountedEvent(models.Model):
    """The id of an event that has been counted, so that its repetition is not."""

    id = personal(models.UUIDField(primary_key=True))
    at = personal(models.BigIntegerField(db_index=True))


class Statistics(models.Model):
    """Totals of one video, and the same decayed: `recent_…` are in 1/256 units at `decayed_at` (ms)."""

    video = public(models.OneToOneField(Video, on_delete=models.CASCADE, primary_key=True, related_name="statistics"))
    impressions = count(models.BigIntegerField(default=0))
    finishes = count(models.BigIntegerField(default=0))
    skips = count(models.BigIntegerField(default=0))
    likes = count(models.BigIntegerField(default=0))
    shares = count(models.BigIntegerField(default=0))
    saves = count(models.BigIntegerField(default=0))
    follows = count(models.BigIntegerField(default=0))
    watch_ms = count(models.BigIntegerField(default=0))
    recent_impressions = count(models.BigIntegerField(default=0))
    recent_finishes = count(models.BigIntegerField(default=0))
    recent_likes = count(models.BigIntegerField(default=0))
    decayed_at = count(models.BigIntegerField(default=0))


class Watermark(models.Model):
    """How far a projection has read a stream; it moves in the transaction that holds the effects."""

    stream = count(models.CharField(max_length=40, primary_key=True))
    sequence = count(models.BigIntegerField(default=0))


class EpochRecord(models.Model):
    """An epoch that was cut; its bytes are a file named by their SHA-256."""

    sha256 = public(keeps_nothing(models.CharField(max_length=64, primary_key=True)))
    cut_at = public(models.DateTimeField(db_index=True))
    videos = public(models.PositiveIntegerField())
    size = public(models.PositiveBigIntegerField())
    in_service = public(models.BooleanField(default=True))


class LearnedModel(models.Model):
    """A fit: what it found, and what became of its model, whose bytes are a file named by their SHA-256 (empty: no model)."""

    class State(models.TextChoices):
        """What became of a model; a retired one was followed by a better one, and serves again where that cannot be read."""

        IN_SERVICE = "in_service"
        REFUSED = "refused"
        RETIRED = "retired"
        ROLLED_BACK = "rolled_back"

    id = public(models.BigAutoField(primary_key=True))
    sha256 = public(keeps_nothing(models.CharField(max_length=64, blank=True)))
    fitted_at = public(models.DateTimeField(db_index=True))
    figures = count(models.JSONField())
    state = public(models.CharField(max_length=20, choices=State))
    reason = public(models.TextField(blank=True))

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="in_service"), name="one_model_in_service"
            ),
            models.UniqueConstraint(fields=["sha256"], condition=~models.Q(sha256=""), name="model_once"),
        )


class SlateRecord(models.Model):
    """A slate as it was served: with its epoch, everything that its replay needs.

    `viewer_state` is compressed with the one of the slate `base` as its dictionary; `glaswerk.feed.slates` reads it.
    """

    id = personal(models.BigIntegerField(primary_key=True))
    viewer = personal(models.BigIntegerField())
    base = personal(models.BigIntegerField(null=True))
    epoch = personal(keeps_nothing(models.CharField(max_length=64)))
    at = personal(models.BigIntegerField())
    viewer_state = personal(models.BinaryField())
    ask = personal(models.BinaryField())
    slate = personal(models.BinaryField())

    class Meta:
        indexes = (models.Index(fields=["viewer", "id"], name="slate_by_viewer"),)


class PolicyRecord(models.Model):
    """A policy that was put in force: its text, by whom, why, and the first epoch that was cut by it.

    `set_by` is the name of an operator, or empty where the cell took over the policy that comes with its version.
    """

    id = public(models.BigAutoField(primary_key=True))
    sha256 = public(keeps_nothing(models.CharField(max_length=64)))
    text = public(models.TextField())
    set_at = public(models.DateTimeField())
    set_by = public(models.CharField(max_length=30, blank=True))
    reason = public(models.CharField(max_length=1000))
    first_epoch = public(keeps_nothing(models.CharField(max_length=64, blank=True)))
