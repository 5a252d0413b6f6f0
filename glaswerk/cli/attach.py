"""How a command reaches its cell: through the running one, or by starting the servers for as long as it takes."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, NoReturn

from glaswerk.cell.config import DATA_VARIABLE, Cell, ConfigError, current_cell
from glaswerk.cell.supervisor import CellBusy, StartFailed, Supervisor, locked, status_path

WAIT_S: Final = 90.0


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
        return status_path(cell).exists()


def _lock_or_running(cell: Cell, stack: ExitStack) -> bool:
    """Take the lock and return True, or return False as soon as a whole cell runs that can be used."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            stack.enter_context(locked(cell))
        except CellBusy:
            if status_path(cell).exists():
                return False
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return True


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
            if _lock_or_running(cell, stack):
                status_path(cell).unlink(missing_ok=True)
                supervisor = Supervisor(cell)
                stack.callback(supervisor.stop)
                supervisor.start_servers()
            setup_django()
            yield cell
    except (ConfigError, CellBusy, StartFailed) as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """Print an error for people and leave with status 1."""
    print(f"glaswerk: {message}", file=sys.stderr)
    raise SystemExit(1)
