"""Whether a data folder and its database were prepared by exactly this installation, so that a start need not do it again.

The mark stands twice, in the data folder and in the database: a folder that is pointed at another database, or a database
that was restored from an older dump, is prepared anew.
"""

import hashlib
import site
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

import glaswerk
from glaswerk.cell import postgres
from glaswerk.cell.config import Cell

# The comment on Django's own list of migrations: it is dumped, restored and dropped together with the tables.
_TABLE: Final = "django_migrations"
_SKIPPED: Final = frozenset(("__pycache__", ".mypy_cache", ".ruff_cache"))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            if path.name not in _SKIPPED:
                yield from _files(path)
        else:
            yield path


@cache
def fingerprint() -> str:
    """Return a SHA-256 over the program's files (path, size, time), its libraries' versions and Python's."""
    package = Path(glaswerk.__file__).parent
    libraries = package.parent / "node_modules" / ".package-lock.json"
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted([*_files(package), *([libraries] if libraries.exists() else [])]):
        facts = path.stat()
        digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    installed = (path for folder in site.getsitepackages() for path in Path(folder).glob("*.dist-info"))
    for name in sorted(path.name for path in installed):
        digest.update(f"{name}\n".encode())
    return digest.hexdigest()


def is_prepared(cell: Cell) -> bool:
    """Whether both marks name this installation; no, where the database cannot be asked."""
    mark = cell.run / "prepared.sha256"
    if not mark.exists() or mark.read_text() != fingerprint() or not (cell.data / "static").exists():
        return False
    try:
        with psycopg.connect(postgres.database_url(cell)) as connection:
            row = connection.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", [_TABLE]).fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and row[0] == fingerprint()


def mark_prepared(cell: Cell) -> None:
    """Set both marks; call it when everything has been prepared."""
    comment = sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier(_TABLE), sql.Literal(fingerprint()))
    with psycopg.connect(postgres.database_url(cell)) as connection:
        connection.execute(comment)
    (cell.run / "prepared.sha256").write_text(fingerprint())
