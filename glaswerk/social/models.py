"""What people do with each other's videos.  All tables but `Comment` are projections of the event log."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import count, personal, public
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.people.models import Person
from glaswerk.videos.models import Video


class Follow(models.Model):
    """`follower` wants to see what `followed` publishes."""

    id = personal(models.BigAutoField(primary_key=True))
    follower = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="following"))
    followed = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="followers"))
    at = personal(models.DateTimeField())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["follower", "followed"], name="follow_once"),
            models.CheckConstraint(condition=~models.Q(follower=models.F("followed")), name="follow_not_oneself"),
        )


class Block(models.Model):
    """`blocker` wants to see nothing of `blocked`, and `blocked` nothing of `blocker`."""

    id = personal(models.BigAutoField(primary_key=True))
    blocker = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="blocking"))
    blocked = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="blocked_by"))
    at = personal(models.DateTimeField())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["blocker", "blocked"], name="block_once"),
            models.CheckConstraint(condition=~models.Q(blocker=models.F("blocked")), name="block_not_oneself"),
        )


class Like(models.Model):
    """A person likes a video."""

    id = personal(models.BigAutoField(primary_key=True))
    person = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="likes"))
    video = personal(models.ForeignKey(Video, on_delete=models.CASCADE, related_name="likes"))
    at = personal(models.DateTimeField())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "video"], name="like_once"),)


class Save(models.Model):
    """A person keeps a video for later."""

    id = personal(models.BigAutoField(primary_key=True))
    person = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="saves"))
    video = personal(models.ForeignKey(Video, on_delete=models.CASCADE, related_name="saves"))
    at = personal(models.DateTimeField())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "video"], name="save_once"),)


class Comment(models.Model):
    """A comment under a video."""

    id = public(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    video = public(models.ForeignKey(Video, on_delete=models.CASCADE, related_name="comments"))
    author = public(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="comments"))
    text = public(models.CharField(_("comment"), max_length=500))
    at = public(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        indexes = (models.Index(fields=["video", "-id"], name="comment_newest_first"),)

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class Counts(models.Model):
    """Live totals of one video, shown inside the cell; they never leave it without noise."""

    video = public(models.OneToOneField(Video, on_delete=models.CASCADE, primary_key=True, related_name="counts"))
    likes = count(models.PositiveIntegerField(default=0))
    saves = count(models.PositiveIntegerField(default=0))
    shares = count(models.PositiveIntegerField(default=0))
    comments = count(models.PositiveIntegerField(default=0))
