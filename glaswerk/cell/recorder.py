"""The recorder: takes what waits in the outbox into the public log, in order and exactly once, and notes where it went.

An entry is appended first and noted then, each durable by itself, so a kill between the two leaves entries in the log
that no row knows of.  They are always the log's last ones, and each names the record that it was made by; so whoever
begins looks through what lies behind the last entry that was noted, before it appends anything.
"""

import time
from collections.abc import Iterable
from itertools import count
from typing import Any, Final, NoReturn

import psycopg
import structlog

from glaswerk.cell import postgres
from glaswerk.cell.config import Cell, current_cell
from glaswerk.cell.entries import Entry
from glaswerk.cell.locks import Lock
from glaswerk.cell.public_log import is_closed, open_log
from glaswerk.cell.records import log_policy
from glaswerk.tlog import LogError, LogReader, LogWriter, Reason, folder_fetch, read_checkpoint

CHANNEL: Final = "cell_record"
# A batch is one durable write of the log and one commit.
MOST_AT_ONCE: Final = 2000
# A notice may be lost with its connection, so the table is looked at from time to time as well.
LOOK_EVERY_S: Final = 5.0
RETRY_S: Final = 0.5
_READ_AT_ONCE: Final = 1024
_logger = structlog.get_logger("glaswerk.recorder")

Connection = psycopg.Connection[Any]


def main() -> NoReturn:
    """Record for ever.  It may be killed at any moment, so no signal is handled."""
    cell = current_cell()
    while True:
        if is_closed(cell):
            # The cell was handed over; it is kept to be read.
            time.sleep(LOOK_EVERY_S)
            continue
        try:
            _record_until_it_fails(cell)
        except (psycopg.OperationalError, LogError, OSError) as error:
            _logger.error("nothing is recorded just now", exc_info=error)
        time.sleep(RETRY_S)


def _record_until_it_fails(cell: Cell) -> None:
    with psycopg.connect(postgres.database_url(cell), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [Lock.RECORDER])
        connection.execute(f"LISTEN {CHANNEL}")
        with open_log(cell) as log:
            note_unnoted(cell, connection)
            while True:
                while record_waiting(connection, log) == MOST_AT_ONCE:
                    pass
                for _ in connection.notifies(timeout=LOOK_EVERY_S, stop_after=1):
                    pass


def record_once(cell: Cell) -> int:
    """Take everything that waits into the log, and return how many entries that were.  Raises LogError and OSError."""
    with psycopg.connect(postgres.database_url(cell), autocommit=True) as connection, open_log(cell) as log:
        connection.execute("SELECT pg_advisory_lock(%s)", [Lock.RECORDER])
        note_unnoted(cell, connection)
        return sum(iter(lambda: record_waiting(connection, log), 0))


def note_unnoted(cell: Cell, connection: Connection) -> int:
    """Note where those entries are that were appended and not noted, and return how many.  Raises LogError.

    The caller holds the lock, so that nobody appends meanwhile.
    """
    fetch = folder_fetch(cell.tlog)
    checkpoint = read_checkpoint(fetch, log_policy(cell)).checkpoint
    last = connection.execute(
        'SELECT "index", entry FROM cell_record WHERE "index" IS NOT NULL ORDER BY "index" DESC LIMIT 1'
    ).fetchone()
    start = 0 if last is None else last[0] + 1
    reader = LogReader(fetch, checkpoint)
    if last is not None and (checkpoint.size < start or next(iter(reader.entries(last[0], start))) != last[1].encode()):
        raise LogError(
            Reason.STORAGE,
            f"the log has not got what the database noted as its entry {last[0]}; restore both from one backup",
        )
    noted = 0
    for first in range(start, checkpoint.size, _READ_AT_ONCE):
        entries = list(reader.entries(first, min(first + _READ_AT_ONCE, checkpoint.size)))
        noted += _note(connection, first, entries)
    return noted


def _note(connection: Connection, first: int, entries: Iterable[bytes]) -> int:
    """Note the numbers of these entries, from `first` on, in the rows that they were made by."""
    found = []
    for index, data in zip(count(first), entries, strict=False):
        try:
            found.append((Entry.parse(data).id, index, data.decode()))
        except ValueError:
            _logger.warning("the log has an entry that was not recorded from here", index=index)
    if not found:
        return 0
    ids, indexes, texts = zip(*found, strict=True)
    done = connection.execute(
        'UPDATE cell_record r SET "index" = f."index"'
        ' FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS f (id, "index", entry)'
        ' WHERE r.id = f.id AND r.entry = f.entry AND r."index" IS NULL',
        [list(ids), list(indexes), list(texts)],
    )
    return done.rowcount


def record_waiting(connection: Connection, log: LogWriter) -> int:
    """Append a batch of what waits, note it, and return how many entries it had.  Raises LogError."""
    rows = connection.execute(
        'SELECT entry FROM cell_record WHERE "index" IS NULL ORDER BY id LIMIT %s', [MOST_AT_ONCE]
    ).fetchall()
    if not rows:
        return 0
    entries = [row[0].encode() for row in rows]
    receipt = log.append(*entries)
    noted = _note(connection, receipt.index, entries)
    if noted != len(entries):
        raise LogError(Reason.MISMATCH, f"{len(entries) - noted} entries of a batch are not those of their records")
    return noted
