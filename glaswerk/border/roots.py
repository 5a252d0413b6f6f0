"""What a table holds, as one hash: a Merkle tree (RFC 6962) over its rows in the order of the primary key.

A leaf is a row as `COPY … TO STDOUT` writes it (PostgreSQL's text format, without the line feed), with the columns in the
order of their names.  The session's settings are fixed, so that the same rows are the same bytes on every server.  Rows
are read as a stream: a table of any size takes the same memory.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from psycopg import Connection, sql

from glaswerk.tlog.merkle import EMPTY_ROOT, HASH_SIZE, leaf_hash, node_hash, root_of

# Whatever of a row's text depends on a session's settings.
_SETTINGS: Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
}
_BLOCK: Final = 4096


class RunningRoot:
    """The root of a tree that grows leaf by leaf, in the memory of one block and a hash a level."""

    def __init__(self) -> None:
        self.count = 0
        self._block: list[bytes] = []
        # The roots of whole subtrees of blocks, the largest first, each with its height.
        self._whole: list[tuple[int, bytes]] = []

    def add(self, entry: bytes) -> None:
        """Append an entry."""
        self._block.append(sha256(b"\x00" + entry).digest())
        self.count += 1
        if len(self._block) == _BLOCK:
            height, made = 0, root_of(b"".join(self._block))
            self._block.clear()
            while self._whole and self._whole[-1][0] == height:
                made = node_hash(self._whole.pop()[1], made)
                height += 1
            self._whole.append((height, made))

    def root(self) -> bytes:
        """The root of what was appended."""
        parts = [made for _height, made in self._whole]
        if self._block:
            parts.append(root_of(b"".join(self._block)))
        if not parts:
            return EMPTY_ROOT
        made = parts.pop()
        while parts:
            made = node_hash(parts.pop(), made)
        return made


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns by name, those of the primary key in the key's order, and which of these hold text."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    textual: frozenset[str]

    def query(self, but: Collection[str] = ()) -> sql.Composed:
        """The rows in their order, as a query."""
        columns = sql.SQL(", ").join(sql.Identifier(one) for one in self.columns if one not in but)
        # The order must not depend on how a server sorts words.
        order = sql.SQL(", ").join(
            sql.SQL('{} COLLATE "C"' if one in self.textual else "{}").format(sql.Identifier(one)) for one in self.key
        )
        return sql.SQL("SELECT {} FROM {} ORDER BY {}").format(columns, sql.Identifier(self.name), order)


@dataclass(frozen=True, slots=True)
class Root:
    """How many rows, and the root over them."""

    count: int
    root: str


_TABLES: Final = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attname),
    (SELECT array_agg(k.attname::text ORDER BY x.place) FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS x (number, place)
        JOIN pg_attribute k ON k.attnum = x.number WHERE i.indrelid = c.oid AND i.indisprimary AND k.attrelid = c.oid),
    array_agg(a.attname::text) FILTER (WHERE a.attcollation <> 0)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
GROUP BY c.oid, c.relname ORDER BY c.relname COLLATE "C"
"""


def all_tables(connection: Connection[Any]) -> list[Table]:
    """Return every table of the cell.  Raises ValueError for one without a primary key, whose rows have no order."""
    found = []
    for name, columns, key, textual in connection.execute(_TABLES):
        if not key:
            raise ValueError(f"the table {name} has no primary key")
        found.append(Table(name, tuple(columns), tuple(key), frozenset(textual or ())))
    return found


def fix_settings(connection: Connection[Any]) -> None:
    """Have a session write rows in the one way that roots are made of."""
    for name, value in _SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])


def rows_of(connection: Connection[Any], table: Table, but: Collection[str] = ()) -> Iterator[bytes]:
    """Yield the rows of a table, each as its leaf.  `fix_settings` comes before."""
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY ({}) TO STDOUT").format(table.query(but))) as copied,
    ):
        # The server sends a row a message.
        for row in copied:
            yield bytes(row[:-1])


def root_over(entries: Iterable[bytes]) -> Root:
    """Return the root over entries."""
    running = RunningRoot()
    for entry in entries:
        running.add(entry)
    return Root(running.count, running.root().hex())


def table_root(connection: Connection[Any], table: Table, but: Collection[str] = ()) -> Root:
    """Return the root of a table, without some of its columns."""
    return root_over(rows_of(connection, table, but))


def root_of_roots(roots: Mapping[str, Root]) -> str:
    """Return one root over several: its leaves are `name count root`, in the order of the names."""
    hashes = b"".join(leaf_hash(f"{name} {roots[name].count} {roots[name].root}".encode()) for name in sorted(roots))
    assert len(hashes) == HASH_SIZE * len(roots)
    return root_of(hashes).hex()
