"""What the sandbox remembers, on connections of its own.

Every statement here commits by itself: what the pretended provider did stays done, whatever becomes of the caller's
transaction or process.  That is what makes it a provider and not a mock.
"""

import atexit
import json
import secrets
import select
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from glaswerk.cell import postgres
from glaswerk.cell.config import current_cell


def _check_if_it_spoke(connection: Connection[Any]) -> None:
    """Let the pool replace a connection whose server went away, without asking the server each time.

    A server says nothing unasked to an idle connection except that it ends it: only then is the connection tried out.
    """
    if select.select([connection.fileno()], [], [], 0)[0]:
        ConnectionPool.check_connection(connection)


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
                check=_check_if_it_spoke,
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


@dataclass(frozen=True, slots=True)
class Message:
    """A message to be sent so often and so late."""

    body: dict[str, Any]
    after_s: float = 0
    times: int = 1


_PREFIXES: Final = {"pay": "sp", "refund": "sr", "transfer": "st", "dispute": "sd"}
# One statement, so that a deed and its messages come about together.
_INSERT: Final = """
WITH done AS (
    INSERT INTO money_sandboxdeed (kind, key, ref, of_ref, amount, currency, card, state, reason, at, settled_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp(),
        CASE WHEN %s = 'succeeded' THEN clock_timestamp() END)
    ON CONFLICT (kind, key) DO NOTHING RETURNING *
), posted AS (
    INSERT INTO money_sandboxhook (event_id, body, due_at)
    SELECT message.event_id, message.body, clock_timestamp() + make_interval(secs => message.after_s)
    FROM done CROSS JOIN unnest(%s::text[], %s::text[], %s::float8[]) AS message (event_id, body, after_s)
)
SELECT * FROM done
"""


def new_ref(kind: str) -> str:
    """Return a name for a deed that is about to be done."""
    return f"{_PREFIXES[kind]}_{secrets.token_hex(12)}"


def do(
    kind: str, key: str, of_ref: str, amount: int, currency: str, card: str, state: str, reason: str = "",
    ref: str = "", messages: Sequence[Message] = (),
) -> tuple[Deed, bool]:  # fmt: skip
    """Do something once for its key, and post its messages; return what was done then, and whether that was now."""
    event_ids, bodies, delays = _posted(messages)
    with _connections().connection() as connection, connection.cursor(row_factory=class_row(Deed)) as cursor:
        done = cursor.execute(
            _INSERT,
            [
                kind, key, ref or new_ref(kind), of_ref, amount, currency, card, state, reason, state,
                event_ids, bodies, delays,
            ],
        ).fetchone()  # fmt: skip
        if done is not None:
            return done, True
        found = cursor.execute("SELECT * FROM money_sandboxdeed WHERE kind = %s AND key = %s", [kind, key]).fetchone()
    assert found is not None
    return found, False


def _posted(messages: Sequence[Message]) -> tuple[list[str], list[str], list[float]]:
    """Return messages as columns; one that comes several times keeps its id."""
    rows = [
        (event_id, json.dumps(message.body), message.after_s)
        for message in messages
        for event_id in [f"evt_{secrets.token_hex(12)}"] * message.times
    ]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


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


def write_messages(messages: Sequence[Message]) -> None:
    """Put messages into the post."""
    with _connections().connection() as connection:
        connection.execute(
            "INSERT INTO money_sandboxhook (event_id, body, due_at)"
            " SELECT event_id, body, clock_timestamp() + make_interval(secs => after_s)"
            " FROM unnest(%s::text[], %s::text[], %s::float8[]) AS message (event_id, body, after_s)",
            [*_posted(messages)],
        )


def due_hooks(at: datetime, limit: int) -> list[DueHook]:
    """Return messages that are due at a time and not sent, in the order they are due."""
    with _connections().connection() as connection, connection.cursor(row_factory=class_row(DueHook)) as cursor:
        return cursor.execute(
            "SELECT id, event_id, body FROM money_sandboxhook WHERE sent_at IS NULL AND due_at <= %s"
            " ORDER BY due_at, id LIMIT %s",
            [at, limit],
        ).fetchall()


def mark_sent(hooks: Sequence[int]) -> None:
    """Note that messages were received."""
    with _connections().connection() as connection:
        connection.execute("UPDATE money_sandboxhook SET sent_at = clock_timestamp() WHERE id = ANY(%s)", [list(hooks)])


def forget_everything() -> None:
    """Empty the sandbox, for tests: its rows do not go away with a test's transaction."""
    with _connections().connection() as connection:
        # Not TRUNCATE, which would wait for a test that has only read these tables.
        connection.execute("DELETE FROM money_sandboxdeed")
        connection.execute("DELETE FROM money_sandboxhook")
