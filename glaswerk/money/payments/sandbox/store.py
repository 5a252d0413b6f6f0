"""What the sandbox remembers, on connections of its own.

Every statement here commits by itself: what the pretended provider did stays done, whatever becomes of the caller's
transaction or process.  That is what makes it a provider and not a mock.
"""

import atexit
import json
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from glaswerk.cell import postgres
from glaswerk.cell.config import current_cell

_lock = threading.Lock()
_pool: "ConnectionPool[Connection[Any]] | None" = None


def _connections() -> "ConnectionPool[Connection[Any]]":
    global _pool
    with _lock:
        if _pool is None:
            _pool = ConnectionPool(
                postgres.database_url(current_cell()),
                kwargs={"autocommit": True},
                min_size=0,
                max_size=8,
                timeout=20,
                open=True,
                check=ConnectionPool.check_connection,
            )
            atexit.register(close)
        return _pool


def close() -> None:
    """Close the connections; the next use opens new ones."""
    global _pool
    with _lock:
        if _pool is not None:
            _pool.close()
            _pool = None


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that the sandbox did, or would have."""

    id: int
    kind: str
    key: str
    ref: str
    of_ref: str
    amount: int
    currency: str
    card: str
    state: str
    reason: str
    at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueHook:
    """A message that is due."""

    id: int
    event_id: str
    body: str


_INSERT: Final = """
INSERT INTO money_sandboxdeed (kind, key, ref, of_ref, amount, currency, card, state, reason, at, settled_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp(),
    CASE WHEN %s = 'succeeded' THEN clock_timestamp() END)
ON CONFLICT (kind, key) DO NOTHING
"""


def do(
    kind: str, key: str, of_ref: str, amount: int, currency: str, card: str, state: str, reason: str = ""
) -> tuple[Deed, bool]:
    """Do something once for its key; return what was done then, and whether that was now."""
    ref = f"{_PREFIXES[kind]}_{secrets.token_hex(12)}"
    with _connections().connection() as connection:
        done = connection.execute(
            _INSERT, [kind, key, ref, of_ref, amount, currency, card, state, reason, state]
        ).rowcount
        with connection.cursor(row_factory=class_row(Deed)) as cursor:
            found = cursor.execute(
                "SELECT * FROM money_sandboxdeed WHERE kind = %s AND key = %s", [kind, key]
            ).fetchone()
    assert found is not None
    return found, done == 1


_PREFIXES: Final = {"pay": "sp", "refund": "sr", "transfer": "st", "dispute": "sd"}


def move(ref: str, before: Iterable[str], state: str, reason: str = "", card: str | None = None) -> Deed | None:
    """Move a deed to another state where it is in one of those before; return it as it is then, None where it is not."""
    with _connections().connection() as connection, connection.cursor(row_factory=class_row(Deed)) as cursor:
        cursor.execute(
            "UPDATE money_sandboxdeed SET state = %s, reason = %s, card = coalesce(%s, card), settled_at ="
            " CASE WHEN %s = 'succeeded' THEN clock_timestamp() ELSE settled_at END"
            " WHERE ref = %s AND state = ANY(%s) RETURNING *",
            [state, reason, card, state, ref, list(before)],
        )
        return cursor.fetchone()


def by_key(kind: str, key: str) -> Deed | None:
    """Return a deed by its key."""
    return _one("SELECT * FROM money_sandboxdeed WHERE kind = %s AND key = %s", kind, key)


def by_ref(ref: str) -> Deed | None:
    """Return a deed by the sandbox's own name for it."""
    return _one("SELECT * FROM money_sandboxdeed WHERE ref = %s", ref)


def _one(sql: Any, *values: Any) -> Deed | None:
    with _connections().connection() as connection, connection.cursor(row_factory=class_row(Deed)) as cursor:
        return cursor.execute(sql, values).fetchone()


def refunded(payment_ref: str) -> int:
    """Return how much of a payment was given back."""
    with _connections().connection() as connection:
        found = connection.execute(
            "SELECT coalesce(sum(amount), 0)::bigint FROM money_sandboxdeed"
            " WHERE kind = 'refund' AND of_ref = %s AND state <> 'failed'",
            [payment_ref],
        ).fetchone()
    assert found is not None
    return int(found[0])


def settled_on(day: date) -> list[Deed]:
    """Return what moved money on a day (UTC), disputes included."""
    with _connections().connection() as connection, connection.cursor(row_factory=class_row(Deed)) as cursor:
        return cursor.execute(
            "SELECT * FROM money_sandboxdeed WHERE (settled_at AT TIME ZONE 'UTC')::date = %s ORDER BY settled_at, id",
            [day],
        ).fetchall()


def charges(key: str) -> int:
    """Return how many payments the sandbox took whose key begins so; tests count them."""
    with _connections().connection() as connection:
        found = connection.execute(
            "SELECT count(*) FROM money_sandboxdeed WHERE kind = 'pay' AND state = 'succeeded' AND starts_with(key, %s)",
            [key],
        ).fetchone()
    assert found is not None
    return int(found[0])


def write_hook(event_id: str, body: dict[str, Any], after_s: float = 0, times: int = 1) -> None:
    """Put a message into the post, to be sent so often and so late."""
    with _connections().connection() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO money_sandboxhook (event_id, body, due_at)"
            " VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s))",
            [[event_id, json.dumps(body), after_s]] * times,
        )


def due_hooks(at: datetime, limit: int) -> list[DueHook]:
    """Return messages that are due at a time and not sent, in the order they are due."""
    with _connections().connection() as connection, connection.cursor(row_factory=class_row(DueHook)) as cursor:
        return cursor.execute(
            "SELECT id, event_id, body FROM money_sandboxhook WHERE sent_at IS NULL AND due_at <= %s"
            " ORDER BY due_at, id LIMIT %s",
            [at, limit],
        ).fetchall()


def mark_sent(hook: int) -> None:
    """Note that a message was received."""
    with _connections().connection() as connection:
        connection.execute("UPDATE money_sandboxhook SET sent_at = clock_timestamp() WHERE id = %s", [hook])


def forget_everything() -> None:
    """Empty the sandbox, for tests: its rows do not go away with a test's transaction."""
    with _connections().connection() as connection:
        # Not TRUNCATE, which would wait for a test that has only read these tables.
        connection.execute("DELETE FROM money_sandboxdeed")
        connection.execute("DELETE FROM money_sandboxhook")
