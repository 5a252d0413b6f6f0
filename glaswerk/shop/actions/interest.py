"""Counting that a product was looked at or wanted."""

from typing import Final, Literal

from django.db import connection
from django.http import Http404
from django.utils import timezone

from glaswerk.cell.ids import decode_id

Stage = Literal["opened", "wanted"]
# A product that is not on sale to everybody is counted nowhere, so that nobody fills the table with what is not there.
_COUNT: Final = """
INSERT INTO shop_interest AS held (product_id, day, opened, wanted)
SELECT product.id, %(day)s, %(opened)s, %(wanted)s FROM shop_product AS product
JOIN shop_merchant AS merchant ON merchant.id = product.merchant_id
WHERE product.id = coalesce(%(product)s, (SELECT product_id FROM shop_variant WHERE id = %(variant)s))
    AND product.state = 'active' AND merchant.state = 'approved'
ON CONFLICT (product_id, day) DO UPDATE
SET opened = held.opened + excluded.opened, wanted = held.wanted + excluded.wanted
"""


def count_interest(stage: Stage, *, product: int | None = None, variant: int | None = None) -> bool:
    """Count one more for a product, by its id or a variant's, today; return whether it is on sale.  One query."""
    values = {
        "product": product,
        "variant": variant,
        "day": timezone.localdate(),
        "opened": int(stage == "opened"),
        "wanted": int(stage == "wanted"),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        return bool(cursor.rowcount)


def report_interest(public_id: str, stage: Stage) -> None:
    """Count what a player reports.  Raises Http404 for what is not on sale."""
    try:
        product = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    if not count_interest(stage, product=product):
        raise Http404
