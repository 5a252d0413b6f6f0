"""Creators' pages: plans, showcase, earnings and payouts; each with whoever may not see it."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from glaswerk.cell.config import PaymentsSection
from glaswerk.money.checks import check_book
from glaswerk.money.commissions import mature_commissions
from glaswerk.money.models import Commission, Destination, Payout, PayoutRun
from glaswerk.people.models import Person
from glaswerk.shop.actions.touches import forget
from glaswerk.shop.models import Earning, Enrolment, Merchant, Plan, ShowcaseView, Touch

from .conftest import MakeMerchant, MakePerson, MakeVariant, SignIn, buy, new_guest, send, staff
from .creators import Scene

pytestmark = pytest.mark.django_db
IBAN = "DE89370400440532013000"


@pytest.fixture
def scene(shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn) -> Scene:
    return Scene(shop, make_variant, make_person, signed_in)


def test_a_manager_runs_plans_by_plain_forms(scene: Scene, make_merchant: MakeMerchant, nothing_changes: Any) -> None:
    page = "/merchant/glas/plans"
    scene.manager.post(page, {"action": "rate", "plan": scene.plan, "rate": "12,5"})
    scene.manager.post(page, {"action": "rate", "plan": scene.plan, "rate": "5 %"})
    shown = scene.manager.get(page).content.decode()
    assert "12.5 %" in shown and "5 % from" in shown and "@mara" in shown
    made = {"action": "create", "kind": "target", "title": "Few", "rate": "20", "covers": "some"}
    scene.manager.post(page, {**made, "product": [scene.product.public_id]})
    few = Plan.objects.get(kind="target")
    scene.manager.post(page, {"action": "invite", "plan": few.public_id, "person": "@mara"})
    assert Enrolment.objects.get(plan=few).state == "invited"
    scene.mara.post("/earnings/plans", {"plan": few.public_id, "action": "enrol"})
    assert Enrolment.objects.get(plan=few).state == "active"
    scene.manager.post(page, {"action": "end", "plan": few.public_id})
    assert "ends on" in scene.mara.get("/earnings/plans").content.decode()
    foreign = scene.sign_in(staff(make_merchant("wool", registration="HRB 2"), "owner"))
    with nothing_changes():
        for client in (scene.sign_in(staff(scene.shop, "packer")), scene.mara):
            assert client.get(page).status_code == 404
            assert client.post(page, {"action": "rate", "plan": scene.plan, "rate": "80"}).status_code == 404
        assert foreign.post("/merchant/wool/plans", {"action": "end", "plan": scene.plan}).status_code == 404
        for wrong in ("x", "0.5", "81", "NaN", "1e2000", ""):
            assert scene.manager.post(page, {"action": "rate", "plan": scene.plan, "rate": wrong}).status_code == 302
        assert scene.manager.post(page, {"action": "odd"}).status_code == 404
        assert Client().get("/earnings/plans").headers["Location"].startswith("/accounts/login/")


def test_a_showcase_leads_to_a_commission_if_it_was_served(scene: Scene) -> None:
    scene.mara.post("/earnings/showcase", {"add": scene.product.public_id})
    assert scene.product.title in scene.mara.get("/earnings/showcase").content.decode()
    assert "/@mara/showcase" in Client().get("/@mara").content.decode()
    address = f"/shop/glas/{scene.product.handle}?by=mara"
    # An address alone, as somebody might hide it in a page of theirs, counts for nobody.
    guest = new_guest()
    guest.get(address)
    assert not Touch.objects.exists()
    for hidden in ({"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Dest": "image"}):
        guest.get("/@mara/showcase", headers=hidden)
    guest.head("/@mara/showcase")
    scene.mara.get("/@mara/showcase")
    assert not ShowcaseView.objects.exists()

    page = guest.get("/@mara/showcase").content.decode()
    assert address in page and "earns a commission" in page
    new_guest().get(address)
    guest.get(address, headers={"Sec-Fetch-Site": "cross-site"})
    assert not Touch.objects.exists()
    guest.get(address)
    buy(guest, {scene.variant.public_id: 1})
    assert (Earning.objects.get().creator_id, Earning.objects.get().video_id) == (scene.creator.pk, None)


def test_what_is_known_of_the_way_is_forgotten(scene: Scene) -> None:
    scene.touch()
    ShowcaseView.objects.create(buyer=-1, creator=scene.creator, products=[1])
    assert forget() == 0
    Touch.objects.update(at=timezone.now() - timedelta(days=22))
    ShowcaseView.objects.update(at=timezone.now() - timedelta(days=8))
    assert forget() == 2


def test_a_creator_sees_what_they_earned_and_nobody_elses(scene: Scene, make_person: MakePerson) -> None:
    empty = scene.mara.get("/earnings").content.decode()
    assert "Find a plan" in empty
    scene.touch()
    buy(scene.ada, {scene.variant.public_id: 1})
    page = scene.mara.get("/earnings").content.decode()
    assert "€10.00" in page and scene.product.title in page and f"/v/{scene.video.public_id}" in page
    assert page.count("<rect") == 30
    table = b"".join(scene.mara.get("/earnings.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert len(table.splitlines()) == 2 and ",10,10000,1000,0,EUR,accrued," in table
    Commission.objects.update(payable_at=timezone.now())
    mature_commissions()
    now = timezone.now()
    month = scene.mara.get(f"/earnings/{now.year}-{now.month}").content.decode()
    assert month.count("€10.00") == 3
    other = scene.sign_in(make_person("noa"))
    assert "€10.00" not in other.get("/earnings").content.decode()
    assert len(b"".join(other.get("/earnings.csv").streaming_content).splitlines()) == 1  # type: ignore[attr-defined]
    assert "€10.00" not in other.get(f"/earnings/{now.year}-{now.month}").content.decode()
    for wrong in ("1-1", "2026-13", "2026-0"):
        assert other.get(f"/earnings/{wrong}").status_code == 404


def test_a_destination_is_checked_changed_and_erased(scene: Scene, nothing_changes: Any) -> None:
    page = "/earnings/payout"
    with nothing_changes():
        for wrong in ({"iban": "DE00370400440532013000"}, {"iban": ""}, {"holder": " ", "iban": IBAN}):
            answer = scene.mara.post(page, {"holder": "Mara", **wrong})
            assert answer.status_code == 422 and 'role="alert"' in answer.content.decode()
        assert Client().post(page, {"holder": "x", "iban": IBAN}).status_code == 302
    scene.mara.post(page, {"holder": "Mara Muster", "iban": "de89 3704 0044 0532 0130 00"})
    assert Destination.objects.get().iban == IBAN
    assert "DE89 3704 0044 0532 0130 00" in scene.mara.get(page).content.decode()
    assert "DE89" not in scene.ada.get(page).content.decode()
    scene.ada.post(page, {"action": "erase"})
    assert Destination.objects.count() == 1
    scene.mara.post(page, {"action": "erase"})
    assert Destination.objects.count() == 0


def test_an_operator_pays_out_and_what_comes_back_is_owed_again(
    scene: Scene, operator: Person, monkeypatch: pytest.MonkeyPatch, nothing_changes: Any
) -> None:
    scene.touch()
    buy(scene.ada, {scene.variant.public_id: 1})
    Commission.objects.update(payable_at=timezone.now())
    mature_commissions()
    scene.mara.post("/earnings/payout", {"holder": "Mara Muster", "iban": IBAN})
    admin, page = scene.sign_in(operator), "/operate/payouts"
    form = {"name": "2026-05", "method": "sepa", "currency": "EUR"}
    with nothing_changes():
        for client in (scene.mara, scene.manager):
            for address in (page, f"{page}/2026-05", f"{page}/2026-05/file"):
                assert client.get(address).status_code == 403
            assert client.post(page, form).status_code == 403
        # Without our own account in cell.toml nothing is made.
        assert admin.post(page, form).headers["Location"] == page
        for wrong in ({"name": ""}, {"name": "a b"}, {"method": "cash"}, {"currency": "XXY"}):
            assert admin.post(page, {**form, **wrong}).headers["Location"] == page
    ours = PaymentsSection(debtor_name="Glaswerk", debtor_iban="DE02120300000000202051")
    monkeypatch.setattr(settings.CELL, "config", settings.CELL.config.model_copy(update={"payments": ours}))
    assert "€10.00" in admin.get(page).content.decode()
    run = admin.post(page, form).headers["Location"]
    assert (Payout.objects.get().amount, Commission.objects.get().state) == (1_000, "paid")
    admin.post(page, form)
    assert Payout.objects.count() == 1
    assert b"pain.001.001.09" in admin.get(f"{run}/file").content
    assert "…3000" in admin.get(run).content.decode()
    admin.post(run, {"action": "confirm"})
    assert Payout.objects.get().state == "paid"
    for _ in range(2):
        admin.post(run, {"action": "return", "payout": str(Payout.objects.get().pk)})
    assert (Payout.objects.get().state, Commission.objects.get().state) == ("failed", "payable")
    admin.post(page, {**form, "name": "2026-06"})
    assert [one.payouts.get().amount for one in PayoutRun.objects.order_by("pk")] == [1_000, 1_000]
    with nothing_changes():
        admin.post(run, {"action": "return", "payout": "x"})
        admin.post(run, {"action": "odd"})
        assert send(admin, "get", f"{page}/nope").status_code == 404
    assert {one.name: one.examples for one in check_book().findings if one.violations} == {}
