"""Accept: the buyer opens the bag, hashes everything again, and takes it in as a whole or not at all.

Files are put aside until they are proved.  The tables come in one transaction, which commits only after every root was
made once more from the tables themselves.  Whatever is interrupted is begun again, and ends with the same roots.
"""

import hashlib
import os
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, cast

from psycopg import Connection, sql

from glaswerk.border.carve import inventory, statement
from glaswerk.border.carve.exporting import STATEMENT, Progress, work_folder, write_durably
from glaswerk.border.carve.failures import CarveRefused
from glaswerk.border.carve.inventory import StoredFile, Way
from glaswerk.border.carve.sealing import Identity, unseal
from glaswerk.border.roots import Root, RunningRoot, Table, all_tables, fix_settings
from glaswerk.border.sunset.still import own_connection
from glaswerk.cell.blobs import make_durable
from glaswerk.cell.config import Cell
from glaswerk.cell.entries import EntryKind
from glaswerk.cell.keys import read_or_make_key
from glaswerk.cell.public_log import log_signer
from glaswerk.cell.recorder import record_once
from glaswerk.cell.records import record_on
from glaswerk.people.keyring import key_holder
from glaswerk.tlog import VerifierKey

RECEIPT: Final = "receipt.dsse.json"
_TAGS: Final = ("bag-info.txt", "bagit.txt", "manifest-sha512.txt", STATEMENT, "tagmanifest-sha512.txt")
_LINE: Final = re.compile(
    r"([0-9a-f]{128})  ((?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*)", re.ASCII
)
# A path within a bucket: no empty part, none that is a dot or two.
_PATH: Final = re.compile(r"(?!(?:.*/)?\.\.?(?:/|\Z))[^/\x00-\x1f\\]+(?:/[^/\x00-\x1f\\]+)*")
_PIECE: Final = 1 << 20
_LARGEST_TAG: Final = 64 << 20
_WRAPPERS: Final = 16


def accept(cell: Cell, bag: Path, identity: Identity, seller: VerifierKey, progress: Progress) -> dict[str, Any]:
    """Take a cell over; return the receipt's facts.  Raises CarveRefused, and then nothing has changed."""
    inventory.buckets_of(cell)
    progress("checking the bag")
    digests = check_bag(bag)
    signed = (bag / STATEMENT).read_bytes()
    said = statement.verify(signed, seller, statement.HANDED_OVER)
    if {one["name"]: one["digest"]["sha512"] for one in said["subject"]} != digests:
        raise CarveRefused("The bag holds other files than the signed statement names.")
    predicate: dict[str, Any] = said["predicate"]
    if inventory.root_of_all(predicate["tables"], predicate["buckets"]) != predicate["root"]:
        raise CarveRefused("The roots of the statement do not lead to its own root.")
    done = work_folder(cell) / RECEIPT
    digest = hashlib.sha256(signed).hexdigest()
    if not (done.exists() and _is_about(done.read_bytes(), cell, digest)):
        _check_is_empty(cell, predicate, digest)
        _stage_files(cell, bag, identity, predicate, digest, progress)
        with own_connection(cell) as connection:
            if not _is_loaded(connection, digest):
                _load_tables(cell, connection, bag, identity, predicate, digest, progress)
        _place_files(cell, predicate, digest)
        record_once(cell)
        progress("signing the receipt")
        write_durably(done, _receipt(cell, predicate, digest))
    facts = statement.verify(done.read_bytes(), log_signer(cell).key, statement.ACCEPTED)["predicate"]
    return {**facts, "receipt": str(done), "buyer_key": log_signer(cell).key.text}


