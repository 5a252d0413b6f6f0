"""Roots of tables: those of RFC 6962 over the rows as PostgreSQL writes them, in the same memory for any number."""

import os
from typing import Any

import psycopg
import pytest
from django.conf import settings

from glaswerk.border.roots import Root, RunningRoot, all_tables, fix_settings, root_of_roots, rows_of, table_root
from glaswerk.cell import postgres
from glaswerk.tlog.merkle import EMPTY_ROOT, leaf_hashes, root_of


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4095, 4096, 4097, 8192, 3 * 4096 + 5, 7 * 4096])
def test_a_running_root_is_that_of_the_whole_tree(count: int) -> None:
    entries = [number.to_bytes(4, "big") for number in range(count)]
    running = RunningRoot()
    for entry in entries:
        running.add(entry)
    assert running.count == count
    assert running.root() == root_of(leaf_hashes(entries))
    assert len(running._block) < 4096 and len(running._whole) <= 3


def test_a_root_over_roots_tells_names_counts_and_roots_apart() -> None:
    empty, one = Root(0, EMPTY_ROOT.hex()), Root(1, "1" * 64)
    roots = [root_of_roots(each) for each in ({"a": empty}, {"b": empty}, {"a": one}, {"a": empty, "b": one}, {})]
    assert len(set(roots)) == 5
    assert root_of_roots({"b": one, "a": empty}) == root_of_roots({"a": empty, "b": one})


@pytest.fixture
def scratch(db: None) -> Any:
    """A connection of which nothing stays."""
    with psycopg.connect(postgres.database_url(settings.CELL)) as connection:
        connection.execute("CREATE TABLE zz_root (word text, at timestamptz, data bytea, n int, PRIMARY KEY (word, n))")
        yield connection
        connection.rollback()


def root(connection: Any) -> Root:
    (table,) = [one for one in all_tables(connection) if one.name == "zz_root"]
    return table_root(connection, table)


def test_the_same_rows_have_the_same_root_whatever_the_session_and_the_order_of_writing(scratch: Any) -> None:
    rows = [("ß\n\t\\", 1), ("Z", 2), ("a", 3), ("", 4), ("é", 5)]
    insert = "INSERT INTO zz_root VALUES (%s, '2026-01-19 12:00:00.5+00', '\\x00ff', %s)"
    fix_settings(scratch)
    for row in rows:
        scratch.execute(insert, row)
    first = root(scratch)
    assert first.count == 5
    scratch.execute("DELETE FROM zz_root")
    scratch.execute("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET bytea_output = 'escape'")
    for row in reversed(rows):
        scratch.execute(insert, row)
    assert root(scratch) != first
    fix_settings(scratch)
    assert root(scratch) == first


def test_any_change_changes_the_root(scratch: Any) -> None:
    fix_settings(scratch)
    scratch.execute("INSERT INTO zz_root SELECT 'w' || n, '2026-01-01Z', '\\x01', n FROM generate_series(1, 50) n")
    seen = {root(scratch)}
    for number, change in enumerate(
        (
            "UPDATE zz_root SET data = '\\x02' WHERE n = 7",
            "UPDATE zz_root SET at = at + '1 microsecond' WHERE n = 50",
            "DELETE FROM zz_root WHERE n = 1",
            "INSERT INTO zz_root VALUES ('w1', NULL, '', 1)",
            "UPDATE zz_root SET at = NULL, data = NULL WHERE n = 2",
        ),
        1,
    ):
        scratch.execute(change)
        seen.add(root(scratch))
        assert len(seen) == number + 1


def test_every_table_of_the_cell_has_an_order_and_a_root(scratch: Any) -> None:
    fix_settings(scratch)
    tables = all_tables(scratch)
    assert len(tables) > 60
    for table in tables:
        assert table_root(scratch, table).count == sum(1 for _ in rows_of(scratch, table))


def test_a_large_table_takes_no_more_memory(scratch: Any) -> None:
    fix_settings(scratch)
    scratch.execute("INSERT INTO zz_root SELECT repeat('x', 900), now(), '', n FROM generate_series(1, 60000) n")
    (table,) = [one for one in all_tables(scratch) if one.name == "zz_root"]

    def resident() -> int:
        with open(f"/proc/{os.getpid()}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    assert table_root(scratch, table).count == 60000
    # The rows have 56 MB.
    assert resident() - before < 20 << 20
