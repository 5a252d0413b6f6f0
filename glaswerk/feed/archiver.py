"""The archiver: writes the event log to Parquet, one file an hour, for learning.

`archive/events/2026-01-31/14.parquet` holds the events that the log took in that hour (UTC), one row an event.  While an
hour is open its rows are in parts named by the sequences they hold (`14.parts/000…17-000…42.parquet`), which are joined
when the hour is over.  The names say what is archived, so the archiver needs no other memory: after a kill it reads on
behind the last one.

Where the log says that somebody is to be forgotten, every file is written anew without them; that it was done is noted in
the table of watermarks, because only then may the log itself forget.
"""

import asyncio
import os
import re
from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import structlog
from psycopg import AsyncConnection

from glaswerk.cell import postgres
from glaswerk.cell.config import current_cell
from glaswerk.cell.ids import now_ms
from glaswerk.cell.log import EVENTS, Entry, EventLog

SCHEMA: Final = pa.schema(
    [
        ("sequence", pa.int64()),
        ("logged_at", pa.timestamp("ms", tz="UTC")),
        ("id", pa.string()),
        ("kind", pa.dictionary(pa.int8(), pa.string())),
        ("viewer", pa.int64()),
        ("slate", pa.int64()),
        ("video", pa.int64()),
        ("creator", pa.int64()),
        ("at", pa.timestamp("ms", tz="UTC")),
        ("watched_ms", pa.int32()),
        ("loops", pa.int32()),
    ],
    metadata={"first_sequence": "", "last_sequence": ""},
)
ARCHIVER: Final = "archive"
FLUSH_S: Final = 30
MOST_ROWS: Final = 100_000
_HOUR_MS: Final = 3_600_000
_PART: Final = re.compile(r"(\d{20})-(\d{20})\.parquet")
_logger = structlog.get_logger("glaswerk.archiver")


def _hour_file(folder: Path, hour: int) -> Path:
    moment = datetime.fromtimestamp(hour * _HOUR_MS / 1000, UTC)
    return folder / moment.strftime("%Y-%m-%d") / moment.strftime("%H.parquet")


