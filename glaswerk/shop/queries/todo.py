"""What a merchant's overview says: what waits for somebody to do it."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Exists, F, OuterRef, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from glaswerk.shop.models import (
    Merchant,
    Order,
    OrderState,
    Picture,
    Product,
    ProductState,
    Refund,
    RefundState,
    Return,
    ReturnState,
    Stock,
)
from glaswerk.shop.queries.orders import open_orders
from glaswerk.shop.queries.stock import low_stock

_LATE: timedelta = timedelta(days=2)
_ROWS = 6


@dataclass(frozen=True, slots=True)
class Todo:
    """What waits, and what the last seven days brought (orders that stand, and their totals in minor units)."""

    open_orders: int
    late_orders: int
    oldest: list[Order]
    returns: int
    failed_refunds: int
    low: list[Stock]
    low_count: int
    without_picture: int
    drafts: int
    has_delivery: bool
    week_orders: int
    week_minor: int

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits."""
        return not (self.open_orders or self.returns or self.failed_refunds or self.low_count or not self.has_delivery)


def todo_of(merchant: Merchant) -> Todo:
    """Return what a merchant's overview says.  Eight queries."""
    now = timezone.now()
    waiting = open_orders(merchant).aggregate(all=Count("pk"), late=Count("pk", filter=Q(placed_at__lt=now - _LATE)))
    week = Order.objects.filter(merchant=merchant, placed_at__gte=now - timedelta(days=7))
    week_sums = week.exclude(state=OrderState.CANCELLED).aggregate(
        orders=Count("pk"), minor=Coalesce(Sum(F("total_minor") - F("refunded_minor")), 0)
    )
    low = low_stock(merchant)
    pictures = Exists(Picture.objects.filter(product=OuterRef("pk")).exclude(blob=""))
    products = Product.objects.filter(merchant=merchant).annotate(has_picture=pictures)
    counts = products.aggregate(
        bare=Count("pk", filter=Q(state=ProductState.ACTIVE, has_picture=False)),
        drafts=Count("pk", filter=Q(state=ProductState.DRAFT)),
    )
    return Todo(
        open_orders=waiting["all"],
        late_orders=waiting["late"],
        oldest=list(open_orders(merchant).prefetch_related("lines").select_related("purchase")[:_ROWS]),
        returns=Return.objects.filter(order__merchant=merchant, state=ReturnState.REQUESTED).count(),
        failed_refunds=Refund.objects.filter(order__merchant=merchant, state=RefundState.FAILED).count(),
        low=list(low[:_ROWS]),
        low_count=low.count(),
        without_picture=counts["bare"],
        drafts=counts["drafts"],
        has_delivery=merchant.delivery_methods.filter(is_active=True).exists(),
        week_orders=week_sums["orders"],
        week_minor=week_sums["minor"],
    )
