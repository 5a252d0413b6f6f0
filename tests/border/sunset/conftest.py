"""A cell in a test's own hands: its sunset begins open, and ends open."""

from collections.abc import Iterator
from typing import Any

import pytest

from glaswerk.border.sunset import state
from glaswerk.border.sunset.actions import Signed
from glaswerk.border.sunset.still import drop_guards

SIGNED = Signed("Art. 1 of the Example Act", "the law says so", "legal department")


@pytest.fixture
def sunset(transactional_db: None, tmp_path: Any, settings: Any) -> Iterator[None]:
    """Acts on the tests' database, with a public log of its own."""
    from glaswerk.cell.config import Cell

    cell = Cell(settings.CELL.data)
    cell.tlog = tmp_path / "tlog"
    settings.CELL = cell
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    state.copy.forget()
    yield
    drop_guards(cell)
    state.copy.forget()
