"""After the purchase: parcels, cancellation, returns, refunds and invoices."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F, Sum
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glaswerk.money.models import Account, Entry
from glaswerk.shop.models import (
    Merchant,
    Order,
    OrderEvent,
    OrderLine,
    OrderState,
    Parcel,
    ParcelLine,
    Return,
    ReturnLine,
    Stock,
)
from glaswerk.shop.notices import deliver, tell_low_stock

from .conftest import MakeVariant, SignIn, buy, send, staff


class Sold:
    """An order of three of one thing and one of another, its buyer and its merchant's staff."""

    def __init__(self, shop: Merchant, make_variant: MakeVariant, signed_in: SignIn) -> None:
        self.variants = make_variant(shop, minor=1000), make_variant(shop, minor=501)
        self.buyer = Client()
        answer = buy(self.buyer, {self.variants[0].public_id: 3, self.variants[1].public_id: 1})
        assert answer.status_code == 201, answer.content
        self.id = answer.json()["orders"][0]
        self.packer, self.manager = signed_in(staff(shop, "packer")), signed_in(staff(shop, "manager"))
        self.lines = [line["id"] for line in sorted(self.read()["lines"], key=lambda line: line["title"])]

    def read(self) -> dict[str, Any]:
        return send(self.buyer, "get", f"/api/shop/orders/{self.id}").json()

    def ship(self, parts: dict[str, int] | None = None) -> Any:
        body = {"carrier": "Post", "tracking": "T 1", "lines": parts or {}}
        return send(self.packer, "post", f"/api/shop/sold/{self.id}/parcels", body)

    def arrive(self) -> None:
        for parcel in self.read()["parcels"]:
            if parcel["delivered_at"] is None:
                path = f"/api/shop/sold/{self.id}/parcels/{parcel['id']}/delivered"
                assert send(self.packer, "post", path).status_code == 200

    def send_back(self, parts: dict[str, int]) -> Any:
        return send(self.buyer, "post", f"/api/shop/orders/{self.id}/returns", {"lines": parts})

    def decide(self, back: str, **body: Any) -> Any:
        return send(self.manager, "post", f"/api/shop/returns/{back}/decision", body)

    def refund(self, minor: int, key: str) -> Any:
        return send(
            self.manager, "post", f"/api/shop/sold/{self.id}/refunds", {"minor": minor}, **{"Idempotency-Key": key}
        )


@pytest.fixture
def sold(shop: Merchant, make_variant: MakeVariant, signed_in: SignIn) -> Sold:
    return Sold(shop, make_variant, signed_in)


def balances() -> dict[str, int]:
    assert (Entry.objects.aggregate(sum=Sum("amount"))["sum"] or 0) == 0
    return {
        kind: total
        for kind, total in Account.objects.values_list("kind").annotate(total=Sum("balance")).order_by()
        if total
    }


@pytest.mark.django_db
def test_an_order_goes_out_in_parts_arrives_and_partly_comes_back(sold: Sold) -> None:
    assert sold.ship({sold.lines[0]: 2}).status_code == 201
    assert sold.read()["state"] == "partly_shipped"
    # No more goes out than was ordered, and nothing changes when it is tried.
    assert sold.ship({sold.lines[0]: 2}).status_code == 409
    assert sold.ship({sold.lines[0]: 0}).status_code == 422
    assert sold.ship({"0" * 13: 1}).status_code == 422
    assert Parcel.objects.count() == 1
    assert sold.ship().status_code == 201
    assert sold.ship().status_code == 409
    assert [parcel["lines"] for parcel in sold.read()["parcels"]] == [
        {sold.lines[0]: 2},
        {sold.lines[0]: 1, sold.lines[1]: 1},
    ]
    sold.arrive()
    assert sold.read()["state"] == "delivered"

    back = sold.send_back({sold.lines[0]: 2})
    assert back.status_code == 201
    assert sold.send_back({sold.lines[0]: 2}).status_code == 409
    assert sold.decide(back.json()["id"], state="refused").status_code == 422
    assert sold.decide(back.json()["id"], state="received").status_code == 200
    assert sold.decide(back.json()["id"], state="refused", answer="no").status_code == 409
    order = sold.read()
    assert (order["refunded"]["minor"], [one["amount"]["minor"] for one in order["refunds"]]) == (2000, [2000])
    assert Stock.objects.get(variant=sold.variants[0]).on_hand == 10 - 3 + 2
    assert [event["kind"] for event in order["events"]] == [
        "paid", "partly_shipped", "shipped", "arrived", "delivered", "return_asked", "return_received",
    ]  # fmt: skip


