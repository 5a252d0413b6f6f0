"""Random lives of orders, with the whole book proven after each step: touch, buy, ship, arrive, return, refund, dispute, pay out.

Nothing here says what amounts are right.  It says what holds whatever happens: sums, and that creators never have more
than their share of what was neither given back nor disputed.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from glaswerk.money.amounts import Money
from glaswerk.money.checks import check_book
from glaswerk.money.commissions import mature_commissions
from glaswerk.money.models import Account, AccountKind, Commission, DisputeState, Payment, Payout, PayoutMethod
from glaswerk.money.payments.effects import take_in
from glaswerk.money.payments.port import DisputeFact
from glaswerk.money.payouts import confirm_by_bank, make_run, return_by_bank, set_destination
from glaswerk.shop.actions import orders as actions
from glaswerk.shop.actions import plans
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import Earning, Merchant, Order, OrderState, Return, ReturnState

from .conftest import MakePerson, MakeVariant, SignIn, buy, staff
from .creators import Scene, served, shows, touch

Pick = st.integers(0, 1_000)


def make_machine(scene: Scene, plain: str) -> type[RuleBasedStateMachine]:
    """Return a machine whose every run begins with the scene and leaves nothing behind."""
    video = shows(scene.creator, scene.product)
    slate = served(scene.buyer.pk, video)
    packer, manager = staff(scene.shop, "packer"), staff(scene.shop)
    set_destination(scene.creator.pk, "Mara Muster", "DE89370400440532013000")

    class Life(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.scene = transaction.atomic()
            # Payments commit what they are about to do, and so refuse to be part of anything but a test.
            self.scene._from_testcase = True  # type: ignore[attr-defined]
            self.scene.__enter__()
            self.runs = 0
            self.disputes = 0

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.scene.__exit__(None, None, None)

        def one(self, pick: int, *states: OrderState) -> Order | None:
            found = list(Order.objects.filter(state__in=states or OrderState.values).order_by("pk"))
            return found[pick % len(found)] if found else None

        def attempt(self, act: Callable[[], Any]) -> None:
            """Do something that may be refused, whole or not at all."""
            try:
                act()
            except ShopError as refusal:
                assert refusal.status in (409, 422)

        @rule(units=st.integers(1, 3), others=st.integers(0, 1), is_touched=st.booleans())
        def purchase(self, units: int, others: int, is_touched: bool) -> None:
            if is_touched:
                assert touch(scene.ada, scene.product, video, slate)
            things = {scene.variant.public_id: units} | ({plain: others} if others else {})
            assert buy(scene.ada, things).status_code == 201

        @rule(rate_bp=st.integers(100, 8_000))
        def change_the_rate(self, rate_bp: int) -> None:
            self.attempt(lambda: plans.set_rate(manager, scene.plan, rate_bp))

        @rule(pick=Pick)
        def ship(self, pick: int) -> None:
            if order := self.one(pick, OrderState.PAID, OrderState.PARTLY_SHIPPED):
                line = order.lines.all()[pick % order.lines.count()]
                parts = {line.public_id: 1} if pick % 2 and line.shipped < line.quantity else {}
                actions.ship(packer, order.public_id, "Post", "", parts)

        @rule(pick=Pick)
        def arrive(self, pick: int) -> None:
            if order := self.one(pick, OrderState.PARTLY_SHIPPED, OrderState.SHIPPED):
                for parcel in order.parcels.filter(delivered_at__isnull=True):
                    actions.mark_delivered(packer, order.public_id, parcel.public_id)

        @rule(pick=Pick)
        def cancel(self, pick: int) -> None:
            if order := self.one(pick, OrderState.PAID):
                actions.cancel_order([scene.buyer.pk], order.public_id)

        @rule(pick=Pick)
        def ask_to_return(self, pick: int) -> None:
            if order := self.one(pick, OrderState.PARTLY_SHIPPED, OrderState.SHIPPED, OrderState.DELIVERED):
                line = order.lines.all()[pick % order.lines.count()]
                self.attempt(lambda: actions.ask_return([scene.buyer.pk], order.public_id, {line.public_id: 1}, ""))

        @rule(pick=Pick, is_received=st.booleans())
        def decide_a_return(self, pick: int, is_received: bool) -> None:
            if found := list(Return.objects.filter(state=ReturnState.REQUESTED).order_by("pk")):
                state = ReturnState.RECEIVED if is_received else ReturnState.REFUSED
                back = found[pick % len(found)]
                actions.decide_return(manager, back.public_id, state, "so it is")

        @rule(pick=Pick, minor=st.integers(1, 30_000))
        def refund(self, pick: int, minor: int) -> None:
            if order := self.one(pick):
                key = f"r{pick}-{minor}-{order.refunded_minor}"
                self.attempt(lambda: actions.refund_order(manager, order.public_id, minor, "", key))

        @rule(pick=Pick, is_lost=st.booleans())
        def dispute(self, pick: int, is_lost: bool) -> None:
            """A bank takes back what was not given back yet, and may keep it."""
            order = self.one(pick)
            payment = Payment.objects.get(pk=order.purchase.payment) if order else None
            if payment is None or payment.disputes.exists() or payment.refundable < payment.captured:
                return
            self.disputes += 1
            for state in (DisputeState.OPEN, DisputeState.LOST if is_lost else DisputeState.WON):
                amount = Money(payment.captured, payment.currency)
                take_in("sandbox", DisputeFact(f"dp_{self.disputes}", payment.provider_ref, state, amount))

        @rule()
        def mature(self) -> None:
            Commission.objects.update(payable_at=timezone.now())
            mature_commissions()

        @rule(is_confirmed=st.booleans())
        def pay_out(self, is_confirmed: bool) -> None:
            self.runs += 1
            made = make_run(f"run-{self.runs}", PayoutMethod.SEPA, "EUR")
            if is_confirmed:
                confirm_by_bank(made.run)

        @precondition(lambda self: self.runs)
        @rule(pick=Pick)
        def send_a_payout_back(self, pick: int) -> None:
            if found := list(Payout.objects.order_by("pk")):
                payout = found[pick % len(found)]
                return_by_bank(payout.run, payout.pk)

        @invariant()
        def everything_adds_up(self) -> None:
            assert {one.name: one.examples for one in check_book().findings if one.violations} == {}

        @invariant()
        def nobody_earns_by_what_went_back(self) -> None:
            for earning in Earning.objects.select_related("line", "commission"):
                line, commission = earning.line, earning.commission
                assert earning.given_back_minor <= line.total_minor
                assert commission.reversed == earning.minor * earning.given_back_minor // line.total_minor
                if earning.given_back_minor == line.total_minor:
                    assert commission.state == "reversed"

        @invariant()
        def creators_have_what_their_commissions_say(self) -> None:
            left = sum(one.amount - one.reversed for one in Commission.objects.all())
            held = Account.objects.filter(kind__in=(AccountKind.CREATOR_ACCRUED, AccountKind.CREATOR_PAYABLE))
            paid = sum(one.amount for one in Payout.objects.exclude(state="failed"))
            assert sum(one.balance for one in held) + paid == left

    return Life


@pytest.mark.django_db
def test_whatever_happens_to_orders_everything_adds_up(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    scene = Scene(shop, make_variant, make_person, signed_in)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        make_machine(scene, make_variant(shop, minor=999, units=500).public_id),
        settings=settings(
            max_examples=8,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
