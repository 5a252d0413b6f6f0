"""The goods in videos, in a process's memory, so that a slate carries prices and costs no query.

Triggers note what changes (`models/shelf.py`), and every worker reads these notes once a second.  What is shown is made at
the moment that it is asked for, because a sale begins and ends, and a holiday too, without anything being written.  Nothing
is shown that was not known to be so within the last few seconds: where the database is away, slates come without prices.
"""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from glaswerk.cell.blobs import blob_url
from glaswerk.cell.config import current_cell
from glaswerk.cell.database import pool
from glaswerk.cell.ids import encode_id, now_ms
from glaswerk.money.amounts import Money

# A price in a slate is never older than this.
FRESH_S: Final = 5.0
# Notes are kept for a day; who has read none for an hour reads everything anew.
LONGEST_PAUSE_S: Final = 3_600.0
PICTURE_EXTENSION: Final = "webp"

# No transaction has such a number.
_NEVER: Final = (1 << 63) - 1
# One statement, and so one snapshot: transactions below its floor have ended, and their notes are among these.
_NOTES: Final = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(id, kind, subject)), '[]') FROM shop_shelfchange WHERE xid >= %s)
"""
_TOUCHED: Final = """
SELECT DISTINCT tag.video_id FROM shop_tag AS tag JOIN shop_product AS product ON product.id = tag.product_id
WHERE tag.product_id = ANY(%(product)s) OR product.merchant_id = ANY(%(merchant)s)
"""
_GOODS: Final = """
SELECT tag.video_id, tag.from_ms, tag.to_ms, product.id, product.title, merchant.name, merchant.title, merchant.currency,
       merchant.holiday_from, merchant.holiday_until,
       (SELECT blob FROM shop_picture WHERE product_id = product.id AND blob <> '' ORDER BY position LIMIT 1),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(
                   (SELECT coalesce(sum(on_hand - reserved), 0) > 0 FROM shop_stock WHERE variant_id = variant.id),
                   price.minor, price.compare_minor,
                   (SELECT coalesce(jsonb_agg(jsonb_build_array(sale.minor,
                               (extract(epoch FROM lower(sale.period)) * 1000)::bigint,
                               (extract(epoch FROM upper(sale.period)) * 1000)::bigint)), '[]')
                      FROM shop_sale AS sale WHERE sale.price_id = price.id
                       AND (upper_inf(sale.period) OR upper(sale.period) > now())))), '[]')
          FROM shop_variant AS variant
          LEFT JOIN shop_price AS price ON price.variant_id = variant.id AND price.currency = merchant.currency
         WHERE variant.product_id = product.id AND variant.is_active)
FROM shop_tag AS tag
JOIN videos_video AS video ON video.id = tag.video_id
JOIN shop_product AS product ON product.id = tag.product_id
JOIN shop_merchant AS merchant ON merchant.id = product.merchant_id
WHERE product.state = 'active' AND merchant.state = 'approved'
  AND (merchant.is_open_to_creators
       OR EXISTS (SELECT FROM shop_staff WHERE merchant_id = merchant.id AND person_id = video.creator_id))
  AND (%(videos)s::bigint[] IS NULL OR tag.video_id = ANY(%(videos)s))
