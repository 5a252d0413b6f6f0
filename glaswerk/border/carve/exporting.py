"""Plan and export: the inventory, and the sealed bag that holds what it names.

The bag is a BagIt folder (RFC 8493) with a manifest of SHA-512, so any bag tool checks it without being able to read it.

data/tables/<table>.age           its rows in PostgreSQL's COPY text format, in the order of its root
data/buckets/<bucket>/<n>.tar.age its files, by path, some 64 MiB in one
statement.dsse.json               the inventory, and the SHA-512 of every file above; signed
"""

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
from django.db import transaction
from psycopg import Connection

from glaswerk import __version__
from glaswerk.border.carve import inventory, statement
from glaswerk.border.carve.failures import CarveRefused
from glaswerk.border.carve.inventory import StoredFile
from glaswerk.border.carve.sealing import Recipient, seal
from glaswerk.border.models import Mark
from glaswerk.border.roots import RunningRoot, fix_settings, root_over
from glaswerk.border.sunset import state
from glaswerk.border.sunset.marks import log_now, mark_reached
from glaswerk.border.sunset.plan import Stage
from glaswerk.border.sunset.still import own_connection
from glaswerk.cell.blobs import make_durable
from glaswerk.cell.config import Cell
from glaswerk.cell.entries import EntryKind
from glaswerk.cell.keys import read_or_make_key
from glaswerk.cell.public_log import log_signer
from glaswerk.cell.recorder import record_once
from glaswerk.cell.records import record
from glaswerk.people.keyring import key_holder

STATEMENT: Final = "statement.dsse.json"
PACK_BYTES: Final = 64 << 20
_DONE: Final = "done.jsonl"
_PIECE: Final = 1 << 20

Progress = Callable[[str], None]


def work_folder(cell: Cell) -> Path:
    """Where a cell keeps what a carve-out needs between its steps."""
    return cell.data / "carve"


def make_inventory(cell: Cell, progress: Progress) -> dict[str, Any]:
    """Count and hash everything, and change nothing."""
    tables: dict[str, Any] = {}
    with _reading(cell) as connection:
        for table, way in inventory.handed_tables(connection):
            progress(f"table {table.name}")
            running = RunningRoot()
            for row in inventory.rows_to_hand_over(connection, table, way, key_holder()):
                running.add(row)
            tables[table.name] = {"way": way.value, "count": running.count, "root": running.root().hex()}
        facts = _cell_facts(cell, connection)
    buckets = {}
    for name, folder in inventory.buckets_of(cell).items():
        progress(f"bucket {name}")
        buckets[name] = inventory.bucket_facts(inventory.files_of(folder))
    return {**facts, "tables": tables, "buckets": buckets, "root": inventory.root_of_all(tables, buckets)}


def export(cell: Cell, recipient: Recipient, out: Path, progress: Progress) -> dict[str, Any]:
    """Write the bag; return its inventory.  A run that was interrupted is gone on with.  Raises CarveRefused."""
    buckets = inventory.buckets_of(cell)
    state.refresh()
    if state.copy.stage() is not Stage.DARK:
        raise CarveRefused(
            "Only a dark cell can be handed over, because nothing changes in it: `glaswerk sunset dark`."
        )
    if out.exists():
        raise CarveRefused(f"{out} is there already. Choose another folder, or take it away.")
    mark = mark_reached()
    assert mark is not None
    bag = _Bag(out.with_name(f"{out.name}.unfinished"), recipient)
    tables: dict[str, Any] = {}
    with _reading(cell) as connection:
        for table, way in inventory.handed_tables(connection):
            progress(f"table {table.name}")
            rows = inventory.rows_to_hand_over(connection, table, way, key_holder())
            facts = bag.add(f"data/tables/{table.name}.age", lambda rows=rows: _TablePart(rows))  # type: ignore[misc]
            tables[table.name] = {"way": way.value, **facts}
        found = _cell_facts(cell, connection)
    packed: dict[str, Any] = {}
    for name, folder in buckets.items():
        running, size = RunningRoot(), 0
        for number, files in enumerate(_packs(inventory.files_of(folder)), 1):
            progress(f"bucket {name}, part {number}")
            place = f"data/buckets/{name}/{number:06}.tar.age"
            part = _PackPart(folder, files)
            bag.add(place, lambda part=part: part, part.facts())  # type: ignore[misc]
            for file in files:
                running.add(file.leaf)
                size += file.size
        packed[name] = {"count": running.count, "bytes": size, "root": running.root().hex()}
    predicate = {**found, "tables": tables, "buckets": packed, "recipient": recipient.text, "dark": _dark(mark)}
    predicate["root"] = inventory.root_of_all(tables, packed)
    progress("signing")
    signer = log_signer(cell)
    seed = bytes.fromhex(read_or_make_key(cell.keys, "tlog"))
    subjects = {path: {"sha512": one["sha512"]} for path, one in bag.parts.items()}
    signed = statement.sign(subjects, statement.HANDED_OVER, predicate, seed, signer.key)
    kept = work_folder(cell)
    kept.mkdir(mode=0o700, exist_ok=True)
    write_durably(kept / STATEMENT, signed)
    digest = hashlib.sha256(signed).hexdigest()
    with transaction.atomic():
        entry = {
            "step": "export",
            "sha256": digest,
            "root": predicate["root"],
            "people": tables["people_person"]["count"],
        }
        record(EntryKind.CARVE, entry)
    record_once(cell)
    bag.finish(out, signed, predicate)
    return {**predicate, "statement_sha256": digest, "seller_key": signer.key.text}


