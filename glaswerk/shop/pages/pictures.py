"""The pictures of what stands in a cart or an order."""

from collections.abc import Collection

from glaswerk.cell.blobs import blob_url
from glaswerk.cell.ids import encode_id
from glaswerk.shop.models import MerchantState, ProductState, Variant
from glaswerk.shop.models.product import PICTURE_EXTENSION


def pictures_of(variants: Collection[int]) -> dict[str, str]:
    """Return the first picture of each variant's product, by the variant's public id.  One query."""
    # A picture that its viewer may not have would be a broken one.
    rows = Variant.objects.filter(pk__in=variants, product__merchant__state=MerchantState.APPROVED)
    rows = rows.exclude(product__state=ProductState.DRAFT)
    found: dict[str, str] = {}
    pairs = rows.order_by("product__pictures__position").values_list("pk", "product__pictures__blob")
    for variant, blob in pairs:
        if blob:
            found.setdefault(encode_id(variant), blob_url(blob, PICTURE_EXTENSION))
    return found
