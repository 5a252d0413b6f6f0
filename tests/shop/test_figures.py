"""The merchant's figures: what is counted, of whom, and that every plot is one query with its table as CSV."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from glaswerk.shop.actions.tags import TagDraft, set_tags
from glaswerk.shop.models import Interest, Merchant, Order
from glaswerk.shop.queries import figures

from .conftest import MakeMerchant, MakePerson, MakeVariant, SignIn, buy, make_video, new_guest, send, staff

pytestmark = pytest.mark.django_db


def test_looking_and_wanting_are_counted_and_nobody_is_known_by_it(
    shop: Merchant, make_variant: MakeVariant, nothing_changes: Any
) -> None:
    variant, draft = make_variant(shop), make_variant(shop, state="draft")
    guest, product = new_guest(), variant.product
    guest.get(f"/shop/glas/{product.handle}")
    guest.head(f"/shop/glas/{product.handle}")
    assert (
        send(guest, "post", f"/api/shop/products/{product.public_id}/interest", {"stage": "opened"}).status_code == 204
    )
    guest.post("/cart", {"put": "1", "variant": variant.public_id})
    # Past the cart: the press on the product's page counts, the forms that follow on the same page do not.
    guest.post("/checkout", {"action": "update", "variant": variant.public_id})
    guest.post("/checkout", {"action": "update", "variant": variant.public_id, "key": "k"})
    assert list(Interest.objects.values_list("product", "opened", "wanted")) == [(product.pk, 2, 2)]
    assert {field.name for field in Interest._meta.concrete_fields} == {"id", "product", "day", "opened", "wanted"}
    with nothing_changes():
        for path, stage, status in (
            (draft.product.public_id, "opened", 404),
            ("x", "opened", 404),
            (product.public_id, "bought", 422),
        ):
            assert send(guest, "post", f"/api/shop/products/{path}/interest", {"stage": stage}).status_code == status


@pytest.fixture
def sold(
    shop: Merchant, make_merchant: MakeMerchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> Client:
    """A shop with two things, of which one was sold twice and one of these came back, and a manager's browser."""
    cup, vase = make_variant(shop, minor=1000), make_variant(shop, minor=3000)
    other = make_merchant("wool", registration="HRB 2")
    shop.is_open_to_creators = True
    shop.save()
    creator = make_person("nora", display_name="Nora")
    for caption, product in (("Turning a cup", cup.product), ("Another cup", cup.product), ("=1+1", vase.product)):
        video = make_video(creator, caption=caption)
        set_tags(creator, video.public_id, [TagDraft(product.public_id, 0, 1000)])
    hidden = make_video(make_person("hidden"), visibility="private")
    set_tags(hidden.creator, hidden.public_id, [TagDraft(cup.product.public_id, 0, 1000)])
    ada, packer = signed_in(make_person("ada")), signed_in(staff(shop, "packer"))
    first = buy(ada, {cup.public_id: 2}).json()["orders"][0]
    cancelled, old = (buy(ada, {vase.public_id: 1}).json()["orders"][0] for _ in range(2))
    assert send(ada, "post", f"/api/shop/orders/{cancelled}/cancel").status_code == 200
    Order.objects.filter(pk=Order.objects.latest("pk").pk).update(placed_at=timezone.now() - timedelta(days=45))
    send(packer, "post", f"/api/shop/sold/{first}/parcels", {"carrier": "Post"})
    line = send(ada, "get", f"/api/shop/orders/{first}").json()["lines"][0]["id"]
    send(ada, "post", f"/api/shop/orders/{first}/returns", {"lines": {line: 1}})
    Interest.objects.create(product=cup.product, opened=10, wanted=4)
    assert other.orders.count() == 0 and old
    return signed_in(staff(shop))


def test_each_plot_is_one_query_and_says_what_is_true(
    shop: Merchant, sold: Client, django_assert_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_num_queries(1):
        days = figures.sales_by_day(shop, 30)
    assert len(days) == 30 and days[-1].day == timezone.localdate()
    assert [(one.orders, one.minor) for one in days if one.orders] == [(1, 2490)]
    assert sum(one.orders for one in figures.sales_by_day(shop, 90)) == 2
    with django_assert_num_queries(1):
        videos = figures.sales_by_video(shop, 30)
    # One of two came back; what a hidden video shows says nothing to the merchant.
    assert sorted((one.name, one.by, one.units, one.minor) for one in videos) == [
        ("Another cup", "Nora", 1, 1000), ("Turning a cup", "Nora", 1, 1000)
    ]  # fmt: skip
    with django_assert_num_queries(1):
        creators = figures.sales_by_creator(shop, 90)
    assert [(one.by, one.units, one.minor) for one in creators] == [("nora", 2, 4000)], (
        "once, though two videos show it"
    )
    with django_assert_num_queries(1):
        steps = figures.conversion(shop, 30)
    assert [(one.opened, one.wanted, one.bought) for one in steps] == [(10, 4, 1)]
    with django_assert_num_queries(1):
        assert [(one.sold, one.returned) for one in figures.returns_by_product(shop, 30)] == [(2, 1)]


def test_another_shop_sees_none_of_it(shop: Merchant, sold: Client) -> None:
    wool = Merchant.objects.get(name="wool")
    assert not any(one.orders for one in figures.sales_by_day(wool, 365))
    for plot in (figures.sales_by_video, figures.sales_by_creator, figures.conversion, figures.returns_by_product):
        assert plot(wool, 365) == []


def test_the_page_has_a_table_and_a_csv_behind_every_plot(sold: Client) -> None:
    page = sold.get("/merchant/glas/figures?days=90").content.decode()
    assert page.count("As a table") == 5 and "<svg" in page and "style=" not in page
    for plot in ("days", "conversion", "videos", "creators", "returns"):
        answer = sold.get(f"/merchant/glas/figures/{plot}.csv?days=90")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert len(list(csv.reader(io.StringIO(answer.content.decode())))) >= 2, plot
    assert b"'=1+1" in sold.get("/merchant/glas/figures/videos.csv?days=90").content
    for wrong in ("?days=x", "?days=-1", "?days=31", "?days=9999"):
        assert sold.get(f"/merchant/glas/figures{wrong}").status_code == 404
    assert sold.get("/merchant/glas/figures/all.csv").status_code == 404


def test_a_shop_that_sold_nothing_has_figures_too(shop: Merchant, signed_in: SignIn) -> None:
    assert signed_in(staff(shop)).get("/merchant/glas/figures").content.count(b"Nothing yet") == 5
