"""Carts and quotes over HTTP: guests, persons, merging, and what cannot be tampered with."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.shop.models import Cart, CartLine, DeliveryMethod, Merchant, Voucher
from glaswerk.shop.quoting import Method, Reduction, Wanted, make_quote, vat_within

from .conftest import ADDRESS, MakeMerchant, MakePerson, MakeVariant, SignIn, send, staff


@pytest.fixture
def shop(shop: Merchant) -> Merchant:
    """The merchant delivers to Austria as well, and dear things for nothing."""
    DeliveryMethod.objects.update(free_from_minor=5000)
    DeliveryMethod.objects.create(
        merchant=shop, country="AT", name="Post", currency="EUR", minor=990, free_from_minor=5000
    )
    return shop


@pytest.mark.django_db
def test_a_guests_cart_follows_them_through_sign_in(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    one, two = make_variant(shop), make_variant(shop)
    guest = Client()
    assert send(guest, "get", "/api/cart").json()["orders"] == []
    assert "cart" not in guest.cookies
    added = send(guest, "post", "/api/cart/lines", {"variant": one.public_id, "quantity": 2})
    assert added.status_code == 201, added.content
    assert guest.cookies["cart"]["httponly"]
    assert guest.cookies["cart"]["samesite"] == "Lax"
    send(guest, "post", "/api/cart/lines", {"variant": one.public_id, "quantity": 1})
    body = send(guest, "get", "/api/cart").json()
    assert [(line["quantity"], line["total"]["minor"]) for line in body["orders"][0]["lines"]] == [(3, 3000)]
    assert (body["total"]["minor"], body["orders"][0]["delivery"]["minor"]) == (3490, 490)

    person = make_person("ada")
    other = signed_in(person)
    send(other, "post", "/api/cart/lines", {"variant": two.public_id, "quantity": 1})
    send(other, "post", "/api/cart/lines", {"variant": one.public_id, "quantity": 1})
    guest.force_login(person)
    merged = send(guest, "get", "/api/cart").json()
    assert {line["variant"]: line["quantity"] for line in merged["orders"][0]["lines"]} == {
        one.public_id: 3,
        two.public_id: 1,
    }
    assert list(Cart.objects.values_list("buyer", flat=True)) == [person.pk]


@pytest.mark.django_db
def test_a_forged_cookie_is_nobodys_cart(shop: Merchant, make_variant: MakeVariant) -> None:
    variant, guest = make_variant(shop), Client()
    send(guest, "post", "/api/cart/lines", {"variant": variant.public_id, "quantity": 1})
    value = guest.cookies["cart"].value
    for forged in (
        value.split(":")[0],
        value[:-1] + ("a" if value[-1] != "a" else "b"),
        "0" * 13 + value[13:],
        "",
        "x" * 5000,
    ):
        thief = Client()
        thief.cookies["cart"] = forged
        assert send(thief, "get", "/api/cart").json()["orders"] == []


@pytest.mark.django_db
@pytest.mark.parametrize("quantity", [0, -1, 100, 2**31, 10**30, 1.5, "2x", None, True, [1]])
def test_hostile_quantities_change_nothing(
    quantity: object, shop: Merchant, make_variant: MakeVariant, nothing_changes: Callable[[], Any]
) -> None:
    variant = make_variant(shop)
    line = {"variant": variant.public_id, "quantity": quantity}
    with nothing_changes():
        answer = send(Client(), "post", "/api/cart/lines", line)
        quote = send(Client(), "post", "/api/shop/quotes", {"lines": [line]})
    assert (answer.status_code, quote.status_code) == (422, 422)


@pytest.mark.django_db
def test_sums_of_the_same_variant_stay_within_the_limit(shop: Merchant, make_variant: MakeVariant) -> None:
    variant, guest = make_variant(shop, units=500), Client()
    for _ in range(3):
        send(guest, "post", "/api/cart/lines", {"variant": variant.public_id, "quantity": 60})
    assert CartLine.objects.get().quantity == 99
    lines = [{"variant": variant.public_id, "quantity": 60}] * 2
    answer = send(guest, "post", "/api/shop/quotes", {"lines": lines})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "quantity")


@pytest.mark.django_db
def test_a_quote_says_what_is_in_the_way(
    shop: Merchant, make_merchant: MakeMerchant, make_variant: MakeVariant
) -> None:
    few, draft = make_variant(shop, units=1), make_variant(shop, state="draft")
    away = make_merchant(
        "away", holiday_from=timezone.localdate(), holiday_until=timezone.localdate(), registration="HRB 3"
    )
    resting = make_variant(away)
    lines = [{"variant": one.public_id, "quantity": 2} for one in (few, draft, resting)]
    lines.append({"variant": "0" * 13, "quantity": 1})

    def problems(**more: Any) -> set[tuple[str, str | None]]:
        body = send(Client(), "post", "/api/shop/quotes", {"lines": lines, **more}).json()
        assert body["hash"] is None
        return {(one["code"], one["variant"] or one["merchant"]) for one in body["problems"]}

    gone = {("gone", draft.public_id), ("gone", resting.public_id), ("gone", "0" * 13)}
    assert problems() == {("sold_out", few.public_id), *gone}
    assert problems(country="FR") == {("sold_out", few.public_id), ("no_delivery", "glas"), *gone}
    assert problems(currency="USD") >= {("no_price", few.public_id), *gone}
    assert problems(voucher="nope") >= {("voucher", None)}


@pytest.mark.django_db
def test_a_voucher_lowers_only_its_merchants_things(
    shop: Merchant, make_merchant: MakeMerchant, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    other = make_merchant("wool", registration="HRB 2")
    DeliveryMethod.objects.create(merchant=other, country="DE", name="Post", currency="EUR", minor=0)
    mine, theirs = make_variant(shop, minor=999), make_variant(other, minor=999)
    client = signed_in(staff(shop))
    made = send(
        client,
        "post",
        "/api/shop/merchants/glas/vouchers",
        {"code": "zehn", "kind": "percentage", "percent_bp": 1000, "cap": 5, "minimum_minor": 1500},
    )
    assert made.status_code == 201, made.content
    lines = [{"variant": mine.public_id, "quantity": 2}, {"variant": theirs.public_id, "quantity": 1}]
    body = send(Client(), "post", "/api/shop/quotes", {"lines": lines, "voucher": " Zehn "}).json()
    assert {one["merchant"]: one["discount"]["minor"] for one in body["orders"]} == {"glas": 200, "wool": 0}
    assert (body["voucher"], body["discount"]["minor"], body["total"]["minor"]) == ("ZEHN", 200, 1998 - 200 + 490 + 999)
    lines[0]["quantity"] = 1
    body = send(Client(), "post", "/api/shop/quotes", {"lines": lines, "voucher": "ZEHN"}).json()
    assert [one["code"] for one in body["problems"]] == ["voucher_minimum"]
    assert send(client, "delete", f"/api/shop/vouchers/{made.json()['id']}").status_code == 204
    body = send(Client(), "post", "/api/shop/quotes", {"lines": lines, "voucher": "ZEHN"}).json()
    assert [one["code"] for one in body["problems"]] == ["voucher"]
    assert Voucher.objects.get().used == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"postal_code": "1"}, "postal_code"),
        ({"city": ""}, "city"),
        ({"name": ""}, "name"),
        ({"street": "a\u202eb"}, "street"),
        ({"country": "XX"}, "country"),
        ({"country": "US", "postal_code": "94043", "area": "Nowhere"}, "area"),
        ({"phone": "1"}, "phone"),
    ],
)
def test_addresses_are_checked_by_their_country(
    change: dict[str, str], field: str, make_person: MakePerson, signed_in: SignIn
) -> None:
    client = signed_in(make_person())
    answer = send(client, "post", "/api/shop/addresses", {**ADDRESS, **change})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    kept = send(client, "post", "/api/shop/addresses", {**ADDRESS, "is_default": True})
    assert kept.status_code == 201
    assert [one["id"] for one in send(client, "get", "/api/shop/addresses").json()["addresses"]] == [kept.json()["id"]]
    assert send(signed_in(make_person()), "delete", f"/api/shop/addresses/{kept.json()['id']}").status_code == 404
    assert send(client, "delete", f"/api/shop/addresses/{kept.json()['id']}").status_code == 204


things = st.builds(
    Wanted,
    variant=st.integers(1, 10**9),
    quantity=st.integers(1, 99),
    title=st.just("t"),
    choices=st.just(()),
    sku=st.just(""),
    weight_g=st.integers(0, 5000),
    merchant=st.integers(1, 3),
    merchant_name=st.just("m"),
    merchant_title=st.just("M"),
    minor=st.integers(1, 10**7),
    vat_bp=st.sampled_from([0, 210, 550, 700, 1900, 2550, 2700]),
    is_sold=st.just(True),
    left=st.just(99),
)
vouchers = st.one_of(
    st.none(),
    st.builds(Reduction, id=st.just(1), merchant=st.integers(1, 3), code=st.just("X"), kind=st.just("percentage"), percent_bp=st.integers(1, 10_000), minor=st.just(0), minimum_minor=st.just(0)),
    st.builds(Reduction, id=st.just(1), merchant=st.integers(1, 3), code=st.just("X"), kind=st.just("fixed"), percent_bp=st.just(0), minor=st.integers(1, 10**8), minimum_minor=st.just(0)),
)  # fmt: skip


@given(
    wanted=st.lists(things, min_size=1, max_size=8, unique_by=lambda one: one.variant),
    voucher=vouchers,
    fee=st.integers(0, 5000),
    free=st.one_of(st.none(), st.integers(0, 10**6)),
)
def test_every_quote_adds_up_to_the_cent(
    wanted: list[Wanted], voucher: Reduction | None, fee: int, free: int | None
) -> None:
    methods = [Method(one, one, "Post", fee, free, 10**9, 1, 3) for one in (1, 2, 3)]
    quote = make_quote(wanted, methods, "EUR", "DE", {}, voucher, voucher_asked=voucher is not None)
    assert quote.total_minor == sum(order.total_minor for order in quote.orders)
    for order in quote.orders:
        assert order.total_minor == order.items_minor - order.discount_minor + order.delivery_minor >= 0
        assert order.items_minor == sum(line.unit_minor * line.quantity for line in order.lines)
        assert order.discount_minor == sum(line.discount_minor for line in order.lines)
        assert order.vat_minor == sum(line.vat_minor for line in order.lines) + order.delivery_vat_minor
        for line in order.lines:
            assert 0 <= line.discount_minor <= line.unit_minor * line.quantity
            assert line.total_minor == line.unit_minor * line.quantity - line.discount_minor
    # The order in which things are named is no part of the offer.
    assert (
        make_quote(wanted[::-1], methods, "EUR", "DE", {}, voucher, voucher_asked=voucher is not None).hash
        == quote.hash
    )
    dearer = [
        *wanted[:-1],
        Wanted(**{**{name: getattr(wanted[-1], name) for name in Wanted.__slots__}, "minor": wanted[-1].minor + 1}),
    ]
    assert (
        not quote.hash
        or make_quote(dearer, methods, "EUR", "DE", {}, voucher, voucher_asked=voucher is not None).hash != quote.hash
    )


@given(total=st.integers(0, 10**12), rate=st.integers(0, 9999))
def test_vat_is_the_nearest_cent(total: int, rate: int) -> None:
    vat = vat_within(total, rate)
    assert abs(vat * (10_000 + rate) - total * rate) * 2 <= 10_000 + rate
