"""What creators earn: by served impressions alone, at the rate that held, once, and less what goes back."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from glaswerk.cell.ids import encode_id, new_id
from glaswerk.money.amounts import Money
from glaswerk.money.checks import check_book
from glaswerk.money.commissions import accrued_account, mature_commissions, payable_account
from glaswerk.money.models import AccountKind, Commission, DisputeState, Payment, PayoutMethod
from glaswerk.money.payments.effects import take_in
from glaswerk.money.payments.port import DisputeFact
from glaswerk.money.payouts import confirm_by_bank, make_run, set_destination
from glaswerk.money.queries import balance, balances_of
from glaswerk.people.models import Person
from glaswerk.shop.actions.touches import touch_from_video
from glaswerk.shop.commission import hold_back
from glaswerk.shop.models import Earning, Merchant, Order, Staff, StaffRole, Touch

from .conftest import ADDRESS, MakePerson, MakeVariant, SignIn, buy, new_guest, send, staff
from .creators import Scene, anonymous, enrol, make_plan, served, shows, touch

pytestmark = pytest.mark.django_db
IBAN = "DE89370400440532013000"
HOME = {**ADDRESS, "street": "Lindenweg 7"}


@pytest.fixture
def scene(shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn) -> Scene:
    return Scene(shop, make_variant, make_person, signed_in)


def bought(scene: Scene, units: int = 1, **more: Any) -> Order:
    """Let the buyer buy; return the order."""
    answer = buy(scene.ada, {scene.variant.public_id: units}, **more)
    assert answer.status_code == 201, answer.content
    return Order.objects.order_by("-pk")[0]


def standing(scene: Scene) -> tuple[int, int]:
    number = scene.creator.pk
    return balance(accrued_account(number, "EUR")), balance(payable_account(number, "EUR"))


def assert_whole() -> None:
    assert {one.name: one.examples for one in check_book().findings if one.violations} == {}


def test_a_touch_from_a_served_video_earns_with_the_order(scene: Scene) -> None:
    assert scene.touch() is True
    order = bought(scene)
    earning = Earning.objects.get()
    # 119 euros with 19 % VAT are 100 without; ten percent of these.
    assert (earning.base_minor, earning.minor, earning.rate_bp, earning.rate.version) == (10_000, 1_000, 1_000, 1)
    assert (earning.creator_id, earning.video_id, earning.line.order_id) == (scene.creator.pk, scene.video.pk, order.pk)
    assert standing(scene) == (1_000, 0)
    merchant = balances_of("merchant", scene.shop.pk)[(AccountKind.MERCHANT_PAYABLE, "EUR")]
    assert merchant == order.total_minor - order.fee_minor - 1_000
    assert earning.commission.payable_at > timezone.now() + timedelta(days=14)
    assert_whole()


def test_nobody_earns_where_nobody_led(scene: Scene) -> None:
    bought(scene)
    assert (Earning.objects.count(), Commission.objects.count()) == (0, 0)


def test_a_touch_costs_the_purchase_no_query(scene: Scene) -> None:
    counts = []
    for is_touched in (False, False, True):
        if is_touched:
            scene.touch()
        with CaptureQueriesContext(connection) as caught:
            bought(scene)
        counts.append(len(caught))
    # The first one opens accounts and fills caches.
    assert counts[1] == counts[2] and Earning.objects.count() == 1


def test_lines_share_by_the_largest_remainder(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    scene = Scene(shop, make_variant, make_person, signed_in, rate_bp=3_333)
    others = [make_variant(shop, minor=minor) for minor in (101, 103, 107)]
    video = shows(scene.creator, *(one.product for one in others))
    slate = served(scene.buyer.pk, video)
    assert all(touch(scene.ada, one.product, video, slate) for one in others)
    buy(scene.ada, {one.public_id: 1 for one in others})
    earnings = list(Earning.objects.all())
    exact = sum(one.base_minor * 3_333 for one in earnings)
    assert sum(one.minor for one in earnings) == (exact + 5_000) // 10_000
    assert all(abs(one.minor * 10_000 - one.base_minor * 3_333) < 10_000 for one in earnings)
    assert_whole()


def test_stuffed_touches_without_served_impressions_earn_nothing(
    scene: Scene, make_person: MakePerson, nothing_changes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of touches: slates that never were, of others, without the video, too old; videos without the product."""
    monkeypatch.setattr("glaswerk.feed.slates.PROJECTION_PATIENCE_S", 0)
    other, plain = shows(scene.creator, scene.product), shows(scene.creator)
    foreign = served(make_person("eve").pk, scene.video)
    with nothing_changes():
        for _ in range(3_000):
            assert not touch_from_video(scene.buyer.pk, [scene.buyer.pk], scene.product.pk, scene.video.pk, new_id())
        for video, slate in (
            (scene.video, foreign),
            (scene.video, encode_id(0)),
            (other, scene.slate),
            (plain, served(scene.buyer.pk, plain)),
        ):
            assert touch(scene.ada, scene.product, video, slate) is False
        # Nobody whom the feed does not know was served anything.
        assert touch(new_guest(), scene.product, scene.video, scene.slate) is False
        bad = {"product": "x", "video": scene.video.public_id, "slate": scene.slate}
        refused = send(scene.ada, "post", "/api/shop/touches", bad)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "product")
    bought(scene)
    assert Earning.objects.count() == 0


