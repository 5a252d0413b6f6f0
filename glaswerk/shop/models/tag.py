"""Product tags: what a video shows, and from when until when."""

from django.db import models
from django.db.models import F, Q

from glaswerk.cell.classes import public
from glaswerk.shop.models.product import Product
from glaswerk.shop.models.shelf import note_changes
from glaswerk.videos.models import Video

MAX_TAGS = 12


class Tag(models.Model):
    """A product in a video, from one moment to another.

    That it stands here gives nobody the right to show it: whether it is shown is asked of the product, its merchant and
    the video each time that it is read, so that a tag whose ground is gone simply is not seen.
    """

    id = public(models.BigAutoField(primary_key=True))
    video = public(models.ForeignKey(Video, on_delete=models.CASCADE, related_name="+"))
    product = public(models.ForeignKey(Product, on_delete=models.CASCADE, related_name="tags_in_videos"))
    position = public(models.PositiveSmallIntegerField())
    from_ms = public(models.PositiveIntegerField())
    to_ms = public(models.PositiveIntegerField())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["video", "position"], name="tag_position_once"),
            models.UniqueConstraint(fields=["video", "product"], name="tag_product_once"),
            models.CheckConstraint(condition=Q(from_ms__lt=F("to_ms")), name="tag_is_a_period"),
            models.CheckConstraint(condition=Q(position__lt=MAX_TAGS), name="tag_position_is_sane"),
        )
        triggers = (note_changes("tag_is_noted", "video", "ROW.video_id"),)
        ordering = ("position",)
