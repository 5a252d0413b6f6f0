"""How often products were looked at and wanted: sums a day, which know of nobody who did."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from glaswerk.cell.classes import count
from glaswerk.shop.models.product import Product


class Interest(models.Model):
    """What a day brought a product: how often it was opened, and how often put into a cart or bought past it."""

    id = count(models.BigAutoField(primary_key=True))
    product = count(models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+"))
    day = count(models.DateField(default=timezone.localdate))
    opened = count(models.PositiveIntegerField(default=0))
    wanted = count(models.PositiveIntegerField(default=0))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["product", "day"], name="interest_once_a_day"),
            models.CheckConstraint(condition=Q(opened__gt=0) | Q(wanted__gt=0), name="interest_counts_something"),
        )