@pytest.mark.django_db
def test_all_that_comes_back_pays_back_all_with_the_delivery(sold: Sold) -> None:
    total = sold.read()["total"]["minor"]
    sold.ship()
    first = sold.send_back({sold.lines[0]: 1}).json()["id"]
    sold.decide(first, state="received")
    rest = sold.send_back({sold.lines[0]: 2, sold.lines[1]: 1}).json()["id"]
    sold.decide(rest, state="received", restock=False)
    assert sold.read()["refunded"]["minor"] == total
    assert not {"merchant_payable", "platform_commission"} & set(balances())
    assert Stock.objects.get(variant=sold.variants[1]).on_hand == 9


@pytest.mark.django_db
def test_a_refused_return_can_be_tried_again(sold: Sold) -> None:
    sold.ship()
    back = sold.send_back({sold.lines[0]: 3}).json()["id"]
    assert sold.decide(back, state="refused", answer="It is broken.").status_code == 200
    assert [line["returned"] for line in sold.read()["lines"]] == [0, 0]
    assert sold.send_back({sold.lines[0]: 3}).status_code == 201


@pytest.mark.django_db
def test_fourteen_days_after_it_arrived_it_is_kept(sold: Sold) -> None:
    sold.ship()
    sold.arrive()
    Order.objects.update(delivered_at=timezone.now() - timedelta(days=14, minutes=1))
    assert sold.send_back({sold.lines[0]: 1}).status_code == 409
    Order.objects.update(delivered_at=timezone.now() - timedelta(days=13, hours=23))
    assert sold.send_back({sold.lines[0]: 1}).status_code == 201


@pytest.mark.django_db
def test_a_cancelled_order_gives_back_stock_and_money_once(sold: Sold) -> None:
    assert send(sold.buyer, "post", f"/api/shop/orders/{sold.id}/cancel").status_code == 200
    assert send(sold.buyer, "post", f"/api/shop/orders/{sold.id}/cancel").status_code == 409
    assert send(sold.manager, "post", f"/api/shop/sold/{sold.id}/cancel", {"reason": "x"}).status_code == 409
    assert sold.ship().status_code == 409
    order = sold.read()
    assert (order["state"], order["refunded"]) == ("cancelled", order["total"])
    assert set(Stock.objects.values_list("on_hand", "reserved")) == {(10, 0)}
    assert not {"merchant_payable", "platform_commission"} & set(balances())


@pytest.mark.django_db
def test_what_is_on_its_way_is_not_cancelled(sold: Sold, nothing_changes: Callable[[], Any]) -> None:
    sold.ship({sold.lines[0]: 1})
    with nothing_changes():
        assert send(sold.buyer, "post", f"/api/shop/orders/{sold.id}/cancel").status_code == 409


@pytest.mark.django_db
def test_refunds_in_parts_end_at_what_was_paid(sold: Sold) -> None:
    total = sold.read()["total"]["minor"]
    assert sold.refund(0, "a").status_code == 422
    assert sold.refund(total + 1, "a").status_code == 422
    assert sold.refund(700, "a").status_code == 201
    assert sold.refund(700, "a").status_code == 201
    assert sold.refund(701, "a").status_code == 409
    assert sold.refund(700, "").status_code == 422
    assert sold.read()["refunded"]["minor"] == 700
    assert sold.refund(total - 699, "b").status_code == 422
    assert sold.refund(total - 700, "b").status_code == 201
    assert sold.refund(1, "c").status_code == 422
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.update(refunded_minor=F("total_minor") + 1)
    assert not {"merchant_payable", "platform_commission"} & set(balances())


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.integers(1, 900), min_size=1, max_size=8))
def test_the_fee_of_all_refunds_is_the_fee_to_the_cent(parts: list[int], shop: Merchant) -> None:
    from glaswerk.shop.actions.orders import write_refund
    from glaswerk.shop.models import Purchase

    with transaction.atomic():
        total = sum(parts) + 17
        purchase = Purchase.objects.create(
            buyer=-1, key=str(timezone.now().timestamp()), currency="EUR", total_minor=total, plan={}, address={},
            quote_hash="", asked_hash="", method="x", expires_at=timezone.now(),
        )  # fmt: skip
        order = Order.objects.create(
            purchase=purchase, merchant=shop, buyer=-1, currency="EUR", items_minor=total, total_minor=total,
            fee_minor=total * 5 // 100, delivery_name="",
        )  # fmt: skip
        before = balances()
        for number, minor in enumerate([*parts, 17]):
            write_refund(order, minor, str(number), None, "")
        after = balances()
        change = {kind: after.get(kind, 0) - before.get(kind, 0) for kind in {*before, *after}}
        assert {kind: value for kind, value in change.items() if value} == {
            kind: value
            for kind, value in {
                "refunds_due": total, "platform_commission": -order.fee_minor, "merchant_payable": order.fee_minor - total,
            }.items() if value
        }  # fmt: skip