def test_an_old_touch_has_lost_its_window(scene: Scene) -> None:
    scene.touch()
    Touch.objects.update(at=timezone.now() - timedelta(days=7, seconds=1))
    bought(scene)
    assert Earning.objects.count() == 0


def test_the_last_touch_counts(scene: Scene, make_person: MakePerson) -> None:
    rival = make_person("noa")
    enrol(scene.sign_in(rival), scene.plan)
    video = shows(rival, scene.product)
    scene.touch()
    touch(scene.ada, scene.product, video, served(scene.buyer.pk, video))
    bought(scene)
    assert Earning.objects.get().creator_id == rival.pk


def test_a_guest_who_signs_in_was_led_all_the_same(scene: Scene) -> None:
    guest = new_guest()
    slate = served(anonymous(guest), scene.video)
    assert touch(guest, scene.product, scene.video, slate) is True
    guest.force_login(scene.buyer)
    send(guest, "get", "/api/cart")
    buy(guest, {scene.variant.public_id: 1})
    assert Earning.objects.get().creator_id == scene.creator.pk


def test_who_buys_from_themselves_earns_nothing(scene: Scene, make_person: MakePerson) -> None:
    """By account, by mailbox, and by address."""
    own = served(scene.creator.pk, scene.video)
    assert touch(scene.mara, scene.product, scene.video, own) is False
    # Even a touch that somebody writes into the table, and whatever mailbox they have.
    Person.objects.filter(pk=scene.creator.pk).update(email="")
    Touch.objects.create(
        buyer=scene.creator.pk, product=scene.product, creator=scene.creator, video=scene.video, slate=1
    )
    buy(scene.mara, {scene.variant.public_id: 1}, address=HOME)
    assert Earning.objects.count() == 0
    Person.objects.filter(pk=scene.creator.pk).update(email=scene.creator.email)

    guest = new_guest()
    slate = served(anonymous(guest), scene.video)
    assert touch(guest, scene.product, scene.video, slate)
    buy(guest, {scene.variant.public_id: 1}, email="Mara+shop@Example.org", address=ADDRESS)
    assert Earning.objects.count() == 0

    assert touch(guest, scene.product, scene.video, slate)
    buy(guest, {scene.variant.public_id: 1}, email="friend@example.org", address={**HOME, "street": "lindenweg  7."})
    assert Earning.objects.count() == 0

    # Somebody else at another place is no self.
    assert touch(guest, scene.product, scene.video, slate)
    buy(guest, {scene.variant.public_id: 1}, email="friend@example.org", address=ADDRESS)
    assert Earning.objects.count() == 1


def test_the_merchants_own_people_make_nobody_earn(scene: Scene) -> None:
    packer = staff(scene.shop, "packer")
    client = scene.sign_in(packer)
    assert touch(client, scene.product, scene.video, served(packer.pk, scene.video))
    buy(client, {scene.variant.public_id: 1})
    assert Earning.objects.count() == 0
    # And a creator who came to work there earns no more.
    Staff.objects.create(merchant=scene.shop, person=scene.creator, role=StaffRole.PACKER)
    scene.touch()
    bought(scene)
    assert Earning.objects.count() == 0


def test_one_touch_earns_for_one_purchase(scene: Scene) -> None:
    scene.touch()
    bought(scene)
    bought(scene)
    assert Earning.objects.count() == 1
    scene.touch()
    bought(scene)
    assert Earning.objects.count() == 2


