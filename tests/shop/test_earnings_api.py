"""A creator's earnings by the API: each with where it stands, the sums, the days, page by page; and nobody else's."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from glaswerk.money.commissions import mature_commissions
from glaswerk.money.models import Commission, PayoutMethod
from glaswerk.money.payouts import confirm_by_bank, make_run, set_destination
from glaswerk.shop.models import Earning, Merchant
from glaswerk.web.api import api

from .conftest import MakePerson, MakeVariant, SignIn, buy, send
from .creators import Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn) -> Scene:
    return Scene(shop, make_variant, make_person, signed_in)


def sell(scene: Scene, units: int = 1) -> str:
    """Let the buyer buy by the video; return the order."""
    assert scene.touch()
    return str(buy(scene.ada, {scene.variant.public_id: units}).json()["orders"][0])


def earned(client: Any, query: str = "") -> dict[str, Any]:
    answer = send(client, "get", f"/api/shop/earnings{query}")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def test_each_earning_says_by_what_and_where_it_stands(scene: Scene) -> None:
    order = sell(scene)
    [one] = earned(scene.mara)["earnings"]
    earning = Earning.objects.get()
    assert {name: value["minor"] if isinstance(value, dict) else value for name, value in one.items()} == {
        "id": earning.line.public_id, "order": order, "product": scene.product.public_id,
        "title": scene.product.title, "video": scene.video.public_id, "rate_bp": 1_000, "base": 10_000,
        "amount": 1_000, "reversed": 0, "state": "accrued", "at": one["at"], "payable_at": one["payable_at"],
    }  # fmt: skip
    assert one["amount"] == {"minor": 1_000, "currency": "EUR", "shown": "€10.00"}
    assert send(scene.ada, "post", f"/api/shop/orders/{order}/cancel").status_code == 200
    [one] = earned(scene.mara)["earnings"]
    assert (one["state"], one["amount"]["minor"], one["reversed"]["minor"]) == ("reversed", 1_000, 1_000)


def test_the_sums_follow_each_state_and_the_list_finds_it(scene: Scene) -> None:
    for units in (1, 2, 4):
        sell(scene, units)
    first, second, _third = Commission.objects.order_by("pk")
    for one in (first, second):
        Commission.objects.filter(pk=one.pk).update(payable_at=timezone.now())
        mature_commissions()
        if one == first:
            set_destination(scene.creator.pk, "Mara", "DE89370400440532013000")
            confirm_by_bank(make_run("first", PayoutMethod.SEPA, "EUR").run)
    by_state = {
        state: [one["amount"]["minor"] for one in earned(scene.mara, f"?state={state}")["earnings"]]
        for state in ("accrued", "payable", "paid", "reversed")
    }
    assert by_state == {"accrued": [4_000], "payable": [2_000], "paid": [1_000], "reversed": []}
    [totals] = send(scene.mara, "get", "/api/shop/earnings/totals").json()["totals"]
    assert {name: value["minor"] for name, value in totals.items() if name != "currency"} == {
        "accrued": 4_000, "payable": 2_000, "under_way": 0, "paid": 1_000, "reversed": 0
    }  # fmt: skip
    assert totals["currency"] == "EUR"
    assert earned(scene.mara, "?currency=USD")["earnings"] == []
    assert len(earned(scene.mara, "?currency=EUR")["earnings"]) == 3


def test_the_days_have_what_was_earned_and_those_without_any(scene: Scene) -> None:
    sell(scene)
    sell(scene, 2)
    Commission.objects.filter(amount=1_000).update(at=timezone.now() - timedelta(days=3))
    found = send(scene.mara, "get", "/api/shop/earnings/days?currency=EUR&days=5").json()["days"]
    assert [one["amount"]["minor"] for one in found] == [0, 1_000, 0, 0, 2_000]
    assert found[-1]["day"] == timezone.localdate().isoformat()


def test_pages_hold_everything_once_newest_first(scene: Scene) -> None:
    for _ in range(5):
        sell(scene)
    whole = [one["id"] for one in earned(scene.mara)["earnings"]]
    seen: list[str] = []
    query = "?limit=2"
    while True:
        page = earned(scene.mara, query)
        seen += [one["id"] for one in page["earnings"]]
        if page["next"] is None:
            break
        query = f"?limit=2&before={page['next']}"
    assert seen == whole and len(set(seen)) == 5
    assert whole == [one.line.public_id for one in Earning.objects.select_related("line").order_by("-at")]


def test_nobody_reads_or_pages_by_anothers(scene: Scene, nothing_changes: Any) -> None:
    sell(scene)
    own = earned(scene.mara)["earnings"][0]["id"]
    with nothing_changes():
        for other in (scene.ada, scene.manager):
            assert earned(other) == {"earnings": [], "next": None}
            assert send(other, "get", "/api/shop/earnings/totals").json() == {"totals": []}
            days = send(other, "get", "/api/shop/earnings/days?currency=EUR").json()["days"]
            assert len(days) == 30 and {one["amount"]["minor"] for one in days} == {0}
            assert send(other, "get", f"/api/shop/earnings?before={own}").status_code == 404
        assert send(scene.mara, "get", f"/api/shop/earnings?before={own}").json() == {"earnings": [], "next": None}
        for wrong in ("?state=lost", "?limit=0", "?limit=101", "?currency=eur"):
            assert send(scene.mara, "get", f"/api/shop/earnings{wrong}").status_code == 422
        for wrong in ("", "?currency=ABC", "?currency=EUR&days=0", "?currency=EUR&days=367"):
            assert send(scene.mara, "get", f"/api/shop/earnings/days{wrong}").status_code == 422
        assert send(scene.mara, "get", "/api/shop/earnings?before=x").status_code == 404


def test_what_a_creator_needs_is_in_the_open_api_document() -> None:
    paths = api.get_openapi_schema()["paths"]
    for path, method in (
        ("/api/shop/earnings", "get"), ("/api/shop/earnings/totals", "get"), ("/api/shop/earnings/days", "get"),
        ("/api/shop/plans", "get"), ("/api/shop/enrolments", "get"),
        ("/api/shop/enrolments/{plan_id}", "put"), ("/api/shop/enrolments/{plan_id}", "delete"),
    ):  # fmt: skip
        assert paths[path][method]["tags"] == ["creators"], path
