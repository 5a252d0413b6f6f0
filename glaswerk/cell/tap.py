"""A tap on what the cell sends: it is written down for as long as somebody audits the cell, and never otherwise.

Who audits holds a lock; who sends looks whether it is held, and writes down what is sent only then.  So recording ends with
the audit, however that ends, and no setting can be forgotten that leaves it on.  The file can be read by the cell's own
user alone, who may read everything that stands in it anyway, and it is gone with the audit.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from glaswerk.cell.config import Cell, data_folder

_LOCK: Final = "tap.lock"
_TAP: Final = "tap"
_MODE: Final = 0o600
# A sender holds the lock for the moment of a look, so this is long.
_PATIENCE_S: Final = 2.0


class TapBusy(Exception):  # noqa: N818 - it says what was found.
    """Somebody else listens."""


@contextmanager
def listening(cell: Cell) -> Iterator[Callable[[], bytes]]:
    """Have everything written down that is sent, and yield how to read what was.  Raises TapBusy."""
    cell.run.mkdir(parents=True, exist_ok=True)
    tap = cell.run / _TAP
    lock = os.open(cell.run / _LOCK, os.O_RDWR | os.O_CREAT, _MODE)
    try:
        _hold(lock)
        # What a killed listener left is nobody's any more.
        tap.unlink(missing_ok=True)
        os.close(os.open(tap, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE))
        try:
            yield tap.read_bytes
        finally:
            tap.unlink(missing_ok=True)
    finally:
        os.close(lock)


def note(sent: bytes) -> None:
    """Write down what is about to be sent, if anybody listens.  Nothing that goes wrong here keeps it from being sent."""
    run = data_folder() / "run"
    with suppress(OSError):
        if _is_listened_to(run / _LOCK):
            # The file is there for as long as the lock is held; nobody makes one here.
            tap = os.open(run / _TAP, os.O_WRONLY | os.O_APPEND)
            with os.fdopen(tap, "ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(sent + b"\n")


def _hold(lock: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TapBusy("an audit of this cell is under way") from None
            time.sleep(0.01)
        else:
            return


def _is_listened_to(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
