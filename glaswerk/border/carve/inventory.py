"""What a cell consists of: every table, every bucket of files, every key, each with its count and its Merkle root.

Every table has a way, and whoever adds one says which.  LOADED ones go into the new cell as they are.  KEPT ones are the
history of the old cell and its log, or refer to it: they are handed over and proved, but the new cell has a history of its
own.  KEYS are unwrapped for the journey, and wrapped under the new cell's key at its end; their root is over the keys
themselves.  The rest is LEFT, with a reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

import orjson
from psycopg import Connection

from glaswerk.border.carve.failures import CarveRefused
from glaswerk.border.roots import Root, Table, all_tables, root_of_roots, root_over, rows_of
from glaswerk.cell.config import Cell
from glaswerk.cell.key_holder import KeyHolder

KEYS_TABLE: Final = "people_datakey"
LOADED: Final = {
    "account": ("emailaddress", "emailconfirmation"),
    "auth": ("group", "group_permissions", "permission"),
    "border": (
        "arrival",
        "countedday",
        "elsewhere",
        "erasure",
        "foreignoffer",
        "import",
        "importrow",
        "movehalf",
        "peer",
    ),
    "django": ("admin_log", "content_type"),
    "feed": (
        *("countedevent", "dials", "epochrecord", "learnedmodel", "policyrecord", "relation", "slaterecord"),
        *("statistics", "watch", "watermark"),
    ),
    "mfa": ("authenticator",),
    "money": (
        *("account", "commission", "destination", "dispute", "entry", "journal", "operation", "payment", "payout"),
        *("payoutrun", "providerevent", "reconciliation", "sandboxdeed", "sandboxhook"),
    ),
    "people": ("departure", "person", "person_groups", "person_user_permissions"),
    "shop": (
        *("address", "attempt", "cart", "cartline", "delivery", "deliverymethod", "earning", "endpoint", "enrolment"),
        *("hold", "interest", "invoice", "location", "merchant", "movement", "notice", "order", "orderevent"),
        *("orderline", "outgoing", "parcel", "parcelline", "picture", "plan", "planproduct", "planrate", "price"),
        *("product", "purchase", "refund", "return", "returnline", "review", "sale", "shelfchange", "showcaseitem"),
        *("showcaseview", "staff", "stock", "tag", "token", "touch", "variant", "vatrate", "voucher"),
    ),
    "social": ("block", "comment", "counts", "follow", "like", "save"),
    "videos": (
        *("asset", "captiontrack", "credit", "cut", "draft", "fingerprint", "rendition", "sound", "source", "upload"),
        "video",
    ),
}
LEFT: Final = {
    "border_change": "what others are still to be told of; the new cell tells them of everything",
    "border_cosignature": "cosignatures are about the old log",
    "border_export": "copies that people took; their files are deleted after a while",
    "border_spoken": "what the old log names; the new cell says it anew, and its own log names it",
    "border_spokenfile": "the files of what the old log names",
    "cell_cache": "counters against too many attempts",
    "django_migrations": "the program's own list, which is compared instead",
    "django_session": "sessions end; people sign in again at the new owner's",
    "procrastinate_*": "the queue, which is made anew from what is unfinished",
    "videos_work*": "which processes worked off the queue",
}
# The access of staff is proved by entries of the old log.
KEPT: Final = ("border_act", "border_mark", "border_refusedcosignature", "cell_record", "people_access")
# Files that stay behind, each with the reason.
LEFT_FILES: Final = {
    "carve": "what the carve-out itself needs between its steps",
    "exports": "copies that people took, which are deleted after a while",
    "keys": "the seller's own keys, which are destroyed at the end",
    "mail": "e-mails that a trial wrote to files",
    "uploads": "unfinished uploads; whole ones are originals",
    "log": "the programs' logs",
    "postgres": "the database's files, whose tables are handed over one by one",
    "run": "what the running programs tell each other",
    "static": "files of the program",
}


class Way(StrEnum):
    """How a table is handed over."""

    LOADED = "loaded"
    KEPT = "kept"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a bucket: its path within it, its size and the SHA-256 of its bytes."""

    path: str
    size: int
    sha256: str

    @property
    def leaf(self) -> bytes:
        """What stands for it in its bucket's tree."""
        return f"{self.path}\t{self.size}\t{self.sha256}".encode()


