"""Folders that a render works in: beside what it makes, locked while it lives, and removed by the next one if it was killed."""

import fcntl
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def unfinished_folder(target: Path, mark: str) -> Iterator[Path]:
    """A locked folder beside `target`, gone afterwards unless it was moved.  `mark` is the end of its name.

    What an earlier render of the same target left when it was killed is removed: its lock is free.
    """
    for left in target.parent.glob(f".{glob.escape(target.name)}.*{mark}"):
        if (lock := _lock(left)) is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)
    part = target.parent / f".{target.name}.{secrets.token_hex(8)}{mark}"
    part.mkdir(mode=0o750)
    lock = _lock(part)
    try:
        # The child is told the place by its real name: what is allowed is decided by that.
        yield part.resolve()
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder, and return the descriptor that holds the lock, or None if another holds it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def make_durable(path: Path) -> None:
    """Have a file or a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