def check_bag(bag: Path) -> dict[str, str]:
    """Return the SHA-512 of every payload file, all of them made again.  Raises CarveRefused for anything that is odd."""
    found = set()
    for path in sorted(bag.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise CarveRefused(
                f"{path.relative_to(bag)} in the bag is no plain file. A bag has neither links nor devices."
            )
        if path.is_file():
            found.add(path.relative_to(bag).as_posix())
    if missing := set(_TAGS) - found:
        raise CarveRefused(f"The bag has no {min(missing)}.")
    tags = _manifest(bag, "tagmanifest-sha512.txt")
    payload = _manifest(bag, "manifest-sha512.txt")
    if set(tags) != set(_TAGS) - {"tagmanifest-sha512.txt"} or any(not name.startswith("data/") for name in payload):
        raise CarveRefused("The bag's manifests name what does not belong there.")
    if odd := found ^ {*tags, *payload, "tagmanifest-sha512.txt"}:
        raise CarveRefused(f"The bag's manifests and its files differ: {min(odd)}.")
    for name, digest in {**tags, **payload}.items():
        with (bag / name).open("rb") as file:
            if hashlib.file_digest(file, "sha512").hexdigest() != digest:
                raise CarveRefused(f"{name} is not what the bag's manifest says.")
    return payload


def _manifest(bag: Path, name: str) -> dict[str, str]:
    path = bag / name
    if path.stat().st_size > _LARGEST_TAG:
        raise CarveRefused(f"{name} is too large.")
    found = {}
    *lines, end = path.read_bytes().decode(errors="replace").split("\n")
    for line in [*lines, *([end] if end else [])]:
        matched = _LINE.fullmatch(line)
        if matched is None or matched[2] in found:
            raise CarveRefused(f"{name} has a line that no manifest has: {line[:200]!r}.")
        found[matched[2]] = matched[1]
    return found


def _check_is_empty(cell: Cell, predicate: dict[str, Any], digest: str) -> None:
    with own_connection(cell) as connection:
        if inventory.schema_of(connection) != predicate["schema"]:
            raise CarveRefused(
                f"The tables of this installation are not those of the seller's ({predicate['version']})."
                " Install the same version on both sides."
            )
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM people_person), EXISTS (SELECT FROM border_act)"
        ).fetchone()
        assert row is not None
        if (row[0] or row[1]) and not _is_loaded(connection, digest):
            raise CarveRefused("This cell has people or a history of its own. Accept into a new data folder.")


def _is_loaded(connection: Connection[Any], digest: str) -> bool:
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM cell_record WHERE kind = 'carve' AND facts ->> 'step' = 'accept'"
        " AND facts ->> 'sha256' = %s)",
        [digest],
    ).fetchone()
    return row is not None and bool(row[0])


def _is_about(receipt: bytes, cell: Cell, digest: str) -> bool:
    said = statement.verify(receipt, log_signer(cell).key, statement.ACCEPTED)
    return bool(said["subject"][0]["digest"]["sha256"] == digest)


# Files ----------------------------------------------------------------------------------------------------------------


def _staging(cell: Cell, digest: str) -> Path:
    return work_folder(cell) / f"incoming-{digest[:16]}"


def _target(cell: Cell, bucket: str) -> Path:
    # The old log is history here; this cell's own one goes on.
    return work_folder(cell) / "old-log" if bucket == "log" else inventory.buckets_of(cell)[bucket]


def _stage_files(
    cell: Cell, bag: Path, identity: Identity, predicate: dict[str, Any], digest: str, progress: Progress
) -> None:
    staging = _staging(cell, digest)
    for bucket, facts in predicate["buckets"].items():
        whole = staging / f"{bucket}.whole"
        if whole.exists():
            continue
        folder = staging / bucket
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        running, size = RunningRoot(), 0
        for pack in sorted((bag / "data" / "buckets" / bucket).glob("*.age")):
            progress(f"bucket {bucket}, {pack.name}")
            for one in _unpack(pack, identity, folder):
                running.add(one.leaf)
                size += one.size
        if {"count": running.count, "bytes": size, "root": running.root().hex()} != facts:
            raise CarveRefused(f"The files of {bucket} are not those whose root the seller signed.")
        make_durable(folder)
        write_durably(whole, b"")


def _unpack(pack: Path, identity: Identity, folder: Path) -> Iterator[StoredFile]:
    with pack.open("rb") as file:
        stream = _Stream(unseal(file, identity))
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|", bufsize=_PIECE) as tar:
                for info in tar:
                    if not info.isreg() or not _PATH.fullmatch(info.name):
                        raise CarveRefused(
                            f"A pack holds {info.name[:200]!r}, which is no plain file below its bucket."
                        )
                    source = tar.extractfile(info)
                    assert source is not None
                    yield _store(folder, info.name, source)
        except (tarfile.TarError, FileExistsError, NotADirectoryError) as error:
            raise CarveRefused(f"{pack.name} is no pack of files: {error}") from None
        # What comes behind the last file is looked at too, so that nothing cut off passes.
        stream.drain()


