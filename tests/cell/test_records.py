"""The outbox of the public log: an entry with its act or none at all, in the log exactly once, and nobody in it by name."""

import os
import signal
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from glaswerk.cell import postgres, recorder
from glaswerk.cell.entries import MOST_BYTES, Entry, EntryKind, RecordRefused
from glaswerk.cell.models import Record
from glaswerk.cell.records import NotRecorded, log_policy, prove_record, record, record_on, wait_recorded
from glaswerk.tlog import LogError, LogReader, LogWriter, folder_fetch, read_checkpoint, verify

HASH = "5" * 64
EPOCH: dict[str, Any] = {"sha256": HASH, "policy": HASH, "videos": 3}
in_transactions = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_log(tmp_path: Any, settings: Any) -> None:
    """A log of its own for every test, beside the database that they share."""
    from glaswerk.cell.config import Cell

    cell = Cell(settings.CELL.data)
    cell.tlog = tmp_path / "tlog"
    settings.CELL = cell


def made(count: int = 1) -> list[Record]:
    with transaction.atomic():
        return [record(EntryKind.EPOCH, {**EPOCH, "videos": number}) for number in range(count)]


def logged() -> list[bytes]:
    fetch = folder_fetch(settings.CELL.tlog)
    checkpoint = read_checkpoint(fetch, log_policy(settings.CELL)).checkpoint
    return list(LogReader(fetch, checkpoint).entries(0, checkpoint.size))


def in_a_process(work: Callable[[], object]) -> int:
    """Run work in a process of its own; return its exit status, or the negative number of the signal that ended it."""
    connection.close()
    connection.close_pool()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die(*words: object, **named: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


@in_transactions
def test_an_entry_comes_into_being_with_its_act_and_is_proved() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        record(EntryKind.EPOCH, EPOCH)
    with transaction.atomic():
        record(EntryKind.EPOCH, EPOCH)
        transaction.set_rollback(True)
    assert (Record.objects.count(), recorder.record_once(settings.CELL)) == (0, 0)
    (one,) = made()
    with pytest.raises(NotRecorded):
        wait_recorded(one, 0)
    with pytest.raises(NotRecorded):
        prove_record(one, settings.CELL)
    assert recorder.record_once(settings.CELL) == 1
    proof = prove_record(wait_recorded(one), settings.CELL)
    assert proof.verify(one.entry.encode(), log_policy(settings.CELL)).checkpoint.size == 1
    with pytest.raises(LogError):
        proof.verify(one.entry.encode() + b" ", log_policy(settings.CELL))
    entry = Entry.parse(logged()[0])
    assert (entry.id, entry.kind, entry.facts, entry.at) == (one.id, EntryKind.EPOCH, {**EPOCH, "videos": 0}, one.at)


@in_transactions
def test_rows_are_taken_in_order_and_again_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOST_AT_ONCE", 7)
    monkeypatch.setattr(recorder, "_READ_AT_ONCE", 3)
    rows = [row.id for row in made(20)]
    with psycopg.connect(postgres.database_url(settings.CELL)) as other:
        record_on(other, EntryKind.POLICY, {"sha256": HASH, "policy": "ranking", "reason": "Fewer repeats."})
    assert [recorder.record_once(settings.CELL) for _ in range(2)] == [21, 0]
    said = [Entry.parse(data) for data in logged()]
    assert [entry.id for entry in said] == [*rows, rows[-1] + 1]
    assert [entry.facts["videos"] for entry in said[:20]] == list(range(20))
    assert list(Record.objects.order_by("id").values_list("index", flat=True)) == list(range(21))
    assert verify(settings.CELL.tlog, log_policy(settings.CELL)).ok


def _kill_before_append(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LogWriter, "append", die)


def _kill_after_append(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recorder, "_note", die)


def _kill_in_the_log(patch: pytest.MonkeyPatch) -> None:
    # The batch is in the journal, and no file of it is there yet.
    patch.setattr(LogWriter, "_publish", die)


def _kill_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    note = recorder._note

    def noting(connection: Any, first: int, entries: Any) -> int:
        connection.execute("BEGIN")
        note(connection, first, entries)
        die()
        return 0

    patch.setattr(recorder, "_note", noting)


@in_transactions
def test_a_recorder_that_is_killed_at_any_step_neither_loses_nor_repeats() -> None:
    def record_and_die(step: Callable[..., None]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            # The log is open before the blow falls.
            opened = recorder.open_log(settings.CELL)
            patch.setattr(recorder, "open_log", lambda cell: opened)
            step(patch)
            recorder.record_once(settings.CELL)

    recorder.record_once(settings.CELL)
    for step in (_kill_before_append, _kill_after_append, _kill_in_the_log, _kill_before_the_commit):
        made(3)
        # The second one is killed in what the first one left behind.
        for _ in range(2):
            assert in_a_process(partial(record_and_die, step)) == -signal.SIGKILL
            made(2)
    recorder.record_once(settings.CELL)
    ids = [Entry.parse(data).id for data in logged()]
    assert len(ids) == len(set(ids)) == 28
    assert ids == list(Record.objects.order_by("index").values_list("id", flat=True))
    assert verify(settings.CELL.tlog, log_policy(settings.CELL)).ok


@in_transactions
def test_without_the_look_at_the_end_of_the_log_a_kill_repeats_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    made(3)

    def record_and_die() -> None:
        recorder._note = die
        recorder.record_once(settings.CELL)

    assert in_a_process(record_and_die) == -signal.SIGKILL
    monkeypatch.setattr(recorder, "note_unnoted", lambda cell, connection: 0)
    recorder.record_once(settings.CELL)
    assert len(logged()) == 6


@in_transactions
def test_a_log_from_an_older_backup_is_not_written_on() -> None:
    import shutil

    made(2)
    recorder.record_once(settings.CELL)
    shutil.rmtree(settings.CELL.tlog)
    made(1)
    with pytest.raises(LogError, match="restore both from one backup"):
        recorder.record_once(settings.CELL)
    assert Record.objects.filter(index=None).count() == 1
    assert logged() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cell_record SET facts = '{}'",
        "UPDATE cell_record SET entry = entry || ' '",
        "UPDATE cell_record SET at = now()",
        "DELETE FROM cell_record",
        "TRUNCATE cell_record",
        "INSERT INTO cell_record (id, kind, entry, facts, at, index) SELECT id + 1, kind, entry, facts, at, 5 FROM cell_record",
        "INSERT INTO cell_record (id, kind, entry, facts, at) SELECT id + 1, kind, entry, facts, at FROM cell_record",
        "INSERT INTO cell_record (id, kind, entry, facts, at) VALUES (1, 'gossip', '{}', '{}', now())",
    ],
)
def test_the_database_keeps_what_was_said(change: str) -> None:
    (one,) = made()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        # Not even a session that has turned triggers off.
        cursor.execute(f"SET LOCAL session_replication_role = replica; {change}")
    assert list(Record.objects.values_list("entry", "index")) == [(one.entry, None)]


