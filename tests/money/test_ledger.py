"""The ledger: what it takes, and what the database refuses whoever asks."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glaswerk.cell import postgres
from glaswerk.cell.config import current_cell
from glaswerk.money import queries
from glaswerk.money.actions import (
    AccountName,
    Immutable,
    KeyReused,
    LedgerError,
    Line,
    Overdraft,
    Unbalanced,
    UnknownAccount,
    account_id,
    account_ids,
    ledger_errors,
    post_journal,
)
from glaswerk.money.amounts import AmountError
from glaswerk.money.models import Account, AccountKind, Entry, Journal

from .conftest import Sell, accrued, clearing, payable

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def book() -> list[tuple[object, ...]]:
    """Everything that the ledger holds, to compare before and after."""
    rows: list[tuple[object, ...]] = list(Account.objects.order_by("pk").values_list("pk", "balance"))
    rows += Journal.objects.order_by("pk").values_list("pk", "key", "digest")
    rows += Entry.objects.order_by("pk").values_list("pk", "journal", "account", "amount")
    return rows


def run(statement: str, *values: object) -> None:
    """Run plain SQL as its own little transaction, deferred checks included; the connection is a superuser's."""
    with ledger_errors(), transaction.atomic(), connection.cursor() as cursor:
        settle()
        cursor.execute(statement, values)
        settle()


