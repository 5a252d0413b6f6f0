"""Buying over HTTP: what is agreed is what is paid, once, and nothing of it comes from the buyer's hand."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.test import Client

from glaswerk.shop.models import Cart, Merchant, Order, OrderLine, Price, Purchase, Stock, Voucher

from .conftest import ADDRESS, MakeMerchant, MakePerson, MakeVariant, SignIn, buy, new_guest, quoted, send, staff, wish


@pytest.mark.django_db
def test_a_guest_buys_what_is_in_their_cart(shop: Merchant, make_variant: MakeVariant) -> None:
    one, two = make_variant(shop), make_variant(shop, minor=250)
    guest = Client()
    send(guest, "post", "/api/cart/lines", {"variant": one.public_id, "quantity": 2})
    cart = send(guest, "post", "/api/cart/lines", {"variant": two.public_id, "quantity": 1}).json()
    assert cart["hash"] == quoted(guest, {one.public_id: 2, two.public_id: 1})["hash"]
    answer = send(guest, "post", "/api/purchases", wish(cart), **{"Idempotency-Key": "first"})
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["state"], body["total"]["minor"], len(body["orders"])) == ("paid", 2740, 1)
    # What was bought is in the cart no more.
    assert send(guest, "get", "/api/cart").json()["orders"] == []
    order = send(guest, "get", f"/api/shop/orders/{body['orders'][0]}").json()
    assert sorted((line["title"], line["quantity"]) for line in order["lines"]) == [("Thing 1", 2), ("Thing 2", 1)]
    assert (order["email"], order["address"]["city"], order["state"]) == ("ada@example.org", "Berlin", "paid")
    assert [event["kind"] for event in order["events"]] == ["paid"]
    assert [one["id"] for one in send(guest, "get", "/api/shop/orders").json()["orders"]] == body["orders"]


@pytest.mark.django_db
def test_the_same_key_buys_once_and_another_wish_with_it_is_refused(shop: Merchant, make_variant: MakeVariant) -> None:
    variant, guest = make_variant(shop), Client()
    first = buy(guest, {variant.public_id: 1}, "one")
    body = wish(quoted(guest, {variant.public_id: 1}))
    again = send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    # Also when everything has changed since.
    Price.objects.update(minor=9999)
    assert send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "one"}).json() == first.json()
    other = send(guest, "post", "/api/purchases", {**body, "email": "x@example.org"}, **{"Idempotency-Key": "one"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (409, "Idempotency-Key")
    assert (Purchase.objects.count(), Stock.objects.get().on_hand) == (1, 9)
    # A key is a buyer's own.
    assert buy(Client(), {variant.public_id: 1}, "one").status_code == 201
    assert Purchase.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "x" * 81, "a\tb", "ü"])
def test_without_a_key_nothing_is_bought(
    key: str, shop: Merchant, make_variant: MakeVariant, nothing_changes: Callable[[], Any]
) -> None:
    variant, guest = make_variant(shop), Client()
    body = wish(quoted(guest, {variant.public_id: 1}))
    with nothing_changes():
        headers = {"Idempotency-Key": key} if key else {}
        answer = send(guest, "post", "/api/purchases", body, **headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


@pytest.mark.django_db
def test_what_changed_since_the_quote_is_not_bought_but_shown(
    shop: Merchant, make_variant: MakeVariant, nothing_changes: Callable[[], Any]
) -> None:
    variant, guest = make_variant(shop), Client()
    body = wish(quoted(guest, {variant.public_id: 1}))
    Price.objects.update(minor=1200)
    with nothing_changes():
        answer = send(guest, "post", "/api/purchases", body, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["quote"]["total"]["minor"]) == (409, 1690)
    assert answer.headers["Content-Type"].startswith("application/")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"total": 1, "price": 1, "currency": "USD"},
        {"quote": "0" * 64},
        {"quote": ""},
        {"currency": "JPY"},
        {"lines": "more"},
        {"lines": "other"},
        {"lines": "negative"},
        {"lines": []},
        {"voucher": "NOPE"},
        {"delivery": {"glas": "0000000000000"}},
        {"delivery": {"glas": "x"}},
        {"address": {**ADDRESS, "country": "AT", "postal_code": "1010"}},
        {"address": "0000000000000"},
        {"address": {}},
        {"email": "nobody"},
        {"email": ""},
    ],
)
def test_tampering_buys_nothing(
    change: dict[str, Any], shop: Merchant, make_variant: MakeVariant, nothing_changes: Callable[[], Any]
) -> None:
    variant, dear = make_variant(shop), make_variant(shop, minor=99_900)
    guest = Client()
    body = wish(quoted(guest, {variant.public_id: 1}))
    lines = {
        "more": [{"variant": variant.public_id, "quantity": 5}],
        "other": [{"variant": dear.public_id, "quantity": 1}],
        "negative": [{"variant": variant.public_id, "quantity": 1}, {"variant": dear.public_id, "quantity": -1}],
    }
    if isinstance(change.get("lines"), str):
        change = {"lines": lines[change["lines"]]}
    with nothing_changes():
        answer = send(guest, "post", "/api/purchases", {**body, **change}, **{"Idempotency-Key": "k"})
    assert answer.status_code in (409, 422), answer.content


@pytest.mark.django_db
def test_a_price_in_the_request_is_not_even_read(shop: Merchant, make_variant: MakeVariant) -> None:
    variant, guest = make_variant(shop), Client()
    body = wish(quoted(guest, {variant.public_id: 1}))
    body["lines"][0] |= {"price": 1, "unit": {"minor": 1}, "total": 1}
    assert (
        send(guest, "post", "/api/purchases", {**body, "total": 1}, **{"Idempotency-Key": "k"}).json()["total"]["minor"]
        == 1490
    )


@pytest.mark.django_db
def test_an_order_for_each_merchant(shop: Merchant, make_merchant: MakeMerchant, make_variant: MakeVariant) -> None:
    from glaswerk.shop.models import DeliveryMethod

    other = make_merchant("wool", registration="HRB 2")
    cheap = DeliveryMethod.objects.create(merchant=other, country="DE", name="Slow", currency="EUR", minor=100)
    quick = DeliveryMethod.objects.create(merchant=other, country="DE", name="Quick", currency="EUR", minor=900)
    one, two = make_variant(shop), make_variant(other)
    guest = Client()
    quote = quoted(guest, {one.public_id: 1, two.public_id: 1}, delivery={"wool": quick.public_id})
    assert quote["total"]["minor"] == 1000 + 490 + 1000 + 900
    refused = send(guest, "post", "/api/purchases", wish(quote), **{"Idempotency-Key": "a"})
    assert refused.status_code == 409
    bought = send(
        guest, "post", "/api/purchases", wish(quote, delivery={"wool": quick.public_id}), **{"Idempotency-Key": "b"}
    )
    assert bought.status_code == 201
    assert sorted(Order.objects.values_list("merchant__name", "total_minor", "delivery_name")) == [
        ("glas", 1490, "Post"),
        ("wool", 1900, "Quick"),
    ]
    assert cheap.minor == 100


@pytest.mark.django_db
def test_a_voucher_that_pays_for_all_moves_no_money(
    rates: None, make_merchant: MakeMerchant, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    from glaswerk.money.models import Journal
    from glaswerk.shop.models import DeliveryMethod

    merchant = make_merchant()
    DeliveryMethod.objects.create(merchant=merchant, country="DE", name="Post", currency="EUR", minor=0)
    variant = make_variant(merchant)
    send(
        signed_in(staff(merchant)),
        "post",
        "/api/shop/merchants/glas/vouchers",
        {"code": "FREE", "kind": "fixed", "minor": 5000, "cap": 1},
    )
    guest = Client()
    answer = send(
        guest,
        "post",
        "/api/purchases",
        wish(quoted(guest, {variant.public_id: 1}, voucher="FREE")),
        **{"Idempotency-Key": "k"},
    )
    assert (answer.status_code, answer.json()["state"], answer.json()["total"]["minor"]) == (201, "paid", 0)
    assert (Order.objects.get().total_minor, OrderLine.objects.get().total_minor, Journal.objects.count()) == (0, 0, 0)
    assert quoted(guest, {variant.public_id: 1}, voucher="FREE")["hash"] is None


@pytest.mark.django_db
def test_a_person_buys_with_an_address_of_theirs_and_no_other(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    variant = make_variant(shop)
    ada, eve = signed_in(make_person("ada")), signed_in(make_person("eve"))
    kept = send(ada, "post", "/api/shop/addresses", ADDRESS).json()["id"]
    assert buy(eve, {variant.public_id: 1}, address=kept).status_code == 422
    assert buy(ada, {variant.public_id: 1}, address=kept, email="").status_code == 201
    assert Purchase.objects.get().address["street"] == "Torstraße 1"
    assert Purchase.objects.get().email == "ada@example.org"


def at_once(count: int, act: Callable[[int], Any]) -> Counter[Any]:
    outcomes: Counter[Any] = Counter()
    barrier, lock = threading.Barrier(count), threading.Lock()

    def run(number: int) -> None:
        try:
            barrier.wait(60)
            outcome = act(number)
        except Exception as error:
            outcome = repr(error)
        finally:
            connection.close()
        with lock:
            outcomes[outcome] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_fifty_buy_ten_over_http(shop: Merchant, make_variant: MakeVariant) -> None:
    variant = make_variant(shop, units=10)
    quote = quoted(Client(), {variant.public_id: 1})

    guests = [new_guest() for _ in range(50)]

    def act(number: int) -> tuple[int, str]:
        answer = send(guests[number], "post", "/api/purchases", wish(quote), **{"Idempotency-Key": f"k{number}"})
        body = answer.json()
        return answer.status_code, body.get("state") or body["errors"][0]["field"].split(".")[0]

    outcomes = at_once(50, act)
    assert outcomes[201, "paid"] == 10
    # The others hear that it is sold out, from the reservation or, a moment later, from the quote.
    assert outcomes[409, "lines"] + outcomes[409, "quote"] == 40
    left = Stock.objects.aggregate(on_hand=Sum("on_hand"), reserved=Sum("reserved"))
    assert (Order.objects.count(), left) == (10, {"on_hand": 0, "reserved": 0})


@pytest.mark.django_db(transaction=True)
def test_twenty_redeem_a_voucher_of_three_at_once(shop: Merchant, make_variant: MakeVariant, signed_in: SignIn) -> None:
    variant = make_variant(shop, units=100)
    send(
        signed_in(staff(shop)),
        "post",
        "/api/shop/merchants/glas/vouchers",
        {"code": "THREE", "kind": "fixed", "minor": 100, "cap": 3},
    )
    quote = quoted(Client(), {variant.public_id: 1}, voucher="THREE")

    guests = [new_guest() for _ in range(20)]

    def act(number: int) -> int:
        return send(
            guests[number], "post", "/api/purchases", wish(quote), **{"Idempotency-Key": f"k{number}"}
        ).status_code

    assert at_once(20, act) == {201: 3, 409: 17}
    assert (Voucher.objects.get().used, Order.objects.filter(discount_minor=100).count(), Order.objects.count()) == (
        3,
        3,
        3,
    )


@pytest.mark.django_db(transaction=True)
def test_one_key_pressed_ten_times_at_once_buys_once(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    variant = make_variant(shop)
    person = make_person("ada")
    clients = [signed_in(person) for _ in range(10)]
    body = wish(quoted(clients[0], {variant.public_id: 1}))
    answers = at_once(
        10,
        lambda number: (
            send(clients[number], "post", "/api/purchases", body, **{"Idempotency-Key": "k"}).json().get("id")
        ),
    )
    assert len(answers) == 1
    assert (Purchase.objects.count(), Order.objects.count(), Stock.objects.get().on_hand) == (1, 1, 9)
    assert Cart.objects.count() == 0


@pytest.mark.django_db
def test_a_guest_whom_nobody_could_know_again_buys_nothing(
    shop: Merchant, make_variant: MakeVariant, nothing_changes: Callable[[], Any]
) -> None:
    """If the answer were lost, the retry would come from another buyer, and be paid again."""
    body = wish(quoted(Client(), {make_variant(shop).public_id: 1}))
    with nothing_changes():
        answer = send(Client(), "post", "/api/purchases", body, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "cart")


@pytest.mark.django_db
def test_who_signs_in_still_sees_what_they_bought_as_a_guest(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    browser, person = Client(), make_person("ada")
    bought = buy(browser, {make_variant(shop).public_id: 1}).json()
    browser.force_login(person)
    assert send(browser, "get", f"/api/purchases/{bought['id']}").json()["orders"] == bought["orders"]
    assert send(browser, "get", f"/api/shop/orders/{bought['orders'][0]}").status_code == 200
    # From another browser nobody can tell that they are the same.
    assert send(signed_in(person), "get", f"/api/shop/orders/{bought['orders'][0]}").status_code == 404
