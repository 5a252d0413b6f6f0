"""Reads about products and what they cost."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Exists, F, Func, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import Http404
from django.utils import timezone

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.shop.models import Merchant, Price, Product, ProductState, Sale, StaffRole, Stock, Variant
from glaswerk.shop.queries.merchants import access_merchant, selling

# Whose picture of a product may be looked at: what is or was on sale is everybody's, because it stands in orders too;
# a draft's is that of those who work there.
PICTURE_SQL: Final = """
    SELECT product.state <> 'draft' AND merchant.state = 'approved'
    FROM shop_picture AS picture JOIN shop_product AS product ON product.id = picture.product_id
    JOIN shop_merchant AS merchant ON merchant.id = product.merchant_id
    WHERE picture.blob = %(sha)s AND picture.blob <> '' AND (
        (product.state <> 'draft' AND merchant.state = 'approved')
        OR EXISTS (SELECT FROM shop_staff WHERE merchant_id = merchant.id AND person_id = %(person)s)
    )
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a variant costs at a moment: `minor` counts, `before_minor` is what it costs or cost without the sale."""

    minor: int
    before_minor: int | None
    currency: str


def on_sale(at: datetime) -> QuerySet[Product]:
    """Return the products that everybody may buy at a moment."""
    merchants = Merchant.objects.filter(selling(timezone.localdate(at)))
    return Product.objects.filter(state=ProductState.ACTIVE, merchant__in=merchants)


def costs_of(variant_ids: Collection[int], currency: str, at: datetime) -> dict[int, Cost]:
    """Return what each variant costs in a currency at a moment; one without such a price is not in it.  One query.

    A sale that is dearer than the list price lowers nothing and so does not count.
    """
    sale = Sale.objects.filter(price=OuterRef("pk"), period__contains=at).values("minor")[:1]
    found = Price.objects.filter(variant_id__in=variant_ids, currency=currency).annotate(sale_minor=Subquery(sale))
    costs = {}
    for price in found:
        reduced: int | None = price.sale_minor
        if reduced is not None and reduced < price.minor:
            costs[price.variant_id] = Cost(reduced, price.minor, currency)
        else:
            costs[price.variant_id] = Cost(price.minor, price.compare_minor, currency)
    return costs


def available(variant_ids: Collection[int]) -> dict[int, int]:
    """Return how many of each variant can be promised at this moment.  One query."""
    found = dict.fromkeys(variant_ids, 0)
    rows = Stock.objects.filter(variant_id__in=variant_ids).values("variant_id")
    found |= {row["variant_id"]: row["left"] for row in rows.annotate(left=Sum(F("on_hand") - F("reserved")))}
    return found


def with_parts(products: QuerySet[Product]) -> QuerySet[Product]:
    """Load the variants and pictures of products too.  Two queries more."""
    active = Variant.objects.filter(is_active=True)
    return products.select_related("merchant").prefetch_related("pictures", Prefetch("variants", queryset=active))


def shown_product(public_id: str) -> Product:
    """Return a product as everybody may see it.  Three queries.  Raises Http404."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    product = with_parts(on_sale(timezone.now())).filter(pk=wanted).first()
    if product is None:
        raise Http404
    return product


def access_product(
    person: Person, public_id: str, role: StaffRole = StaffRole.MANAGER, *, lock: bool = False
) -> Product:
    """Return a product, in whatever state, for who works for its merchant in this role.  One query.  Raises Http404."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    from glaswerk.shop.queries.merchants import at_least

    found = Product.objects.filter(
        pk=wanted, merchant__staff__person=person, merchant__staff__role__in=at_least(role)
    ).select_related("merchant")
    if lock:
        found = found.select_for_update(of=("self",), no_key=True)
    product = found.first()
    if product is None:
        raise Http404
    return product


def access_product_of(merchant: Merchant, public_id: str) -> Product:
    """Return a product of a merchant with its variants, prices and pictures.  Four queries.  Raises Http404."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    found = Product.objects.filter(merchant=merchant, pk=wanted).select_related("merchant")
    product = found.prefetch_related("pictures", "variants__prices").first()
    if product is None:
        raise Http404
    return product


def sales_of(product: Product) -> list[Sale]:
    """Return the sales of a product that are not over, those that begin first in front.  One query."""
    found = Sale.objects.filter(price__variant__product=product).exclude(period__endswith__lt=timezone.now())
    return list(found.select_related("price__variant").order_by("period", "pk"))


def own_products(
    person: Person, name: str, before: int | None, limit: int, words: str = "", state: str = ""
) -> list[Product]:
    """Return a merchant's products, the newest first, for who works there.  Four queries.  Raises Http404."""
    merchant = access_merchant(person, name, StaffRole.PACKER)
    found = (
        Product.objects.filter(merchant=merchant).prefetch_related("pictures", "variants").select_related("merchant")
    )
    if state:
        found = found.filter(state=state)
    for word in words.split()[:8]:
        skus = Variant.objects.filter(product=OuterRef("pk"), sku__iexact=word)
        found = found.filter(
            Q(title__icontains=word) | Q(handle__icontains=word) | Q(kind__icontains=word) | Exists(skus)
        )
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found.order_by("-pk")[:limit])


def search_products(words: str, merchant: str | None, before: int | None, limit: int) -> list[Product]:
    """Return products on sale whose title, brand, type or tags hold all of the words, newest first.  Three queries."""
    found = with_parts(on_sale(timezone.now()))
    if merchant:
        found = found.filter(merchant__name=merchant)
    for word in words.split()[:8]:
        found = found.filter(
            Q(title__icontains=word)
            | Q(vendor__icontains=word)
            | Q(kind__icontains=word)
            | Q(tags__contains=[word.lower()])
        )
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found.order_by("-pk")[:limit])


def stock_by_variant() -> Subquery:
    """Return the sum of what is on hand of a variant, for annotating variants."""
    rows = Stock.objects.filter(variant=OuterRef("pk")).order_by().values("variant")
    total = rows.annotate(total=Func(F("on_hand"), function="SUM", output_field=IntegerField())).values("total")
    return Coalesce(Subquery(total), 0)  # type: ignore[return-value]
