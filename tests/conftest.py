"""What all tests share: a PostgreSQL and an event log of their own, and whole running cells.

Every test process gets a data folder in a temporary place.  Tests of the apps run against Django's test database in an
embedded PostgreSQL; tests of the whole (`cell`) start `glaswerk up` as its operators do.
"""

from collections.abc import Iterator

import psycopg
import pytest

from tests.cells import RunningCell
from tests.s3 import S3, s3_server


@pytest.fixture(scope="session")
def servers() -> Iterator[None]:
    """An embedded PostgreSQL and NATS for this test process, without a database yet."""
    from glaswerk.cell import postgres
    from glaswerk.cell.config import current_cell
    from glaswerk.cell.supervisor import Supervisor, servers

    cell = current_cell()
    cell.make_folders()
    supervisor = Supervisor(cell)
    try:
        supervisor.start(servers(cell))
        # What these tests hold is gone with their process; what must outlive a kill is tested on whole cells.
        with psycopg.connect(postgres.maintenance_url(cell), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield
    finally:
        supervisor.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: None) -> None:
    """Let the test database have the very name that the lean paths connect to."""
    from django.conf import settings

    # Not a new dictionary: Django may have filled in the rest of it by now.
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = settings.DATABASES["default"]["NAME"]


# The ledger and the public log refuse to be emptied, which the tests of transactions do with every table after each test.
_GUARDED = {
    "border_act": "border_act_is_not_emptied",
    "border_mark": "border_mark_is_not_emptied",
    "cell_record": "cell_record_is_not_emptied",
    "money_account": "money_account_is_not_emptied",
    "money_journal": "money_journal_is_not_emptied",
    "money_entry": "money_entry_is_not_emptied",
}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    """Add the cache's table, which no migration makes, and let the tables be emptied between tests."""
    from django.core.management import call_command
    from django.db import connection

    from glaswerk.money.actions import forget_accounts

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        call_command("createcachetable", verbosity=0)
        from glaswerk.border.role import grant

        grant()
    emptying = connection.ops.sql_flush

    def without_guards(*words: object, **named: object) -> list[str]:
        """Return the statements with the guards away for as long as they take; tests themselves always have them."""
        forget_accounts()
        guarded = [f"ALTER TABLE {table} %s TRIGGER {guard}" for table, guard in _GUARDED.items()]
        return [
            *(one % "DISABLE" for one in guarded),
            *emptying(*words, **named),
            *(one % "ENABLE ALWAYS" for one in guarded),
        ]

    connection.ops.sql_flush = without_guards  # type: ignore[method-assign]
    yield
    # The sandbox has connections of its own, and a database in use cannot be dropped.
    from glaswerk.money.payments.sandbox import store

    store.close()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3-compatible server for this test process."""
    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def live_cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCell]:
    """One whole running cell that many tests share; each uses persons and videos of its own."""
    with RunningCell.started(tmp_path_factory.mktemp("live") / "data") as cell:
        yield cell
