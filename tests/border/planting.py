"""A canary in every column of every table: rows of all tables by introspection, for as many people as a test wants.

The rules of the tables (keys, checks, triggers) are set aside in the transaction of the test, because what is asked here is
not whether a row is right, but whether its columns leave.  Row `i` of every table belongs to person `i`.
"""

import json
import random
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from psycopg import sql

from glaswerk.border.columns import all_columns
from glaswerk.border.outward.reading import as_border
from glaswerk.border.role import ROLE, ROWS
from glaswerk.canary import new_token

Place = tuple[str, str]
Value = str | None

# What makes a row one that leaves at all, as the database's functions ask it (border/migrations/0001_role.py).
GATES: dict[Place, Value] = {
    ("people_person", "is_active"): "t",
    ("videos_video", "state"): "ready",
    ("videos_video", "visibility"): "public",
    ("videos_video", "taken_down_at"): None,
    ("shop_merchant", "state"): "approved",
    ("shop_product", "state"): "active",
    ("border_movehalf", "withdrawn_at"): None,
}
# The ids that those functions follow, beside those that the policies themselves name.
_FOLLOWED = {
    ("videos_video", "creator_id"),
    ("shop_product", "merchant_id"),
    ("shop_variant", "product_id"),
    ("shop_price", "variant_id"),
    ("shop_variant", "id"),
    ("shop_price", "id"),
}
LINKS: set[Place] = _FOLLOWED | {
    (table, column) for table, rows in ROWS.items() for column in re.findall(r"border_shows_\w+\((\w+)\)", rows)
}
_TYPES = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL), nullif(a.atttypmod, -1) - 4, t.typtype,
       ARRAY(SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND c.relkind = 'r'
    AND c.relnamespace = 'public'::regnamespace
ORDER BY c.relname, a.attnum
"""
_RULES = """
SELECT conrelid::regclass::text, conname FROM pg_constraint
WHERE contype IN ('c', 'u', 'x', 'p') AND connamespace = 'public'::regnamespace AND conrelid <> 0
"""
_GUARDS = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled = 'A' AND NOT tgisinternal"
_UNIQUE = """
SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND NOT c.relname = ANY(%s)
"""
_READABLE = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    AND has_column_privilege(%s, c.oid, a.attnum, 'SELECT') AND (%s OR c.relname = ANY(%s))
ORDER BY c.relname, a.attnum
"""
_EPOCH = datetime(2100, 1, 1, tzinfo=UTC)
# What has so many bits in one value is unmistakable by itself; the rest is so by all of its rows together.
_WIDE = frozenset({"bigint", "timestamp with time zone", "uuid", "tstzrange", "bytea", "jsonb"})


@dataclass(frozen=True)
class Planted:
    """What stands in the tables now: each column's values in the order of the rows, as the database writes them."""

    stem: str
    classes: Mapping[Place, str]
    values: Mapping[Place, tuple[Value, ...]]
    ids: tuple[int, ...]
    wide: frozenset[Place]

    def of_class(self, *classes: str) -> list[Place]:
        """The columns of these classes."""
        return [place for place in self.values if self.classes[place] in classes]


def _word(length: int) -> str:
    return "".join(random.choices("abcdefghijkmnpqrstuvwxyz23456789", k=length))


def _moment() -> datetime:
    return _EPOCH + timedelta(microseconds=random.randrange(6_000 * 365 * 86_400 * 10**6))


def _day() -> str:
    return str(_moment().date())


def _filler(kind: str, size: int | None, labels: list[str], stem: str) -> Callable[[], str]:
    """How to fill a column of this type.  Raises KeyError for a type that nobody has thought of."""
    if labels:
        return lambda: random.choice(labels)
    if kind.endswith("[]"):
        inner = _filler(kind.removesuffix("[]"), size, labels, stem)
        return lambda: f"{{{inner()},{inner()},{inner()}}}"

    def text() -> str:
        return stem + _word(12) if size is None or size >= len(stem) + 12 else _word(size)

    fillers: dict[str, Callable[[], str]] = {
        "character varying": text,
        "text": text,
        "boolean": lambda: random.choice("tf"),
        "smallint": lambda: str(random.randrange(1, 2**15)),
        "integer": lambda: str(random.randrange(1, 2**31)),
        "bigint": lambda: str(random.randrange(2**60, 2**63)),
        "uuid": lambda: str(secrets.token_hex(16)),
        "bytea": lambda: "\\x" + (stem + _word(12)).encode().hex(),
        "jsonb": lambda: json.dumps({"canary": [stem + _word(12)]}),
        "date": _day,
        "timestamp with time zone": lambda: _moment().isoformat(),
        "tstzrange": lambda: "[" + ",".join(map(str, sorted((_moment(), _moment())))) + ")",
        "daterange": lambda: "[" + ",".join(sorted((_day(), _day()))) + ")",
    }
    return fillers[kind]


def _set_rules_aside(cursor: Any, keep: Iterable[str]) -> None:
    """Let the tables take whatever comes, until the transaction is rolled back."""
    cursor.execute(_RULES)
    for table, rule in cursor.fetchall():
        if table not in keep:
            # With it goes whatever refers to it.
            cursor.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {} CASCADE").format(
                    sql.Identifier(table), sql.Identifier(rule)
                )
            )
    cursor.execute(_UNIQUE, [list(keep)])
    for (index,) in cursor.fetchall():
        cursor.execute(f"DROP INDEX {index}")
    cursor.execute(_GUARDS)
    for table, guard in cursor.fetchall():
        cursor.execute(
            sql.SQL("ALTER TABLE {} DISABLE TRIGGER {}").format(sql.Identifier(table), sql.Identifier(guard))
        )
    cursor.execute("SET LOCAL session_replication_role = replica")


