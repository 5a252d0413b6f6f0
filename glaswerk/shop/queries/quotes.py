"""What a quote needs to know, in one query for the things and one each for deliveries and a voucher."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db import connection
from django.utils import timezone

from glaswerk.shop.models import DeliveryMethod, Voucher
from glaswerk.shop.quoting import Method, Quote, Reduction, Wanted, make_quote

# One statement, because a page and each purchase ask it: through objects it would be six.
_WANTED: Final = """
SELECT variant.id, asked.quantity, product.title, variant.choices, variant.sku, variant.weight_g, merchant.id,
    merchant.name, merchant.title, least(price.minor, sale.minor), rate.rate_bp,
    product.state = 'active' AND variant.is_active AND merchant.state = 'approved'
        AND (merchant.holiday_from IS NULL OR %(today)s NOT BETWEEN merchant.holiday_from AND merchant.holiday_until),
    (SELECT coalesce(sum(on_hand - reserved), 0) FROM shop_stock WHERE variant_id = variant.id)
FROM unnest(%(variants)s::bigint[], %(quantities)s::integer[]) AS asked (variant, quantity)
JOIN shop_variant AS variant ON variant.id = asked.variant
JOIN shop_product AS product ON product.id = variant.product_id
JOIN shop_merchant AS merchant ON merchant.id = product.merchant_id
LEFT JOIN shop_price AS price ON price.variant_id = variant.id AND price.currency = %(currency)s
LEFT JOIN shop_sale AS sale ON sale.price_id = price.id AND sale.period @> %(now)s
LEFT JOIN shop_vatrate AS rate ON rate.place = %(country)s || ':' || product.vat_category AND rate.period @> %(today)s
"""


def quote_for(
    things: Mapping[int, int],
    currency: str,
    country: str,
    chosen: Mapping[int, int],
    voucher: str,
    at: datetime | None = None,
) -> Quote:
    """Return what so many of each variant (by id) cost in a country, with deliveries chosen by merchant.

    Three queries with a voucher, two without.  Variants that are not there are problems of the quote, not errors.
    """
    now = at or timezone.now()
    wanted = wanted_of(things, currency, country, now)
    missing = [variant for variant in things if variant not in {one.variant for one in wanted}]
    wanted += [Wanted(one, things[one], "", (), "", 0, 0, "", "", None, None, False, 0) for one in missing]
    merchants = {one.merchant for one in wanted}
    code = voucher.strip().upper()
    return make_quote(
        wanted,
        methods_of(sorted(merchants), currency, country),
        currency,
        country,
        chosen,
        reduction_of(code, currency, now) if code else None,
        voucher_asked=bool(code),
    )


def wanted_of(things: Mapping[int, int], currency: str, country: str, now: datetime) -> list[Wanted]:
    """Return what the database says about variants.  One query."""
    values = {
        "variants": [*things],
        "quantities": [*things.values()],
        "currency": currency,
        "country": country,
        "now": now,
        "today": timezone.localdate(now),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WANTED, values)
        return [Wanted(row[0], row[1], row[2], tuple(row[3]), *row[4:12], int(row[12])) for row in cursor.fetchall()]


def methods_of(merchants: Sequence[int], currency: str, country: str) -> list[Method]:
    """Return the ways of delivery of merchants to a country.  One query."""
    found = DeliveryMethod.objects.filter(merchant_id__in=merchants, currency=currency, country=country, is_active=True)
    names = ("id", "merchant_id", "name", "minor", "free_from_minor", "max_weight_g", "days_min", "days_max")
    return [Method(*row) for row in found.values_list(*names)]


def reduction_of(code: str, currency: str, now: datetime) -> Reduction | None:
    """Return a voucher that holds at this moment and is not used up.  One query."""
    found = Voucher.objects.filter(code=code, currency=currency, period__contains=now)
    row = found.values_list("id", "merchant_id", "code", "kind", "percent_bp", "minor", "minimum_minor", "used", "cap").first()
    return Reduction(*row[:7]) if row is not None and row[7] < row[8] else None
