"""Statements that run thousands of times a minute: sent as they are, and parsed and planned once a connection.

Django writes the values into each statement, so that no two are the same and each is parsed and planned anew.  That is
right for pages and costs the busiest paths more than the statement itself.  These use Django's own connection, so what
they do is part of its transaction.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from psycopg import Cursor


def fetch(statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a statement of ours and return its rows.  Values are typed by casts in the statement (`%s::bigint`)."""
    # Whoever counts or watches the queries of a connection sees these too.
    if connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as watched:
            watched.execute(statement, values)
            rows: list[tuple[Any, ...]] = watched.fetchall()
            return rows
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(statement, values, prepare=True)
        return cursor.fetchall()