def plant(people: int, given: Mapping[Place, Callable[[], Value]], keep: Iterable[str] = ()) -> Planted:
    """Fill every table, but for those to `keep` as they are, with so many rows.  `given`: what some columns must hold."""
    stems = {"PUBLIC": new_token(), "COUNT": new_token()}
    private = new_token()
    ids = tuple(random.randrange(2**60, 2**63) for _ in range(people))
    declared = {(one.table, one.column): one.declared for one in all_columns()}
    with connection.cursor() as cursor:
        cursor.execute(_TYPES)
        tables: dict[str, list[tuple[str, str, int | None, list[str]]]] = {}
        for table, column, kind, size, kind_of_type, labels in cursor.fetchall():
            if table not in keep:
                tables.setdefault(table, []).append((column, kind, size, labels if kind_of_type == "e" else []))
        _set_rules_aside(cursor, keep)
        for table, columns in tables.items():
            ways: list[Callable[[int], Value]] = []
            for column, kind, size, labels in columns:
                place = (table, column)
                if place in LINKS:
                    ways.append(lambda row: str(ids[row]))
                elif place in GATES:
                    ways.append(lambda row, value=GATES[place]: value)  # type: ignore[misc]
                elif place in given:
                    ways.append(lambda row, make=given[place]: make())  # type: ignore[misc]
                else:
                    make = _filler(kind, size, labels, stems.get(declared[place], private))
                    ways.append(lambda row, make=make: make())  # type: ignore[misc]
            cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            names = sql.SQL(", ").join(sql.Identifier(column) for column, *_rest in columns)
            with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)) as copy:
                for row in range(people):
                    copy.write_row([way(row) for way in ways])
        cursor.execute("SET LOCAL session_replication_role = origin")
        values: dict[Place, tuple[Value, ...]] = {}
        for table, columns in tables.items():
            values |= _read(cursor, table, [column for column, *_rest in columns], people)
    wide = frozenset(
        (table, column) for table, columns in tables.items() for column, kind, *_rest in columns if kind in _WIDE
    )
    return Planted(private, {place: declared[place] for place in values}, values, ids, wide - LINKS)


def _read(cursor: Any, table: str, columns: list[str], most: int) -> dict[Place, tuple[Value, ...]]:
    names = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns)
    cursor.execute(sql.SQL("SELECT {} FROM {} LIMIT {}").format(names, sql.Identifier(table), most))
    rows = cursor.fetchall()
    return {(table, column): tuple(row[number] for row in rows) for number, column in enumerate(columns)}


def read_as_border(most: int, table: str = "") -> dict[Place, tuple[Value, ...]]:
    """Everything that the role reads: of all tables, or of one, so many rows of each column that it may."""
    with connection.cursor() as cursor:
        cursor.execute(_READABLE, [ROLE, not table, [table]])
        tables: dict[str, list[str]] = {}
        for name, column in cursor.fetchall():
            tables.setdefault(name, []).append(column)
    reading: AbstractContextManager[Any] = as_border()
    with reading as cursor:
        found: dict[Place, tuple[Value, ...]] = {}
        for name, columns in tables.items():
            found |= _read(cursor, name, columns, most)
    return found
