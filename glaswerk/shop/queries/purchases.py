"""Reads about purchases.  Each begins with the buyer."""

from collections.abc import Collection

from django.http import Http404

from glaswerk.shop.models import Purchase


def access_own_purchase(numbers: Collection[int], purchase_id: int) -> Purchase:
    """Return a buyer's own purchase.  One query.  Raises Http404 for everybody else's."""
    purchase = Purchase.objects.filter(buyer__in=numbers, pk=purchase_id).first()
    if purchase is None:
        raise Http404
    return purchase
