"""The peer of the checkout benchmark: what a team would write first, by the ORM, on the same server and tables.

It does the same steps for a signed-in buyer: a cart, prices from the database with VAT and delivery, an idempotency key,
stock under `select_for_update`, a payment whose operation is committed before the same sandbox is called, then orders,
ledger, outbox and stock in one transaction.  It leaves out, in its own favour: vouchers, carts of several merchants,
sales, holidays, the choice of a delivery, guests, rate limits, the quote's hash, languages and OpenAPI.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone

get_wsgi_application()

from django.conf import settings  # noqa: E402
from django.db import transaction  # noqa: E402

from glaswerk.cell.ids import decode_id, encode_id  # noqa: E402
from glaswerk.money.actions import Line, account_id, post_journal  # noqa: E402
from glaswerk.money.amounts import Money  # noqa: E402
from glaswerk.money.models import AccountKind, Operation, Payment  # noqa: E402
from glaswerk.money.payments.registry import PROVIDER_NUMBERS  # noqa: E402
from glaswerk.money.payments.sandbox.provider import Sandbox  # noqa: E402
from glaswerk.shop.models import (  # noqa: E402
    Address,
    Cart,
    CartLine,
    DeliveryMethod,
    Hold,
    Order,
    OrderEvent,
    OrderLine,
    Outgoing,
    Price,
    Purchase,
    Stock,
    VatRate,
)
from glaswerk.shop.quoting import vat_within  # noqa: E402

sandbox = Sandbox(settings.CELL)


def _price(variant: int, quantity: int) -> dict[str, Any]:
    price = Price.objects.select_related("variant__product__merchant").get(variant=variant, currency="EUR")
    product = price.variant.product
    rate = VatRate.objects.get(place=f"DE:{product.vat_category}", period__contains=timezone.localdate())
    ways = DeliveryMethod.objects.filter(merchant=product.merchant, country="DE", currency="EUR", is_active=True)
    way = ways.order_by("minor").first()
    assert way is not None
    items = price.minor * quantity
    return {
        "price": price,
        "rate": rate.rate_bp,
        "way": way,
        "items": items,
        "vat": vat_within(items, rate.rate_bp),
        "delivery_vat": vat_within(way.minor, rate.rate_bp),
        "total": items + way.minor,
    }


def add_line(request: HttpRequest) -> JsonResponse:
    """Put a variant into the cart, and say what that costs."""
    asked = json.loads(request.body)
    variant = decode_id(asked["variant"])
    with transaction.atomic():
        cart, _made = Cart.objects.select_for_update().get_or_create(
            buyer=request.user.pk, defaults={"person": request.user}
        )
        line, made = CartLine.objects.get_or_create(
            cart=cart, variant_id=variant, defaults={"quantity": asked["quantity"]}
        )
        if not made:
            line.quantity += asked["quantity"]
            line.save()
    found = _price(variant, line.quantity)
    lines = [{"variant": asked["variant"], "quantity": line.quantity, "total": found["items"], "vat": found["vat"]}]
    return JsonResponse({"hash": "x", "orders": [{"lines": lines, "total": found["total"]}]}, status=201)


def buy(request: HttpRequest) -> JsonResponse:
    """Buy one thing, once for a key."""
    asked, key = json.loads(request.body), request.headers["Idempotency-Key"]
    there = Purchase.objects.filter(buyer=request.user.pk, key=key).first()
    if there is not None:
        return JsonResponse({"id": there.public_id, "state": there.state}, status=201)
    line = asked["lines"][0]
    variant, quantity = decode_id(line["variant"]), line["quantity"]
    address = Address.objects.get(person=request.user, pk=decode_id(asked["address"]))
    found = _price(variant, quantity)
    digest = hashlib.sha256(request.body).hexdigest()
    with transaction.atomic():
        stock = Stock.objects.select_for_update().filter(variant=variant).first()
        if stock is None or stock.on_hand - stock.reserved < quantity:
            return JsonResponse({"detail": "sold out"}, status=409)
        stock.reserved += quantity
        stock.save()
        purchase = Purchase.objects.create(
            buyer=request.user.pk, person=request.user, key=key, currency="EUR", total_minor=found["total"],
            quote_hash=digest, asked_hash=digest, plan={}, address={"street": address.street, "city": address.city},
            email=request.user.email, language="en", method=asked["method"],
            expires_at=timezone.now() + timedelta(minutes=15),
        )  # fmt: skip
        Hold.objects.create(purchase=purchase, stock=stock, quantity=quantity)
        name = f"purchase:{purchase.pk}"
        payment = Payment.objects.create(
            key=name, reference=name, provider="sandbox", method="tok_success", currency="EUR", total=found["total"]
        )
        operation = Operation.objects.create(
            key=f"pay:{name}", provider="sandbox", kind="pay", payment=payment, reference=name, amount=found["total"],
            currency="EUR",
        )  # fmt: skip
    fact = sandbox.create_payment(operation.key, Money(found["total"], "EUR"), "tok_success", name)
    with transaction.atomic():
        payment = Payment.objects.select_for_update().get(pk=payment.pk)
        payment.state, payment.provider_ref = "succeeded", fact.ref
        payment.authorised = payment.captured = payment.total
        payment.save()
        operation.state, operation.provider_ref, operation.decided_at = "succeeded", fact.ref, timezone.now()
        operation.save()
        purchase.state, purchase.payment, purchase.settled_at = "paid", payment.pk, timezone.now()
        purchase.save()
        _place(purchase, found, variant, quantity)
        stock = Stock.objects.select_for_update().get(pk=stock.pk)
        stock.on_hand -= quantity
        stock.reserved -= quantity
        stock.save()
        Hold.objects.filter(purchase=purchase).delete()
        CartLine.objects.filter(cart__buyer=request.user.pk, variant=variant).delete()
    return JsonResponse({"id": purchase.public_id, "state": purchase.state}, status=201)


def _place(purchase: Purchase, found: dict[str, Any], variant: int, quantity: int) -> None:
    price, total = found["price"], found["total"]
    merchant, fee = price.variant.product.merchant, total * 5 // 100
    order = Order.objects.create(
        purchase=purchase, merchant=merchant, buyer=purchase.buyer, currency="EUR", items_minor=found["items"],
        delivery_minor=found["way"].minor, delivery_vat_minor=found["delivery_vat"],
        vat_minor=found["vat"] + found["delivery_vat"], total_minor=total, fee_minor=fee, delivery_name=found["way"].name,
    )  # fmt: skip
    OrderLine.objects.create(
        order=order, variant_id=variant, title=price.variant.product.title, sku=price.variant.sku, quantity=quantity,
        unit_minor=price.minor, total_minor=found["items"], vat_bp=found["rate"], vat_minor=found["vat"],
    )  # fmt: skip
    OrderEvent.objects.create(order=order, kind="paid")
    Outgoing.objects.create(kind="order_paid", reference=order.pk)
    clearing = account_id(AccountKind.PROVIDER_CLEARING, "provider", PROVIDER_NUMBERS["sandbox"], "EUR")
    commission = account_id(AccountKind.PLATFORM_COMMISSION, "platform", 0, "EUR")
    payable = account_id(AccountKind.MERCHANT_PAYABLE, "merchant", merchant.pk, "EUR")
    lines = [Line(clearing, total), Line(commission, -fee), Line(payable, fee - total)]
    post_journal(f"shop:purchase:{purchase.pk}", "purchase", encode_id(purchase.pk), lines)


urlpatterns = [path("api/cart/lines", add_line), path("api/purchases", buy)]
settings.ROOT_URLCONF = __name__
# Those of a new Django project.
settings.MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
application = get_wsgi_application()
