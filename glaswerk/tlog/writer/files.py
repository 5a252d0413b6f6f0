"""Files that appear whole: written under another name, and only then under their own."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path


def write(path: Path, data: bytes, scratch: Path, *, durable: bool) -> None:
    """Put a file in place of whatever is there. `scratch`: a folder of the same disk. `durable`: it is on the disk on return."""
    fresh = scratch / secrets.token_hex(8)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        try:
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise
    if durable:
        sync(path.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, though the system may take fewer at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync(path: Path) -> None:
    """Return when a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; their own guarantees are then what there is.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def holds(path: Path, data: bytes) -> bool:
    """Whether the file has exactly these bytes."""
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False