ORDER BY tag.video_id, tag.position
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a variant costs over time: its list price, what it cost before, and sales as (minor, from, until or None)."""

    is_there: bool
    minor: int
    compare_minor: int | None
    sales: tuple[tuple[int, int, int | None], ...]

    def at(self, at_ms: int) -> tuple[int, int | None]:
        """Return what it costs at a moment, and what without the sale.  One that is dearer lowers nothing."""
        for minor, start, end in self.sales:
            if start <= at_ms and (end is None or at_ms < end) and minor < self.minor:
                return minor, self.minor
        return self.minor, self.compare_minor


@dataclass(frozen=True, slots=True)
class Good:
    """A product in a video."""

    from_ms: int
    to_ms: int
    product: str
    title: str
    merchant: str
    merchant_title: str
    currency: str
    holiday: tuple[date, date] | None
    picture: str | None
    costs: tuple[Cost, ...]

    @classmethod
    def read(cls, row: tuple[Any, ...]) -> Self:
        """Return what a row of the query says."""
        from_ms, to_ms, product, title, merchant, merchant_title, currency, first, last, picture, variants = row
        return cls(
            from_ms,
            to_ms,
            encode_id(product),
            title,
            merchant,
            merchant_title,
            currency,
            (first, last) if first is not None else None,
            blob_url(picture, PICTURE_EXTENSION) if picture else None,
            # What has no price in its merchant's currency cannot be bought.
            tuple(
                Cost(is_there, minor, compare, tuple(tuple(sale) for sale in sales))
                for is_there, minor, compare, sales in variants
                if minor is not None
            ),
        )

    def is_shown(self, today: date) -> bool:
        """Whether its merchant sells today."""
        return self.holiday is None or not self.holiday[0] <= today <= self.holiday[1]

    @property
    def is_sold_out(self) -> bool:
        """Whether no variant can be had."""
        return not any(cost.is_there for cost in self.costs)

    def as_slot(self, at_ms: int, language: str) -> dict[str, Any]:
        """Return it as slates have it, as `GET /api/shop/tagged` does."""
        # What is sold out beckons nobody with its price, unless all of it is.
        there = [cost for cost in self.costs if cost.is_there] or self.costs
        prices = sorted((cost.at(at_ms) for cost in there), key=lambda price: price[0])
        minor, before = prices[0] if prices else (None, None)
        return {
            "product": self.product,
            "title": self.title,
            "merchant": self.merchant,
            "merchant_title": self.merchant_title,
            "picture": self.picture,
            "price": None if minor is None else self._amount(minor, language),
            "before": None if before is None else self._amount(before, language),
            "is_from": bool(prices) and prices[0][0] != prices[-1][0],
            "is_sold_out": self.is_sold_out,
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
        }

    def _amount(self, minor: int, language: str) -> dict[str, Any]:
        return {"minor": minor, "currency": self.currency, "shown": _shown(minor, self.currency, language)}


@lru_cache(20_000)
def _shown(minor: int, currency: str, language: str) -> str:
    return Money(minor, currency).shown(language)


class Shelf:
    """What is sold in videos.  One task lets it catch up; whoever asks gets what it holds."""

    def __init__(self) -> None:
        """Hold nothing; the first `catch_up` reads everything."""
        self._zone = ZoneInfo(current_cell().config.cell.timezone)
        self._goods: dict[int, tuple[Good, ...]] = {}
        # Every transaction below it has been read; of those above it, these notes have been.
        self._floor = 0
        self._known: set[int] = set()
        self._fresh_at: float | None = None
        self._selling: tuple[date, frozenset[int]] | None = None

    async def catch_up(self) -> None:
        """Read what has changed since the last time; everything, the first time and after a long pause."""
        began = time.monotonic()
        is_new = self._fresh_at is None or began - self._fresh_at > LONGEST_PAUSE_S
        async with pool().connection() as connection:
            # With nothing to ask for it still says where to begin: what is written meanwhile is read the next time.
            row: Any = await (await connection.execute(_NOTES, [_NEVER if is_new else self._floor])).fetchone()
            floor, notes = int(row[0]), row[1]
            # Numbers that go back are those of another database, such as one that was brought back from a copy.
            if is_new or floor < self._floor:
                rows = await (await connection.execute(_GOODS, {"videos": None})).fetchall()
                self._goods = _by_video(rows)
                self._known = set()
                self._selling = None
            else:
                fresh = [note for note in notes if note[0] not in self._known]
                if fresh:
                    touched = await self._touched(connection, fresh)
                    rows = await (await connection.execute(_GOODS, {"videos": touched})).fetchall()
                    for video in touched:
                        self._goods.pop(video, None)
                    self._goods |= _by_video(rows)
                    self._selling = None
                self._known = {note[0] for note in notes}
        self._floor = floor
        self._fresh_at = began

    async def _touched(self, connection: Any, notes: list[list[Any]]) -> list[int]:
        """Return the videos that notes speak of."""
        subjects: dict[str, list[int]] = {"product": [], "merchant": [], "video": []}
        for _, kind, subject in notes:
            subjects[kind].append(subject)
        rows = await (await connection.execute(_TOUCHED, subjects)).fetchall()
        return sorted({*subjects["video"], *(row[0] for row in rows)})

    def shown(self, video: int, language: str) -> list[dict[str, Any]] | None:
        """Return what a video shows at this moment; None where that is not known freshly enough.  No query."""
        if self._fresh_at is None or time.monotonic() - self._fresh_at > FRESH_S:
            return None
        goods = self._goods.get(video)
        if not goods:
            return []
        today, at_ms = self._today(), now_ms()
        return [good.as_slot(at_ms, language) for good in goods if good.is_shown(today)]

    def selling(self) -> frozenset[int]:
        """Return the videos that show something which can be bought now."""
        today = self._today()
        if self._selling is None or self._selling[0] != today:
            found = (
                video
                for video, goods in self._goods.items()
                if any(good.is_shown(today) and not good.is_sold_out for good in goods)
            )
            self._selling = (today, frozenset(found))
        return self._selling[1]

    def _today(self) -> date:
        return datetime.now(UTC).astimezone(self._zone).date()


def _by_video(rows: list[tuple[Any, ...]]) -> dict[int, tuple[Good, ...]]:
    found: dict[int, list[Good]] = {}
    for video, *facts in rows:
        found.setdefault(video, []).append(Good.read(tuple(facts)))
    return {video: tuple(goods) for video, goods in found.items()}
