"""Reviews by buyers alone, and what moderators and merchants can do about them; notices at each step of an order."""

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import translation

from glaswerk.people.models import Role
from glaswerk.shop import notices
from glaswerk.shop.models import Merchant, Notice, Order, OrderLine, Outgoing, Review, Stock
from glaswerk.shop.queries import inbox

from .conftest import MakePerson, MakeVariant, SignIn, buy, new_guest, send, staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def line(shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn) -> OrderLine:
    """What ada bought, not yet sent."""
    buy(signed_in(make_person("ada", display_name="Ada")), {make_variant(shop).public_id: 1})
    return OrderLine.objects.get()


def sent(line: OrderLine, signed_in: SignIn) -> None:
    """Send it."""
    packer = signed_in(staff(line.order.merchant, "packer"))
    answer = send(packer, "post", f"/api/shop/sold/{line.order.public_id}/parcels", {"carrier": "Post"})
    assert answer.status_code == 201


def test_only_who_bought_and_was_sent_something_reviews_it_once(
    line: OrderLine, signed_in: SignIn, make_person: MakePerson, nothing_changes: Any
) -> None:
    ada, path = signed_in(line.order.purchase.person), f"/api/shop/lines/{line.public_id}/review"
    with nothing_changes():
        assert send(ada, "put", path, {"stars": 5}).status_code == 409
        assert send(signed_in(make_person("eve")), "put", path, {"stars": 1}).status_code == 404
        assert send(signed_in(staff(line.order.merchant, "owner")), "put", path, {"stars": 5}).status_code == 404
        assert send(Client(), "put", path, {"stars": 5}).status_code == 401
    sent(line, signed_in)
    with nothing_changes():
        for wrong in ({"stars": 0}, {"stars": 6}, {"stars": "5"}, {"stars": 4.5}, {}, {"stars": 5, "text": "x" * 2_001},
                      {"stars": 5, "text": "\u202e"}):  # fmt: skip
            assert send(ada, "put", path, wrong).status_code == 422, wrong
    assert send(ada, "put", path, {"stars": 2, "text": "<b>Broken</b>"}).status_code == 200
    assert send(ada, "put", path, {"stars": 4, "text": "<b>Repaired</b>"}).json()["is_edited"]
    review = Review.objects.get()
    assert (review.stars, review.product_id) == (4, line.variant.product_id)
    page = Client().get(f"/shop/glas/{review.product.handle}").content.decode()
    assert "&lt;b&gt;Repaired" in page and "4.0" in page and "Ada" in page
    said = Client().get(f"/api/shop/products/{review.product.public_id}/reviews").json()
    assert (said["average"], said["count"], said["reviews"][0]["author"]) == (4.0, 1, "Ada")
    assert send(ada, "delete", path).status_code == 204 and not Review.objects.exists()
    assert send(ada, "delete", path).status_code == 404


