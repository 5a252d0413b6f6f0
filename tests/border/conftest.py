"""People, and a cell with keys and a log of its own for every test, on the database of the test process."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from glaswerk.cell.config import Cell
from tests.people.conftest import anna, as_anna, make_person

__all__ = ["anna", "as_anna", "make_person"]


@pytest.fixture(autouse=True)
def cell(settings: Settings, tmp_path: Path) -> Cell:
    """Let keys and log go into folders that are thrown away, and let pages name static files without their hashes."""
    cell = Cell(settings.CELL.data)
    cell.keys, cell.tlog = tmp_path / "keys", tmp_path / "tlog"
    settings.CELL = cell
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["tests.people.conftest.CheapArgon2"]
    return cell
