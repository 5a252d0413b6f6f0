"""The epoch cutter: a fresh epoch at least as often as the settings say, and soon after a video changed."""

import asyncio
from typing import Final

import psycopg
import structlog

from glaswerk.cell import postgres
from glaswerk.cell.config import Cell, current_cell
from glaswerk.cell.database import close_pool, open_pool
from glaswerk.cell.ids import now_ms
from glaswerk.cell.log import EVENTS, EventLog
from glaswerk.feed import epochs
from glaswerk.feed.learning.schedule import learn_for_ever
from glaswerk.feed.market import LOOK_EVERY_S, market
from glaswerk.glass import PolicyError

# Several videos that change together share one epoch.
SETTLE_S: Final = 1.0
# After a failure the next try comes this soon; the epoch in service stays meanwhile.
RETRY_S: Final = 5.0
_SWEEP_EVERY_MS: Final = 3_600_000
_logger = structlog.get_logger("glaswerk.cutter")


async def main() -> None:
    """Cut epochs until cancelled, with the lock that keeps other cutters waiting."""
    cell = current_cell()
    with psycopg.connect(postgres.database_url(cell), autocommit=True) as connection:
        await asyncio.to_thread(epochs.wait_for_cutter_lock, connection)
        changed = asyncio.Event()
        await open_pool()
        beside = [
            asyncio.create_task(_watch_for_changes(changed)),
            asyncio.create_task(_watch_what_sells(changed)),
            # Where epochs are cut they are learned for: so of several machines one learns.
            asyncio.create_task(learn_for_ever(cell)),
        ]
        try:
            await _cut_for_ever(cell, changed, connection)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await close_pool()


async def _watch_for_changes(changed: asyncio.Event) -> None:
    while True:
        try:
            log = await EventLog.connect()
            async for batch in log.tail(EVENTS, await log.stream_end(EVENTS)):
                if any(entry.subject == "videos" for entry in batch):
                    changed.set()
        except Exception as error:
            _logger.warning("watching for changes starts anew", exc_info=error)
        await asyncio.sleep(1)


async def _watch_what_sells(changed: asyncio.Event) -> None:
    """Have an epoch cut soon after a video began or ceased to sell something, because the cap counts by it."""
    selling = market()
    if selling is None:
        return
    shelf, known = selling.shelf(), None
    while True:
        try:
            await shelf.catch_up()
            if shelf.selling() != known:
                if known is not None:
                    changed.set()
                known = shelf.selling()
        except Exception as error:
            _logger.warning("what sells is looked at again", exc_info=error)
        await asyncio.sleep(LOOK_EVERY_S)


async def _cut_for_ever(cell: Cell, changed: asyncio.Event, lock: "psycopg.Connection[object]") -> None:
    swept = 0
    while True:
        changed.clear()
        pause = float(cell.config.feed.epoch_seconds)
        try:
            await asyncio.to_thread(epochs.cut, cell)
            if now_ms() - swept > _SWEEP_EVERY_MS:
                swept = now_ms()
                await asyncio.to_thread(epochs.remove_old, cell)
        except (PolicyError, psycopg.Error, OSError) as error:
            _logger.error("no epoch was cut; the last one stays in service", exc_info=error)
            pause = RETRY_S
        # The lock goes with its connection; a process that lost it must not go on cutting.
        lock.execute("SELECT 1")
        try:
            async with asyncio.timeout(pause):
                await changed.wait()
            await asyncio.sleep(SETTLE_S)
        except TimeoutError:
            pass
