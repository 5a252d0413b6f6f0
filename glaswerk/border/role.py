"""The database's own border: a role that can read what is public and nothing else, and through which everything leaves.

A column's data class decides whether the role may read it, and `ROWS` which rows of a table it sees: a private video's
caption stands in a public column as well.  A table that is not named there shows no rows until somebody says which.
Both are made anew after every migration (`glaswerk.cli.parts prepare`), so that they follow the models.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from django.db import connection, transaction
from django.db.models import Field
from psycopg import sql

from glaswerk.cell import postgres
from glaswerk.cell.classes import LIBRARY_FIELDS, DataClass, concrete_fields, data_class_of
from glaswerk.cell.config import Cell, current_cell

ROLE: Final = "border"
_POLICY: Final = "border_sees"
_EVERYTHING: Final = "true"
_NOTHING: Final = "false"

# Which rows leave.  The functions are the database's (migration 0001), because the role may not read what they look at.
ROWS: Final = {
    "cell_record": _EVERYTHING,
    "people_person": "border_shows_person(id)",
    "videos_video": "border_shows_video(id)",
    "videos_asset": "border_shows_video(video_id)",
    "videos_sound": "border_shows_video(video_id)",
    "videos_credit": "border_shows_video(video_id)",
    "videos_rendition": "border_shows_video(video_id)",
    "videos_captiontrack": "border_shows_video(video_id)",
    "social_comment": "border_shows_video(video_id) AND border_shows_person(author_id)",
    "social_counts": "border_shows_video(video_id)",
    "feed_statistics": "border_shows_video(video_id)",
    "feed_epochrecord": _EVERYTHING,
    "feed_learnedmodel": _EVERYTHING,
    "feed_policyrecord": _EVERYTHING,
    "shop_merchant": "border_shows_merchant(id)",
    "shop_deliverymethod": "border_shows_merchant(merchant_id)",
    "shop_product": "border_shows_product(id)",
    "shop_picture": "border_shows_product(product_id)",
    "shop_variant": "border_shows_product(product_id)",
    "shop_price": "border_shows_variant(variant_id)",
    "shop_sale": "border_shows_price(price_id)",
    "shop_vatrate": _EVERYTHING,
    "shop_showcaseitem": "border_shows_person(creator_id) AND border_shows_product(product_id)",
    "border_act": _EVERYTHING,
    "border_mark": _EVERYTHING,
    # No message carries them.
    "shop_review": _NOTHING,
    "shop_shelfchange": _NOTHING,
    "shop_tag": "border_shows_video(video_id) AND border_shows_product(product_id)",
    "border_peer": _EVERYTHING,
    "border_cosignature": _EVERYTHING,
    "border_refusedcosignature": _EVERYTHING,
    "border_arrival": _EVERYTHING,
    "border_movehalf": "withdrawn_at IS NULL",
    "border_foreignoffer": _EVERYTHING,
    # What was withdrawn has no words and no files any more.
    "border_spoken": _EVERYTHING,
    "border_spokenfile": _EVERYTHING,
    "border_countedday": _EVERYTHING,
}

# What is left to read of a cell that was handed over: the history that its log tells of, and the rules that it names.
LASTING: Final = ("cell_record", "border_act", "border_mark", "feed_policyrecord")

# The cache counts requests by who makes them.
TABLES_WITHOUT_MODELS: Final = {"cell_cache": DataClass.PERSONAL, "django_migrations": DataClass.PERSONAL}


def column_of(field: "Field[Any, Any]") -> str:
    """The name of a concrete field's column."""
    assert field.column is not None
    return field.column


def public_columns() -> dict[str, list[str]]:
    """The public columns of each table, from the models."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for field in concrete_fields():
        if data_class_of(field) is DataClass.PUBLIC:
            found[field.model._meta.db_table].append(column_of(field))
    return dict(found)


def grant() -> None:
    """Give the role exactly what is public now, and write the libraries' data classes into the database too.

    Of a cell that was handed over nothing is but its history: the rest is the new owner's to say.
    """
    columns, role = public_columns(), sql.Identifier(ROLE)
    with transaction.atomic(), connection.cursor() as cursor:
        # All of them first: a vacuum of a table waits for whoever has changed the table's rights, and would be waited for.
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(_list(sorted(columns))))
        cursor.execute("SELECT border_stage(clock_timestamp()) = 'carved'")
        if cursor.fetchone()[0]:
            columns = {table: columns[table] for table in LASTING}
        cursor.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(role))
        cursor.execute(sql.SQL("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {}").format(role))
        for table, names in sorted(columns.items()):
            grant_table(table, names)
        for table, column, data_class in _uncommented(cursor):
            comment = sql.SQL("COMMENT ON COLUMN {}.{} IS {}")
            cursor.execute(comment.format(sql.Identifier(table), sql.Identifier(column), sql.Literal(data_class)))


def grant_table(table: str, columns: Sequence[str]) -> None:
    """Let the role read these columns of a table, of the rows that `ROWS` says."""
    values = {
        "role": sql.Identifier(ROLE),
        "table": sql.Identifier(table),
        "policy": sql.Identifier(_POLICY),
        "columns": _list(columns),
        "rows": sql.SQL(ROWS.get(table, _NOTHING)),
    }
    with connection.cursor() as cursor:
        for statement in (
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            "DROP POLICY IF EXISTS {policy} ON {table}",
            "CREATE POLICY {policy} ON {table} FOR SELECT TO {role} USING ({rows})",
            "GRANT SELECT ({columns}) ON {table} TO {role}",
        ):
            cursor.execute(sql.SQL(statement).format(**values))


def _list(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _uncommented(cursor: Any) -> list[tuple[str, str, str]]:
    """The columns whose class no migration writes: those of the libraries, and of tables that have no model."""
    found = [
        (field.model._meta.db_table, column_of(field), str(data_class_of(field)))
        for field in concrete_fields()
        if field.model._meta.label in LIBRARY_FIELDS
    ]
    cursor.execute(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = ANY(%s)",
        [list(TABLES_WITHOUT_MODELS)],
    )
    return found + [(table, column, str(TABLES_WITHOUT_MODELS[table])) for table, column in cursor.fetchall()]


@contextmanager
def border_connection(cell: Cell | None = None) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection that reads as the role, in one read-only transaction.  Everything that leaves is read by it."""
    with psycopg.connect(postgres.database_url(cell or current_cell())) as reading:
        reading.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reading.read_only = True
        with reading.transaction():
            reading.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(ROLE)))
            yield reading
