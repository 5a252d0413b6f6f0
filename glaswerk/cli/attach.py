"""How a command reaches its cell: through the running one, or by starting the servers for as long as it takes."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, NoReturn

from glaswerk.cell.config import DATA_VARIABLE, Cell, ConfigError, current_cell, running_facts, status_path
from glaswerk.cell.supervisor import CellBusy, StartFailed, Supervisor, locked, locked_soon

WAIT_S: Final = 90.0
# What the database answers to a write in the dark (glaswerk/border/migrations/0020_sunset.py).
IN_THE_DARK: Final = "GB001"


def setup_django() -> None:
    """Load the apps of the current cell."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "glaswerk.cell.settings")
    import django

    django.setup()


def is_running(cell: Cell) -> bool:
    """Whether a whole cell with its workers runs on this data folder."""
    try:
        with locked(cell):
            return False
    except CellBusy:
        return bool(running_facts(cell))


@contextmanager
def attached_cell() -> Iterator[Cell]:
    """Yield the current cell with its servers running and Django set up.

    A running cell is used as it is.  Otherwise the servers are started for the length of the block, under the lock,
    so that two commands cannot start them twice; the second one waits for the first.
    """
    try:
        cell = current_cell()
        os.environ[DATA_VARIABLE] = str(cell.data)
        with ExitStack() as stack:
            try:
                lock = stack.enter_context(locked_soon(cell, WAIT_S))
            except CellBusy:
                if not is_running(cell):
                    raise
            else:
                status_path(cell).unlink(missing_ok=True)
                supervisor = Supervisor(cell, lock=lock)
                stack.callback(supervisor.stop)
                supervisor.start_servers()
            setup_django()
            yield cell
    except (ConfigError, CellBusy, StartFailed) as error:
        fail(str(error))
    except Exception as error:
        # Whatever a command wanted to write: the database refuses it, and nothing was changed.
        if getattr(error.__cause__, "sqlstate", "") != IN_THE_DARK:
            raise
        fail("the cell is dark, so nothing can be changed; see `glaswerk sunset status`")


def fail(message: str) -> NoReturn:
    """Print an error for people and leave with status 1."""
    print(f"glaswerk: {message}", file=sys.stderr)
    raise SystemExit(1)