def test_the_database_itself_refuses_reviews_of_what_was_not_sent(
    line: OrderLine, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    facts: dict[str, Any] = {"line": line, "person": line.order.purchase.person, "stars": 5}
    product, other = line.variant.product, make_variant(line.order.merchant).product

    def refused(**more: Any) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Review.objects.create(**{**facts, "product": product, **more})

    refused()
    sent(line, signed_in)
    refused(product=other)
    refused(stars=6)
    Review.objects.create(**facts, product=product)
    refused()


def test_a_merchant_answers_and_a_moderator_hides(
    line: OrderLine, signed_in: SignIn, make_person: MakePerson, nothing_changes: Any
) -> None:
    sent(line, signed_in)
    ada, shop = signed_in(line.order.purchase.person), line.order.merchant
    send(ada, "put", f"/api/shop/lines/{line.public_id}/review", {"stars": 1, "text": "My neighbour is a thief"})
    review = Review.objects.get()
    manager, packer = signed_in(staff(shop)), signed_in(staff(shop, "packer"))
    assert packer.get("/merchant/glas/reviews").status_code == 404
    manager.post("/merchant/glas/reviews", {"review": review.public_id, "answer": "We are sorry."})
    there = f"/shop/glas/{review.product.handle}"
    assert b"We are sorry." in Client().get(there).content
    moderator = make_person("mo", role=Role.MODERATOR)
    hide = f"/reviews/{review.public_id}"
    with nothing_changes():
        for client, status in ((ada, 404), (manager, 404), (Client(), 302)):
            assert client.post(hide, {"hide": "1", "reason": "x"}).status_code == status
        signed_in(moderator).post(hide, {"hide": "1", "reason": ""})
    # Nobody moderates what is said of their own shop.
    own = shop.staff.create(person=moderator, role="packer")
    with nothing_changes():
        assert signed_in(moderator).post(hide, {"hide": "1", "reason": "x"}).status_code == 404
    own.delete()
    signed_in(moderator).post(hide, {"hide": "1", "reason": "It accuses somebody"})
    assert b"neighbour" not in Client().get(there).content
    assert Client().get(f"/api/shop/products/{review.product.public_id}/reviews").json()["count"] == 0
    assert b"neighbour" in signed_in(moderator).get(there).content
    assert b"It accuses somebody" in ada.get(f"/orders/{line.order.public_id}").content
    # Taking it back and writing it anew does not bring it back into sight.
    assert send(ada, "delete", f"/api/shop/lines/{line.public_id}/review").status_code == 404
    send(ada, "put", f"/api/shop/lines/{line.public_id}/review", {"stars": 1, "text": "Still a thief"})
    assert b"thief" not in Client().get(there).content
    signed_in(moderator).post(hide, {})
    assert b"thief" in Client().get(there).content


def test_the_form_of_an_order_reviews_what_was_sent(line: OrderLine, signed_in: SignIn) -> None:
    ada, page = signed_in(line.order.purchase.person), f"/orders/{line.order.public_id}"
    assert b"Review this" not in ada.get(page).content
    sent(line, signed_in)
    assert b"Review this" in ada.get(page).content
    for wrong in ({}, {"stars": "x"}, {"stars": "9"}):
        assert ada.post(page, {"action": "review", "line": line.public_id, **wrong}).status_code == 302
        assert not Review.objects.exists()
    ada.post(page, {"action": "review", "line": line.public_id, "stars": "5", "text": "Fine"})
    assert Review.objects.get().stars == 5 and b"Your review" in ada.get(page).content
    ada.post(page, {"action": "unreview", "line": line.public_id})
    assert not Review.objects.exists()


def test_what_a_guest_bought_is_reviewed_after_signing_in(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    guest = new_guest()
    buy(guest, {make_variant(shop).public_id: 1})
    line = OrderLine.objects.get()
    sent(line, signed_in)
    path = f"/api/shop/lines/{line.public_id}/review"
    assert send(guest, "put", path, {"stars": 5}).status_code == 401
    assert b"Review this" not in guest.get(f"/orders/{line.order.public_id}").content
    guest.force_login(make_person("ada"))
    assert send(guest, "put", path, {"stars": 5}).status_code == 200


def test_each_step_is_told_to_its_buyer_and_its_shop_once(line: OrderLine, signed_in: SignIn) -> None:
    ada, shop = line.order.purchase.person, line.order.merchant
    sent(line, signed_in)
    notices.deliver()
    Stock.objects.update(low_at=100)
    notices.tell_low_stock()
    assert list(Notice.objects.filter(person=ada).order_by("pk").values_list("kind", flat=True)) == [
        "order_paid",
        "order_shipped",
    ]
    packer, owner = staff(shop, "packer"), staff(shop, "owner")
    assert list(Notice.objects.filter(person=packer).values_list("kind", flat=True)) == ["order_paid"]
    assert set(Notice.objects.filter(person=owner).values_list("kind", flat=True)) == {"order_paid", "stock_low"}
    # A machine that stops between telling and noting it tells again, and nobody reads it twice.
    count = Notice.objects.count()
    Outgoing.objects.update(told_at=None)
    notices.deliver()
    assert Notice.objects.count() == count


def test_the_list_marks_what_is_unread_and_the_frame_says_so(
    line: OrderLine, signed_in: SignIn, make_person: MakePerson
) -> None:
    notices.deliver()
    ada, eve = signed_in(line.order.purchase.person), signed_in(make_person("eve"))
    assert b"nav-mark" in ada.get("/cart").content and b"nav-mark" not in eve.get("/cart").content
    assert ada.get("/api/shop/notices").json()["unread"] == 1
    page = ada.get("/notices").content.decode()
    assert "Your order is paid" in page and "(unread)" in page
    notice = Notice.objects.get(person=line.order.purchase.person)
    assert eve.get(f"/notices/{notice.public_id}").status_code == 404
    notice.refresh_from_db()
    assert notice.read_at is None
    assert ada.get(f"/notices/{notice.public_id}").headers["Location"] == f"/orders/{line.order.public_id}"
    assert "(unread)" not in ada.get("/notices").content.decode() and b"nav-mark" not in ada.get("/cart").content
    owner = signed_in(staff(line.order.merchant, "owner"))
    assert b"A new order" in owner.get("/notices").content
    owner.post("/notices")
    assert not Notice.objects.filter(person=staff(line.order.merchant, "owner"), read_at__isnull=True).exists()
    for wrong in ("x", "0000000000000"):
        assert ada.get(f"/notices/{wrong}").status_code == 404
    assert Client().get("/notices").headers["Location"].startswith("/accounts/login/")


def test_every_notice_has_words_in_both_languages() -> None:
    for words in (*inbox._FOR_BUYERS.values(), *inbox._FOR_SHOPS.values()):
        with translation.override("en"):
            english = str(words)
        with translation.override("de"):
            assert str(words) != english


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_once_review_once(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    ada = make_person("ada")
    buy(signed_in(ada), {make_variant(shop).public_id: 1})
    line = OrderLine.objects.get()
    sent(line, signed_in)
    statuses, barrier = [], threading.Barrier(4)

    def press(number: int) -> None:
        client = signed_in(ada)
        barrier.wait(60)
        try:
            answer = send(client, "put", f"/api/shop/lines/{line.public_id}/review", {"stars": 1 + number})
            statuses.append(answer.status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert Review.objects.count() == 1 and set(statuses) <= {200, 409} and 200 in statuses
    assert Order.objects.get().lines.get().review.stars in range(1, 5)
