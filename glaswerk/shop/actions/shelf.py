"""Keeping the notes of what changed of the goods in videos."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from glaswerk.shop.models import ShelfChange

# Who has read none for an hour reads everything anew, so a day is far more than anybody needs.
KEPT: Final = timedelta(days=1)


def forget_changes() -> int:
    """Remove the notes that nobody waits for any more, and return how many."""
    return ShelfChange.objects.filter(at__lt=timezone.now() - KEPT).delete()[0]
