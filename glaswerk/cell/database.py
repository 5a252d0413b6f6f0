"""The asynchronous way to the database, for the lean paths that do not pass through Django."""

import asyncio
import select
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from glaswerk.cell import postgres
from glaswerk.cell.config import current_cell

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]

_pools: dict[int, Pool] = {}


async def _autocommit(connection: AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)


async def _check_if_it_spoke(connection: AsyncConnection[Any]) -> None:
    """Let the pool replace a connection whose server went away, without asking the server each time.

    A server says nothing unasked to an idle connection except that it ends it: only then is the connection tried out.
    """
    if select.select([connection.fileno()], [], [], 0)[0]:
        await AsyncConnectionPool.check_connection(connection)


def pool() -> Pool:
    """Return the connection pool of the running event loop; its connections are in autocommit mode.

    `async with pool().connection() as connection` waits at most ten seconds and then raises PoolTimeout.
    """
    loop = asyncio.get_running_loop()
    found = _pools.get(id(loop))
    if found is None:
        found = AsyncConnectionPool(
            postgres.database_url(current_cell()),
            min_size=1,
            max_size=8,
            timeout=10,
            open=False,
            configure=_autocommit,
            check=_check_if_it_spoke,
        )
        _pools[id(loop)] = found
    return found


async def open_pool() -> Pool:
    """Open the running loop's pool; call it once at the start of a process."""
    opened = pool()
    await opened.open()
    return opened


async def close_pool() -> None:
    """Close the running loop's pool."""
    found = _pools.pop(id(asyncio.get_running_loop()), None)
    if found is not None:
        await found.close()
