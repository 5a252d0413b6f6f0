"""Reads about reviews.  What a moderator hid is seen by moderators, who wrote it, and who works for the merchant."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Avg, Count, QuerySet
from django.http import Http404

from glaswerk.cell.ids import decode_id
from glaswerk.shop.models import Merchant, Product, Review


@dataclass(frozen=True, slots=True)
class Rating:
    """How a product was judged: the average of all stars, in tenths, and how many gave some."""

    tenths: int
    count: int

    @property
    def stars(self) -> float:
        """The average as a number."""
        return self.tenths / 10

    @property
    def rounded(self) -> int:
        """The average in whole stars, half a star rounded up."""
        return (self.tenths + 5) // 10


def rating_of(product: Product) -> Rating:
    """Return how a product was judged.  One query."""
    found = _seen().filter(product=product).aggregate(average=Avg("stars"), count=Count("pk"))
    return Rating(round(10 * (found["average"] or 0)), found["count"])


def reviews_of(product: Product, *, with_hidden: bool = False) -> QuerySet[Review]:
    """Return what was said of a product, the newest first.  One query."""
    found = Review.objects.all() if with_hidden else _seen()
    return found.filter(product=product).select_related("person").order_by("-pk")


def reviews_at(merchant: Merchant) -> QuerySet[Review]:
    """Return what was said of a merchant's products, the newest first.  One query."""
    return Review.objects.filter(product__merchant=merchant).select_related("person", "product").order_by("-pk")


def own_reviews(lines: Collection[int]) -> dict[int, Review]:
    """Return one's own reviews by the line (id) that they are of.  One query."""
    return {one.line_id: one for one in Review.objects.filter(line__in=lines)}


def product_of(review_id: str) -> Product:
    """Return what a review is of.  One query.  Raises Http404."""
    try:
        wanted = decode_id(review_id)
    except ValueError:
        raise Http404 from None
    product = Product.objects.filter(reviews=wanted).select_related("merchant").first()
    if product is None:
        raise Http404
    return product


def _seen() -> QuerySet[Review]:
    return Review.objects.filter(hidden_at__isnull=True, person__is_active=True)
