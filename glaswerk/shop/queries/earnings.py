"""Reads about what a creator earned.  Every query starts from the creator, so nobody reads another's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.http import Http404
from django.utils import timezone

from glaswerk.cell.ids import encode_id
from glaswerk.money.models import AccountKind, Commission, CommissionState, Payout, PayoutState
from glaswerk.money.queries import balances_of
from glaswerk.people.models import Person
from glaswerk.shop.models import Earning

SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Totals:
    """Where all that a creator earned in a currency stands, in minor units.

    `payable` is below zero where what was paid out went back to buyers afterwards; the next payouts are less by it.
    """

    currency: str
    accrued: int
    payable: int
    under_way: int
    paid: int
    reversed: int


@dataclass(frozen=True, slots=True)
class Source:
    """What a creator earned by one video or one product: sales, and minor units without what was taken back."""

    id: str
    title: str
    sales: int
    minor: int
    reversed: int


def totals_of(person: Person) -> list[Totals]:
    """Return where everything stands, by currency.  Three queries."""
    balances = balances_of("creator", person.pk)
    taken = dict(
        Commission.objects.filter(creator_id=person.pk).values_list("currency").annotate(sum=Sum("reversed")).order_by()
    )
    sent: dict[tuple[str, str], int] = {
        (currency, state): total
        for currency, state, total in Payout.objects.filter(creator_id=person.pk)
        .values_list("run__currency", "state")
        .annotate(total=Sum("amount"))
        .order_by()
    }
    return [
        Totals(
            currency,
            balances.get((AccountKind.CREATOR_ACCRUED, currency), 0),
            balances.get((AccountKind.CREATOR_PAYABLE, currency), 0),
            sent.get((currency, PayoutState.SENT), 0),
            sent.get((currency, PayoutState.PAID), 0),
            taken[currency],
        )
        for currency in sorted(taken)
    ]


_BY_DAY: Final = """
SELECT day::date, coalesce(sum(commission.amount - commission.reversed), 0)::bigint
FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS day
LEFT JOIN money_commission AS commission ON commission.creator_id = %(creator)s AND commission.currency = %(currency)s
    AND commission.at >= day AND commission.at < day + interval '1 day'
GROUP BY 1 ORDER BY 1
"""

_BY_VIDEO: Final = """
SELECT earning.video_id, coalesce(video.caption, ''), count(*), sum(commission.amount - commission.reversed)::bigint,
    sum(commission.reversed)::bigint
FROM shop_earning AS earning JOIN money_commission AS commission ON commission.id = earning.commission_id
LEFT JOIN videos_video AS video ON video.id = earning.video_id
WHERE earning.creator_id = %(creator)s AND commission.currency = %(currency)s
GROUP BY 1, 2 ORDER BY 4 DESC, 1 LIMIT %(limit)s
"""

_BY_PRODUCT: Final = """
SELECT earning.product_id, min(line.title), count(*), sum(commission.amount - commission.reversed)::bigint,
    sum(commission.reversed)::bigint
FROM shop_earning AS earning JOIN money_commission AS commission ON commission.id = earning.commission_id
JOIN shop_orderline AS line ON line.id = earning.line_id
WHERE earning.creator_id = %(creator)s AND commission.currency = %(currency)s
GROUP BY 1 ORDER BY 4 DESC, 1 LIMIT %(limit)s
"""


def by_day(person: Person, currency: str, days: int) -> list[tuple[date, int]]:
    """Return what a creator earned on each of the last days, without what was taken back.  One query."""
    last = timezone.localdate()
    values: dict[str, Any] = {
        "creator": person.pk,
        "currency": currency,
        "first": last - timedelta(days=days - 1),
        "last": last,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, values)
        return list(cursor.fetchall())


def by_video(person: Person, currency: str) -> list[Source]:
    """Return what a creator earned by each video, the most first; an empty id stands for their showcase.  One query."""
    return _sources(_BY_VIDEO, person, currency)


def by_product(person: Person, currency: str) -> list[Source]:
    """Return what a creator earned by each product, the most first.  One query."""
    return _sources(_BY_PRODUCT, person, currency)


def _sources(sql: str, person: Person, currency: str) -> list[Source]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"creator": person.pk, "currency": currency, "limit": SHOWN})
        return [
            Source(encode_id(number) if number is not None else "", title, sales, minor, taken)
            for number, title, sales, minor, taken in cursor.fetchall()
        ]


def earnings_of(person: Person) -> QuerySet[Earning]:
    """Return everything that a creator earned, the newest first.  One query."""
    found = Earning.objects.filter(creator_id=person.pk).select_related("commission", "line", "video")
    return found.order_by("-at", "-pk")


def earnings_before(person: Person, before: int | None, state: str, currency: str) -> QuerySet[Earning]:
    """Return what a creator earned before one of their earnings, the newest first; "" is every state or currency.

    One query, and one more for the place to go on from.  Raises Http404 where that is none of theirs.
    """
    found = earnings_of(person)
    if before is not None:
        at = found.filter(pk=before).values_list("at", flat=True).first()
        if at is None:
            raise Http404
        found = found.filter(Q(at__lt=at) | Q(at=at, pk__lt=before))
    if state:
        found = found.filter(commission__state=state)
    return found.filter(commission__currency=currency) if currency else found


def payouts_of(person: Person, limit: int = SHOWN) -> list[Payout]:
    """Return what a creator was paid, the newest first.  One query."""
    return list(Payout.objects.filter(creator_id=person.pk).select_related("run").order_by("-pk")[:limit])


@dataclass(frozen=True, slots=True)
class EarningRow:
    """An earning as a spreadsheet has it."""

    at: datetime
    order: str
    product: str
    source: str
    rate_bp: int
    base_minor: int
    minor: int
    reversed: int
    currency: str
    state: str
    payable_at: datetime


def earning_rows(person: Person) -> Iterator[EarningRow]:
    """Yield everything that a creator earned, the newest first.  One query, read piece by piece."""
    for one in earnings_of(person).iterator(500):
        commission: Any = one.commission
        yield EarningRow(
            at=one.at,
            order=encode_id(one.line.order_id),
            product=one.line.title,
            source=encode_id(one.video_id) if one.video_id is not None else "",
            rate_bp=one.rate_bp,
            base_minor=one.base_minor,
            minor=one.minor,
            reversed=commission.reversed,
            currency=commission.currency,
            state=CommissionState(commission.state).value,
            payable_at=commission.payable_at,
        )
