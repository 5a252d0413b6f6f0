"""Plans: what is worse for creators is told thirty days before, versions stay, and nobody is in whom nobody invited."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from glaswerk.money.models import Commission
from glaswerk.shop.models import (
    Earning,
    Enrolment,
    Merchant,
    OrderLine,
    Plan,
    PlanProduct,
    PlanRate,
    Product,
    ShowcaseItem,
)

from .conftest import MakeMerchant, MakePerson, MakeVariant, SignIn, buy, send, staff
from .creators import Scene, enrol, make_plan

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=30)


@pytest.fixture
def scene(shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn) -> Scene:
    return Scene(shop, make_variant, make_person, signed_in)


def rate_at(scene: Scene, later: timedelta) -> int:
    """Return the rate by which the creator earns at a moment to come."""
    with connection.cursor() as cursor:
        asked = [scene.creator.pk, scene.product.pk, timezone.now() + later]
        cursor.execute("SELECT rate_bp FROM shop_rate_of(%s, %s, %s)", asked)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def write(scene: Scene, rate_bp: int) -> Any:
    return send(scene.manager, "post", f"/api/shop/plans/{scene.plan}/rates", {"rate_bp": rate_bp})


def refused(act: Callable[[], Any], name: str = "") -> bool:
    """Whether the database refuses something, by the constraint of this name."""
    try:
        with transaction.atomic():
            act()
    except DatabaseError as error:
        cause: Any = error.__cause__
        return not name or cause.diag.constraint_name == name
    return False


def test_a_raise_counts_at_once_and_a_cut_a_month_later(scene: Scene) -> None:
    assert write(scene, 2_000).status_code == 201
    assert rate_at(scene, timedelta()) == 2_000
    cut = write(scene, 500)
    assert cut.status_code == 201
    assert (rate_at(scene, timedelta()), rate_at(scene, timedelta(days=29)), rate_at(scene, MONTH * 1.01)) == (
        2_000, 2_000, 500,
    )  # fmt: skip
    # Both are seen, by the creator as well.
    plan = send(scene.mara, "get", "/api/shop/enrolments").json()["enrolments"][0]["plan"]
    assert (plan["rate_bp"], plan["next_rate_bp"], plan["next_from"]) == (2_000, 500, cut.json()["holds_from"])
    # A purchase of today earns by the rate that holds.
    scene.touch()
    buy(scene.ada, {scene.variant.public_id: 1})
    assert (Earning.objects.get().rate_bp, Earning.objects.get().rate.version) == (2_000, 2)
    # The last word counts: what has not begun gives way, and another cut waits a month of its own.
    write(scene, 1_500)
    assert (rate_at(scene, MONTH * 1.01), rate_at(scene, timedelta(days=29))) == (1_500, 2_000)
    write(scene, 2_500)
    assert (rate_at(scene, timedelta()), rate_at(scene, MONTH * 2)) == (2_500, 2_500)
    assert write(scene, 2_500).status_code == 409


@pytest.mark.parametrize("rate_bp", [99, 8_001])
def test_a_rate_is_between_one_and_eighty_percent(scene: Scene, rate_bp: int, nothing_changes: Any) -> None:
    with nothing_changes():
        assert write(scene, rate_bp).status_code == 422
        plan = Plan.objects.get()
        assert refused(lambda: PlanRate.objects.create(plan=plan, rate_bp=rate_bp, written_by=1), "plan_rate_is_sane")


def test_no_version_is_forged(scene: Scene, nothing_changes: Any) -> None:
    plan, old = Plan.objects.get(), timezone.now() - timedelta(days=90)
    with nothing_changes(), connection.cursor() as cursor:
        for statement in (
            "UPDATE shop_planrate SET rate_bp = 100",
            "UPDATE shop_planrate SET period = tstzrange(now() - interval '1 year', now())",
            "UPDATE shop_planrate SET period = 'empty'",
            "DELETE FROM shop_planrate",
            "UPDATE shop_plan SET kind = 'target'",
            "UPDATE shop_plan SET covers_all = false",
            "DELETE FROM shop_plan",
        ):
            assert refused(lambda: cursor.execute(statement)), statement  # noqa: B023 - it is called here.
    # Whatever an INSERT says of its moments and its number, they are the database's own.
    forged = PlanRate.objects.create(
        plan=plan, rate_bp=100, version=1, period=(old, None), written_at=old, written_by=scene.creator.pk
    )
    forged.refresh_from_db()
    assert (forged.version, forged.written_at > old, forged.period.lower - forged.written_at) == (2, True, MONTH)
    assert rate_at(scene, timedelta()) == 1_000


def test_an_earning_is_by_the_version_that_holds(scene: Scene, nothing_changes: Any) -> None:
    write(scene, 500)
    buy(scene.ada, {scene.variant.public_id: 1})
    line, now, pending = OrderLine.objects.get(), PlanRate.objects.get(version=1), PlanRate.objects.get(version=2)

    def earn(**more: Any) -> None:
        commission = Commission.objects.create(
            key="x", creator_id=1, reference="r", currency="EUR", amount=1, payable_at=timezone.now()
        )
        values = {"rate": now, "rate_bp": 1_000, "base_minor": 10_000, "minor": 1_000, **more}
        Earning.objects.create(line=line, commission=commission, creator_id=scene.creator.pk, **values)

    with nothing_changes():
        for forged in (
            {"rate": pending, "rate_bp": 500, "minor": 500},
            {"rate_bp": 8_000},
            {"base_minor": 20_000},
            {"at": timezone.now() + MONTH * 2, "rate": pending, "rate_bp": 500, "minor": 500},
        ):
            assert refused(lambda: earn(**forged), "earning_is_true"), forged  # noqa: B023 - it is called here.
        assert refused(lambda: earn(minor=1_001), "earning_is_by_its_rate")
    earn()
    assert refused(lambda: Earning.objects.update(minor=1), "earning_stays")


def test_ends_are_told_a_month_before(scene: Scene, make_variant: MakeVariant) -> None:
    few = make_plan(scene.manager, scene.shop, 3_000, title="Few", products=[scene.product.public_id])
    enrol(scene.mara, few)
    assert rate_at(scene, timedelta()) == 3_000
    path = f"/api/shop/plans/{few}"
    assert send(scene.manager, "delete", f"{path}/products/{scene.product.public_id}").status_code == 200
    assert (rate_at(scene, timedelta(days=29)), rate_at(scene, MONTH * 1.01)) == (3_000, 1_000)
    # Whatever moment is written, and a second time; and to put it back counts at once.
    PlanProduct.objects.update(ends_at=timezone.now() - MONTH)
    assert rate_at(scene, timedelta(days=29)) == 3_000
    assert send(scene.manager, "put", f"{path}/products/{scene.product.public_id}").status_code == 204
    assert rate_at(scene, MONTH * 2) == 3_000
    assert refused(lambda: PlanProduct.objects.all().delete())
    assert send(scene.manager, "post", f"{path}/end").status_code == 200
    assert (rate_at(scene, timedelta(days=29)), rate_at(scene, MONTH * 1.01)) == (3_000, 1_000)
    assert send(scene.manager, "post", f"{path}/rates", {"rate_bp": 4_000}).status_code == 409


def test_nobody_enrols_in_a_plan_for_others(scene: Scene, make_person: MakePerson, nothing_changes: Any) -> None:
    target = make_plan(scene.manager, scene.shop, 8_000, kind="target", title="Few")
    invitations = f"/api/shop/plans/{target}/invitations"
    assert send(scene.manager, "post", invitations, {"person": "@Mara"}).status_code == 201
    rival = make_person("noa")
    noa = scene.sign_in(rival)
    with nothing_changes():
        assert enrol(noa, target) == 404
        assert send(noa, "delete", f"/api/shop/enrolments/{target}").status_code == 404
        assert send(noa, "post", invitations, {"person": "noa"}).status_code == 404
        assert target not in str(send(noa, "get", "/api/shop/plans").json())
        plan = Plan.objects.get(kind="target")
        assert refused(
            lambda: Enrolment.objects.create(plan=plan, creator=rival, state="active"), "enrolment_by_invitation"
        )
        assert send(scene.manager, "post", invitations, {"person": "nobody"}).status_code == 422
        assert send(scene.manager, "post", invitations, {"person": "mara"}).status_code == 409
    # An invitation alone earns nothing; declining leaves no way in but another invitation.
    assert rate_at(scene, timedelta()) == 1_000
    assert send(scene.mara, "delete", f"/api/shop/enrolments/{target}").json()["state"] == "refused"
    assert enrol(scene.mara, target) == 404
    assert refused(lambda: Enrolment.objects.filter(state="refused").update(state="active"))
    send(scene.manager, "post", invitations, {"person": "mara"})
    assert enrol(scene.mara, target) == 200
    assert rate_at(scene, timedelta()) == 8_000
    # To be let go takes a month, to leave a moment.
    assert send(scene.manager, "delete", f"/api/shop/plans/{target}/creators/mara").status_code == 204
    assert (rate_at(scene, timedelta(days=29)), rate_at(scene, MONTH * 1.01)) == (8_000, 1_000)
    assert send(scene.mara, "delete", f"/api/shop/enrolments/{target}").json()["state"] == "left"
    assert rate_at(scene, timedelta()) == 1_000
    assert enrol(scene.mara, target) == 404


def test_who_works_there_takes_no_part(scene: Scene, nothing_changes: Any) -> None:
    with nothing_changes():
        assert enrol(scene.manager, scene.plan) == 409
    assert send(scene.manager, "get", "/api/shop/plans").json()["plans"] == []


def test_a_plan_is_for_products_of_its_own_merchant(
    scene: Scene, make_merchant: MakeMerchant, make_variant: MakeVariant, nothing_changes: Any
) -> None:
    foreign = make_variant(make_merchant("wool", registration="HRB 2")).product
    body = {"kind": "open", "title": "x", "rate_bp": 1_000, "products": [foreign.public_id]}
    with nothing_changes():
        for wrong in (body, {**body, "products": []}, {**body, "kind": "odd"}, {**body, "title": " "}):
            answer = send(scene.manager, "post", "/api/shop/merchants/glas/plans", wrong)
            assert answer.status_code == 422, wrong
    plan = Plan.objects.create(merchant=scene.shop, kind="open", title="Few", covers_all=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        PlanProduct.objects.create(plan=plan, product=foreign)


def test_a_showcase_holds_what_its_creator_earns_by(
    scene: Scene, make_variant: MakeVariant, nothing_changes: Any
) -> None:
    second = make_variant(scene.shop).product
    ids = [second.public_id, scene.product.public_id]
    shown = send(scene.mara, "put", "/api/shop/showcase", {"products": ids})
    assert [one["id"] for one in shown.json()["products"]] == ids
    with nothing_changes():
        assert send(scene.ada, "put", "/api/shop/showcase", {"products": ids}).status_code == 422
        for wrong in ([*ids, ids[0]], ["0" * 13], ["x"]):
            assert send(scene.mara, "put", "/api/shop/showcase", {"products": wrong}).status_code == 422
    # What has no ground any more is not seen.
    Product.objects.filter(pk=second.pk).update(state="archived")
    shown = send(scene.mara, "get", "/api/shop/showcase").json()
    assert ([one["id"] for one in shown["products"]], ShowcaseItem.objects.count()) == ([ids[1]], 2)
    send(scene.mara, "delete", f"/api/shop/enrolments/{scene.plan}")
    assert send(scene.mara, "get", "/api/shop/showcase").json()["products"] == []


def test_a_packer_decides_no_plans(scene: Scene, nothing_changes: Any) -> None:
    packer = scene.sign_in(staff(scene.shop, "packer"))
    with nothing_changes():
        assert send(packer, "post", f"/api/shop/plans/{scene.plan}/rates", {"rate_bp": 8_000}).status_code == 404
