"""Telling people something in the app, and their reading it."""

from collections.abc import Iterable

from django.http import Http404
from django.utils import timezone

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.shop.models import Merchant, Notice, Order, StaffRole
from glaswerk.shop.queries.merchants import at_least


def tell_people(
    people: Iterable[int],
    kind: str,
    source: str,
    merchant: Merchant,
    order: Order | None = None,
    *,
    subject: str = "",
    is_for_shop: bool = False,
) -> None:
    """Tell persons (by id) something, once for a source.  Safe to run again."""
    Notice.objects.bulk_create(
        (
            Notice(
                person_id=person,
                kind=kind,
                source=source,
                merchant=merchant,
                order=order,
                subject=subject[:200],
                is_for_shop=is_for_shop,
            )
            for person in people
        ),
        ignore_conflicts=True,
    )


def tell_staff(
    merchant: Merchant, role: StaffRole, kind: str, source: str, order: Order | None = None, subject: str = ""
) -> None:
    """Tell those who work for a merchant in this role or a higher one, once for a source.  Safe to run again."""
    people = merchant.staff.filter(role__in=at_least(role)).values_list("person_id", flat=True)
    tell_people(list(people), kind, source, merchant, order, subject=subject, is_for_shop=True)


def read_notice(person: Person, public_id: str) -> Notice:
    """Return a notice of one's own, which is read by that.  Raises Http404."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    notice = Notice.objects.filter(person=person, pk=wanted).select_related("merchant", "order").first()
    if notice is None:
        raise Http404
    Notice.objects.filter(pk=notice.pk, read_at__isnull=True).update(read_at=timezone.now())
    return notice


def read_all(person: Person) -> int:
    """Have read all of one's notices; return how many there were."""
    return Notice.objects.filter(person=person, read_at__isnull=True).update(read_at=timezone.now())
