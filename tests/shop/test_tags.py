"""Products in videos: who may tag what, and who sees it."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from glaswerk.people.models import Person
from glaswerk.shop.models import Merchant, Tag
from glaswerk.social.models import Block

from .conftest import MakeMerchant, MakePerson, MakeVariant, SignIn, make_video, send, staff

pytestmark = pytest.mark.django_db


def tag(variant: Any, from_ms: int = 1000, to_ms: int = 4000) -> dict[str, Any]:
    return {"product": variant.product.public_id, "from_ms": from_ms, "to_ms": to_ms}


def put(client: Client, video: Any, *tags: dict[str, Any]) -> Any:
    return send(client, "put", f"/api/videos/{video.public_id}/products", {"products": list(tags)})


def shown(client: Client, video: Any) -> list[Any]:
    answer = client.get("/api/shop/tagged", {"videos": video.public_id})
    assert answer.status_code == 200, answer.content
    return list(answer.json()["videos"].get(video.public_id, []))


@pytest.fixture
def creator(make_person: MakePerson) -> Person:
    return make_person("mona")


def test_a_creator_shows_products_of_a_merchant_who_is_open(
    shop: Merchant, make_variant: MakeVariant, creator: Person, signed_in: SignIn, nothing_changes: Any
) -> None:
    variant, video, mona = make_variant(shop, minor=1250, units=2), make_video(creator), signed_in(creator)
    with nothing_changes():
        answer = put(mona, video, tag(variant))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "products.0.product"
    assert (
        send(signed_in(staff(shop)), "put", "/api/shop/merchants/glas/creators", {"is_open": True}).status_code == 200
    )
    assert put(mona, video, tag(variant)).status_code == 200
    (found,) = shown(Client(), video)
    assert (found["product"], found["from_ms"], found["to_ms"]) == (variant.product.public_id, 1000, 4000)
    assert (found["price"]["minor"], found["is_from"], found["is_sold_out"]) == (1250, False, False)
    assert send(Client(), "get", f"/api/videos/{video.public_id}/products").json()["products"] == [found]
    # Once the merchant is open no more, what was tagged is not seen any longer; nor is what is off sale.
    send(signed_in(staff(shop)), "put", "/api/shop/merchants/glas/creators", {"is_open": False})
    assert shown(Client(), video) == []


def test_staff_show_their_own_products_and_lose_that_with_their_work(
    shop: Merchant, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    packer, variant = staff(shop, "packer"), make_variant(shop)
    video = make_video(packer)
    assert put(signed_in(packer), video, tag(variant)).status_code == 200
    assert len(shown(Client(), video)) == 1
    shop.staff.filter(person=packer).delete()
    assert shown(Client(), video) == []


def test_what_is_not_sold_or_not_watchable_is_not_shown(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    owner, variant = staff(shop, "owner"), make_variant(shop)
    video, hidden = make_video(owner), make_video(owner, visibility="private")
    mine = signed_in(owner)
    for one in (video, hidden):
        assert put(mine, one, tag(variant)).status_code == 200
    eve = make_person("eve")
    assert len(shown(Client(), video)) == 1 and len(shown(mine, hidden)) == 1
    assert shown(Client(), hidden) == [] and shown(signed_in(eve), hidden) == []
    assert Client().get(f"/api/videos/{hidden.public_id}/products").status_code == 404
    Block.objects.create(blocker=owner, blocked=eve, at=timezone.now())
    assert shown(signed_in(eve), video) == []
    for change in ({"state": "draft"}, {"state": "archived"}):
        type(variant.product).objects.filter(pk=variant.product_id).update(**change)
        assert shown(Client(), video) == []
    type(variant.product).objects.filter(pk=variant.product_id).update(state="active")
    Merchant.objects.filter(pk=shop.pk).update(holiday_from=timezone.localdate(), holiday_until=timezone.localdate())
    assert shown(Client(), video) == []


def test_hostile_tags_are_refused_and_change_nothing(
    shop: Merchant, make_merchant: MakeMerchant, make_variant: MakeVariant, signed_in: SignIn, nothing_changes: Any
) -> None:
    owner, variant = staff(shop, "owner"), make_variant(shop)
    foreign = make_variant(make_merchant("wool", registration="HRB 2"))
    draft, video, mine = make_variant(shop, state="draft"), make_video(owner), signed_in(owner)
    assert put(mine, video, tag(variant)).status_code == 200
    bad = [
        [tag(foreign)],
        [tag(draft)],
        [tag(variant), tag(variant)],
        [tag(variant, 4000, 4000)],
        [tag(variant, 5000, 4000)],
        [tag(variant, -1, 4000)],
        [tag(variant, 0, 9001)],
        [{**tag(variant), "from_ms": "1000"}],
        [{**tag(variant), "from_ms": 10**30}],
        [{**tag(variant), "product": "' OR 1=1"}],
        [{**tag(variant), "product": "\x00"}],
        [tag(variant)] * 13,
    ]
    with nothing_changes():
        for tags in bad:
            assert put(mine, video, *tags).status_code == 422, tags
    for asked in ("nonsense!", ",".join([video.public_id[:-1] + "x"] * 60), "\x00"):
        assert Client().get("/api/shop/tagged", {"videos": asked}).status_code == 422, asked
    assert Client().get("/api/shop/tagged", {"videos": ""}).json() == {"videos": {}}
    # Deleting all of them is a list of none.
    assert put(mine, video).json() == {"products": []}
    assert not Tag.objects.exists()


def test_videos_without_products_cost_one_query(
    shop: Merchant, make_variant: MakeVariant, creator: Person, django_assert_num_queries: Any
) -> None:
    videos = [make_video(creator) for _ in range(10)]
    with django_assert_num_queries(1):
        assert Client().get("/api/shop/tagged", {"videos": ",".join(one.public_id for one in videos)}).json() == {
            "videos": {}
        }


def test_a_creator_tags_by_a_plain_form(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn, nothing_changes: Any
) -> None:
    owner, variant = staff(shop, "owner"), make_variant(shop)
    video, product, mine = make_video(owner), variant.product.public_id, signed_in(owner)
    page = f"/v/{video.public_id}/products"
    with nothing_changes():
        assert Client().get(page).status_code == 302
        for other in (make_person("eve"), staff(shop, "packer")):
            assert signed_in(other).get(page).status_code == 404
            assert signed_in(other).post(page, {"add": product}).status_code == 404
    assert "What you can show" in mine.get(page).content.decode()
    mine.post(page, {"add": product})
    times = {"product": product, f"from-{product}": "1,5", f"to-{product}": "3.25"}
    mine.post(page, times)
    (kept,) = Tag.objects.all()
    assert (kept.from_ms, kept.to_ms) == (1500, 3250)
    for wrong in ("x", "NaN", "-1", "1e400", "9" * 30, "2000"):
        mine.post(page, {**times, f"to-{product}": wrong})
        assert Tag.objects.get().to_ms == 3250
    mine.post(page, {**times, "remove": product})
    assert not Tag.objects.exists()
