"""Whoever only looks gets no cart: its cookie comes with what is first put into one, and brings along by whom they came."""

from typing import Any

import pytest
from django.test import Client

from glaswerk.feed.visitors import VIEWER_COOKIE
from glaswerk.people.models import Person
from glaswerk.shop.api.identity import GUEST_COOKIE
from glaswerk.shop.models import Earning, Merchant, ShowcaseView, Touch

from .conftest import MakePerson, MakeVariant, SignIn, buy, send
from .creators import Scene, anonymous, served, touch

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn) -> Scene:
    scene = Scene(shop, make_variant, make_person, signed_in)
    assert send(scene.mara, "put", "/api/shop/showcase", {"products": [scene.product.public_id]}).status_code == 200
    return scene


def put_in(client: Client, scene: Scene) -> Any:
    return client.post("/cart", {"put": "1", "variant": scene.variant.public_id})


def test_looking_around_sets_no_cart_cookie_and_putting_something_into_the_cart_does(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A slate of somebody else's is never recorded as this guest's, however long one waits for it.
    monkeypatch.setattr("glaswerk.feed.slates.PROJECTION_PATIENCE_S", 0)
    guest = Client()
    product = f"/shop/glas/{scene.product.handle}"
    for path in (
        "/", "/@mara", "/@mara/showcase", f"/v/{scene.video.public_id}", "/shop", product, f"{product}?by=mara",
        "/cart", "/api/cart", "/orders", f"/api/shop/products/{scene.product.public_id}",
        f"/api/shop/tagged?videos={scene.video.public_id}",
    ):  # fmt: skip
        assert guest.get(path).status_code == 200, path
        assert GUEST_COOKIE not in guest.cookies, path
    send(guest, "post", f"/api/shop/products/{scene.product.public_id}/interest", {"stage": "opened"})
    anonymous(guest)
    assert touch(guest, scene.product, scene.video, scene.slate) is False
    assert touch(guest, scene.product, scene.video, served(anonymous(guest), scene.video)) is True
    assert GUEST_COOKIE not in guest.cookies
    put_in(guest, scene)
    assert GUEST_COOKIE in guest.cookies
    other = Client()
    line = {"variant": scene.variant.public_id, "quantity": 1}
    assert send(other, "post", "/api/cart/lines", line).status_code == 201
    assert GUEST_COOKIE in other.cookies


def test_a_showcase_is_served_to_whom_the_feed_knows_and_leads_past_the_first_cart(scene: Scene) -> None:
    guest = Client()
    guest.get("/@mara/showcase")
    guest.get(f"/shop/glas/{scene.product.handle}?by=mara")
    assert VIEWER_COOKIE in guest.cookies and Touch.objects.get().buyer == ShowcaseView.objects.get().buyer < 0
    put_in(guest, scene)
    buy(guest, {scene.variant.public_id: 1})
    assert Earning.objects.get().creator_id == scene.creator.pk
    # Who only has the address has come by nobody.
    Client().get(f"/shop/glas/{scene.product.handle}?by=mara")
    assert Touch.objects.count() == 1


def test_what_a_signed_out_viewer_was_led_to_counts_for_who_signs_in(scene: Scene) -> None:
    guest = Client()
    slate = served(anonymous(guest), scene.video)
    assert touch(guest, scene.product, scene.video, slate)
    guest.force_login(Person.objects.get(name="ada"))
    assert Touch.objects.get().buyer < 0
    put_in(guest, scene)
    assert Touch.objects.get().buyer == scene.buyer.pk
    buy(guest, {scene.variant.public_id: 1})
    assert Earning.objects.get().creator_id == scene.creator.pk


def test_another_browsers_cart_takes_nothing_over(scene: Scene) -> None:
    """The number that a touch is kept under is another's: a cookie that does not hold takes nothing."""
    guest, thief = Client(), Client()
    touch(guest, scene.product, scene.video, served(anonymous(guest), scene.video))
    thief.cookies[VIEWER_COOKIE] = guest.cookies[VIEWER_COOKIE].value[:-1] + "x"
    put_in(thief, scene)
    before = Touch.objects.get().buyer
    put_in(guest, scene)
    assert Touch.objects.get().buyer != before
