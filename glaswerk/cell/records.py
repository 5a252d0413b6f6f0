"""The way into the public log: `record` is called in the transaction of the act, and the recorder does the rest.

    with transaction.atomic():
        ...                                            # the act itself
        made = record(EntryKind.ERASE, {"person": pseudonym(person)})
    proof = prove_record(wait_recorded(made), cell)    # only for callers that need the proof at once

Where no models are loaded, `record_on` does the same with a connection of psycopg.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from psycopg import Connection

from glaswerk.cell.config import Cell
from glaswerk.cell.entries import Entry, EntryKind, Fact, check_facts
from glaswerk.cell.public_log import log_key
from glaswerk.tlog import LogError, Policy, Reason, TlogProof, folder_fetch, prove

if TYPE_CHECKING:
    from glaswerk.cell.models import Record

_NEXT: Final = "SELECT nextval(pg_get_serial_sequence('cell_record', 'id'))"
PATIENCE_S: Final = 10.0
_FIRST_PAUSE_S: Final = 0.005
_LONGEST_PAUSE_S: Final = 0.1


class NotRecorded(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """The log does not have the entry yet.  It will come, because nothing of it is lost; until then there is no proof."""


def _new_entry(number: int, kind: EntryKind, facts: Mapping[str, Fact]) -> Entry:
    now = datetime.now(UTC)
    return Entry(number, now.replace(microsecond=now.microsecond // 1000 * 1000), kind, facts)


def record(kind: EntryKind, facts: Mapping[str, Fact]) -> "Record":
    """Have the public log say this, if the transaction around the call is committed.  Raises RecordRefused."""
    from django.db import transaction

    from glaswerk.cell.models import Record

    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("an entry comes into being with its act, in one transaction")
    check_facts(kind, facts)
    with connection.cursor() as cursor:
        cursor.execute(_NEXT)
        entry = _new_entry(cursor.fetchone()[0], kind, facts)
    said = entry.encode().decode()
    return Record.objects.create(id=entry.id, kind=kind.value, entry=said, facts=dict(facts), at=entry.at)


def record_on(connection: Connection[Any], kind: EntryKind, facts: Mapping[str, Fact]) -> None:
    """Like `record`, in the transaction of this connection."""
    check_facts(kind, facts)
    row = connection.execute(_NEXT).fetchone()
    assert row is not None
    entry = _new_entry(row[0], kind, facts)
    connection.execute(
        "INSERT INTO cell_record (id, kind, entry, facts, at) VALUES (%s, %s, %s, %s, %s)",
        [entry.id, kind.value, entry.encode().decode(), orjson.dumps(dict(facts)).decode(), entry.at],
    )


def wait_recorded(made: "Record", patience_s: float = PATIENCE_S) -> "Record":
    """Return the record once the log has it.  Call it after the commit.  Raises NotRecorded."""
    deadline, pause = time.monotonic() + patience_s, _FIRST_PAUSE_S
    while made.index is None:
        made.refresh_from_db(fields=["index"])
        if made.index is None:
            if time.monotonic() > deadline:
                raise NotRecorded("The public log is busy. Nothing is lost; try again in a moment.")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
    return made


def log_policy(cell: Cell) -> Policy:
    """Whose word counts about this cell's own log."""
    return Policy(log_key(cell))


def prove_record(made: "Record", cell: Cell) -> TlogProof:
    """The proof that the log has a record's entry, verified.  Raises NotRecorded, and LogError where it does not hold."""
    if made.index is None:
        raise NotRecorded("The public log does not have this entry yet.")
    entry, proof = prove(folder_fetch(cell.tlog), log_policy(cell), made.index)
    if entry != made.entry.encode():
        raise LogError(Reason.MISMATCH, f"entry {made.index} of the log is another one than the record of it")
    return proof
