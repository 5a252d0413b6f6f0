"""Learning from time to time: a fit in a process of its own, so that its memory and its time are nobody else's."""

import asyncio
import os
import sys
from typing import Any, Final

import psycopg
import structlog

from glaswerk.cell import postgres
from glaswerk.cell.config import DATA_VARIABLE, Cell

LOOK_EVERY_S: Final = 60.0
# A fit that broke has noted nothing, so it would be due again at once.
AFTER_FAILURE_S: Final = 3600.0
_DUE: Final = """
SELECT now() >= coalesce((SELECT max(fitted_at) FROM feed_learnedmodel), (SELECT min(cut_at) FROM feed_epochrecord))
       + make_interval(hours => %s)
"""
_logger = structlog.get_logger("glaswerk.learning")


async def learn_for_ever(cell: Cell) -> None:
    """Fit whenever the last fit is `learn_hours` old (the first one: so long after the first epoch), until cancelled."""
    hours = cell.config.feed.learn_hours
    while hours:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            if await asyncio.to_thread(_is_due, cell, hours):
                await _fit(cell)
        except (psycopg.Error, OSError) as error:
            _logger.warning("learning is tried again", exc_info=error)


def _is_due(cell: Cell, hours: int) -> bool:
    with psycopg.connect(postgres.database_url(cell)) as connection:
        row: Any = connection.execute(_DUE, [hours]).fetchone()
        return bool(row[0])


async def _fit(cell: Cell) -> None:
    with (cell.logs / "learn.log").open("ab") as log:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "glaswerk", "learn", "fit", "--json",
            env={**os.environ, DATA_VARIABLE: str(cell.data)}, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        # Whoever watches videos comes first.
        os.setpriority(os.PRIO_PROCESS, child.pid, 10)
        try:
            status = await child.wait()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise
    if status:
        _logger.error("a fit broke; learn.log says how", status=status)
        await asyncio.sleep(AFTER_FAILURE_S)
