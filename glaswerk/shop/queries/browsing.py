"""Looking around in the shop: by words, by category, the newest or the cheapest first, and what many people buy."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Least
from django.http import Http404
from django.utils import timezone

from glaswerk.cell.statements import fetch
from glaswerk.glass import FLOOR
from glaswerk.shop.market import WINDOW_DAYS
from glaswerk.shop.models import OrderLine, OrderState, Price, Product, Sale, Stock, Variant
from glaswerk.shop.queries.catalogue import on_sale, with_parts

NEWEST: Final = "new"
CHEAPEST: Final = "cheap"
MAX_SEARCH: Final = 100
MOST_PAGES: Final = 50
_KINDS: Final = 24


@dataclass(frozen=True, slots=True)
class Kind:
    """A category, as merchants call it, and how many products of it are on sale."""

    name: str
    count: int


# From one currency to the next by the index, because there are few currencies and many prices.
_CURRENCIES: Final = """
WITH RECURSIVE found AS (
    (SELECT currency FROM shop_price ORDER BY currency LIMIT 1)
    UNION ALL
    SELECT (SELECT price.currency FROM shop_price AS price WHERE price.currency > found.currency
        ORDER BY price.currency LIMIT 1)
    FROM found WHERE found.currency IS NOT NULL
)
SELECT currency FROM found WHERE currency IS NOT NULL
"""


def currencies() -> list[str]:
    """Return the currencies in which there are prices, in the order of the alphabet.  One query."""
    return [row[0] for row in fetch(_CURRENCIES)]


def currencies_of(variants: Collection[int]) -> list[str]:
    """Return the currencies in which at least one of these variants has a price.  One query."""
    found = Price.objects.filter(variant__in=variants).order_by("currency")
    return list(found.values_list("currency", flat=True).distinct())


def _sold(currency: str) -> QuerySet[Product]:
    prices = Price.objects.filter(variant__product=OuterRef("pk"), variant__is_active=True, currency=currency)
    return on_sale(timezone.now()).filter(Exists(prices))


def kinds(currency: str) -> list[Kind]:
    """Return the categories with most products, in the order of the alphabet.  One query."""
    rows = _sold(currency).exclude(kind="").values("kind").annotate(count=Count("pk")).order_by("-count", "kind")
    return sorted((Kind(row["kind"], row["count"]) for row in rows[:_KINDS]), key=lambda one: one.name.casefold())


def browse(words: str, kind: str, order: str, currency: str, page: int, size: int) -> tuple[list[Product], bool]:
    """Return a page of what is on sale, and whether there is more.  Three queries."""
    found = _sold(currency)
    if kind:
        found = found.filter(kind=kind)
    for word in words.split()[:8]:
        found = found.filter(
            Q(title__icontains=word)
            | Q(vendor__icontains=word)
            | Q(kind__icontains=word)
            | Q(merchant__title__icontains=word)
            | Q(tags__contains=[word.lower()])
        )
    if order == CHEAPEST:
        found = found.annotate(lowest=Subquery(_lowest(currency))).order_by("lowest", "-pk")
    else:
        found = found.order_by("-pk")
    start = page * size
    products = list(with_parts(found)[start : start + size + 1])
    return products[:size], len(products) > size and page + 1 < MOST_PAGES


def often_bought(currency: str, most: int) -> list[Product]:
    """Return what is in stock, what most people bought lately first, then the newest.  Three queries.

    People are counted in whole fives, so that nobody can tell from the order what a single one of them bought.
    """
    since = timezone.now() - timedelta(days=WINDOW_DAYS)
    lines = OrderLine.objects.filter(variant__product=OuterRef("pk"), order__placed_at__gt=since)
    buyers = (
        lines.exclude(order__state=OrderState.CANCELLED)
        .order_by()
        .values("variant__product")
        .annotate(floors=Count("order__buyer", distinct=True) / FLOOR)
        .values("floors")
    )
    there = Stock.objects.filter(variant__product=OuterRef("pk"), variant__is_active=True, on_hand__gt=F("reserved"))
    found = _sold(currency).filter(Exists(there)).annotate(floors=Coalesce(Subquery(buyers), 0))
    return list(with_parts(found.order_by("-floors", "-pk"))[:most])


def _lowest(currency: str) -> QuerySet[Price, Any]:
    """Return what the cheapest variant of a product costs at this moment."""
    sale = Sale.objects.filter(price=OuterRef("pk"), period__contains=timezone.now()).values("minor")[:1]
    prices = Price.objects.filter(variant__product=OuterRef("pk"), variant__is_active=True, currency=currency)
    costs = prices.annotate(cost=Least(F("minor"), Coalesce(Subquery(sale), F("minor"))))
    return costs.order_by().values("variant__product").annotate(lowest=Min("cost")).values("lowest")


def product_at(merchant: str, handle: str) -> Product:
    """Return a product by the words of its address, as everybody may see it.  Three queries.  Raises Http404."""
    found = with_parts(on_sale(timezone.now())).filter(merchant__name=merchant, handle=handle).first()
    if found is None:
        raise Http404
    return found


def others_of(product: Product, most: int) -> list[Product]:
    """Return other things that the merchant sells, the newest first.  Three queries."""
    found = on_sale(timezone.now()).filter(merchant=product.merchant_id).exclude(pk=product.pk)
    return list(with_parts(found.filter(Exists(Variant.objects.filter(product=OuterRef("pk"))))).order_by("-pk")[:most])
