"""Commissions and payouts: earned once, taken back in part, paid once, and a shortfall netted from the next payout."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from glaswerk.cell.config import PaymentsSection
from glaswerk.cli import money as command
from glaswerk.money.amounts import Money, allocate
from glaswerk.money.checks import check_book
from glaswerk.money.commissions import (
    CommissionError,
    accrue_commission,
    accrued_account,
    mature_commissions,
    payable_account,
    reverse_commission,
)
from glaswerk.money.models import Commission, Journal, Payout, PayoutMethod, PayoutRun
from glaswerk.money.payments.actions import resolve_open
from glaswerk.money.payments.port import NoAnswer, TransferFact
from glaswerk.money.payments.sandbox import store
from glaswerk.money.payments.sandbox.provider import Sandbox
from glaswerk.money.payouts import PayoutError, confirm_by_bank, make_run, send_by_provider, set_destination
from glaswerk.money.queries import balance

from .conftest import Shop, earned, payable
from .test_ledger import in_threads
from .test_payments import age, pay

IBAN, OTHER_IBAN = "DE89370400440532013000", "FR1420041010050500013M02606"


def standing(creator: int = 9) -> tuple[int, int]:
    return balance(accrued_account(creator, "EUR")), balance(payable_account(creator, "EUR"))


def euro(minor: int) -> Money:
    return Money(minor, "EUR")


def assert_whole() -> None:
    assert {one.name: one.examples for one in check_book().findings if one.violations} == {}


@pytest.mark.django_db
def test_a_commission_goes_from_accrued_to_payable_once() -> None:
    soon = timezone.now() + timedelta(days=14)
    first = accrue_commission("c1", 9, "purchase:1", euro(120), soon, payable())
    assert accrue_commission("c1", 9, "purchase:1", euro(120), soon, payable()).pk == first.pk
    with pytest.raises(CommissionError):
        accrue_commission("c1", 9, "purchase:1", euro(121), soon, payable())
    with pytest.raises(CommissionError):
        accrue_commission("c2", 9, "purchase:1", euro(0), soon, payable())
    assert standing() == (120, 0)
    assert mature_commissions(soon - timedelta(seconds=1)) == 0
    assert [mature_commissions(soon), mature_commissions(soon)] == [1, 0]
    assert standing() == (0, 120)
    assert balance(payable()) == -120
    assert_whole()


@pytest.mark.django_db
def test_a_refund_takes_back_its_part_once_before_and_after_the_return_window() -> None:
    earned("c1", 100)
    reverse_commission("c1", "r1", euro(30), payable())
    reverse_commission("c1", "r1", euro(30), payable())
    assert standing() == (70, 0)
    with pytest.raises(CommissionError):
        reverse_commission("c1", "r2", euro(71), payable())
    with pytest.raises(CommissionError):
        reverse_commission("c1", "r2", Money(1, "USD"), payable())
    mature_commissions()
    assert standing() == (0, 70)
    assert reverse_commission("c1", "r3", None, payable()).state == "reversed"
    reverse_commission("c1", "r4", None, payable())
    assert standing() == (0, 0)
    assert balance(payable()) == 0
    assert_whole()


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(total=st.integers(1, 10**9), cuts=st.lists(st.integers(1, 50), min_size=1, max_size=5), mature=st.integers(0, 5))
def test_parts_that_are_taken_back_sum_to_the_whole(total: int, cuts: list[int], mature: int) -> None:
    with transaction.atomic():
        earned("c", total)
        for number, part in enumerate(allocate(total, cuts)):
            if number == mature:
                mature_commissions()
            if part:
                reverse_commission("c", f"r{number}", euro(part), payable())
        assert standing() == (0, 0)
        assert Commission.objects.get().state == "reversed"
        assert_whole()
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_a_shortfall_is_netted_from_the_next_payout(shop: Shop) -> None:
    set_destination(9, "Ada Lovelace", IBAN)
    earned("c1", 1000)
    mature_commissions()
    first = make_run("May", PayoutMethod.SEPA, "EUR")
    assert [one.amount for one in first.payouts] == [1000]
    assert Commission.objects.get().state == "paid"
    confirm_by_bank(first.run)
    # Farming: the goods come back after the money went out.
    reverse_commission("c1", "r1", euro(600), payable())
    assert standing() == (0, -600)
    assert make_run("June", PayoutMethod.SEPA, "EUR").payouts == []
    earned("c2", 750)
    mature_commissions()
    assert [one.amount for one in make_run("July", PayoutMethod.SEPA, "EUR").payouts] == [150]
    assert standing() == (0, 0)
    assert_whole()


@pytest.mark.django_db
def test_a_run_pays_once_and_leaves_out_who_cannot_be_paid(shop: Shop) -> None:
    set_destination(1, "One", IBAN)
    set_destination(2, "Two", provider_account="acct_2")
    for creator, minor in ((1, 500), (2, 400), (3, 300), (4, 99)):
        earned(f"c{creator}", minor, creator)
    mature_commissions()
    made = make_run("May", PayoutMethod.SEPA, "EUR")
    assert ([one.creator_id for one in made.payouts], made.without_destination) == ([1], 2)
    before = Journal.objects.count()
    assert [one.pk for one in make_run("May", PayoutMethod.SEPA, "EUR").payouts] == [one.pk for one in made.payouts]
    with pytest.raises(PayoutError):
        make_run("May", PayoutMethod.PROVIDER, "EUR")
    with pytest.raises(PayoutError):
        make_run("Yen", PayoutMethod.SEPA, "JPY")
    assert Journal.objects.count() == before
    assert standing(3) == (0, 300)
    assert_whole()


@pytest.mark.django_db
def test_what_the_bank_sends_back_is_owed_again(shop: Shop) -> None:
    for creator in (1, 2):
        set_destination(creator, f"Creator {creator}", IBAN)
        earned(f"c{creator}", 500, creator)
    mature_commissions()
    made = make_run("May", PayoutMethod.SEPA, "EUR")
    lost = next(one for one in made.payouts if one.creator_id == 2)
    assert_whole()
    for _ in range(2):
        confirm_by_bank(made.run, frozenset([lost.pk]))
    assert (standing(1), standing(2)) == ((0, 0), (0, 500))
    assert sorted(Payout.objects.values_list("creator_id", "state")) == [(1, "paid"), (2, "failed")]
    assert_whole()


@pytest.mark.django_db
def test_the_provider_sends_each_payout_once_whatever_is_lost(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    pay()
    set_destination(9, "Ada", provider_account="acct_9")
    earned("c1", 800)
    mature_commissions()
    run = make_run("May", PayoutMethod.PROVIDER, "EUR").run
    transfer = Sandbox.transfer

    def lose_the_answer(self: Sandbox, key: str, destination: str, amount: Money) -> TransferFact:
        transfer(self, key, destination, amount)
        raise NoAnswer("lost")

    monkeypatch.setattr(Sandbox, "transfer", lose_the_answer)
    assert [one.state for one in send_by_provider(run)] == ["sent"]
    assert_whole()
    age(60)
    resolve_open()
    assert [one.state for one in send_by_provider(run)] == ["paid"]
    assert len([deed for deed in store.settled_on(timezone.now().date()) if deed.kind == "transfer"]) == 1
    assert_whole()


@pytest.mark.django_db(transaction=True)
def test_runs_made_at_once_pay_everybody_once(shop: Shop) -> None:
    for creator in range(1, 4):
        set_destination(creator, f"Creator {creator}", IBAN)
        earned(f"c{creator}", 500, creator)
    mature_commissions()
    in_threads(lambda number: make_run(f"run{number % 2}", PayoutMethod.SEPA, "EUR"), 6)
    assert sorted(Payout.objects.values_list("creator_id", "amount")) == [(1, 500), (2, 500), (3, 500)]
    assert_whole()


@pytest.mark.parametrize("number", ["DE89370400440532013001", "DE", "12345", "XX89370400440532013000"])
def test_an_iban_has_check_digits(number: str) -> None:
    with pytest.raises(PayoutError):
        set_destination(9, "Ada", number)


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command; the servers of the test run are already there."""
    monkeypatch.setattr(command, "attached_cell", nullcontext)
    return lambda *words: CliRunner().invoke(command.app, list(words))


