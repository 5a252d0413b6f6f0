"""Reads about messages."""

from django.db.models import QuerySet

from glaswerk.shop.models import Delivery, Endpoint


def deliveries_of(endpoint: Endpoint) -> QuerySet[Delivery]:
    """Return an endpoint's messages with their tries, the newest first.  Two queries."""
    return Delivery.objects.filter(endpoint=endpoint).prefetch_related("attempts").order_by("-pk")
