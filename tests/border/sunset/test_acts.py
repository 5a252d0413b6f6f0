"""The acts of a sunset: which follow which, what the database itself refuses, and the proof that nothing changed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction

from glaswerk.border.models import Act, Mark
from glaswerk.border.sunset import actions, state
from glaswerk.border.sunset.failures import SunsetRefused
from glaswerk.border.sunset.plan import Plan, Stage
from glaswerk.border.sunset.queries import stage_now, standing
from glaswerk.border.sunset.still import MOVING_COLUMNS, all_tables, is_still, own_connection, still_roots
from glaswerk.cell import recorder
from glaswerk.cell.models import Record
from glaswerk.people.models import Person

from .conftest import SIGNED

pytestmark = pytest.mark.usefixtures("sunset")
DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


def refused(field: str, act: Callable[[], object]) -> str:
    """The sentence with which an act is refused, which changes nothing and says nothing."""
    before = (Act.objects.count(), Record.objects.count(), stage_now())
    with pytest.raises(SunsetRefused) as refusal:
        act()
    assert refusal.value.field == field
    assert (Act.objects.count(), Record.objects.count(), stage_now()) == before
    return refusal.value.detail


def said() -> list[tuple[str, str]]:
    return [
        (one.facts["state"], one.facts.get("until", "")) for one in Record.objects.filter(kind="sunset").order_by("id")
    ]


def pass_time(seconds: float) -> None:
    """Let the plan's dates come nearer by so much, as only a test may."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE border_act DISABLE TRIGGER border_act_stays")
        cursor.execute(
            "UPDATE border_act SET readonly_at = readonly_at - %s, dark_at = dark_at - %s",
            [timedelta(seconds=seconds)] * 2,
        )
        cursor.execute("ALTER TABLE border_act ENABLE ALWAYS TRIGGER border_act_stays")
    state.copy.forget()


def test_a_sunset_with_three_extensions_and_zero_notice_comes_back_as_it_was() -> None:
    person = Person.objects.create_user("ada", "ada@example.org", "a calm long password")
    first = now() + 30 * DAY
    actions.plan(SIGNED, first, first - 2 * DAY)
    for number in (1, 2, 3):
        act = actions.extend(SIGNED, first + number * 75 * DAY)
        assert (act.extension, act.readonly_at) == (number, first + number * 75 * DAY - 2 * DAY)
    assert stage_now() is Stage.NOTICE
    person.bio = "still writing"
    person.save()

    actions.make_dark(SIGNED)
    assert stage_now() is Stage.DARK
    roots = still_roots(settings.CELL)
    for write in (
        lambda: Person.objects.create_user("eve", "eve@example.org", "a calm long password"),
        lambda: Person.objects.filter(pk=person.pk).update(bio="x"),
        lambda: person.delete(),
    ):
        with pytest.raises(DatabaseError, match="dark"), transaction.atomic():
            write()
    Person.objects.filter(pk=person.pk).update(last_login=now())
    assert still_roots(settings.CELL) == roots
    recorder.record_once(settings.CELL)

    _, changed = actions.resume(SIGNED)
    assert changed == [] and stage_now() is Stage.OPEN
    assert still_roots(settings.CELL) == roots
    Person.objects.filter(pk=person.pk).update(bio="back")
    assert [word for word, _ in said()] == ["notice", *["extended"] * 3, "dark", "dark.begun", "open"]
    mark = Mark.objects.get()
    assert Record.objects.filter(facts__root=mark.root).count() == 2
    assert [one["kind"] for one in standing()["history"]] == ["plan", *["extend"] * 3, "dark", "resume"]


def test_every_table_that_stays_refuses_every_statement_in_the_dark_and_none_is_forgotten() -> None:
    actions.make_dark(SIGNED)
    with own_connection(settings.CELL) as beside:
        tables = all_tables(beside)
        assert {table.name for table in tables if not is_still(table.name)} >= {
            "border_act",
            "django_session",
            "cell_record",
        }
        still = [table for table in tables if is_still(table.name)]
        assert len(still) > 50
        for table in still:
            column = next(one for one in table.columns if one not in MOVING_COLUMNS.get(table.name, ()))
            for statement in (
                f'INSERT INTO "{table.name}" SELECT * FROM "{table.name}" WHERE false',
                f'UPDATE "{table.name}" SET "{column}" = "{column}" WHERE false',
                f'DELETE FROM "{table.name}" WHERE false',
                f'TRUNCATE "{table.name}" CASCADE',
            ):
                with pytest.raises(psycopg.Error) as failure:
                    beside.execute(f"SET session_replication_role = replica; {statement}")
                assert failure.value.sqlstate == "GB001", (statement, failure.value)


