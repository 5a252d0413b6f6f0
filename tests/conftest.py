"""What all tests share: a PostgreSQL and an event log of their own, and whole running cells.

Every test process gets a data folder in a temporary place.  Tests of the apps run against Django's test database in an
embedded PostgreSQL; tests of the whole (`cell`) start `glaswerk up` as its operators do.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cells import RunningCell

_FOLDER = Path(tempfile.mkdtemp(prefix="glaswerk-tests-"))
os.environ["GLASWERK_DATA"] = str(_FOLDER / "cell")
os.environ.pop("DATABASE_URL", None)
os.environ.pop("NATS_URL", None)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "glaswerk.cell.settings")


def pytest_unconfigure() -> None:
    """Remove what the tests made."""
    shutil.rmtree(_FOLDER, ignore_errors=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[None]:
    """An embedded PostgreSQL and NATS for this test process, without a database yet."""
    from glaswerk.cell.config import current_cell
    from glaswerk.cell.supervisor import Supervisor, servers

    cell = current_cell()
    cell.make_folders()
    supervisor = Supervisor(cell)
    try:
        supervisor.start(servers(cell))
        yield
    finally:
        supervisor.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: None) -> None:
    """Let the test database have the very name that the lean paths connect to."""
    from django.conf import settings

    settings.DATABASES["default"]["TEST"] = {"NAME": settings.DATABASES["default"]["NAME"]}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> None:
    """Add the cache's table, which no migration makes."""
    from django.core.management import call_command

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        call_command("createcachetable", verbosity=0)


@pytest.fixture(scope="session")
def live_cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCell]:
    """One whole running cell that many tests share; each uses persons and videos of its own."""
    with RunningCell.started(tmp_path_factory.mktemp("live") / "data") as cell:
        yield cell
