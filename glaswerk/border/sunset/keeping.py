"""What the cell's own processes do about the sunset: rest in the dark, and write down what has begun."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from glaswerk.border.sunset.plan import Stage
from glaswerk.border.sunset.state import copy, watch
from glaswerk.cell.config import current_cell

LOOK_EVERY_S: Final = 0.25
_RETRY_S: Final = 5.0
_DARK: Final = (Stage.DARK, Stage.CARVED)
_logger = structlog.get_logger("glaswerk.sunset")

Work = Callable[[], Awaitable[None]]


async def while_lit(work: Work, in_the_dark: Work | None = None) -> None:
    """Work until cancelled, but not in the dark; there, do the other thing or nothing.  Raises what the work raises."""
    watch(current_cell())
    await asyncio.to_thread(copy.known.wait)
    while True:
        begun_dark = is_dark()
        now = in_the_dark if begun_dark else work
        task = asyncio.ensure_future(now() if now is not None else asyncio.Event().wait())
        try:
            while not task.done() and is_dark() is begun_dark:
                await asyncio.wait([task], timeout=LOOK_EVERY_S)
            if task.done():
                await task
                return
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def is_dark() -> bool:
    """Whether the tables take nothing now, as this process knows (`state.watch`)."""
    return copy.stage() in _DARK


def rest_in_the_dark() -> None:
    """Return when the cell is not dark."""
    while is_dark():
        time.sleep(LOOK_EVERY_S)


async def mark_for_ever() -> None:
    """Write down each stage when it has begun.  Nothing depends on how soon; the marks are evidence."""
    from glaswerk.border.sunset.marks import mark_reached

    marked = None
    while True:
        plan, stage = copy.plan, copy.stage()
        pause = LOOK_EVERY_S
        if stage in (Stage.READONLY, Stage.DARK) and (plan.version, stage) != marked:
            try:
                await asyncio.to_thread(_in_own_thread, mark_reached)
                marked = (plan.version, stage)
            except Exception as error:
                _logger.error("a stage of the sunset cannot be marked now", exc_info=error)
                pause = _RETRY_S
        await asyncio.sleep(pause)


def _in_own_thread(work: Callable[[], object]) -> None:
    from django.db import connection

    try:
        work()
    finally:
        # A thread of the pool may not be met again.
        connection.close()
