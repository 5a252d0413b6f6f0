"""What a quote needs to know, in one query, and one more for a voucher."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from django.utils import timezone

from glaswerk.cell.statements import fetch
from glaswerk.shop.models import Voucher
from glaswerk.shop.quoting import Method, Quote, Reduction, Wanted, make_quote

_CODE: Final = re.compile(r"[A-Z0-9_-]{1,40}")
_WANTED: Final = "SELECT * FROM shop_wanted(%s::bigint, %s::bigint[], %s::integer[], %s, %s, %s::timestamptz, %s::date)"


def quote_for(
    things: Mapping[int, int],
    currency: str,
    country: str,
    chosen: Mapping[int, int],
    voucher: str,
    at: datetime | None = None,
) -> Quote:
    """Return what so many of each variant (by id) cost in a country, with deliveries chosen by merchant.

    One query, two with a voucher.  Variants that are not there are problems of the quote, not errors.
    """
    values = [None, [*things], [*things.values()], currency, country]
    return _quote(values, currency, country, chosen, voucher, at or timezone.now())


def quote_of_cart(buyer: int, currency: str, country: str, chosen: Mapping[int, int], voucher: str) -> Quote:
    """Return what a buyer's cart costs, an empty quote for an empty one.  One query, two with a voucher."""
    return _quote([buyer, None, None, currency, country], currency, country, chosen, voucher, timezone.now())


def _quote(
    values: list[Any], currency: str, country: str, chosen: Mapping[int, int], voucher: str, now: datetime
) -> Quote:
    rows = fetch(_WANTED, [*values, now, timezone.localdate(now)])
    if not rows:
        return Quote(currency, country)
    wanted = [_wanted(row) for row in rows]
    methods = {one[0]: Method(*one) for row in rows for one in _decoded(row[13])}
    code = voucher.strip().upper()
    reduction = reduction_of(code, currency, now) if code else None
    return make_quote(wanted, list(methods.values()), currency, country, chosen, reduction, voucher_asked=bool(code))


def _wanted(row: tuple[Any, ...]) -> Wanted:
    return Wanted(
        variant=row[0],
        quantity=row[1],
        title=row[2] or "",
        choices=tuple(row[3] or ()),
        sku=row[4] or "",
        weight_g=row[5] or 0,
        merchant=row[6] or 0,
        merchant_name=row[7] or "",
        merchant_title=row[8] or "",
        minor=row[9],
        vat_bp=row[10],
        is_sold=bool(row[11]),
        left=int(row[12]),
    )


def _decoded(methods: Any) -> list[list[Any]]:
    # Django leaves what a cursor of its own reads of jsonb as text.
    found: list[list[Any]] = orjson.loads(methods) if isinstance(methods, str) else methods
    return found


def reduction_of(code: str, currency: str, now: datetime) -> Reduction | None:
    """Return a voucher that holds at this moment and is not used up.  One query."""
    if not _CODE.fullmatch(code):
        return None
    found = Voucher.objects.filter(code=code, currency=currency, period__contains=now)
    names = ("id", "merchant_id", "code", "kind", "percent_bp", "minor", "minimum_minor", "used", "cap")
    row = found.values_list(*names).first()
    return Reduction(*row[:7]) if row is not None and row[7] < row[8] else None