def settle() -> None:
    """Run the deferred checks of what was written so far, as a commit would."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


@pytest.mark.django_db
def test_a_journal_moves_the_balances_on_each_accounts_own_side(sell: Sell) -> None:
    journal = sell("1", 1000, 100)
    assert [queries.balance(one) for one in (clearing(), payable(), accrued())] == [1000, 900, 100]
    assert queries.balances_of("merchant", 7) == {("merchant_payable", "EUR"): 900}
    assert sorted(Entry.objects.filter(journal=journal).values_list("amount", flat=True)) == [-900, -100, 1000]
    held = Journal.objects.get()
    assert (held.key, held.kind, held.reference, held.lines) == ("1", "sale", "purchase:1", 3)


@pytest.mark.django_db
def test_the_same_journal_again_is_the_first_one(sell: Sell) -> None:
    first = sell("1")
    before = book()
    assert sell("1") == first
    # The order of the lines is no part of what happened, and neither is when it is told again.
    lines = [Line(accrued(), -100), Line(payable(), -900), Line(clearing(), 1000), Line(payable(), 0)]
    assert post_journal("1", "sale", "purchase:1", lines, at=NOW) == first
    assert book() == before


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["kind", "reference", "amount", "account"])
def test_a_key_is_not_used_twice(sell: Sell, change: str) -> None:
    sell("1")
    other = payable(8)
    before = book()
    kind, reference, merchant, amount = "sale", "purchase:1", payable(), 1000
    match change:
        case "kind":
            kind = "refund"
        case "reference":
            reference = "purchase:2"
        case "amount":
            amount = 1001
        case "account":
            merchant = other
    lines = [Line(clearing(), amount), Line(merchant, 100 - amount), Line(accrued(), -100)]
    with pytest.raises(KeyReused), transaction.atomic():
        post_journal("1", kind, reference, lines)
    assert book() == before


@pytest.mark.django_db
def test_what_does_not_balance_is_refused() -> None:
    euro, yen, merchant = clearing(), clearing("JPY"), payable()
    before = book()
    for lines in (
        [],
        [Line(euro, 5)],
        [Line(euro, 0), Line(merchant, 0)],
        [Line(euro, 5), Line(merchant, -4)],
        [Line(euro, 5), Line(yen, -5)],
    ):
        with pytest.raises(Unbalanced), transaction.atomic():
            post_journal("1", "sale", "x", lines)
    with pytest.raises(UnknownAccount), transaction.atomic():
        post_journal("1", "sale", "x", [Line(euro, 5), Line(-1, -5)])
    assert book() == before


@pytest.mark.django_db
def test_an_account_without_overdraft_never_falls_below_zero(sell: Sell) -> None:
    sell("1", 1000, 100)
    before = book()
    with pytest.raises(Overdraft), transaction.atomic():
        post_journal("2", "reversal", "x", [Line(accrued(), 101), Line(payable(), -101)])
    assert book() == before
    post_journal("2", "reversal", "x", [Line(accrued(), 100), Line(payable(), -100)])
    assert queries.balance(accrued()) == 0
    # A merchant may owe after a refund.
    post_journal("3", "refund", "x", [Line(payable(), 5000), Line(clearing(), -5000)])
    assert queries.balance(payable()) == -4000


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE money_entry SET amount = amount + 1",
        "UPDATE money_entry SET amount = amount",
        "DELETE FROM money_entry",
        "TRUNCATE money_entry",
        "UPDATE money_journal SET at = now()",
        "DELETE FROM money_journal",
        "TRUNCATE money_journal, money_entry",
        "TRUNCATE money_account CASCADE",
        "UPDATE money_account SET balance = balance + 1",
        "UPDATE money_account SET overdraft = NOT overdraft",
        "UPDATE money_account SET owner_id = owner_id + 1",
        "DELETE FROM money_account",
        (
            "INSERT INTO money_account (kind, owner_kind, owner_id, currency, side, overdraft, balance)"
            " VALUES ('bank', 'platform', 0, 'EUR', 1, true, 5)"
        ),
    ],
)
@pytest.mark.parametrize("setting", ["", "SET LOCAL session_replication_role = replica; "])
def test_the_database_refuses_every_change_even_to_its_superuser(sell: Sell, statement: str, setting: str) -> None:
    sell("1")
    before = book()
    with connection.cursor() as cursor:
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        assert cursor.fetchone() == (True,)
    with pytest.raises(Immutable):
        run(setting + statement)
    assert book() == before


@pytest.mark.django_db
def test_without_its_guard_an_entry_could_be_changed(sell: Sell) -> None:
    sell("1")
    settle()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE money_entry DISABLE TRIGGER money_entry_stays")
    Entry.objects.filter(amount=1000).update(amount=999)
    assert Entry.objects.filter(amount=999).exists()


@pytest.mark.django_db
def test_raw_entries_obey_the_same_rules(sell: Sell) -> None:
    old = sell("1")
    before = book()
    insert = (
        "INSERT INTO money_journal (key, kind, reference, at, lines, digest) VALUES ('raw', 'raw', 'x', now(), 2, '');"
    )
    of_new = "INSERT INTO money_entry (journal_id, account_id, amount) SELECT max(id), %s, %s FROM money_journal;"
    # A journal without entries, with one side alone, and with more lines than it says.
    with pytest.raises(Unbalanced):
        run(insert)
    with pytest.raises(Unbalanced):
        run(insert + of_new, clearing(), 5)
    with pytest.raises(Unbalanced):
        run(insert + of_new * 4, clearing(), 5, payable(), -5, clearing(), 5, payable(), -5)
    # Something added to an old journal, though it balances.
    with pytest.raises(Unbalanced):
        run(
            "INSERT INTO money_entry (journal_id, account_id, amount) VALUES (%s, %s, 5), (%s, %s, -5)",
            old,
            clearing(),
            old,
            payable(),
        )
    with pytest.raises(Overdraft):
        run(insert + of_new * 2, accrued(), 101, payable(), -101)
    assert book() == before
    run(insert + of_new * 2, clearing(), 5, payable(), -5)
    assert queries.balance(clearing()) == 1005


@pytest.mark.django_db
def test_accounts_are_opened_once_and_answered_in_the_order_asked() -> None:
    names = [AccountName(AccountKind.MERCHANT_PAYABLE, "merchant", number, "EUR") for number in (3, 1, 2, 1)]
    ids = account_ids(names)
    assert account_ids(list(reversed(names))) == list(reversed(ids))
    assert ids[1] == ids[3] == account_id(AccountKind.MERCHANT_PAYABLE, "merchant", 1, "EUR")
    assert Account.objects.count() == 3
    with pytest.raises(AmountError):
        account_id(AccountKind.BANK, "platform", 0, "EURO")


@pytest.mark.django_db
def test_a_statement_runs_from_its_opening_to_its_closing_balance() -> None:
    cash, merchant = clearing(), payable()
    for day, amount in enumerate((100, 250, -30, 7)):
        moment = NOW + timedelta(days=day)
        post_journal(f"k{day}", "sale", f"purchase:{day}", [Line(cash, amount), Line(merchant, -amount)], at=moment)
    shown = queries.statement(merchant, NOW + timedelta(days=1), NOW + timedelta(days=3))
    assert shown.opening == 100
    assert [(line.key, line.amount, line.balance) for line in shown.lines] == [("k1", 250, 350), ("k2", -30, 320)]
    assert shown.closing == 320
    whole = queries.statement(merchant, NOW, NOW + timedelta(days=9))
    assert (whole.opening, whole.closing) == (0, queries.balance(merchant))
    nothing = queries.statement(merchant, NOW + timedelta(days=8), NOW + timedelta(days=9))
    assert nothing == queries.Statement(327, [], 327)


amounts = st.integers(-(10**12), 10**12).filter(bool)


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), amounts), max_size=8))
def test_whatever_is_posted_the_book_sums_to_zero_and_nobody_is_below(steps: list[tuple[int, int, int]]) -> None:
    with transaction.atomic():
        names = [AccountName(AccountKind.MERCHANT_PAYABLE, "merchant", number, "EUR") for number in range(3)]
        names += [AccountName(AccountKind.CREATOR_ACCRUED, "creator", number, "EUR") for number in range(2)]
        ids = account_ids(names)
        expected = dict.fromkeys(ids, 0)
        for number, (giver, taker, amount) in enumerate(steps):
            after = dict(expected)
            after[ids[giver]] += amount
            after[ids[taker]] -= amount
            refused = any(after[one] < 0 for one in ids[3:])
            lines = [Line(ids[giver], -amount), Line(ids[taker], amount)]
            if refused:
                with pytest.raises(Overdraft), transaction.atomic():
                    post_journal(f"{number}", "move", "x", lines)
            else:
                post_journal(f"{number}", "move", "x", lines)
                expected = after
        assert {one: queries.balance(one) for one in ids} == expected
        transaction.set_rollback(True)


def in_threads(work: Callable[[int], object], count: int) -> list[object]:
    """Run work at once in threads with a connection each; return what each returned or raised."""
    results: list[object] = [None] * count
    start = threading.Barrier(count)

    def one(number: int) -> None:
        start.wait()
        try:
            results[number] = work(number)
        except LedgerError as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_one_key_posted_by_many_at_once_is_one_journal(sell: Sell) -> None:
    clearing(), payable(), accrued()
    results = in_threads(lambda _: sell("1"), 8)
    assert len(set(results)) == 1
    assert Journal.objects.count() == 1
    assert queries.balance(clearing()) == 1000


@pytest.mark.django_db(transaction=True)
def test_many_who_spend_the_same_balance_spend_it_once(sell: Sell) -> None:
    sell("1", 1000, 100)
    pot, merchant = accrued(), payable()
    results = in_threads(
        lambda number: post_journal(f"spend{number}", "reversal", "x", [Line(pot, 40), Line(merchant, -40)]), 8
    )
    assert sum(isinstance(one, Overdraft) for one in results) == 6
    assert queries.balance(pot) == 20
    assert Journal.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_without_its_guard_the_same_balance_is_spent_twice(sell: Sell) -> None:
    sell("1", 1000, 100)
    pot, merchant = accrued(), payable()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE money_account DROP CONSTRAINT no_overdraft")
    try:
        results = in_threads(
            lambda number: post_journal(f"spend{number}", "reversal", "x", [Line(pot, 40), Line(merchant, -40)]), 4
        )
        assert not any(isinstance(one, LedgerError) for one in results)
        assert queries.balance(pot) == -60
    finally:
        post_journal("back", "correction", "x", [Line(pot, -60), Line(merchant, 60)])
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE money_account ADD CONSTRAINT no_overdraft CHECK (balance >= 0 OR overdraft)")


@pytest.mark.django_db(transaction=True)
def test_accounts_in_opposite_orders_do_not_wait_for_each_other() -> None:
    ids = account_ids([AccountName(AccountKind.MERCHANT_PAYABLE, "merchant", number, "EUR") for number in range(6)])

    def move(number: int) -> None:
        for turn in range(10):
            mine = ids if number % 2 else list(reversed(ids))
            lines = [Line(mine[0], 5), *(Line(one, -1) for one in mine[1:])]
            post_journal(f"{number}-{turn}", "move", "x", lines)

    assert in_threads(move, 6) == [None] * 6
    assert Journal.objects.count() == 60
    assert sum(queries.balance(one) for one in ids) == 0


@pytest.mark.django_db(transaction=True)
def test_an_unbalanced_transaction_of_a_stranger_does_not_commit() -> None:
    cash = clearing()
    with closing(psycopg.connect(postgres.database_url(current_cell()))) as stranger:
        stranger.execute(
            "INSERT INTO money_journal (key, kind, reference, at, lines, digest) VALUES ('s', 's', '', now(), 2, '')"
        )
        stranger.execute(
            "INSERT INTO money_entry (journal_id, account_id, amount) SELECT id, %s, 5 FROM money_journal", [cash]
        )
        with pytest.raises(psycopg.DatabaseError, match="does not balance"):
            stranger.commit()
    assert Journal.objects.count() == 0
    assert queries.balance(cash) == 0


@pytest.mark.django_db
def test_other_errors_of_the_database_go_through() -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), ledger_errors(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