def _store(folder: Path, name: str, source: IO[bytes]) -> StoredFile:
    path = folder / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        while piece := source.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    return StoredFile(name, size, digest.hexdigest())


class _Stream:
    """Chunks, as a file that is read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""

    def read(self, size: int) -> bytes:
        parts, missing = [], size
        while missing > 0:
            if not self._held:
                self._held = next(self._chunks, b"")
                if not self._held:
                    break
            parts.append(self._held[:missing])
            self._held = self._held[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def drain(self) -> None:
        for _ in self._chunks:
            pass


def _place_files(cell: Cell, predicate: dict[str, Any], digest: str) -> None:
    """Put the proved files where the cell looks for them.  A folder that is in the way is kept aside."""
    staging = _staging(cell, digest)
    for bucket in predicate["buckets"]:
        folder, target = staging / bucket, _target(cell, bucket)
        if not folder.exists():
            continue
        # Files reach the disk before their folder gets its name.
        _sync_tree(folder)
        if target.exists():
            aside = work_folder(cell) / f"replaced-{bucket}-{digest[:16]}"
            shutil.rmtree(aside, ignore_errors=True)
            target.rename(aside)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.rename(target)
        make_durable(target.parent)
    shutil.rmtree(staging, ignore_errors=True)


def _sync_tree(folder: Path) -> None:

    for path in folder.rglob("*"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# Tables ---------------------------------------------------------------------------------------------------------------


def _load_tables(
    cell: Cell,
    connection: Connection[Any],
    bag: Path,
    identity: Identity,
    predicate: dict[str, Any],
    digest: str,
    progress: Progress,
) -> None:
    fix_settings(connection)
    tables = {table.name: table for table in all_tables(connection)}
    said: dict[str, Any] = predicate["tables"]
    if unknown := set(said) - set(tables):
        raise CarveRefused(f"The seller has tables that are not known here: {', '.join(sorted(unknown))}.")
    with connection.transaction():
        loaded = [tables[name] for name, facts in said.items() if facts["way"] != Way.KEPT]
        always = _disable_triggers(connection, loaded)
        for table in loaded:
            # What the migrations of a new cell put there comes from the seller as well.
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
        for name, facts in said.items():
            progress(f"table {name}")
            source = bag / "data" / "tables" / f"{name}.age"
            take = {Way.LOADED: _load, Way.KEPT: _keep, Way.KEYS: _wrap}[Way(facts["way"])]
            with source.open("rb") as file:
                rows = _rows(unseal(file, identity))
                running = RunningRoot()
                take(cell, connection, tables[name], _counted(rows, running))
            _compare(name, Root(running.count, running.root().hex()), facts)
        for name, value in predicate["sequences"].items():
            connection.execute("SELECT setval(quote_ident(%s)::regclass, %s)", [name, value])
        for table in loaded:
            progress(f"hashing {table.name}")
            way = Way(said[table.name]["way"])
            running = RunningRoot()
            for row in inventory.rows_to_hand_over(connection, table, way, key_holder()):
                running.add(row)
            _compare(table.name, Root(running.count, running.root().hex()), said[table.name])
        _enable_triggers(connection, always)
        _say_anew(connection)
        people = said["people_person"]["count"]
        facts = {
            "step": "accept",
            "sha256": digest,
            "root": predicate["root"],
            "log": predicate["log"]["origin"],
            "people": people,
        }
        record_on(connection, EntryKind.CARVE, facts)


def _say_anew(connection: Connection[Any]) -> None:
    """Have this cell's own log name what the seller's named: the rules of the feed, and whatever crosses to other cells."""
    for sha256, reason in connection.execute(
        "SELECT sha256, reason FROM (SELECT DISTINCT ON (sha256) id, sha256, reason FROM feed_policyrecord"
        " ORDER BY sha256, id DESC) p ORDER BY id"
    ).fetchall():
        record_on(connection, EntryKind.POLICY, {"policy": "ranking", "sha256": sha256, "reason": reason})
    connection.execute(
        "SELECT border_touch('video', id) FROM videos_video WHERE allow_elsewhere AND border_video_crosses(id)"
        " UNION ALL SELECT border_touch('profile', id) FROM people_person WHERE border_profile_crosses(id)"
        " UNION ALL SELECT border_touch('offer', id) FROM shop_product WHERE border_offer_crosses(id)"
    )


def _compare(name: str, found: Root, said: dict[str, Any]) -> None:
    if (found.count, found.root) != (said["count"], said["root"]):
        raise CarveRefused(f"The table {name} is not the one whose root the seller signed. Nothing was taken over.")


def _rows(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        *whole, held = (held + chunk).split(b"\n")
        yield from whole
    if held:
        raise CarveRefused("A table ends within a row.")


def _counted(rows: Iterator[bytes], running: RunningRoot) -> Iterator[bytes]:
    for row in rows:
        running.add(row)
        yield row


def _load(cell: Cell, connection: Connection[Any], table: Table, rows: Iterator[bytes]) -> None:
    columns = sql.SQL(", ").join(sql.Identifier(one) for one in table.columns)
    copy = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    with connection.cursor() as cursor, cursor.copy(copy) as target:
        held, size = [], 0
        for row in rows:
            held.append(row)
            size += len(row)
            if size > _PIECE:
                target.write(b"\n".join(held) + b"\n")
                held, size = [], 0
        if held:
            target.write(b"\n".join(held) + b"\n")


def _keep(cell: Cell, connection: Connection[Any], table: Table, rows: Iterator[bytes]) -> None:
    """Keep the old cell's history as a file beside its log."""
    folder = work_folder(cell) / "old-tables"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / f"{table.name}.copy").open("wb") as file:
        file.writelines(row + b"\n" for row in rows)


