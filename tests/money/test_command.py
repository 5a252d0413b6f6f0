"""`glaswerk money`: the proof of the book, and the book for accountants."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from django.db import connection
from typer.testing import CliRunner

from glaswerk.cli import money as command
from glaswerk.money.actions import Line, post_journal

from .conftest import Sell, accrued, clearing, payable
from .test_ledger import settle

pytestmark = pytest.mark.django_db
Run = Callable[..., Result]
MAY = datetime(2026, 5, 1, 23, 30, tzinfo=UTC)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command; the servers of the test run are already there."""
    monkeypatch.setattr(command, "attached_cell", nullcontext)

    def run(*words: str) -> Result:
        return CliRunner().invoke(command.app, list(words))

    return run


def test_a_whole_book_is_proven(run: Run, sell: Sell) -> None:
    sell("1")
    sell("2", 500, 0)
    settle()
    result = run("check", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["journals"], facts["entries"], facts["violations"]) == (2, 5, 0)
    assert all(check["violations"] == 0 and check["examples"] == [] for check in facts["checks"])
    assert "5 entries in 2 journals: 0 violations." in run("check").stdout


# Each takes a guard away and breaks what it guarded; then the proof names the rule, and the missing guard as well.
@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (
            ("ALTER TABLE money_entry DISABLE TRIGGER money_entry_stays;"
            "UPDATE money_entry SET amount = amount + 1 WHERE amount = 1000"),
            "journals sum to zero in each currency",
        ),
        (
            ("ALTER TABLE money_entry DISABLE TRIGGER money_entry_stays;"
            "UPDATE money_entry SET amount = -amount"),
            "journals have the entries and the digest that they were written with",
        ),
        (
            ("ALTER TABLE money_entry DISABLE TRIGGER money_entry_stays;"
            "DELETE FROM money_entry"),
            "journals have the entries and the digest that they were written with",
        ),
        (
            ("ALTER TABLE money_journal DISABLE TRIGGER money_journal_stays;"
            "UPDATE money_journal SET reference = 'purchase:2'"),
            "journals have the entries and the digest that they were written with",
        ),
        (
            ("ALTER TABLE money_account DISABLE TRIGGER money_account_is_guarded;"
            "UPDATE money_account SET balance = balance + 1 WHERE kind = 'provider_clearing'"),
            "balances are the sums of their entries",
        ),
        (
            ("ALTER TABLE money_account DISABLE TRIGGER money_account_is_guarded;"
            "ALTER TABLE money_account DROP CONSTRAINT no_overdraft;"
            "UPDATE money_account SET balance = -1 WHERE kind = 'creator_accrued'"),
            "accounts without overdraft are not below zero",
        ),
        (
            ("ALTER TABLE money_journal DISABLE TRIGGER money_journal_balances;"
            "ALTER TABLE money_journal DROP CONSTRAINT money_journal_key_key;"
            "INSERT INTO money_journal (key, kind, reference, at, lines, digest)"
            " SELECT key, kind, reference, at, lines, digest FROM money_journal"),
            "journal keys are unique",
        ),
    ],
)  # fmt: skip
def test_every_kind_of_damage_is_named(run: Run, sell: Sell, damage: str, rule: str) -> None:
    sell("1")
    settle()
    with connection.cursor() as cursor:
        cursor.execute(damage)
    result = run("check", "--json")
    assert result.exit_code == 1
    broken = {check["name"]: check for check in json.loads(result.stdout)["checks"] if check["violations"]}
    assert broken[rule]["examples"]
    assert broken["the guards of the ledger are on"]["violations"] >= 1
    assert run("check").exit_code == 1


def book_something() -> None:
    sale = [Line(clearing(), 1999), Line(payable(), -1799), Line(accrued(), -200)]
    post_journal("k1", "sale", 'purchase:"1"\\', sale, at=MAY)
    yen = [Line(clearing("JPY"), 500), Line(payable(-3, "JPY"), -500)]
    post_journal("k2", "sale", "=1+1", yen, at=datetime(2026, 5, 3, tzinfo=UTC))


def test_csv_has_every_entry_and_no_formula(run: Run) -> None:
    book_something()
    result = run("export", "--format", "csv")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["at"], row["account"], row["currency"], row["amount_minor"], row["amount"]) for row in rows] == [
        ("2026-05-01T23:30:00Z", "provider_clearing", "EUR", "1999", "19.99"),
        ("2026-05-01T23:30:00Z", "merchant_payable", "EUR", "-1799", "-17.99"),
        ("2026-05-01T23:30:00Z", "creator_accrued", "EUR", "-200", "-2.00"),
        ("2026-05-03T00:00:00Z", "provider_clearing", "JPY", "500", "500"),
        ("2026-05-03T00:00:00Z", "merchant_payable", "JPY", "-500", "-500"),
    ]
    assert [row["reference"] for row in rows][::3] == ['purchase:"1"\\', "'=1+1"]


def test_days_are_in_utc_and_the_last_one_is_left_out(run: Run) -> None:
    book_something()
    assert len(run("export", "--since", "2026-05-01", "--until", "2026-05-02").stdout.splitlines()) == 4
    assert len(run("export", "--since", "2026-05-02").stdout.splitlines()) == 3
    assert len(run("export", "--until", "2026-05-03").stdout.splitlines()) == 4
    assert run("export", "--since", "May").exit_code == 2


def test_bean_check_accepts_the_book(run: Run, tmp_path: Path) -> None:
    book_something()
    path = tmp_path / "book.beancount"
    result = run("export", "--format", "beancount", "--out", str(path))
    assert result.exit_code == 0, result.output
    text = path.read_text()
    assert "2026-05-01 open Liabilities:Merchant-Payable:Merchant:7" in text
    assert "  Liabilities:Merchant-Payable:Merchant:N3  -500 JPY" in text
    program = Path(sys.executable).parent / "bean-check"
    done = subprocess.run([program, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # The checker would have noticed a wrong amount.
    path.write_text(text.replace("19.99", "19.98"))
    assert subprocess.run([program, path], capture_output=True, check=False).returncode != 0