def test_who_changes_a_table_behind_the_guards_is_found() -> None:
    person = Person.objects.create_user("ada", "ada@example.org", "a calm long password")
    actions.make_dark(SIGNED)
    with connection.cursor() as cursor:
        # Whoever owns the database can do without any trigger.
        cursor.execute("ALTER TABLE people_person DISABLE TRIGGER USER")
    Person.objects.filter(pk=person.pk).update(bio="changed in the dark")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE people_person ENABLE TRIGGER USER")
    found = refused("tables", lambda: actions.resume(SIGNED))
    assert "people_person (1 rows then, 1 now)" in found and found.count("rows then") == 1
    _, changed = actions.resume(SIGNED, despite=True)
    assert changed == ["people_person (1 rows then, 1 now)"]
    assert said()[-1][0] == "open.changed"


def test_entries_of_the_log_from_the_dark_are_found() -> None:
    from glaswerk.cell.entries import EntryKind
    from glaswerk.cell.records import record

    hashes = {"sha256": "5" * 64, "policy": "5" * 64, "videos": 1}
    with transaction.atomic():
        record(EntryKind.EPOCH, hashes)
    recorder.record_once(settings.CELL)
    with transaction.atomic():
        # On its way when it went dark, and therefore no entry from the dark.
        record(EntryKind.EPOCH, hashes)
    actions.make_dark(SIGNED)
    recorder.record_once(settings.CELL)
    assert Mark.objects.get().log_size == 1
    actions.resume(SIGNED)
    actions.make_dark(SIGNED)
    with transaction.atomic():
        record(EntryKind.EPOCH, hashes)
    recorder.record_once(settings.CELL)
    assert "the public log has entries from the dark: epoch" in refused("tables", lambda: actions.resume(SIGNED))


def test_dates_are_checked() -> None:
    assert "over" in refused("dark_at", lambda: actions.plan(SIGNED, now() - DAY))
    refused("readonly_at", lambda: actions.plan(SIGNED, now() + DAY, now() + 2 * DAY))
    refused("readonly_at", lambda: actions.make_readonly(SIGNED, now() - DAY))
    refused("dark_at", lambda: actions.make_dark(SIGNED, now() - DAY))
    refused("state", lambda: actions.extend(SIGNED, now() + DAY))
    refused("state", lambda: actions.resume(SIGNED))
    date = now() + DAY
    actions.plan(SIGNED, date)
    refused("state", lambda: actions.plan(SIGNED, date + DAY))
    refused("dark_at", lambda: actions.extend(SIGNED, date))
    most = settings.CELL.config.sunset.extension_days
    assert str(most) in refused("dark_at", lambda: actions.extend(SIGNED, date + most * DAY + timedelta(seconds=1)))
    actions.extend(SIGNED, date + most * DAY)
    refused("readonly_at", lambda: actions.make_readonly(SIGNED, date + 2 * most * DAY))


def test_what_everybody_reads_for_ever_is_checked() -> None:
    for field in ("basis", "reason", "signer"):
        for text in ("", "call 0171 2345678", "two\nlines"):
            refused(field, lambda: actions.make_dark(replace(SIGNED, **{field: text})))  # noqa: B023 - called at once.


def test_only_operators_act() -> None:
    person = Person.objects.create_user("ada", "ada@example.org", "a calm long password")
    for act in (actions.make_dark, actions.make_readonly):
        with pytest.raises(PermissionDenied):
            act(replace(SIGNED, by=person))
    assert Act.objects.count() == 0
    operator = Person.objects.create_user("op", "op@example.org", "a calm long password", role="operator")
    act = actions.make_dark(replace(SIGNED, by=operator))
    assert len(act.by) == 64 and Record.objects.first().facts["by"] == act.by  # type: ignore[union-attr]


def test_dates_come_by_themselves_and_are_marked_once() -> None:
    actions.plan(SIGNED, now() + 2 * DAY, now() + DAY)
    pass_time(1.5 * 86_400)
    assert stage_now() is Stage.READONLY
    from glaswerk.border.sunset.marks import mark_reached

    first = mark_reached()
    assert first is not None and mark_reached() == first
    # It may still be extended, and then people write again.
    actions.extend(SIGNED, now() + 40 * DAY)
    assert stage_now() is Stage.NOTICE and mark_reached() is None
    pass_time(50 * 86_400)
    # Nobody has marked anything; the database refuses all the same.
    with pytest.raises(DatabaseError, match="dark"), transaction.atomic():
        Person.objects.create_user("eve", "eve@example.org", "a calm long password")
    assert stage_now() is Stage.DARK
    refused("state", lambda: actions.extend(SIGNED, now() + 41 * DAY))
    assert actions.resume(SIGNED)[1] == []
    assert [word for word, _ in said()] == ["notice", "readonly.begun", "extended", "dark.begun", "open"]


def test_a_clock_that_is_set_back_does_not_light_the_cell_again() -> None:
    actions.plan(SIGNED, now() + DAY)
    pass_time(2 * 86_400)
    from glaswerk.border.sunset.marks import mark_reached

    mark_reached()
    # The same for the database as a clock that was set back by a year.
    pass_time(-365 * 86_400)
    assert stage_now() is Stage.DARK
    with pytest.raises(DatabaseError, match="dark"), transaction.atomic():
        Person.objects.create_user("eve", "eve@example.org", "a calm long password")
    assert actions.resume(SIGNED)[1] == []


