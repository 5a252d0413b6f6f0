"""The database's own border: the role reads public columns of what is published, in every table, and writes nothing."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from glaswerk.border import role
from glaswerk.border.role import ROLE, ROWS, border_connection, public_columns
from glaswerk.cell.classes import DataClass, data_class_of
from glaswerk.people.models import Person
from glaswerk.videos.models import Video

pytestmark = pytest.mark.django_db


def all_columns() -> dict[str, list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm')"
            " AND c.relnamespace = 'public'::regnamespace"
        )
        found: defaultdict[str, list[str]] = defaultdict(list)
        for table, column in cursor.fetchall():
            found[table].append(column)
    return dict(found)


def readable() -> set[tuple[str, str]]:
    """What the role really can read: every column of every table is tried."""
    found = set()
    with border_connection() as reading:
        for table, columns in all_columns().items():
            for column in columns:
                ask = sql.SQL("SELECT {} FROM {} LIMIT 0").format(sql.Identifier(column), sql.Identifier(table))
                try:
                    with reading.transaction():
                        reading.execute(ask)
                except psycopg.errors.InsufficientPrivilege:
                    continue
                found.add((table, column))
    return found


def declared() -> set[tuple[str, str]]:
    return {(table, column) for table, columns in public_columns().items() for column in columns}


@pytest.fixture
def changed_grants() -> Iterator[None]:
    """Put the grants right again, which other tests of this process need."""
    yield
    role.grant()


def test_every_column_is_readable_exactly_where_it_is_public() -> None:
    assert len(all_columns()) > 60
    assert readable() == declared()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("changed_grants")
def test_a_field_that_changes_its_class_is_seen_by_that_test(monkeypatch: pytest.MonkeyPatch) -> None:
    # The mutation: a personal column that somebody declares public, and the other way round.
    before, field = declared(), Person._meta.get_field("email")
    with monkeypatch.context() as patch:
        patch.setattr(field, "db_comment", "PUBLIC")
        role.grant()
        assert ("people_person", "email") in readable()
        assert readable() == before | {("people_person", "email")}
    assert readable() != declared()
    role.grant()
    assert readable() == declared() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("changed_grants")
def test_what_somebody_else_granted_is_taken_back() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"GRANT SELECT, UPDATE ON people_person TO {ROLE}; GRANT SELECT (wrapped) ON people_datakey TO {ROLE}"
        )
    role.grant()
    assert readable() == declared()


def test_the_role_writes_nothing_in_any_table() -> None:
    refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
    words = ("DELETE FROM {}", "TRUNCATE {}", "INSERT INTO {} DEFAULT VALUES", "LOCK TABLE {} IN EXCLUSIVE MODE")
    with border_connection() as reading:
        for table in all_columns():
            for statement in words:
                with pytest.raises(refused), reading.transaction():
                    reading.execute(sql.SQL(statement).format(sql.Identifier(table)))
    # Not because of the transaction alone: the role itself has no right to.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, privilege_type FROM information_schema.column_privileges WHERE grantee = %s AND privilege_type <> 'SELECT'"
            " UNION SELECT table_name, privilege_type FROM information_schema.table_privileges WHERE grantee = %s",
            [ROLE, ROLE],
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", [ROLE])
        assert cursor.fetchone() == (False, False, False)


def test_every_table_with_public_columns_says_which_rows_leave() -> None:
    # Of a table that is not named no rows leave; this is here to remind whoever adds one.
    assert set(ROWS) == set(public_columns()) - {"videos_worker", "money_payoutrun"}


@pytest.mark.django_db(transaction=True)
def test_public_columns_of_what_is_not_published_stay() -> None:
    anna = Person.objects.create(name="anna", email="anna@example.org")
    gone = Person.objects.create(name="gone", is_active=False)
    common: dict[str, Any] = {
        "source": "5" * 64, "state": "ready", "poster": "6" * 64, "duration_ms": 5, "published_at": timezone.now()
    }  # fmt: skip
    shown = Video.objects.create(creator=anna, caption="shown", visibility="public", **common)
    Video.objects.create(creator=anna, caption="private", visibility="private", **common)
    Video.objects.create(creator=anna, caption="for followers", visibility="followers", **common)
    Video.objects.create(creator=anna, caption="unready", visibility="public", **{**common, "state": "uploaded"})
    Video.objects.create(creator=anna, caption="down", visibility="public", taken_down_at=timezone.now(), **common)
    Video.objects.create(creator=gone, caption="gone", visibility="public", **common)
    with border_connection() as reading:
        assert reading.execute("SELECT id, caption FROM videos_video").fetchall() == [(shown.pk, "shown")]
        assert reading.execute("SELECT name FROM people_person").fetchall() == [("anna",)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM videos_video")
        assert cursor.fetchone() == (6,)


def test_classes_stand_in_the_database_for_every_column_that_a_model_has() -> None:
    from django.apps import apps

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname, col_description(c.oid, a.attnum) FROM pg_class c"
            " JOIN pg_attribute a ON a.attrelid = c.oid WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r'"
        )
        comments = {(table, column): comment for table, column, comment in cursor.fetchall()}
    wrong = {
        (model._meta.db_table, field.column)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if comments[model._meta.db_table, field.column] != data_class_of(field)
    }
    assert wrong == set()
    assert DataClass.SECRET in comments.values()
