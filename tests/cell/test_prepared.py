"""A start prepares again whenever the program, the folder or the database is another than the one that was prepared."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from glaswerk.cell import postgres, prepared
from glaswerk.cell.config import Cell, current_cell


@pytest.fixture
def cell(transactional_db: None) -> Cell:
    """A cell with tables, whose marks are set."""
    cell = current_cell()
    (cell.data / "static").mkdir(exist_ok=True)
    prepared.mark_prepared(cell)
    assert prepared.is_prepared(cell)
    return cell


def _in_database(cell: Cell, statement: str) -> None:
    with psycopg.connect(postgres.database_url(cell)) as connection:
        connection.execute(statement)


CHANGES: dict[str, Callable[[Cell], object]] = {
    "a database without the mark": lambda cell: _in_database(cell, "COMMENT ON TABLE django_migrations IS NULL"),
    "a database of another version": lambda cell: _in_database(cell, "COMMENT ON TABLE django_migrations IS 'other'"),
    "a folder without the mark": lambda cell: (cell.run / "prepared.sha256").unlink(),
    "a folder of another version": lambda cell: (cell.run / "prepared.sha256").write_text("other"),
    "no static files": lambda cell: (cell.data / "static").rmdir(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_counts_as_prepared_after(cell: Cell, change: str) -> None:
    CHANGES[change](cell)
    assert not prepared.is_prepared(cell)


def test_an_empty_database_and_one_that_is_away_are_not_prepared(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "database_url", postgres.maintenance_url)
    assert not prepared.is_prepared(cell)
    monkeypatch.setattr(postgres, "database_url", lambda cell: "postgresql://nobody@127.0.0.1:1/none")
    assert not prepared.is_prepared(cell)


def test_a_changed_file_makes_another_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "glaswerk"
    (package / "feed" / "__pycache__").mkdir(parents=True)
    for name in ("__init__.py", "feed/models.py", "feed/__pycache__/models.pyc"):
        (package / name).write_text("")
    monkeypatch.setattr(prepared.glaswerk, "__file__", str(package / "__init__.py"))

    def fingerprint() -> str:
        prepared.fingerprint.cache_clear()
        return prepared.fingerprint()

    try:
        first = fingerprint()
        (package / "feed" / "__pycache__" / "models.pyc").write_text("compiled")
        assert fingerprint() == first
        (package / "feed" / "models.py").write_text("changed = True")
        assert fingerprint() != first
    finally:
        prepared.fingerprint.cache_clear()
