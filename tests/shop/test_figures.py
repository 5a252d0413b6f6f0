"""The merchant's figures: what is counted, of whom, and that every plot is one query with its table as CSV."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from glaswerk.cell.ids import now_ms
from glaswerk.feed.models import Watch
from glaswerk.shop.actions.tags import TagDraft, set_tags
from glaswerk.shop.models import Earning, Interest, Merchant, Order, Product
from glaswerk.shop.queries import figures
from glaswerk.videos.models import Video

from .conftest import MakeMerchant, MakePerson, MakeVariant, SignIn, buy, make_video, new_guest, send, staff
from .creators import Scene, enrol, make_plan, served, shows, touch

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


def seen(video: Video, viewers: range, days_ago: int = 0) -> None:
    """Write that the feed showed a video to viewers, as the projector does."""
    at = now_ms() - days_ago * 86_400_000
    facts = {"loops": 0, "shared": False, "liked_at": 0, "saved_at": 0, "refused_at": 0, "watched_at": at}
    Watch.objects.bulk_create(
        Watch(viewer=-one, video=video.pk, first_at=at, last_at=at, watched=True, watched_ms=900, **facts)
        for one in viewers
    )


@pytest.fixture
def sold(
    shop: Merchant, make_merchant: MakeMerchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> Client:
    """A shop with two things, of which one was sold twice and one of these came back, and a manager's browser.

    Two videos of one creator show the cup, and a hidden one of another; buyers came by one of them, and one by none.
    """
    cup, vase = make_variant(shop, minor=1000), make_variant(shop, minor=3000)
    other = make_merchant("wool", registration="HRB 2")
    creator, hidden, manager = make_person("nora", display_name="Nora"), make_person("hidden"), signed_in(staff(shop))
    shop.is_open_to_creators = True
    shop.save()
    plan = make_plan(manager, shop)
    videos = {}
    for person, caption, product, visibility in (
        (creator, "Turning a cup", cup.product, "public"),
        (creator, "Another cup", cup.product, "public"),
        (creator, "=1+1", vase.product, "public"),
        (hidden, "A hidden cup", cup.product, "private"),
    ):
        enrol(signed_in(person), plan)
        videos[caption] = make_video(person, caption=caption, visibility=visibility)
        set_tags(person, videos[caption].public_id, [TagDraft(product.public_id, 0, 1000)])
    buyer = make_person("ada")
    ada, packer = signed_in(buyer), signed_in(staff(shop, "packer"))

    def led(product: Product, caption: str) -> None:
        assert touch(ada, product, videos[caption], served(buyer.pk, videos[caption]))

    # Whoever was last counts, and the first one not at all.
    led(cup.product, "Another cup")
    led(cup.product, "Turning a cup")
    first = buy(ada, {cup.public_id: 2}).json()["orders"][0]
    led(vase.product, "=1+1")
    cancelled = buy(ada, {vase.public_id: 1}).json()["orders"][0]
    assert send(ada, "post", f"/api/shop/orders/{cancelled}/cancel").status_code == 200
    led(vase.product, "=1+1")
    assert buy(ada, {vase.public_id: 1}).status_code == 201
    Order.objects.filter(pk=Order.objects.latest("pk").pk).update(placed_at=timezone.now() - timedelta(days=45))
    send(packer, "post", f"/api/shop/sold/{first}/parcels", {"carrier": "Post"})
    line = send(ada, "get", f"/api/shop/orders/{first}").json()["lines"][0]["id"]
    send(ada, "post", f"/api/shop/orders/{first}/returns", {"lines": {line: 1}})
    Interest.objects.create(product=cup.product, opened=10, wanted=4)
    seen(videos["Turning a cup"], range(1, 6))
    seen(videos["Another cup"], range(5, 8))
    seen(videos["Another cup"], range(8, 10), days_ago=45)
    seen(videos["A hidden cup"], range(1, 100))
    assert other.orders.count() == 0
    return manager


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
    # One of two came back; another video shows the cup as well, and led to nothing.
    assert [(one.name, one.by, one.units, one.minor) for one in videos] == [("Turning a cup", "Nora", 1, 1000)]
    assert [(one.name, one.units, one.minor) for one in figures.sales_by_video(shop, 90)] == [
        ("=1+1", 1, 3000), ("Turning a cup", 1, 1000)
    ]  # fmt: skip
    with django_assert_num_queries(1):
        creators = figures.sales_by_creator(shop, 90)
    assert [(one.by, one.units, one.minor) for one in creators] == [("nora", 2, 4000)]
    with django_assert_num_queries(1):
        steps = figures.looking(shop, 30)
    assert [(one.opened, one.wanted, one.bought) for one in steps] == [(10, 4, 1)]
    with django_assert_num_queries(1):
        reach = figures.conversion(shop, 30)
    # Eight impressions of two public videos in these days, one purchase of two units.
    assert [(one.title, one.shown, one.bought) for one in reach] == [("Thing 1", 8, 1)]
    assert [(one.title, one.shown, one.bought) for one in figures.conversion(shop, 90)] == [
        ("Thing 1", 10, 1), ("Thing 2", 0, 1)
    ]  # fmt: skip
    with django_assert_num_queries(1):
        assert [(one.sold, one.returned) for one in figures.returns_by_product(shop, 30)] == [(2, 1)]


@pytest.fixture
def scene(shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn) -> Scene:
    return Scene(shop, make_variant, make_person, signed_in)


def test_a_sale_to_which_nobody_led_is_credited_to_nobody(scene: Scene) -> None:
    """The tag alone says nothing: a sale past the video is in none of these figures, and one by it is."""
    assert buy(scene.ada, {scene.variant.public_id: 1}).status_code == 201
    assert (figures.sales_by_video(scene.shop, 30), figures.sales_by_creator(scene.shop, 30)) == ([], [])
    assert figures.conversion(scene.shop, 30) == []
    assert [one.bought for one in figures.looking(scene.shop, 30)] == [1]
    scene.touch()
    assert buy(scene.ada, {scene.variant.public_id: 3}).status_code == 201
    assert [(one.id, one.units, one.minor) for one in figures.sales_by_video(scene.shop, 30)] == [
        (scene.video.public_id, 3, 35_700)
    ]
    assert [(one.shown, one.bought) for one in figures.conversion(scene.shop, 30)] == [(0, 1)]


def test_a_touch_is_credited_though_its_creator_had_left_the_plan_and_was_paid_nothing(scene: Scene) -> None:
    scene.touch()
    assert send(scene.mara, "delete", f"/api/shop/enrolments/{scene.plan}").status_code == 200
    assert buy(scene.ada, {scene.variant.public_id: 1}).status_code == 201
    assert Earning.objects.count() == 0
    assert [(one.by, one.units, one.minor) for one in figures.sales_by_creator(scene.shop, 30)] == [("mara", 1, 11_900)]
    assert [one.id for one in figures.sales_by_video(scene.shop, 30)] == [scene.video.public_id]


def test_what_is_not_public_any_more_stands_together_without_a_name(scene: Scene) -> None:
    """A showcase, a video that was hidden and one that was removed: the merchant sold by them, and sees none of them."""
    scene.touch()
    assert buy(scene.ada, {scene.variant.public_id: 1}).status_code == 201
    again = shows(scene.creator, scene.product)
    assert touch(scene.ada, scene.product, again, served(scene.buyer.pk, again))
    assert buy(scene.ada, {scene.variant.public_id: 1}).status_code == 201
    assert len(figures.sales_by_video(scene.shop, 30)) == 2
    Video.objects.filter(pk=scene.video.pk).update(visibility="private", caption="Only for me")
    Earning.objects.filter(video=again).update(video=None)
    found = figures.sales_by_video(scene.shop, 30)
    assert [(one.id, one.name, one.by, one.units, one.minor) for one in found] == [("", "", "mara", 2, 23_800)]
    page = scene.manager.get("/merchant/glas/figures").content.decode()
    assert "A showcase, or a video that is not public any more" in page and "Only for me" not in page


def test_another_shop_sees_none_of_it(shop: Merchant, sold: Client) -> None:
    wool = Merchant.objects.get(name="wool")
    assert not any(one.orders for one in figures.sales_by_day(wool, 365))
    for plot in (
        figures.sales_by_video, figures.sales_by_creator, figures.conversion, figures.looking,
        figures.returns_by_product,
    ):  # fmt: skip
        assert plot(shop, 365) != []
        assert plot(wool, 365) == []


def test_the_page_has_a_table_and_a_csv_behind_every_plot(sold: Client) -> None:
    page = sold.get("/merchant/glas/figures?days=90").content.decode()
    assert page.count("As a table") == 6 and "<svg" in page and "style=" not in page
    for plot in ("days", "looking", "conversion", "videos", "creators", "returns"):
        answer = sold.get(f"/merchant/glas/figures/{plot}.csv?days=90")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert len(list(csv.reader(io.StringIO(answer.content.decode())))) >= 2, plot
    assert b"'=1+1" in sold.get("/merchant/glas/figures/videos.csv?days=90").content
    for wrong in ("?days=x", "?days=-1", "?days=31", "?days=9999"):
        assert sold.get(f"/merchant/glas/figures{wrong}").status_code == 404
    assert sold.get("/merchant/glas/figures/all.csv").status_code == 404


def test_a_shop_that_sold_nothing_has_figures_too(shop: Merchant, signed_in: SignIn) -> None:
    assert signed_in(staff(shop)).get("/merchant/glas/figures").content.count(b"Nothing yet") == 6
