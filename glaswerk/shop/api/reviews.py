"""Reviews, by those who bought."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema

from glaswerk.shop.actions import reviews as actions
from glaswerk.shop.api.identity import count_write, guest_of, id_or_404, person_of
from glaswerk.shop.models import MAX_STARS, Review
from glaswerk.shop.queries import reviews as queries
from glaswerk.shop.queries.catalogue import shown_product

router = Router(tags=["reviews"])


class ReviewIn(Schema):
    """What you say of what you bought."""

    stars: int = Field(ge=1, le=MAX_STARS, strict=True)
    text: str = Field("", max_length=8_000)


class ReviewOut(Schema):
    """A review."""

    id: str
    author: str
    stars: int
    text: str
    answer: str = Field(description="What the merchant says to it.")
    written_at: datetime
    is_edited: bool


class ReviewsOut(Schema):
    """What was said of a product, the newest first."""

    average: float = Field(description="Of all stars, rounded to tenths; 0 without any.")
    count: int
    reviews: list[ReviewOut]
    next: str | None = Field(description="Ask with `before` set to this for older ones; null at the end.")


class AnswerIn(Schema):
    """What a merchant says to a review; empty takes it back."""

    answer: str = Field(max_length=8_000)


class HidingIn(Schema):
    """Whether a review is out of sight, and why."""

    is_hidden: bool
    reason: str = Field("", max_length=2_000)


def shown_review(review: Review) -> ReviewOut:
    """Return a review as the API has it."""
    return ReviewOut(
        id=review.public_id,
        author=review.person.shown_name,
        stars=review.stars,
        text=review.text,
        answer=review.answer,
        written_at=review.written_at,
        is_edited=review.edited_at is not None,
    )


def numbers_of(request: HttpRequest) -> tuple[int, ...]:
    """Return by which numbers a signed-in person bought, also as a guest in this browser."""
    guest = guest_of(request)
    person = person_of(request).pk
    return (person,) if guest is None else (person, guest)


@router.get("/shop/products/{product_id}/reviews", response=ReviewsOut, auth=None)
def list_reviews(
    request: HttpRequest,
    product_id: str,
    before: str | None = None,
    limit: Annotated[int, Field(ge=1, le=50)] = 10,
) -> ReviewsOut:
    """Read what buyers say of a product that is on sale."""
    product = shown_product(product_id)
    rating = queries.rating_of(product)
    found = queries.reviews_of(product)
    if before is not None:
        found = found.filter(pk__lt=id_or_404(before))
    page = list(found[: limit + 1])
    shown = [shown_review(one) for one in page[:limit]]
    return ReviewsOut(
        average=rating.stars, count=rating.count, reviews=shown, next=shown[-1].id if len(page) > limit else None
    )


@router.put("/shop/lines/{line_id}/review", response=ReviewOut)
def write_review(request: HttpRequest, line_id: str, review: ReviewIn) -> ReviewOut:
    """Say something of what was sent to you, or say it anew; once for each line of an order."""
    person = person_of(request)
    count_write(person.pk)
    return shown_review(actions.write_review(person, numbers_of(request), line_id, review.stars, review.text))


@router.delete("/shop/lines/{line_id}/review", response={204: None})
def delete_review(request: HttpRequest, line_id: str) -> tuple[int, None]:
    """Take your review back."""
    count_write(person_of(request).pk)
    actions.delete_review(numbers_of(request), line_id)
    return 204, None


@router.put("/shop/reviews/{review_id}/answer", response=ReviewOut)
def answer_review(request: HttpRequest, review_id: str, answer: AnswerIn) -> ReviewOut:
    """Answer a review of your product, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    return shown_review(actions.answer_review(person, review_id, answer.answer))


@router.put("/shop/reviews/{review_id}/hidden", response=ReviewOut)
def hide_review(request: HttpRequest, review_id: str, hiding: HidingIn) -> ReviewOut:
    """Take a review out of sight with a reason, or let it be seen again, as a moderator."""
    person = person_of(request)
    count_write(person.pk)
    if hiding.is_hidden:
        return shown_review(actions.hide_review(person, review_id, hiding.reason))
    return shown_review(actions.show_review(person, review_id))
