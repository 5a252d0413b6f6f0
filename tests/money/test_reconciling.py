"""A day's settlement against what is known here."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta

import pytest
from click.testing import Result
from django.utils import timezone
from typer.testing import CliRunner

from glaswerk.cli import money as command
from glaswerk.money.amounts import Money
from glaswerk.money.commissions import mature_commissions
from glaswerk.money.jobs import reconcile_yesterday
from glaswerk.money.models import Operation, OperationKind, PayoutMethod, Reconciliation, SandboxDeed
from glaswerk.money.payments import refund_payment
from glaswerk.money.payments.reconciling import reconcile
from glaswerk.money.payments.sandbox import post, store
from glaswerk.money.payouts import make_run, send_by_provider, set_destination

from .conftest import Shop, earned
from .test_payments import pay

pytestmark = pytest.mark.django_db
DAY = date(2026, 5, 1)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def put_on_the_day() -> None:
    """Let all that happened have happened on the day, here and at the sandbox."""
    Operation.objects.update(at=NOON, decided_at=NOON)
    for deed in SandboxDeed.objects.exclude(settled_at=None):
        with store._connections().connection() as connection:
            connection.execute("UPDATE money_sandboxdeed SET settled_at = %s WHERE id = %s", [NOON, deed.pk])


@pytest.fixture
def busy_day(shop: Shop) -> None:
    """A day with a bit of everything."""
    payment = pay()
    refund_payment(payment.pk, Money(300, "EUR"), "r1")
    pay("tok_decline", "k2", "purchase:2")
    pay("tok_dispute", "k3", "purchase:3")
    failing = pay("tok_refund_fails", "k4", "purchase:4")
    refund_payment(failing.pk, Money(100, "EUR"), "r4")
    pay("tok_timeout_success", "k5", "purchase:5")
    earned("c1", 200)
    mature_commissions(timezone.now())
    set_destination(9, "Ada", provider_account="acct_1")
    send_by_provider(make_run("May", PayoutMethod.PROVIDER, "EUR").run)
    post.deliver(timezone.now() + timedelta(days=1))
    put_on_the_day()


def test_a_day_on_which_everything_fits_has_no_differences(busy_day: None) -> None:
    found = reconcile("sandbox", DAY)
    assert found.differences == []
    assert (found.lines, found.matched) == (7, 7)
    assert found.net == {"EUR": 4 * 1000 - 300 - 1000 - 200}
    assert reconcile("sandbox", DAY + timedelta(days=1)).lines == 0
    assert Reconciliation.objects.get(day=DAY).matched == 7


def test_every_difference_is_named(busy_day: None) -> None:
    stray, _now = store.do("pay", "pay:unknown", "", 77, "EUR", "tok_success", "succeeded")
    put_on_the_day()
    with store._connections().connection() as connection:
        connection.execute("UPDATE money_sandboxdeed SET amount = 999 WHERE key = 'pay:k1'")
        connection.execute("DELETE FROM money_sandboxdeed WHERE kind = 'transfer'")
    Operation.objects.filter(key="pay:k5").update(state="unknown", decided_at=None)
    paid = Operation.objects.get(key="pay:k1").provider_ref
    five = Operation.objects.get(key="pay:k5").provider_ref
    sent = Operation.objects.get(kind=OperationKind.TRANSFER).provider_ref
    found = reconcile("sandbox", DAY)
    assert sorted(found.differences) == sorted(
        [
            f"pay {paid} is settled over 999 EUR, and was asked for over 1000 EUR",
            f"pay {five} is settled, and unknown here",
            f"pay {stray.ref} over 77 EUR is unknown here",
            f"transfer {sent} over 200 EUR succeeded here, and is not settled",
        ]
    )
    assert found.lines == found.matched + 3
    # A second run replaces the report.
    reconcile("sandbox", DAY)
    assert len(Reconciliation.objects.get().differences) == 4


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command; the servers of the test run are already there."""
    monkeypatch.setattr(command, "attached_cell", nullcontext)
    return lambda *words: CliRunner().invoke(command.app, list(words))


def test_the_command_ends_with_status_1_on_a_difference(run: Run, busy_day: None) -> None:
    fine = run("reconcile", "--day", "2026-05-01", "--json")
    assert fine.exit_code == 0, fine.output
    assert json.loads(fine.stdout) == {
        "provider": "sandbox", "day": "2026-05-01", "lines": 7, "matched": 7, "net": {"EUR": 2500},
        "fees": {"EUR": 0}, "differences": [],
    }  # fmt: skip
    Operation.objects.filter(key="pay:k1").update(state="failed")
    wrong = run("reconcile", "--day", "2026-05-01")
    assert wrong.exit_code == 1
    assert "is settled, and failed here" in wrong.stdout


def test_the_job_looks_at_yesterday(busy_day: None) -> None:
    reconcile_yesterday(timestamp=int((NOON + timedelta(hours=14)).timestamp()))
    assert Reconciliation.objects.get().day == DAY
