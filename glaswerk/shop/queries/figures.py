"""A merchant's figures, one query a plot.

Sums are of orders that were not cancelled, in the merchant's own currency and in minor units, without what was paid back.
Whose video a sale goes back to is not known to an order: so a video, and a creator, are credited with what was sold of the
things that they show, and a thing that two show counts in both.  Where a line comes to know what led to it, `_SHOWN` is
the one place to say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from glaswerk.cell.ids import encode_id
from glaswerk.shop.models import Merchant

PERIODS: Final = (7, 30, 90, 365)
_ROWS: Final = 12


@dataclass(frozen=True, slots=True)
class Day:
    """What a day brought."""

    day: date
    orders: int
    minor: int


@dataclass(frozen=True, slots=True)
class Source:
    """Who or what showed things that were sold: a video or a creator."""

    id: str
    name: str
    by: str
    units: int
    minor: int


@dataclass(frozen=True, slots=True)
class Step:
    """A product on its way from being looked at to being bought."""

    title: str
    opened: int
    wanted: int
    bought: int


@dataclass(frozen=True, slots=True)
class ReturnShare:
    """How many of a product came back."""

    title: str
    sold: int
    returned: int


_DAYS: Final = """
SELECT day::date, count(one.id), coalesce(sum(one.total_minor - one.refunded_minor), 0)::bigint
FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS day
LEFT JOIN shop_order AS one ON one.merchant_id = %(merchant)s AND one.state <> 'cancelled' AND one.currency = %(currency)s
    AND one.placed_at >= %(since)s AND (one.placed_at AT TIME ZONE %(zone)s)::date = day::date
GROUP BY day ORDER BY day
"""
# What was sold, by the video that shows it.
_SHOWN: Final = """
WITH sold AS (
    SELECT variant.product_id AS product, sum(line.quantity - line.returned)::bigint AS units,
        sum(line.total_minor * (line.quantity - line.returned) / line.quantity)::bigint AS minor
    FROM shop_order AS one JOIN shop_orderline AS line ON line.order_id = one.id
    JOIN shop_variant AS variant ON variant.id = line.variant_id
    WHERE one.merchant_id = %(merchant)s AND one.state <> 'cancelled' AND one.currency = %(currency)s
        AND one.placed_at >= %(since)s
    GROUP BY variant.product_id
), shown AS (
    SELECT video.id AS video, video.caption, video.creator_id AS creator, tag.product_id AS product, sold.units, sold.minor
    FROM sold JOIN shop_tag AS tag ON tag.product_id = sold.product
    JOIN videos_video AS video ON video.id = tag.video_id
    WHERE sold.units > 0 AND video.visibility = 'public' AND video.taken_down_at IS NULL
)
"""
_VIDEOS: Final = """
SELECT shown.video, shown.caption, coalesce(nullif(person.display_name, ''), person.name), sum(shown.units)::bigint, sum(shown.minor)::bigint
FROM shown JOIN people_person AS person ON person.id = shown.creator
GROUP BY 1, 2, 3 ORDER BY 5 DESC, 1 LIMIT %(rows)s
"""
# A creator who shows a thing in several videos sold it once.
_CREATORS: Final = """
SELECT person.id, coalesce(nullif(person.display_name, ''), person.name), person.name, sum(once.units)::bigint, sum(once.minor)::bigint
FROM (SELECT DISTINCT creator, product, units, minor FROM shown) AS once
JOIN people_person AS person ON person.id = once.creator
GROUP BY 1, 2, 3 ORDER BY 5 DESC, 1 LIMIT %(rows)s
"""
_STEPS: Final = """
SELECT product.title, coalesce(looked.opened, 0)::bigint, coalesce(looked.wanted, 0)::bigint, coalesce(sold.lines, 0)::bigint
FROM shop_product AS product
LEFT JOIN (SELECT product_id, sum(opened) AS opened, sum(wanted) AS wanted FROM shop_interest
    WHERE day >= %(first)s GROUP BY product_id) AS looked ON looked.product_id = product.id
LEFT JOIN (SELECT variant.product_id, count(DISTINCT line.id) AS lines FROM shop_order AS one
    JOIN shop_orderline AS line ON line.order_id = one.id JOIN shop_variant AS variant ON variant.id = line.variant_id
    WHERE one.merchant_id = %(merchant)s AND one.state <> 'cancelled' AND one.placed_at >= %(since)s
    GROUP BY variant.product_id) AS sold ON sold.product_id = product.id
WHERE product.merchant_id = %(merchant)s AND (looked.product_id IS NOT NULL OR sold.product_id IS NOT NULL)
ORDER BY 4 DESC, 3 DESC, 2 DESC, product.id
"""
_RETURNS: Final = """
SELECT line.title, sum(line.shipped)::bigint, sum(line.returned)::bigint
FROM shop_order AS one JOIN shop_orderline AS line ON line.order_id = one.id
WHERE one.merchant_id = %(merchant)s AND one.placed_at >= %(since)s AND line.shipped > 0
GROUP BY line.title HAVING sum(line.returned) > 0 ORDER BY 3 DESC, 1 LIMIT %(rows)s
"""


def sales_by_day(merchant: Merchant, days: int) -> list[Day]:
    """Return every day of a period with its orders, also those without any.  One query."""
    return [Day(*row) for row in _asked(_DAYS, merchant, days)]


def sales_by_video(merchant: Merchant, days: int) -> list[Source]:
    """Return the videos that show what sold most.  One query."""
    return [Source(encode_id(row[0]), *row[1:]) for row in _asked(_SHOWN + _VIDEOS, merchant, days)]


def sales_by_creator(merchant: Merchant, days: int) -> list[Source]:
    """Return the creators who show what sold most.  One query."""
    return [Source(encode_id(row[0]), *row[1:]) for row in _asked(_SHOWN + _CREATORS, merchant, days)]


def conversion(merchant: Merchant, days: int) -> list[Step]:
    """Return every product that was looked at or bought, those bought most in front.  One query."""
    return [Step(*row) for row in _asked(_STEPS, merchant, days)]


def returns_by_product(merchant: Merchant, days: int) -> list[ReturnShare]:
    """Return what came back most, by what it was called when it was bought.  One query."""
    return [ReturnShare(*row) for row in _asked(_RETURNS, merchant, days)]


def _asked(query: str, merchant: Merchant, days: int) -> Sequence[tuple[Any, ...]]:
    last = timezone.localdate()
    first = last - timedelta(days=days - 1)
    values: dict[str, Any] = {
        "merchant": merchant.pk,
        "currency": merchant.currency,
        "first": first,
        "last": last,
        # Where days begin here, which the index of orders cannot know.
        "since": timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1),
        "zone": timezone.get_current_timezone_name(),
        "rows": _ROWS,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        found: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return found
