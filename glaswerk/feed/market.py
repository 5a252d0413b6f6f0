"""What the feed knows of selling; the app that sells enters itself here when it starts.

The feed knows no product, no price and no merchant: what an epoch must know comes as the engine's plain columns, and what a
slot shows is handed through as it is.
"""

from collections.abc import Collection
from typing import Any, Protocol

import psycopg

from glaswerk.glass import Goods

LOOK_EVERY_S = 1.0
"""How often whoever keeps a shelf lets it catch up."""


class Shelf(Protocol):
    """What is sold in videos, kept in a process's memory."""

    async def catch_up(self) -> None:
        """Read what has changed since the last time; everything, the first time."""

    def shown(self, video: int, language: str) -> list[dict[str, Any]] | None:
        """Return what a video shows at this moment, as slates have it; None where that is not known freshly enough.

        Each has at least `is_sold_out`.  No query.
        """

    def selling(self) -> frozenset[int]:
        """Return the videos that show something which can be bought now."""


class Market(Protocol):
    """The app that sells."""

    def goods(self, connection: "psycopg.Connection[Any]") -> Goods:
        """Return what an epoch knows of what is sold, read in the connection's snapshot."""

    def shelf(self) -> Shelf:
        """Return an empty shelf of this process's own."""

    def named(self, products: Collection[int]) -> dict[int, dict[str, str]]:
        """Return the title and the address of those of the products that everybody may see."""


_markets: list[Market] = []


def open_market(market: Market) -> None:
    """Let the feed show what is sold.  There is one market; who opens later takes the place."""
    _markets[:] = [market]


def market() -> Market | None:
    """Return the app that sells, or None where there is none."""
    return _markets[0] if _markets else None
