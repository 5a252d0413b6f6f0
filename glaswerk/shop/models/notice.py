"""Notices: what the shop has to say to somebody, in the app itself."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from glaswerk.cell.classes import personal
from glaswerk.cell.ids import encode_id
from glaswerk.people.models import Person
from glaswerk.shop.models.merchant import Merchant
from glaswerk.shop.models.order import Order


class Notice(models.Model):
    """One thing that somebody is told once; its words are made when it is read, in the language of its reader."""

    id = personal(models.BigAutoField(primary_key=True))
    person = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+"))
    kind = personal(models.CharField(max_length=30))
    # Whether it is for who works at the merchant, and not for who bought there.
    is_for_shop = personal(models.BooleanField(default=False))
    merchant = personal(models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+"))
    order = personal(models.ForeignKey(Order, on_delete=models.CASCADE, null=True, related_name="+"))
    subject = personal(models.CharField(max_length=200, blank=True))
    # What it comes from, so that telling twice tells once.
    source = personal(models.CharField(max_length=60))
    at = personal(models.DateTimeField(default=timezone.now))
    read_at = personal(models.DateTimeField(null=True))

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "source"], name="notice_once"),)
        indexes = (
            models.Index(fields=["person", "-id"], name="notice_of_somebody"),
            models.Index(fields=["person"], name="notice_unread", condition=Q(read_at__isnull=True)),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)
