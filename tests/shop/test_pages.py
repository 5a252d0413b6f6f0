"""The pages of the shop: who sees what, and what forms that were tampered with bring about: nothing."""

import re
from typing import Any

import pytest
from django.test import Client

from glaswerk.shop.models import CartLine, Merchant, Order, Purchase, PurchaseState

from .conftest import ADDRESS, MakePerson, MakeVariant, SignIn, buy, send

pytestmark = pytest.mark.django_db


def hidden(page: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.content.decode())
    assert found, page.content.decode()[:2000]
    return found[1]


def form_of(client: Client, variant: str, **more: str) -> dict[str, str]:
    """Return what a guest's browser would send from the checkout of one thing."""
    page = client.get("/checkout", {"variant": variant})
    assert page.status_code == 200, page.content
    found = {name: hidden(page, name) for name in ("quote", "key")}
    return {**found, **ADDRESS, "variant": variant, "email": "ada@example.org", "action": "pay", **more}


def test_strangers_find_nothing_of_an_order(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn, nothing_changes: Any
) -> None:
    ada, eve, guest = signed_in(make_person("ada")), signed_in(make_person("eve")), Client()
    bought = buy(ada, {make_variant(shop).public_id: 1}).json()
    order, purchase = f"/orders/{bought['orders'][0]}", f"/purchases/{bought['id']}"
    assert ada.get(order).status_code == ada.get(purchase).status_code == 200
    with nothing_changes():
        for client in (eve, guest, signed_in(shop.staff.get(role="owner").person)):
            assert client.get(order).status_code == 404
            assert client.get(purchase).status_code == 404
            assert client.post(order, {"action": "cancel"}).status_code == 404
            assert b"Thing" not in client.get("/orders").content
    assert ada.post(order, {"action": "delete"}).status_code == 404
    for wrong in ("/orders/x", "/orders/%00", "/purchases/'", "/orders?before=x"):
        assert ada.get(wrong).status_code == 404, wrong


def test_forms_carry_a_token(shop: Merchant, make_variant: MakeVariant) -> None:
    forged = Client(enforce_csrf_checks=True)
    variant = make_variant(shop).public_id
    for path in ("/cart", "/checkout"):
        assert forged.post(path, {"add": variant, "action": "pay", "variant": variant}).status_code == 403
    assert not CartLine.objects.exists()


def test_a_guest_buys_once_however_often_the_form_is_sent(shop: Merchant, make_variant: MakeVariant) -> None:
    guest, variant = Client(), make_variant(shop, minor=2000).public_id
    form = form_of(guest, variant)
    answers = [guest.post("/checkout", form) for _ in range(3)]
    assert {one.status_code for one in answers} == {302}
    assert {one.headers["Location"] for one in answers} == {answers[0].headers["Location"]}
    assert answers[0].headers["Location"].startswith("/pay/sandbox/")
    (purchase,) = Purchase.objects.all()
    assert purchase.total_minor == 2490 and purchase.state == PurchaseState.RESERVED
    page = answers[0].headers["Location"]
    assert guest.post(page, {"card": "tok_success"}).headers["Location"] == f"/purchases/{purchase.public_id}"
    thanks = guest.get(f"/purchases/{purchase.public_id}")
    assert b"Thank you" in thanks.content and Order.objects.get().state == "paid"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"quote": "0" * 64}, 409),
        ({"quote": "x" * 9000}, 409),
        ({"key": "\x00"}, 422),
        ({"name": ""}, 422),
        ({"postal_code": "nowhere"}, 422),
        ({"country": "<b>"}, 409),
        ({"email": "x"}, 422),
        ({"voucher": "FREE"}, 409),
        ({"name": "\u202e" + "eve"}, 422),
    ],
)
def test_a_form_that_was_tampered_with_buys_nothing(
    shop: Merchant, make_variant: MakeVariant, nothing_changes: Any, change: dict[str, str], status: int
) -> None:
    guest, variant = Client(), make_variant(shop).public_id
    form = form_of(guest, variant)
    if "country" in change:
        form["quote"] = "1" * 64
    with nothing_changes():
        answer = guest.post("/checkout", {**form, **change})
        assert answer.status_code == status, answer.content.decode()[:3000]
    assert b"<b>" not in answer.content