def _wrap(cell: Cell, connection: Connection[Any], table: Table, rows: Iterator[bytes]) -> None:
    """Wrap everybody's keys under this cell's key.  Each of them waits for the disk, so several wait together."""
    holder = key_holder()

    def wrapped(row: bytes) -> bytes:
        destroyed_at, owner, key = row.split(b"\t")
        if destroyed_at != b"\\N":
            holder.destroy(int(owner))
            return b"\t".join((destroyed_at, owner, rb"\\x"))
        return b"\t".join(
            (destroyed_at, owner, rb"\\x" + holder.wrap(int(owner), bytes.fromhex(key.decode())).hex().encode())
        )

    with ThreadPoolExecutor(_WRAPPERS) as pool:
        _load(cell, connection, table, iter(pool.map(wrapped, rows)))


def _disable_triggers(connection: Connection[Any], tables: Iterable[Table]) -> list[tuple[str, str]]:
    """Let rows in as they were: no trigger counts or refuses them again.  Returns those that must be put back."""
    connection.execute("SET LOCAL session_replication_role = replica")
    found = connection.execute(
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE t.tgenabled = 'A' AND NOT t.tgisinternal AND c.relname = ANY(%s)",
        [[table.name for table in tables]],
    ).fetchall()
    for name, trigger in found:
        statement_ = sql.SQL("ALTER TABLE {} DISABLE TRIGGER {}")
        connection.execute(statement_.format(sql.Identifier(name), sql.Identifier(trigger)))
    return [(name, trigger) for name, trigger in found]


def _enable_triggers(connection: Connection[Any], triggers: Iterable[tuple[str, str]]) -> None:
    for name, trigger in triggers:
        again = sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}")
        connection.execute(again.format(sql.Identifier(name), sql.Identifier(trigger)))
    connection.execute("SET LOCAL session_replication_role = origin")


def _receipt(cell: Cell, predicate: dict[str, Any], digest: str) -> bytes:
    """What the buyer says to the seller: the same root, and the first checkpoint of the log that goes on."""
    signer = log_signer(cell)
    note = (cell.tlog / "checkpoint").read_text()
    facts = {
        "root": predicate["root"],
        "tables": predicate["tables"],
        "buckets": predicate["buckets"],
        "log": signer.key.name,
        "checkpoint": note,
        "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    seed = bytes.fromhex(read_or_make_key(cell.keys, "tlog"))
    return statement.sign({STATEMENT: {"sha256": digest}}, statement.ACCEPTED, facts, seed, signer.key)