@pytest.mark.django_db
def test_the_database_refuses_what_the_code_might_forget(sold: Sold) -> None:
    sold.ship({sold.lines[0]: 1})
    line, other = OrderLine.objects.order_by("title")
    parcel = Parcel.objects.get()
    order = Order.objects.get()
    foreign = Parcel.objects.create(
        order=Order.objects.create(
            purchase=order.purchase, merchant=Merchant.objects.create(name="other", title="o"), buyer=-1, currency="EUR",
            items_minor=1, total_minor=1, delivery_name="",
        ),
        carrier="x",
    )  # fmt: skip
    back = Return.objects.create(order=order)
    attempts: list[Callable[[], object]] = [
        lambda: ParcelLine.objects.create(parcel=parcel, line=other, quantity=2),
        lambda: ParcelLine.objects.create(parcel=foreign, line=other, quantity=1),
        lambda: ParcelLine.objects.update(quantity=3),
        lambda: ParcelLine.objects.all().delete(),
        lambda: ReturnLine.objects.create(back=back, line=line, quantity=2),
        lambda: ReturnLine.objects.create(back=back, line=other, quantity=1),
        lambda: OrderLine.objects.filter(pk=line.pk).update(shipped=4),
        lambda: OrderLine.objects.filter(pk=line.pk).update(returned=2),
        lambda: OrderLine.objects.filter(pk=line.pk).update(total_minor=1),
        lambda: Order.objects.filter(pk=order.pk).update(state=OrderState.PAID),
        lambda: Order.objects.filter(pk=order.pk).update(state=OrderState.DELIVERED),
        lambda: Order.objects.filter(pk=order.pk).update(total_minor=1),
        lambda: OrderEvent.objects.all().delete(),
        lambda: OrderEvent.objects.update(kind="x"),
    ]
    for attempt in attempts:
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    # The very same things done right are taken.
    ParcelLine.objects.create(parcel=parcel, line=other, quantity=1)
    ReturnLine.objects.create(back=back, line=line, quantity=1)


@pytest.mark.django_db
def test_invoices_count_without_a_gap_and_are_the_same_each_time(
    shop: Merchant, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    variant, guest = make_variant(shop, units=50), Client()
    orders = [buy(guest, {variant.public_id: 1}).json()["orders"][0] for _ in range(3)]
    found = [guest.get(f"/api/shop/orders/{one}/invoice") for one in orders]
    assert all(one.headers["Content-Type"] == "application/pdf" and one.content[:5] == b"%PDF-" for one in found)
    assert guest.get(f"/api/shop/orders/{orders[0]}/invoice").content == found[0].content
    assert [Order.objects.get(pk=order.pk).invoice.number for order in Order.objects.order_by("pk")] == [1, 2, 3]
    packer = signed_in(staff(shop, "packer"))
    assert packer.get(f"/api/shop/sold/{orders[1]}/invoice").content[:5] == b"%PDF-"


@pytest.mark.django_db
def test_everybody_hears_of_it_once(sold: Sold, shop: Merchant) -> None:
    sold.ship()
    assert deliver() == 2
    assert deliver() == 0
    told = sorted((one.to[0], one.subject) for one in mail.outbox)
    assert ("ada@example.org", "Your order is on its way") in told
    assert [who for who, subject in told if subject == "A new order"] == [
        "glas_manager@example.org",
        "glas_owner@example.org",
        "glas_packer@example.org",
    ]
    mail.outbox.clear()
    Stock.objects.update(low_at=7)
    assert (tell_low_stock(), tell_low_stock()) == (1, 0)
    assert {one.to[0] for one in mail.outbox} == {"glas_manager@example.org", "glas_owner@example.org"}
