"""Which tables stay as they are in the dark, how the database refuses to change them, and the roots that prove it.

The refusing triggers are there only while there is a plan, so an open cell pays nothing for them.  They ask the plan and
the clock with every statement, as every request does.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import Connection, sql

from glaswerk.border.roots import Root, Table, all_tables, fix_settings, table_root
from glaswerk.cell import postgres
from glaswerk.cell.config import Cell

# What moves in the dark too, each with the reason.  A name that ends in a star stands for all that begin so.
MOVING: Final = {
    "border_act": "the history of the sunset itself",
    "border_mark": "what was found at each step of it",
    "border_export": "people take copies of their data away",
    "cell_cache": "counters against too many attempts to sign in",
    "cell_record": "the way into the public log, which has a root of its own",
    "django_session": "people sign in and out",
    "mfa_authenticator": "the second step of signing in notes when it was used",
    "procrastinate_*": "the queue that makes the copies",
    "videos_work*": "which processes work off the queue",
}
# Of a table that stays: columns that signing in touches.
MOVING_COLUMNS: Final = {"people_person": ("last_login",)}
TRIGGER: Final = "border_stays_in_the_dark"
_WAIT: Final = "5s"
_TRIES: Final = 12


def is_still(table: str) -> bool:
    """Whether a table stays as it is."""
    return not any(table.startswith(name.removesuffix("*")) if name.endswith("*") else table == name for name in MOVING)


@contextmanager
def own_connection(cell: Cell) -> Iterator[Connection[Any]]:
    """A connection beside Django's, in autocommit mode."""
    with psycopg.connect(postgres.database_url(cell), autocommit=True) as connection:
        yield connection


def put_guards(cell: Cell) -> None:
    """Have the database refuse changes of whatever stays, should it be dark.  Safe to run again, and beside everything."""
    with own_connection(cell) as connection:
        guarded = _guarded(connection)
        for table in all_tables(connection):
            if is_still(table.name) and table.name not in guarded:
                _patiently(connection, lambda table=table: _put_guard(connection, table))  # type: ignore[misc]


def drop_guards(cell: Cell) -> None:
    """Take the guards away again."""
    drop = sql.SQL("DROP TRIGGER IF EXISTS {} ON {}")
    with own_connection(cell) as connection:
        for name in sorted(_guarded(connection)):
            for trigger in (TRIGGER, f"{TRIGGER}_whole"):
                statement = drop.format(sql.Identifier(trigger), sql.Identifier(name))
                _patiently(connection, lambda statement=statement: connection.execute(statement))  # type: ignore[misc]


def still_roots(cell: Cell) -> dict[str, Root]:
    """Return the root of every table that stays.  What is being written is waited for, so that nothing comes behind it."""
    with own_connection(cell) as connection, connection.transaction():
        fix_settings(connection)
        tables = [table for table in all_tables(connection) if is_still(table.name)]
        names = sql.SQL(", ").join(sql.Identifier(table.name) for table in tables)
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(names))
        return {table.name: table_root(connection, table, MOVING_COLUMNS.get(table.name, ())) for table in tables}


def _guarded(connection: Connection[Any]) -> set[str]:
    found = connection.execute(
        "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = %s", [TRIGGER]
    )
    return {row[0] for row in found}


def _put_guard(connection: Connection[Any], table: Table) -> None:
    but = MOVING_COLUMNS.get(table.name, ())
    columns = sql.SQL(", ").join(sql.Identifier(one) for one in table.columns if one not in but)
    update = sql.SQL("UPDATE OF {}").format(columns) if but else sql.SQL("UPDATE")
    name = sql.Identifier(table.name)
    make = sql.SQL(
        "CREATE TRIGGER {} BEFORE {} ON {} FOR EACH STATEMENT EXECUTE FUNCTION border_refuse_in_the_dark();"
        "ALTER TABLE {} ENABLE ALWAYS TRIGGER {}"
    )
    with connection.transaction():
        # A trigger of the columns that an UPDATE names takes no TRUNCATE, so that has one of its own.
        for trigger, events in (
            (f"{TRIGGER}_whole", sql.SQL("TRUNCATE")),
            (TRIGGER, sql.SQL("INSERT OR DELETE OR {}").format(update)),
        ):
            identifier = sql.Identifier(trigger)
            connection.execute(make.format(identifier, events, name, name, identifier))


def _patiently(connection: Connection[Any], work: Callable[[], object]) -> None:
    """Do work that needs a table for a moment, and let others go first rather than have them wait behind us for long."""
    connection.execute("SELECT set_config('lock_timeout', %s, false)", [_WAIT])
    for attempt in range(_TRIES):
        try:
            work()
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.1)