def _cell_facts(cell: Cell, connection: Connection[Any]) -> dict[str, Any]:
    checkpoint = log_now()
    return {
        "version": __version__,
        "title": cell.config.cell.title,
        "region": cell.config.cell.region,
        "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "schema": inventory.schema_of(connection),
        "sequences": inventory.sequences_of(connection),
        "log": {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()},
        "left": {**inventory.LEFT, **{f"{name}/": why for name, why in inventory.LEFT_FILES.items()}},
    }


def _dark(mark: Mark) -> dict[str, Any]:
    return {"since": mark.at.isoformat(), "root": mark.root, "log_size": mark.log_size, "log_root": mark.log_root}


@contextmanager
def _reading(cell: Cell) -> Iterator[Connection[Any]]:
    """A connection that sees one moment, and writes rows in the one way that roots are made of."""
    with own_connection(cell) as connection:
        fix_settings(connection)
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection


class _TablePart:
    """A table on its way: its bytes, and the root that is known at their end."""

    def __init__(self, rows: Iterator[bytes]) -> None:
        self._rows = rows
        self._running = RunningRoot()

    def parts(self) -> Iterator[bytes]:
        for row in self._rows:
            self._running.add(row)
            yield row + b"\n"

    def facts(self) -> dict[str, Any]:
        return {"count": self._running.count, "root": self._running.root().hex()}


class _PackPart:
    """Some files of a bucket as a tar, whose headers say nothing but names and sizes."""

    def __init__(self, folder: Path, files: list[StoredFile]) -> None:
        self._folder = folder
        self._files = files

    def parts(self) -> Iterator[bytes]:
        for one in self._files:
            info = tarfile.TarInfo(one.path)
            info.size, info.mode = one.size, 0o600
            yield info.tobuf(tarfile.PAX_FORMAT)
            with (self._folder / one.path).open("rb") as file:
                digest = hashlib.sha256()
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    yield piece
            if digest.hexdigest() != one.sha256:
                raise CarveRefused(f"{one.path} changed while it was being packed. Begin again.")
            yield bytes(-one.size % tarfile.BLOCKSIZE)
        yield bytes(2 * tarfile.BLOCKSIZE)

    def facts(self) -> dict[str, Any]:
        return asdict(root_over(one.leaf for one in self._files))


def _packs(files: Iterator[StoredFile]) -> Iterator[list[StoredFile]]:
    pack: list[StoredFile] = []
    size = 0
    for one in files:
        if pack and size + one.size > PACK_BYTES:
            yield pack
            pack, size = [], 0
        pack.append(one)
        size += one.size
    if pack:
        yield pack


class _Bag:
    """A bag that is being written.  What is whole is durable and noted, and not written again after an interruption."""

    def __init__(self, folder: Path, recipient: Recipient) -> None:
        self._folder = folder
        self._recipient = recipient
        self.parts: dict[str, dict[str, Any]] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        noted = folder / _DONE
        # The last line may be half, where a kill came between.
        whole = noted.read_bytes().rpartition(b"\n")[0] if noted.exists() else b""
        for line in whole.splitlines():
            one = orjson.loads(line)
            if one["for"] != recipient.text:
                raise CarveRefused(f"{folder} was begun for another key. Take it away, or go on for that one.")
            self.parts[one["path"]] = one
        write_durably(noted, whole + b"\n" if whole else b"")

    def add(
        self, path: str, make: Callable[[], _TablePart | _PackPart], wanted: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write a file of the bag, unless it is there with what is wanted; return what is known of what it holds."""
        target = self._folder / path
        done = self.parts.get(path)
        if done is not None and target.is_file() and target.stat().st_size == done["size"]:
            facts: dict[str, Any] = done["facts"]
            # Files such as those of the log may have grown since.
            if wanted in (None, facts):
                return facts
        part = make()
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.new")
        with fresh.open("wb") as file:
            hashing = _Hashing(file)
            seal(part.parts(), self._recipient, hashing)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        make_durable(target.parent)
        facts = part.facts()
        one = {
            "path": path,
            "size": hashing.size,
            "sha512": hashing.digest(),
            "facts": facts,
            "for": self._recipient.text,
        }
        with (self._folder / _DONE).open("ab") as noted:
            noted.write(orjson.dumps(one) + b"\n")
            noted.flush()
            os.fsync(noted.fileno())
        self.parts[path] = one
        return facts

    def finish(self, out: Path, signed: bytes, predicate: dict[str, Any]) -> None:
        """Add the tag files, and give the bag its name."""
        octets = sum(one["size"] for one in self.parts.values())
        tags = {
            "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "bag-info.txt": (
                f"Bag-Software-Agent: Glaswerk {__version__}\nBagging-Date: {predicate['at'][:10]}\n"
                f"External-Identifier: {predicate['root']}\nPayload-Oxum: {octets}.{len(self.parts)}\n"
            ).encode(),
            "manifest-sha512.txt": "".join(
                f"{self.parts[path]['sha512']}  {path}\n" for path in sorted(self.parts)
            ).encode(),
            STATEMENT: signed,
        }
        tags["tagmanifest-sha512.txt"] = "".join(
            f"{hashlib.sha512(data).hexdigest()}  {name}\n" for name, data in sorted(tags.items())
        ).encode()
        for name, data in tags.items():
            write_durably(self._folder / name, data)
        (self._folder / _DONE).unlink()
        self._folder.rename(out)
        make_durable(out.parent)


class _Hashing:
    """A file that knows the size and the SHA-512 of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha512()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._digest.update(data)
        self.size += len(data)
        self._file.write(data)

    def digest(self) -> str:
        return self._digest.hexdigest()


def write_durably(path: Path, data: bytes) -> None:
    """Put a file in place as a whole."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    make_durable(path.parent)
