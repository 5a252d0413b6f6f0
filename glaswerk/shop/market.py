"""The shop's side of the feed: what an epoch knows of what is sold.  Plain SQL, because epochs are cut without Django.

No price, no commission and nothing of a merchant but whether they sell now is read here, so none of it can move a slate.
"""

import time
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from glaswerk.cell.config import current_cell
from glaswerk.feed.epochs import UNPROFILED
from glaswerk.feed.market import open_market
from glaswerk.glass import FLOOR, Goods
from glaswerk.shop.shelf import Shelf

# What was bought longer ago says little of what goes together today.
WINDOW_DAYS: Final = 180
# Nobody, not even who buys for a whole house, counts without end.
MOST_PRODUCTS: Final = 200
# All that was bought is read through for the pairs, and they change slowly: so it is done for every so manieth epoch.
EPOCHS_BETWEEN: Final = 10

_SHOWN: Final = """
SELECT tag.video_id, tag.product_id,
       product.state = 'active' AND merchant.state = 'approved'
       AND (merchant.holiday_from IS NULL OR %(today)s NOT BETWEEN merchant.holiday_from AND merchant.holiday_until)
       AND (merchant.is_open_to_creators
            OR EXISTS (SELECT FROM shop_staff WHERE merchant_id = merchant.id AND person_id = video.creator_id))
       AND EXISTS (SELECT FROM shop_variant AS variant JOIN shop_stock AS stock ON stock.variant_id = variant.id
                   WHERE variant.product_id = product.id AND variant.is_active AND stock.on_hand > stock.reserved
                     AND EXISTS (SELECT FROM shop_price WHERE variant_id = variant.id AND currency = merchant.currency))
FROM shop_tag AS tag
JOIN videos_video AS video ON video.id = tag.video_id
JOIN shop_product AS product ON product.id = tag.product_id
JOIN shop_merchant AS merchant ON merchant.id = product.merchant_id
"""
# Guests have no account, and so no row here.  Only what stands in a video leads anywhere.
_BOUGHT: Final = f"""
WITH bought AS (
    SELECT person, product, row_number() OVER (PARTITION BY person ORDER BY at DESC, product DESC) AS place
    FROM (
        SELECT purchase.person_id AS person, variant.product_id AS product, max(placed.placed_at) AS at
        FROM shop_order AS placed
        JOIN shop_purchase AS purchase ON purchase.id = placed.purchase_id
        JOIN shop_orderline AS line ON line.order_id = placed.id
        JOIN shop_variant AS variant ON variant.id = line.variant_id
        WHERE placed.state <> 'cancelled' AND line.returned < line.quantity AND purchase.person_id IS NOT NULL
          AND placed.placed_at > now() - make_interval(days => {WINDOW_DAYS})
          AND purchase.person_id NOT IN ({UNPROFILED})
          AND EXISTS (SELECT FROM shop_tag WHERE product_id = variant.product_id)
        GROUP BY 1, 2
    ) AS each
), counted AS MATERIALIZED (SELECT person, product FROM bought WHERE place <= {MOST_PRODUCTS})
SELECT product, product, count(*) FROM counted GROUP BY 1 HAVING count(*) >= {FLOOR}
UNION ALL
SELECT one.product, other.product, count(*) FROM counted AS one JOIN counted AS other USING (person)
WHERE one.product < other.product GROUP BY 1, 2 HAVING count(*) >= {FLOOR}
"""  # noqa: S608 - all of it is ours.

Pairs = list[tuple[int, int, int]]


def today() -> date:
    """Return the day that it is where this cell stands, by which holidays go."""
    return datetime.now(ZoneInfo(current_cell().config.cell.timezone)).date()


class ShopMarket:
    """What the feed asks of the shop."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._pairs: Pairs = []
        self._read_at: float | None = None

    def goods(self, connection: "psycopg.Connection[Any]") -> Goods:
        """Return what is shown where, and what was bought together; the latter may be ten epochs old."""
        keep_s = EPOCHS_BETWEEN * current_cell().config.feed.epoch_seconds
        if self._read_at is None or time.monotonic() - self._read_at > keep_s:
            self._pairs = bought_together(connection)
            self._read_at = time.monotonic()
        shown = connection.execute(_SHOWN, {"today": today()}).fetchall()
        alone = [(product, buyers) for product, other, buyers in self._pairs if product == other]
        together = [pair for pair in self._pairs if pair[0] != pair[1]]
        video, product, is_sold = _columns(shown, 3)
        bought, buyers = _columns(alone, 2)
        first, second, both = _columns(together, 3)
        return Goods(video, product, is_sold.astype(np.bool_), bought, buyers, first, second, both)

    def shelf(self) -> Shelf:
        """Return an empty shelf."""
        return Shelf()

    def named(self, products: Collection[int]) -> dict[int, dict[str, str]]:
        """Return the titles and addresses of what is on sale.  One query, with Django."""
        from glaswerk.shop.queries.tags import titles_of

        return titles_of(products)


def bought_together(connection: "psycopg.Connection[Any]") -> Pairs:
    """Return how many people bought two products, the same one twice for how many bought it; none below the floor."""
    return list(connection.execute(_BOUGHT).fetchall())


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[Any]:
    columns = zip(*rows, strict=True) if rows else ((),) * width
    return [np.array(column, dtype=np.int64) for column in columns]


def open_shop() -> None:
    """Let the feed know of the shop.  Opening it again changes nothing."""
    open_market(ShopMarket())
