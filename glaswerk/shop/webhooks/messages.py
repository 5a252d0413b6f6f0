"""What a message says, and how it is signed (Standard Webhooks, https://www.standardwebhooks.com).

It holds no name, address or e-mail of a buyer: whoever needs them reads the order through the API, by a token that may.
"""

from datetime import UTC, datetime
from typing import Any, Final

import orjson
from django.db.models import Sum
from standardwebhooks import Webhook

from glaswerk.shop.models import Delivery, Endpoint, HookEvent, Order, Stock

USER_AGENT: Final = "Glaswerk-Webhooks/1"


def body_of(delivery: Delivery) -> str:
    """Return what a message says of its event, as it stands at this moment.  At most three queries."""
    data: dict[str, Any]
    match delivery.event:
        case HookEvent.TEST:
            data = {"merchant": delivery.endpoint.merchant.name}
        case HookEvent.LOW:
            data = _stock(delivery.reference)
        case _:
            data = _order(delivery.reference)
    body = {"type": delivery.event, "timestamp": delivery.at.astimezone(UTC).isoformat(), "data": data}
    return orjson.dumps(body).decode()


def headers_of(delivery: Delivery, endpoint: Endpoint, now: datetime) -> dict[str, str]:
    """Return the headers of one try: the same id each time, and a signature for each secret that holds."""
    keys = [endpoint.key]
    if endpoint.old_key and endpoint.old_until is not None and endpoint.old_until > now:
        keys.append(endpoint.old_key)
    # The library takes a time for UTC, whatever zone it says.
    at = now.astimezone(UTC)
    signatures = [Webhook(one).sign(delivery.public_id, at, delivery.body) for one in keys]
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": delivery.public_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _order(number: int) -> dict[str, Any]:
    order = Order.objects.select_related("merchant").prefetch_related("lines", "parcels").get(pk=number)
    return {
        "order": order.public_id,
        "merchant": order.merchant.name,
        "state": order.state,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "refunded_minor": order.refunded_minor,
        "lines": [
            {
                "id": line.public_id,
                "sku": line.sku,
                "title": line.title,
                "choices": line.choices,
                "quantity": line.quantity,
                "shipped": line.shipped,
                "returned": line.returned,
            }
            for line in order.lines.all()
        ],
        "parcels": [{"carrier": one.carrier, "tracking": one.tracking} for one in order.parcels.all()],
    }


def _stock(number: int) -> dict[str, Any]:
    stock = Stock.objects.select_related("variant__product", "location").get(pk=number)
    rows = Stock.objects.filter(variant=stock.variant_id, location=stock.location_id)
    sums = rows.aggregate(on_hand=Sum("on_hand"), reserved=Sum("reserved"))
    return {
        "variant": stock.variant.public_id,
        "sku": stock.variant.sku,
        "title": stock.variant.product.title,
        "location": stock.location.name,
        "left": sums["on_hand"] - sums["reserved"],
        "low_at": stock.low_at,
    }