@pytest.mark.django_db
def test_a_number_in_the_log_is_noted_once() -> None:
    (one,) = made()
    Record.objects.update(index=4)
    with pytest.raises(DatabaseError), transaction.atomic():
        Record.objects.update(index=5)
    with pytest.raises(DatabaseError), transaction.atomic():
        Record.objects.update(index=None)
    one.refresh_from_db()
    assert one.index == 4


POLICY: dict[str, Any] = {"sha256": HASH, "policy": "ranking"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "facts", "field"),
    [
        (EntryKind.EPOCH, {**EPOCH, "name": "anna"}, "name"),
        (EntryKind.EPOCH, {"sha256": HASH, "policy": HASH}, "videos"),
        (EntryKind.EPOCH, {**EPOCH, "videos": True}, "videos"),
        (EntryKind.EPOCH, {**EPOCH, "videos": -1}, "videos"),
        (EntryKind.EPOCH, {**EPOCH, "videos": 1 << 53}, "videos"),
        (EntryKind.EPOCH, {**EPOCH, "videos": 1.5}, "videos"),
        (EntryKind.EPOCH, {**EPOCH, "sha256": HASH.upper() + "F"}, "sha256"),
        (EntryKind.EPOCH, {**EPOCH, "sha256": HASH[:-1] + "\n"}, "sha256"),
        (EntryKind.ERASE, {"person": "anna"}, "person"),
        (EntryKind.ERASE, {"person": "0123456789abc"}, "person"),
        (EntryKind.ERASE, {"person": {"id": HASH}}, "person"),
        (EntryKind.POLICY, {**POLICY, "reason": ""}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "x" * 2001}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "two\nlines"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "zero\0"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "half \ud800"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "u\u0308ber"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "as anna@example.org asked"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "as anna＠example.org asked"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "because of @anna"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "from 192.168.17.4 on"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "from 2001:db8::7 on"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "call +49 (30) 901820-0"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "call ٠٣٠٩٠١٨٢٠"}, "reason"),
        (EntryKind.POLICY, {**POLICY, "reason": "pay DE89 3704 0044 0532 0130 00"}, "reason"),
        (EntryKind.CARVE, {"step": "Two words"}, "step"),
        (EntryKind.SUNSET, {"state": "notice", "reason": "A law.", "until": "2027-02-30T00:00:00Z"}, "until"),
        (EntryKind.SUNSET, {"state": "notice", "reason": "A law.", "until": "2027-02-03T00:00:00+01:00"}, "until"),
        (EntryKind.CROSS_OUT, {"message": "video", "sha256": HASH, "blobs": []}, "blobs"),
        (EntryKind.CROSS_OUT, {"message": "video", "sha256": HASH, "blobs": [HASH] * 257}, "blobs"),
        (EntryKind.CROSS_OUT, {"message": "video", "sha256": HASH, "blobs": [HASH] * 250}, "facts"),
    ],
)
def test_what_must_not_be_said_is_refused_and_nothing_is_written(
    kind: EntryKind, facts: dict[str, Any], field: str
) -> None:
    with transaction.atomic():
        with pytest.raises(RecordRefused) as caught:
            record(kind, facts)
        assert caught.value.field == field
        assert Record.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "reason",
    [
        "By Article 27 of Regulation (EU) 2022/2065, from 2027-01-19 on.",
        "Ab dem 19. Januar 2027 gilt die neue Regel: 75 Tage, dann erneut.",
        "At 12:30 the share of repeats fell from 12.5 to 3.1 percent.",
    ],
)
def test_sentences_that_name_nobody_are_taken(reason: str) -> None:
    with transaction.atomic():
        made = record(EntryKind.POLICY, {**POLICY, "reason": reason})
    assert orjson.loads(made.entry)["facts"]["reason"] == reason
    assert len(made.entry.encode()) < MOST_BYTES


def test_an_entry_has_one_spelling() -> None:
    entry = Entry.parse(
        b'{"at":"2026-11-27T20:00:00.000Z","facts":{"policy":"%s","sha256":"%s","videos":3},'
        b'"id":"0123456789abc","kind":"epoch","v":1}' % ((HASH.encode(),) * 2)
    )
    data = entry.encode()
    assert Entry.parse(data) == entry
    for other in (data + b" ", data.replace(b'"v":1', b'"v":2'), data.replace(b":3", b":3.0"), b"[]", b"", b"\xff"):
        with pytest.raises(ValueError, match="this is no entry"):
            Entry.parse(other)