def test_a_refund_takes_its_part_back_before_and_after_the_payout(scene: Scene) -> None:
    scene.touch()
    order = bought(scene, 2)
    assert standing(scene) == (2_000, 0)
    path = f"/api/shop/sold/{order.public_id}/refunds"

    def refund(minor: int, key: str) -> None:
        assert send(scene.manager, "post", path, {"minor": minor}, **{"Idempotency-Key": key}).status_code == 201

    refund(order.total_minor // 4, "a")
    taken = 2_000 - standing(scene)[0]
    assert abs(taken - 500) <= 1
    refund(order.total_minor // 4, "a")
    assert standing(scene) == (2_000 - taken, 0)
    Commission.objects.update(payable_at=timezone.now())
    assert mature_commissions() == 1
    set_destination(scene.creator.pk, "Mara Muster", IBAN)
    run = make_run("may", PayoutMethod.SEPA, "EUR").run
    confirm_by_bank(run)
    assert standing(scene) == (0, 0)
    # Now the rest goes back: the creator owes it, and the next payout is less by it.
    refund(order.total_minor - order.total_minor // 4, "b")
    assert standing(scene) == (0, taken - 2_000)
    assert Commission.objects.get().state == "reversed"
    assert make_run("june", PayoutMethod.SEPA, "EUR").payouts == []
    scene.touch()
    bought(scene, 3)
    Commission.objects.update(payable_at=timezone.now())
    mature_commissions()
    (payout,) = make_run("july", PayoutMethod.SEPA, "EUR").payouts
    assert payout.amount == 3_000 - (2_000 - taken)
    assert_whole()


def test_what_comes_back_takes_the_commission_of_its_own_line(scene: Scene, make_variant: MakeVariant) -> None:
    plain = make_variant(scene.shop, minor=5_000)
    scene.touch()
    assert buy(scene.ada, {scene.variant.public_id: 2, plain.public_id: 1}).status_code == 201
    order = Order.objects.get()
    lines = {line.variant_id: line.public_id for line in order.lines.all()}
    packer = scene.sign_in(staff(scene.shop, "packer"))
    parcel = send(packer, "post", f"/api/shop/sold/{order.public_id}/parcels", {"carrier": "Post"}).json()["id"]
    send(packer, "post", f"/api/shop/sold/{order.public_id}/parcels/{parcel}/delivered")
    over = Commission.objects.get().payable_at - timezone.now()
    assert timedelta(days=13) < over <= timedelta(days=14)

    def send_back(variant: int, units: int) -> None:
        body = {"lines": {lines[variant]: units}}
        back = send(scene.ada, "post", f"/api/shop/orders/{order.public_id}/returns", body).json()["id"]
        # As long as a return is on its way, nothing is paid out.
        soon = Commission.objects.get().payable_at
        assert hold_back(soon) == 1
        assert Commission.objects.get().payable_at > soon
        answer = send(scene.manager, "post", f"/api/shop/returns/{back}/decision", {"state": "received"})
        assert answer.status_code == 200

    send_back(plain.pk, 1)
    assert standing(scene) == (2_000, 0)
    send_back(scene.variant.pk, 1)
    assert standing(scene) == (1_000, 0)
    send_back(scene.variant.pk, 1)
    assert (standing(scene), Commission.objects.get().state) == ((0, 0), "reversed")
    assert_whole()


def test_cancelling_and_lost_disputes_take_all_of_it_back(scene: Scene) -> None:
    scene.touch()
    order = bought(scene)
    assert send(scene.ada, "post", f"/api/shop/orders/{order.public_id}/cancel").status_code == 200
    assert standing(scene) == (0, 0)
    scene.touch()
    order = bought(scene)
    paid = Payment.objects.get(pk=order.purchase.payment)
    for state in (DisputeState.OPEN, DisputeState.LOST):
        take_in("sandbox", DisputeFact("dp_1", paid.provider_ref, state, Money(paid.total, "EUR")))
    assert (standing(scene), Commission.objects.order_by("-pk")[0].state) == ((0, 0), "reversed")
    assert_whole()


def test_target_beats_open(scene: Scene) -> None:
    target = make_plan(scene.manager, scene.shop, 500, kind="target", title="Few", products=[scene.product.public_id])
    send(scene.manager, "post", f"/api/shop/plans/{target}/invitations", {"person": "mara"})
    scene.touch()
    bought(scene)
    assert Earning.objects.get().rate_bp == 1_000
    enrol(scene.mara, target)
    scene.touch()
    bought(scene)
    assert sorted(Earning.objects.values_list("rate_bp", flat=True)) == [500, 1_000]
