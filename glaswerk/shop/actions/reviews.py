"""What buyers, merchants and moderators do with reviews."""

from collections.abc import Collection

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_REVIEW, MAX_STARS, OrderLine, Review, StaffRole
from glaswerk.shop.queries.merchants import at_least
from glaswerk.shop.texts import clean_line, clean_text


def write_review(person: Person, numbers: Collection[int], line_id: str, stars: int, text: str) -> Review:
    """Say something of what was sent to one, or say it anew.  Raises Http404 and ShopError."""
    if not 1 <= stars <= MAX_STARS:
        raise ShopError("stars", _("Please give 1 to %(most)d stars.") % {"most": MAX_STARS})
    text = clean_text(text, "text", MAX_REVIEW)
    try:
        with transaction.atomic():
            line = _own_line(numbers, line_id)
            if line.variant is None:
                raise ShopError("line", _("This is not sold any more, so it cannot be reviewed."), 409)
            if not line.shipped:
                raise ShopError("line", _("You can review it once it is on its way."), 409)
            review = Review.objects.select_for_update().filter(line=line).first()
            if review is None:
                return Review.objects.create(
                    line=line, product_id=line.variant.product_id, person=person, stars=stars, text=text
                )
            review.stars, review.text, review.edited_at = stars, text, timezone.now()
            review.save(update_fields=["stars", "text", "edited_at"])
    except IntegrityError:
        # The form was sent twice at once, and the other one was first.
        raise ShopError("line", _("You have reviewed this already. Please look again."), 409) from None
    return review


def delete_review(numbers: Collection[int], line_id: str) -> None:
    """Take one's review back.  Raises Http404.

    What a moderator hid stays for the record, out of sight: taken back and written anew it would be seen again.
    """
    line = _own_line(numbers, line_id)
    if not Review.objects.filter(line=line, hidden_at__isnull=True).delete()[0]:
        raise Http404


def answer_review(person: Person, review_id: str, answer: str) -> Review:
    """Answer a review of one's merchant's product, as a manager; an empty answer takes it back.  Raises Http404 and ShopError."""
    answer = clean_text(answer, "answer", MAX_REVIEW)
    merchants = Q(
        product__merchant__staff__person=person, product__merchant__staff__role__in=at_least(StaffRole.MANAGER)
    )
    with transaction.atomic():
        review = Review.objects.filter(merchants, pk=_decoded(review_id)).select_for_update(of=("self",)).first()
        if review is None:
            raise Http404
        review.answer = answer
        review.save(update_fields=["answer"])
    return review


def hide_review(moderator: Person, review_id: str, reason: str) -> Review:
    """Take a review out of sight, as a moderator who does not work for its merchant.  Raises Http404 and ShopError."""
    reason = clean_line(reason, "reason", 500)
    return _decide(moderator, review_id, reason)


def show_review(moderator: Person, review_id: str) -> Review:
    """Let a review be seen again, as a moderator who does not work for its merchant.  Raises Http404."""
    return _decide(moderator, review_id, "")


def _decide(moderator: Person, review_id: str, reason: str) -> Review:
    if not moderator.is_moderator:
        raise Http404
    with transaction.atomic():
        found = Review.objects.filter(pk=_decoded(review_id)).exclude(product__merchant__staff__person=moderator)
        review = found.select_for_update(of=("self",)).first()
        if review is None:
            raise Http404
        review.hidden_at = timezone.now() if reason else None
        review.hidden_for, review.hidden_by = reason, moderator if reason else None
        review.save(update_fields=["hidden_at", "hidden_for", "hidden_by"])
    return review


def _own_line(numbers: Collection[int], line_id: str) -> OrderLine:
    line = OrderLine.objects.filter(pk=_decoded(line_id), order__buyer__in=numbers).select_related("variant").first()
    if line is None:
        raise Http404
    return line


def _decoded(public_id: str) -> int:
    try:
        return decode_id(public_id)
    except ValueError:
        raise Http404 from None