def _write(table: pa.Table, path: Path, first: int, last: int) -> None:
    """Write a table whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    table = table.replace_schema_metadata({"first_sequence": str(first), "last_sequence": str(last)})
    pq.write_table(table, fresh, compression="zstd")
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.replace(path)


class Archive:
    """The Parquet files of one cell's event log."""

    def __init__(self, folder: Path) -> None:
        """Open the folder; files left unfinished by a kill are removed."""
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.rglob("*.new"):
            unfinished.unlink()
        self._rows: list[dict[str, Any]] = []
        self._hour = -1
        self._first = 0
        self._last = self.archived()

    def archived(self) -> int:
        """Return the last sequence that a file holds."""
        last = 0
        for path in self._folder.rglob("*.parquet"):
            match = _PART.fullmatch(path.name)
            if match:
                last = max(last, int(match[2]))
        # Joined hours are in order, so only the latest one can hold more than the parts.
        joined = sorted(path for path in self._folder.rglob("*.parquet") if not _PART.fullmatch(path.name))
        for path in joined[-1:]:
            last = max(last, int(pq.read_schema(path).metadata[b"last_sequence"]))
        return last

    def add(self, entry: Entry) -> None:
        """Take one message; it is in a file after the next `flush`."""
        hour = entry.at_ms // _HOUR_MS
        if hour != self._hour:
            self.flush()
            self._hour = hour
        self._first = self._first or entry.sequence
        self._last = entry.sequence
        if entry.subject == "events":
            for item in entry.items:
                for event in item["events"]:
                    self._rows.append(
                        {
                            "sequence": entry.sequence,
                            "logged_at": entry.at_ms,
                            "viewer": item["viewer"],
                            "slate": item.get("slate"),
                            **{name: event.get(name) for name in ("id", "kind", "video", "creator", "at")},
                            **{name: event.get(name, 0) for name in ("watched_ms", "loops")},
                        }
                    )
        if len(self._rows) >= MOST_ROWS:
            self.flush()

    def forget(self, viewers: Collection[int]) -> int:
        """Write every file anew that holds events of these viewers, without them; return how many there were."""
        self.flush()
        gone = pa.array(sorted(viewers), type=pa.int64())
        changed = 0
        for path in sorted(self._folder.rglob("*.parquet")):
            table = pq.read_table(path)
            kept = table.filter(pc.invert(pc.is_in(table.column("viewer"), value_set=gone)))
            if len(kept) < len(table):
                facts = table.schema.metadata
                # A file that is empty by now stays, because its name says what was archived.
                _write(kept, path, int(facts[b"first_sequence"]), int(facts[b"last_sequence"]))
                changed += 1
        return changed

    def flush(self) -> None:
        """Write what waits as one part."""
        if self._rows:
            file = _hour_file(self._folder, self._hour)
            part = file.with_suffix(".parts") / f"{self._first:020}-{self._last:020}.parquet"
            _write(pa.Table.from_pylist(self._rows, schema=SCHEMA), part, self._first, self._last)
            self._rows = []
            self._first = 0

    def join_finished_hours(self, at_ms: int) -> int:
        """Join the parts of every hour that is over into its one file, and return how many hours were joined."""
        by_folder: defaultdict[Path, list[Path]] = defaultdict(list)
        for part in self._folder.rglob("*.parts/*.parquet"):
            by_folder[part.parent].append(part)
        joined = 0
        for folder, parts in by_folder.items():
            file = folder.with_suffix(".parquet")
            if file == _hour_file(self._folder, at_ms // _HOUR_MS):
                continue
            parts.sort()
            done = int(pq.read_schema(file).metadata[b"last_sequence"]) if file.exists() else 0
            # After a kill between the join and the removal, the joined file already holds these parts.
            waiting = [part for part in parts if _sequences(part)[1] > done]
            if waiting:
                tables = [pq.read_table(path) for path in ([file] if file.exists() else []) + waiting]
                first = int(tables[0].schema.metadata[b"first_sequence"])
                _write(
                    pa.concat_tables(table.replace_schema_metadata() for table in tables),
                    file,
                    first,
                    _sequences(waiting[-1])[1],
                )
                joined += 1
            for part in parts:
                part.unlink()
            folder.rmdir()
        return joined

    @property
    def position(self) -> int:
        """The last sequence that was added."""
        return self._last


def _sequences(part: Path) -> tuple[int, int]:
    match = _PART.fullmatch(part.name)
    assert match is not None
    return int(match[1]), int(match[2])


async def main() -> None:
    """Archive the event log until cancelled; what waits is written before the end."""
    archive = Archive(current_cell().archive / "events")
    log: EventLog | None = None
    while True:
        try:
            log = log or await EventLog.connect()
            await _archive_for_ever(archive, log)
        except asyncio.CancelledError:
            archive.flush()
            raise
        except Exception as error:
            _logger.warning("archiver starts anew", exc_info=error)
        await asyncio.sleep(0.5)


async def _archive_for_ever(archive: Archive, log: EventLog) -> None:
    _logger.info("archiver follows the log", from_sequence=archive.position)
    flushed = now_ms()
    async for batch in log.tail(EVENTS, archive.position, idle_s=5.0):
        for entry in batch:
            archive.add(entry)
            if entry.subject == "people":
                await asyncio.to_thread(archive.forget, [item["viewer"] for item in entry.items])
                await _note_forgotten(entry.sequence)
        if now_ms() - flushed > FLUSH_S * 1000:
            await asyncio.to_thread(archive.flush)
            await asyncio.to_thread(archive.join_finished_hours, now_ms())
            flushed = now_ms()


async def _note_forgotten(sequence: int) -> None:
    """Say that everything up to this message is archived, and that nobody whom the log forgets is in the archive."""
    async with await AsyncConnection.connect(postgres.database_url(current_cell()), autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO feed_watermark AS held (stream, sequence) VALUES (%s, %s)"
            " ON CONFLICT (stream) DO UPDATE SET sequence = greatest(held.sequence, excluded.sequence)",
            [ARCHIVER, sequence],
        )