def test_a_price_that_rose_is_shown_before_it_is_paid(shop: Merchant, make_variant: MakeVariant) -> None:
    guest, variant = Client(), make_variant(shop, minor=1000)
    form = form_of(guest, variant.public_id)
    variant.prices.update(minor=1500)
    answer = guest.post("/checkout", form)
    assert answer.status_code == 409 and "19.90" in answer.content.decode()
    assert hidden(answer, "key") != form["key"] and not Purchase.objects.exists()
    # Agreed to anew, it is bought.
    again = {**form, "quote": hidden(answer, "quote"), "key": hidden(answer, "key")}
    assert guest.post("/checkout", again).status_code == 302


def test_the_cart_is_changed_by_plain_forms(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    guest, one, other = Client(), make_variant(shop), make_variant(shop)
    assert guest.post("/cart", {"add": one.public_id}).status_code == 302
    assert guest.post("/cart", {"add": other.public_id}).status_code == 302
    guest.post("/cart", {f"quantity-{one.public_id}": "3", f"quantity-{other.public_id}": "1"})
    assert sorted(CartLine.objects.values_list("quantity", flat=True)) == [1, 3]
    for wrong in ("-1", "1e3", "100000", "\u0663", ""):
        guest.post("/cart", {f"quantity-{one.public_id}": wrong})
    assert sorted(CartLine.objects.values_list("quantity", flat=True)) == [1, 3]
    guest.post("/cart", {"remove": other.public_id})
    assert CartLine.objects.get().quantity == 3
    assert guest.post("/cart", {"add": "nonsense"}).status_code == 302
    # Who signs in takes it along, and what others hold stays theirs.
    guest.force_login(make_person("ada"))
    assert b"Thing" in guest.get("/cart").content
    assert b"Thing" not in signed_in(make_person("eve")).get("/cart").content


def test_an_address_is_kept_only_where_that_was_asked_for(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    person = make_person("ada")
    ada, variant = signed_in(person), make_variant(shop).public_id
    assert ada.post("/checkout", form_of(ada, variant, address="new")).status_code == 302
    assert not person.addresses.exists()
    assert ada.post("/checkout", form_of(ada, variant, address="new", keep="on")).status_code == 302
    kept = person.addresses.get()
    # Another's address is none of yours, and the form asks for one.
    eve = signed_in(make_person("eve"))
    form = form_of(eve, variant)
    answer = eve.post("/checkout", {**form, "name": "", "address": kept.public_id})
    assert answer.status_code == 422 and b"Ada" not in answer.content


def test_what_goes_back_is_said_by_a_form(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    ada = signed_in(make_person("ada"))
    order = buy(ada, {make_variant(shop).public_id: 2}).json()["orders"][0]
    packer = signed_in(shop.staff.get(role="packer").person)
    assert send(packer, "post", f"/api/shop/sold/{order}/parcels", {"carrier": "Post"}).status_code == 201
    line = Order.objects.get().lines.get()
    for wrong in ({}, {f"back-{line.public_id}": "x"}, {f"back-{line.public_id}": "3"}, {"back-x": "1"}):
        assert ada.post(f"/orders/{order}", {"action": "return", **wrong}).status_code == 302
    assert not Order.objects.get().returns.exists()
    ada.post(f"/orders/{order}", {"action": "return", f"back-{line.public_id}": "1"})
    line.refresh_from_db()
    assert line.returned == 1
    assert b"Please send it to" in ada.get(f"/orders/{order}").content


def test_whoever_chose_a_country_in_vain_can_choose_another(shop: Merchant, make_variant: MakeVariant) -> None:
    guest, variant = Client(), make_variant(shop).public_id
    for country in ("US", "FR", "AE"):
        page = guest.get("/checkout", {"variant": variant, "country": country}).content.decode()
        assert '<option value="DE">' in page and "deliver" in page and 'value="pay" disabled' in page, country
    assert guest.get("/checkout", {"variant": "\x00"}).status_code == 404
    assert guest.get("/checkout", {"variant": variant, "country": "<x>"}).status_code == 200
