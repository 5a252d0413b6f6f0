"""A merchant's figures, one query a plot.

Sums are of orders that were not cancelled, in the merchant's own currency and in minor units, without what was paid back.
A sale goes back to the video, and to the creator, whose touch it was placed by (`shop_earn`): the last one that was
served to its buyer, and no other that shows the same thing.
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
    """Who or what led to sales: a video or a creator.

    Without an id it is all of a creator's sales by their showcase and by videos that are not public any more; without
    `by`, the creator's account is gone.
    """

    id: str
    name: str
    by: str
    units: int
    minor: int


@dataclass(frozen=True, slots=True)
class Reach:
    """How often a product was shown in a video (each viewer of a video once), and how many purchases that led to."""

    title: str
    shown: int
    bought: int


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
# What was sold to whoever a creator led, which is what earned; where no plan pays for it, as long as the touch is kept.  A
# video that is not public any more is not named, nor is the showcase one.
_LED: Final = """
WITH led AS (
    SELECT one.purchase_id AS purchase, variant.product_id AS product, line.quantity - line.returned AS units,
        line.total_minor * (line.quantity - line.returned) / line.quantity AS minor,
        coalesce(earning.creator_id, touch.creator_id) AS creator,
        CASE WHEN earning.line_id IS NULL THEN touch.video_id ELSE earning.video_id END AS video
    FROM shop_order AS one JOIN shop_orderline AS line ON line.order_id = one.id
    LEFT JOIN shop_variant AS variant ON variant.id = line.variant_id
    LEFT JOIN shop_earning AS earning ON earning.line_id = line.id
    LEFT JOIN shop_touch AS touch ON touch.purchase_id = one.purchase_id AND touch.product_id = variant.product_id
    WHERE one.merchant_id = %(merchant)s AND one.state <> 'cancelled' AND one.currency = %(currency)s
        AND one.placed_at >= %(since)s AND (earning.line_id IS NOT NULL OR touch.id IS NOT NULL)
)
"""
_VIDEOS: Final = """
SELECT video.id, coalesce(video.caption, ''), coalesce(nullif(person.display_name, ''), person.name, ''),
    sum(led.units)::bigint, sum(led.minor)::bigint
FROM led LEFT JOIN people_person AS person ON person.id = led.creator
LEFT JOIN videos_video AS video ON video.id = led.video AND video.visibility = 'public' AND video.taken_down_at IS NULL
WHERE led.units > 0 GROUP BY 1, 2, 3, led.creator ORDER BY 5 DESC, 1 LIMIT %(rows)s
"""
_CREATORS: Final = """
SELECT led.creator, coalesce(nullif(person.display_name, ''), person.name, ''), coalesce(person.name, ''),
    sum(led.units)::bigint, sum(led.minor)::bigint
FROM led LEFT JOIN people_person AS person ON person.id = led.creator
WHERE led.units > 0 GROUP BY 1, 2, 3 ORDER BY 5 DESC, 1 LIMIT %(rows)s
"""
# An impression is a viewer's first one of a video, as the feed counts them too.
_SHOWN: Final = """
SELECT product.title, coalesce(shown.times, 0)::bigint, coalesce(bought.purchases, 0)::bigint
FROM shop_product AS product
LEFT JOIN (
    SELECT tag.product_id, count(*) AS times FROM shop_product AS held JOIN shop_tag AS tag ON tag.product_id = held.id
    JOIN videos_video AS video ON video.id = tag.video_id AND video.visibility = 'public' AND video.taken_down_at IS NULL
    JOIN feed_watch AS watch ON watch.video = video.id
    WHERE held.merchant_id = %(merchant)s AND watch.first_at >= extract(epoch FROM %(since)s::timestamptz) * 1000
    GROUP BY tag.product_id
) AS shown ON shown.product_id = product.id
LEFT JOIN (
    SELECT led.product, count(DISTINCT led.purchase) AS purchases FROM led WHERE led.video IS NOT NULL GROUP BY led.product
) AS bought ON bought.product = product.id
WHERE product.merchant_id = %(merchant)s AND (shown.product_id IS NOT NULL OR bought.product IS NOT NULL)
ORDER BY 3 DESC, 2 DESC, product.id
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
    """Return the videos that led to most.  One query."""
    return _sources(_LED + _VIDEOS, merchant, days)


def sales_by_creator(merchant: Merchant, days: int) -> list[Source]:
    """Return the creators who led to most, by videos and by showcases.  One query."""
    return _sources(_LED + _CREATORS, merchant, days)


def conversion(merchant: Merchant, days: int) -> list[Reach]:
    """Return every product that a video showed or led to, those bought most in front.  One query."""
    return [Reach(*row) for row in _asked(_LED + _SHOWN, merchant, days)]


def looking(merchant: Merchant, days: int) -> list[Step]:
    """Return every product that was looked at or bought, those bought most in front.  One query."""
    return [Step(*row) for row in _asked(_STEPS, merchant, days)]


def returns_by_product(merchant: Merchant, days: int) -> list[ReturnShare]:
    """Return what came back most, by what it was called when it was bought.  One query."""
    return [ReturnShare(*row) for row in _asked(_RETURNS, merchant, days)]


def _sources(query: str, merchant: Merchant, days: int) -> list[Source]:
    return [Source(encode_id(row[0]) if row[0] is not None else "", *row[1:]) for row in _asked(query, merchant, days)]


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