@pytest.fixture
def debtor(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator with a bank account."""
    from django.conf import settings as cell_settings

    ours = PaymentsSection(debtor_name="Glaswerk Müller", debtor_iban=OTHER_IBAN, debtor_bic="PSSTFRPPXXX")
    monkeypatch.setattr(cell_settings.CELL, "config", cell_settings.CELL.config.model_copy(update={"payments": ours}))


@pytest.mark.django_db
def test_the_command_writes_a_file_for_the_bank(run: Run, shop: Shop, debtor: None, tmp_path: Path) -> None:
    set_destination(9, "Zoë Größe & Söhne", "DE89 3704 0044 0532 0130 00")
    earned("c1", 123456)
    mature_commissions()
    path = tmp_path / "may.xml"
    words = ("payout", "--run", "May", "--by", "sepa", "--out", str(path), "--execution", "2026-06-01", "--json")
    result = run(*words)
    assert result.exit_code == 0, result.output
    facts: dict[str, Any] = json.loads(result.stdout)
    assert (facts["total"], [one["amount"] for one in facts["payouts"]]) == (123456, [123456])
    # The bytes were checked against the schema of ISO 20022 as they were written.
    space = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
    root = ET.fromstring(path.read_bytes())

    def text(name: str) -> list[str | None]:
        return [node.text for node in root.iterfind(f".//p:{name}", space)]

    assert text("InstdAmt") == ["1234.56"]
    assert text("CtrlSum") == ["1234.56"] * 2
    assert text("EndToEndId") == [f"GW-{Payout.objects.get().pk}"]
    assert sorted(filter(None, text("IBAN"))) == [IBAN, OTHER_IBAN]
    assert "Zoe Grosse & Sohne" in text("Nm")
    # A second file is the same message, which the bank knows by its id, and nobody is paid again.
    message = text("MsgId")
    assert run(*words).exit_code == 0
    root = ET.fromstring(path.read_bytes())
    assert text("MsgId") == message
    assert standing() == (0, 0)
    done = run("payout", "--run", "May", "--by", "sepa", "--confirm", "--json")
    assert json.loads(done.stdout)["payouts"][0]["state"] == "paid"
    assert_whole()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "words",
    [
        ("--run", "May", "--by", "sepa"),
        ("--run", "Mai", "--by", "sepa", "--confirm"),
        # The cell of these tests has no bank account.
        ("--run", "May", "--by", "sepa", "--out", "/dev/null"),
        ("--run", "May", "--by", "provider", "--currency", "EURO"),
    ],
)
def test_the_command_refuses_and_pays_nobody(run: Run, shop: Shop, words: tuple[str, ...]) -> None:
    set_destination(9, "Ada", IBAN)
    earned("c1", 500)
    mature_commissions()
    result = run("payout", *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.strip()
    assert (PayoutRun.objects.count(), standing()) == (0, (0, 500))