def way_of(table: str) -> Way | None:
    """How a table is handed over; None where it is left.  Raises CarveRefused for one of which nobody has said how."""
    if any(table.startswith(name[:-1]) if name.endswith("*") else table == name for name in LEFT):
        return None
    if table == KEYS_TABLE:
        return Way.KEYS
    if table in KEPT:
        return Way.KEPT
    app, _, name = table.partition("_")
    if name in LOADED.get(app, ()):
        return Way.LOADED
    raise CarveRefused(f"Nobody has said how the table {table} is handed over: name it in {__name__}.")


def handed_tables(connection: Connection[Any]) -> list[tuple[Table, Way]]:
    """Every table that is handed over, by name."""
    return [(table, way) for table in all_tables(connection) if (way := way_of(table.name)) is not None]


def rows_to_hand_over(connection: Connection[Any], table: Table, way: Way, holder: KeyHolder) -> Iterator[bytes]:
    """The rows of a table, as they travel and as they are hashed."""
    if way is not Way.KEYS:
        yield from rows_of(connection, table)
        return
    assert table.columns == ("destroyed_at", "owner", "wrapped")
    for row in rows_of(connection, table):
        destroyed_at, owner, wrapped = row.split(b"\t")
        key = b""
        if destroyed_at == b"\\N":
            # COPY writes a backslash as two.
            key = holder.unwrap(int(owner), bytes.fromhex(wrapped.removeprefix(rb"\\x").decode())).hex().encode()
        yield b"\t".join((destroyed_at, owner, key))


def buckets_of(cell: Cell) -> dict[str, Path]:
    """The folders of a cell that are handed over.  Raises CarveRefused where its parts are not in its folder."""
    if cell.external_database_url or cell.external_nats_url or cell.config.storage.kind != "local":
        raise CarveRefused(
            "A carve-out takes what lies in the data folder. Move videos there with `glaswerk storage move --to local`,"
            " and use the embedded servers."
        )
    return {
        "archive": cell.archive,
        "epochs": cell.epochs,
        "events": cell.nats / "store",
        "log": cell.tlog,
        "media": cell.media,
        "models": cell.data / "models",
        "originals": cell.uploads / "originals",
    }


def files_of(folder: Path) -> Iterator[StoredFile]:
    """Every file of a bucket, by its path.  Raises CarveRefused for a link, which could lead anywhere."""
    for path in _walk(folder):
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        yield StoredFile(path.relative_to(folder).as_posix(), path.stat().st_size, digest)


def _walk(folder: Path) -> Iterable[Path]:
    # A folder sorts as its files' paths do, so that the order is that of whole paths.
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir(), key=lambda one: f"{one.name}/" if one.is_dir() else one.name):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise CarveRefused(f"{path} is no plain file or folder. Take it away, or put what it means in its place.")
        if path.name == ".incoming" or path.name == ".writer":
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def schema_of(connection: Connection[Any]) -> str:
    """A hash of the columns and types of every table that is loaded; cells with the same one fit each other."""
    rows = connection.execute(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
    )
    found = sorted(row for row in rows if way_of(row[0]) in (Way.LOADED, Way.KEYS))
    return sha256(orjson.dumps(found)).hexdigest()


def sequences_of(connection: Connection[Any]) -> dict[str, int]:
    """How far the counters of the loaded tables have come."""
    rows = connection.execute(
        "SELECT s.sequencename, t.relname, s.last_value FROM pg_sequences s"
        " JOIN pg_depend d ON d.objid = (quote_ident(s.schemaname) || '.' || quote_ident(s.sequencename))::regclass"
        " AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') JOIN pg_class t ON t.oid = d.refobjid AND t.relkind = 'r'"
        " WHERE s.schemaname = 'public' AND s.last_value IS NOT NULL ORDER BY 1"
    )
    return {name: value for name, table, value in rows if way_of(table) is Way.LOADED}


def bucket_facts(files: Iterable[StoredFile]) -> dict[str, Any]:
    """A bucket, as the inventory says it."""
    size = 0

    def leaves() -> Iterator[bytes]:
        nonlocal size
        for one in files:
            size += one.size
            yield one.leaf

    root = root_over(leaves())
    return {"count": root.count, "bytes": size, "root": root.root}


def root_of_all(tables: Mapping[str, Mapping[str, Any]], buckets: Mapping[str, Mapping[str, Any]]) -> str:
    """One root over everything that is handed over."""
    parts = {f"table/{name}": facts for name, facts in tables.items()}
    parts |= {f"bucket/{name}": facts for name, facts in buckets.items()}
    return root_of_roots({name: Root(facts["count"], facts["root"]) for name, facts in parts.items()})
