"""The models of a cell: files named by their hash, and a row for every fit that says what became of it.

A file is whole before a row names it, and the row that puts a model in service is written in one transaction. So a kill at any
moment leaves the model that served before.
"""

import os
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog
from psycopg.types.json import Jsonb

from glaswerk.cell.config import Cell
from glaswerk.feed.slates import Cursor
from glaswerk.glass.learned import Learned, LearnedError

KEPT: Final = 10
"""So many models that have served are kept as files, the latest ones."""
Connection = psycopg.Connection[Any]
_logger = structlog.get_logger("glaswerk.learning")


class NoSuchModel(Exception):  # noqa: N818 - it says what is the case, not that something broke.
    """The model that is asked for cannot serve; the message says why, and what can."""


def model_path(cell: Cell, sha256: str) -> Path:
    """Where a model's file is."""
    return cell.data / "models" / f"{sha256}.model"


def keep(cell: Cell, model: Learned) -> None:
    """Write a model's file, whole or not at all."""
    path = model_path(cell, model.sha256)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    for unfinished in path.parent.glob("*.new"):
        unfinished.unlink()
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(model.encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@lru_cache(maxsize=1)
def _decoded(path: Path, changed_ns: int, size: int, sha256: str) -> Learned:
    return Learned.decode(path.read_bytes(), sha256)


def open_model(cell: Cell, sha256: str) -> Learned:
    """Read a model and check every byte of it. Raises LearnedError, and OSError where the file cannot be read."""
    path = model_path(cell, sha256)
    facts = path.stat()
    return _decoded(path, facts.st_mtime_ns, facts.st_size, sha256)


def model_in_service(cursor: Cursor, cell: Cell) -> Learned | None:
    """The model to cut with: the one in service, else the last good one before it, else none.

    One whose bytes do not match its name is refused, and the next one serves.
    """
    cursor.execute(
        "SELECT sha256 FROM feed_learnedmodel WHERE state IN ('in_service', 'retired') AND sha256 <> ''"
        " AND EXISTS (SELECT 1 FROM feed_learnedmodel WHERE state = 'in_service')"
        " ORDER BY state = 'in_service' DESC, fitted_at DESC, id DESC LIMIT %s",
        [KEPT],
    )
    for (sha256,) in cursor.fetchall():
        try:
            return open_model(cell, sha256)
        except (LearnedError, OSError) as error:
            _logger.error("model refused", model=sha256, exc_info=error)
    return None


def note_refused(connection: Connection, sha256: str, figures: dict[str, Any], reason: str) -> None:
    """Note a fit whose model does not go into service (sha256 is empty where there is none). A known model stays what it is."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO feed_learnedmodel (sha256, fitted_at, figures, state, reason) VALUES (%s, %s, %s, 'refused', %s)"
            " ON CONFLICT (sha256) WHERE NOT (sha256 = '') DO UPDATE SET fitted_at = excluded.fitted_at",
            [sha256, datetime.now(UTC), Jsonb(figures), reason],
        )


def put_in_service(connection: Connection, sha256: str, figures: dict[str, Any], reason: str) -> None:
    """Let a model that is kept serve from the next epoch on; the one before is retired."""
    with connection.transaction():
        connection.execute("UPDATE feed_learnedmodel SET state = 'retired' WHERE state = 'in_service'")
        connection.execute(
            "INSERT INTO feed_learnedmodel (sha256, fitted_at, figures, state, reason) VALUES (%s, %s, %s, 'in_service', %s)"
            " ON CONFLICT (sha256) WHERE NOT (sha256 = '') DO UPDATE SET fitted_at = excluded.fitted_at,"
            " figures = excluded.figures, state = 'in_service', reason = excluded.reason",
            [sha256, datetime.now(UTC), Jsonb(figures), reason],
        )


def roll_back(connection: Connection, cell: Cell, sha256: str | None, reason: str) -> str:
    """Let an earlier model serve again, and return its hash; "" where there is none, so that the policy's own rules serve.

    sha256: which one, by its hash or the beginning of it; None: the one that served before. Raises NoSuchModel, and nothing changes.
    """
    with connection.transaction():
        rows = connection.execute(
            "SELECT sha256, state FROM feed_learnedmodel WHERE sha256 <> '' ORDER BY fitted_at DESC, id DESC FOR UPDATE"
        ).fetchall()
        now = next((name for name, state in rows if state == "in_service"), None)
        if now is None and sha256 is None:
            raise NoSuchModel("no model is in service; the policy's own rules serve")
        target = _target(cell, rows, now, sha256)
        connection.execute(
            "UPDATE feed_learnedmodel SET state = 'rolled_back', reason = %s WHERE state = 'in_service'", [reason]
        )
        if target:
            connection.execute(
                "UPDATE feed_learnedmodel SET state = 'in_service', reason = %s WHERE sha256 = %s",
                [f"rolled back to: {reason}", target],
            )
    return target


def _target(cell: Cell, rows: list[tuple[str, str]], now: str | None, sha256: str | None) -> str:
    if sha256 is None:
        candidates = [name for name, state in rows if state == "retired"]
    else:
        candidates = [name for name, state in rows if name.startswith(sha256) and state != "in_service"]
        if len(candidates) != 1:
            known = "nothing" if not candidates else f"{len(candidates)} models"
            raise NoSuchModel(f"{sha256} names {known} that could serve; `glaswerk learn history` lists them")
    for name in candidates:
        try:
            open_model(cell, name)
        except (LearnedError, OSError) as error:
            if sha256 is not None:
                raise NoSuchModel(f"model {name} cannot serve: {error}") from error
            _logger.error("model refused", model=name, exc_info=error)
            continue
        return name
    return ""


def remove_old_files(connection: Connection, cell: Cell) -> None:
    """Remove the files of all models but the latest ones."""
    rows = connection.execute(
        "SELECT sha256 FROM feed_learnedmodel WHERE sha256 <> '' AND state <> 'refused'"
        " ORDER BY state = 'in_service' DESC, fitted_at DESC LIMIT %s",
        [KEPT],
    ).fetchall()
    kept = {model_path(cell, sha256) for (sha256,) in rows}
    for path in (cell.data / "models").glob("*.model"):
        if path not in kept:
            path.unlink()


def history(connection: Connection) -> list[dict[str, Any]]:
    """Every fit, the latest first: {"sha256", "fitted_at" (ISO 8601), "state", "reason", "figures"}."""
    rows = connection.execute(
        "SELECT sha256, fitted_at, state, reason, figures FROM feed_learnedmodel ORDER BY fitted_at DESC, id DESC"
    ).fetchall()
    names = ("sha256", "fitted_at", "state", "reason", "figures")
    return [{**dict(zip(names, row, strict=True)), "fitted_at": row[1].astimezone(UTC).isoformat()} for row in rows]
