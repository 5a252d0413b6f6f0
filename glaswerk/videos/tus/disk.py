"""The bytes of uploads on their way: a file each under `uploads/tus/`, and the lock of its only writer.

The lock (`flock`) belongs to the open file.  The kernel gives it back with the process, also when that is killed, and
it holds between the workers of one machine as well as within one.  Whoever waits for the lock leaves a note beside the
file, so that a writer whose client has fallen silent can give way.
"""

import fcntl
import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Final

from django.conf import settings

from glaswerk.cell import blobs
from glaswerk.cell.ids import encode_id

_HASHED_AT_ONCE: Final = 1 << 20
_WANTED: Final = ".wanted"


class UploadFile:
    """An upload's file, held by its only writer until `close`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, upload_id: int) -> "UploadFile | None":
        """Open the file of an upload, made where there is none; None while another writer holds it."""
        path = file_path(upload_id)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        path.with_suffix(_WANTED).unlink(missing_ok=True)
        return cls(path, descriptor)

    def size(self) -> int:
        """Return how many bytes lie there, acknowledged or not."""
        return os.fstat(self._descriptor).st_size

    def cut(self, length: int) -> None:
        """Forget what lies beyond `length`."""
        os.ftruncate(self._descriptor, length)

    def write(self, position: int, data: bytes) -> None:
        """Put bytes at a position."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, position)
            position += written
            view = view[written:]

    def sync(self) -> None:
        """Return when everything written is on the disk, the file's name included."""
        os.fsync(self._descriptor)
        blobs.make_durable(self.path.parent)

    def sha256(self) -> str:
        """Return the digest of the whole file."""
        digest = hashlib.sha256()
        position = 0
        while chunk := os.pread(self._descriptor, _HASHED_AT_ONCE, position):
            digest.update(chunk)
            position += len(chunk)
        return digest.hexdigest()

    def is_wanted(self) -> bool:
        """Whether another writer waits."""
        return self.path.with_suffix(_WANTED).exists()

    def close(self) -> None:
        """Let the next writer have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def folder() -> Path:
    """Return where uploads on their way lie, out of reach of every address."""
    found: Path = settings.CELL.uploads / "tus"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def file_path(upload_id: int) -> Path:
    """Return where an upload lies.  The name is made of the id alone, and of nothing that a client sent."""
    return folder() / encode_id(upload_id)


def ask_for(upload_id: int) -> None:
    """Leave a note for the writer that another one waits."""
    file_path(upload_id).with_suffix(_WANTED).touch()


def discard(upload_id: int) -> None:
    """Remove an upload's bytes; a writer that still has them open writes into nothing."""
    path = file_path(upload_id)
    path.unlink(missing_ok=True)
    path.with_suffix(_WANTED).unlink(missing_ok=True)


def free_bytes() -> int:
    """Return how much the disk of the uploads can still take."""
    return shutil.disk_usage(folder()).free


def names_older_than(seconds: float) -> list[tuple[Path, str]]:
    """Return the files that nobody has touched for so long, each with the id in its name."""
    limit = time.time() - seconds
    found = []
    for path in folder().iterdir():
        try:
            if path.stat().st_mtime < limit:
                found.append((path, path.name.removesuffix(_WANTED)))
        except FileNotFoundError:
            continue
    return found