def test_what_was_decided_cannot_be_changed_by_anybody() -> None:
    actions.make_dark(SIGNED)
    for statement in (
        "UPDATE border_act SET reason = 'another'",
        "DELETE FROM border_mark",
        "TRUNCATE border_act CASCADE",
        "INSERT INTO border_act SELECT 9, 'plan', now(), now(), now() + '1 day'::interval, 0, 'b', 'r', 's', ''",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert stage_now() is Stage.DARK


def test_what_an_act_was_killed_in_changes_nothing_and_is_done_again(monkeypatch: Any) -> None:
    """The guards may be there already; the act and its entry come together or not at all."""
    monkeypatch.setattr(actions, "record", lambda *words: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        actions.make_dark(SIGNED)
    assert (stage_now(), Act.objects.count(), Record.objects.count()) == (Stage.OPEN, 0, 0)
    Person.objects.create_user("ada", "ada@example.org", "a calm long password")
    monkeypatch.undo()
    actions.make_dark(SIGNED)
    assert stage_now() is Stage.DARK


def test_python_and_the_database_agree_about_the_stage() -> None:
    start = datetime(2026, 1, 19, tzinfo=UTC)
    kinds = {"plan": (1, 2), "extend": (1, 1), "readonly": (1, None), "dark": (2, 2), "resume": (None, None)}
    kinds["carved"] = kinds["resume"]
    for kind, dates in kinds.items():
        readonly_at, dark_at = (start + day * DAY if day is not None else None for day in dates)
        plan = Plan(1, kind, readonly_at, dark_at)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE border_act DISABLE TRIGGER USER")
            cursor.execute(
                "INSERT INTO border_act (id, kind, at, readonly_at, dark_at, extension, basis, reason, signer, by)"
                " VALUES (1, %s, now(), %s, %s, 0, 'b', 'r', 's', '')",
                [kind, readonly_at, dark_at],
            )
            for day in (0, 0.99, 1, 1.5, 2, 3):
                cursor.execute("SELECT border_stage(%s)", [start + day * DAY])
                assert cursor.fetchone()[0] == plan.stage(start + day * DAY), (kind, day)
            transaction.set_rollback(True)


def test_a_copy_takes_the_databases_clock_and_never_goes_back() -> None:
    copy = state.Copy()
    soon = now() + timedelta(seconds=30)
    plan = Plan(1, "plan", soon, soon)
    copy.take(plan, now().timestamp())
    assert copy.stage() is Stage.NOTICE
    # This machine is a minute behind the database.
    copy.take(plan, now().timestamp() + 60)
    assert copy.stage() is Stage.DARK
    copy.take(plan, now().timestamp() - 60)
    assert copy.stage() is Stage.DARK
    # What a slower look brings is no news.
    copy.take(Plan(), now().timestamp())
    assert copy.stage() is Stage.DARK
    copy.take(Plan(2, "resume"), now().timestamp())
    assert copy.stage() is Stage.OPEN


def test_the_log_says_what_was_decided_to_the_second() -> None:
    date = datetime(2031, 1, 19, 12, 0, 7, 999_999, tzinfo=UTC)
    actions.plan(SIGNED, date)
    entry = orjson.loads(Record.objects.get().entry)
    assert entry["facts"] == {
        "state": "notice", "basis": SIGNED.basis, "reason": SIGNED.reason, "signer": SIGNED.signer,
        "until": "2031-01-19T12:00:07Z",
    }  # fmt: skip


def test_a_log_that_was_closed_takes_no_further_entry_by_any_way() -> None:
    from glaswerk.cell.entries import EntryKind
    from glaswerk.cell.records import record

    def say() -> None:
        with transaction.atomic():
            record(EntryKind.EPOCH, {"sha256": "5" * 64, "policy": "5" * 64, "videos": 1})

    say()
    with transaction.atomic():
        record(EntryKind.CARVE, {"step": "accept", "sha256": "5" * 64})
    say()
    with transaction.atomic():
        record(EntryKind.CARVE, {"step": "finish", "sha256": "5" * 64})
    before = Record.objects.count()
    with pytest.raises(DatabaseError, match="closed"):
        say()
    with pytest.raises(DatabaseError, match="closed"), transaction.atomic():
        record(EntryKind.CARVE, {"step": "finish", "sha256": "6" * 64})
    with own_connection(settings.CELL) as beside, pytest.raises(psycopg.Error, match="closed"):
        beside.execute(
            "SET session_replication_role = replica; INSERT INTO cell_record SELECT id + 9, kind, entry, facts, at, NULL"
            " FROM cell_record WHERE kind = 'epoch' LIMIT 1"
        )
    assert Record.objects.count() == before == 4
    recorder.record_once(settings.CELL)
    assert not Record.objects.filter(index=None).exists()
