"""Blobs in folders of this machine.

A blob's bytes are written to a file of another name on the same disk, made durable, and linked to the name last.  So a
kill or a power failure at any moment leaves either no blob or a whole one, and two writers of the same bytes end with
one file.
"""

import asyncio
import errno
import hashlib
import os
import secrets
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from glaswerk.cell.blobs.names import MEDIA, ORIGINALS, Blob
from glaswerk.cell.blobs.store import CorruptBlob, StorageError, Stored

_CHUNK: Final = 1 << 20
_DELIVERED: Final = 256 * 1024
_INCOMING: Final = ".incoming"


class LocalStore:
    """`media/` holds what may be served; `uploads/originals/` what people uploaded, which is never served."""

    def __init__(self, media: Path, originals: Path) -> None:
        """Name the two folders; they are made when they are needed."""
        self._roots = {MEDIA: media, ORIGINALS: originals}

    def put(self, source: Path | bytes, extension: str) -> Blob:
        """Hash and copy in one pass, so that the name is that of the very bytes that were written."""
        if isinstance(source, bytes):
            return self._write(iter((source,)), extension)
        with source.open("rb") as file:
            return self._write(chunks(file), extension)

    def adopt(self, path: Path, blob: Blob) -> None:
        """Give a durable file of the same disk a second name, so that its bytes are not copied."""
        root, target = self._roots[blob.room], self.path(blob)
        incoming = root / _INCOMING
        for folder in (incoming, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        link = incoming / secrets.token_hex(16)
        os.link(path, link)
        try:
            os.utime(link)
            # Where the same bytes lie already, a disk that corrupted them since is healed.
            link.replace(target)
        finally:
            # Two names of one file are not replaced by each other, and the first then stays.
            link.unlink(missing_ok=True)
        make_durable(root)
        make_durable(target.parent)

    def fetch(self, blob: Blob, target: Path) -> None:
        """Copy a blob to a file that is not there yet.  Raises FileNotFoundError and CorruptBlob."""
        with self.path(blob).open("rb") as source, new_file(target) as file:
            copy_checked(blob, chunks(source), file)

    def path(self, blob: Blob) -> Path:
        """Return where a blob lies."""
        return self._roots[blob.room] / blob.place

    def local_path(self, blob: Blob) -> Path | None:
        """Return where a blob lies."""
        return self.path(blob)

    def stat(self, blob: Blob) -> Stored | None:
        """Return what is known of a blob, or None where there is none."""
        return _stored(blob, self.path(blob))

    def hash(self, blob: Blob) -> str:
        """Read a whole blob and return the SHA-256 of its bytes.  Raises FileNotFoundError."""
        with self.path(blob).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def delete(self, blobs: Iterable[Blob]) -> None:
        """Remove blobs; nothing happens for those that are not there."""
        for blob in blobs:
            self.path(blob).unlink(missing_ok=True)

    def pages(self) -> Iterator[list[Stored]]:
        """Yield all blobs, a folder at a time."""
        for room, root in self._roots.items():
            for folder in sorted(root.glob("[0-9a-f][0-9a-f]")):
                names = (Blob.of_key(f"{room}/{folder.name}/{path.name}") for path in folder.iterdir())
                found = (_stored(blob, self.path(blob)) for blob in names if blob is not None)
                yield [stored for stored in found if stored is not None]

    def sweep(self, older_than_seconds: float) -> int:
        """Remove what killed writers left, and return how many files that were.

        A writer's file is touched by every write, so an age beyond any pause between two writes means that nobody
        writes it any more.
        """
        removed = 0
        limit = time.time() - older_than_seconds
        for root in self._roots.values():
            folder = root / _INCOMING
            for path in folder.iterdir() if folder.is_dir() else ():
                try:
                    if path.stat().st_mtime < limit:
                        path.unlink()
                        removed += 1
                except FileNotFoundError:
                    continue
        return removed

    async def open(self, blob: Blob) -> "_OpenFile":
        """Open a blob for delivery.  Raises FileNotFoundError."""
        return _OpenFile(await asyncio.to_thread(os.open, self.path(blob), os.O_RDONLY | os.O_CLOEXEC))

    async def direct_address(self, blob: Blob, seconds: int) -> str | None:
        """Return None, because folders serve nothing by themselves."""
        return None

    def try_out(self) -> None:
        """Write and remove a file in each folder.  Raises StorageError, whose sentence says what to do."""
        for root in self._roots.values():
            try:
                with _incoming_file(root) as (_, file):
                    file.write(b"try")
            except OSError as error:
                raise StorageError(f"{root} cannot be written: {error.strerror}. Let this user write there.") from None

    def _write(self, data: Iterator[bytes], extension: str) -> Blob:
        root = self._roots[Blob("0" * 64, extension).room]
        with _incoming_file(root) as (path, file):
            digest = hashlib.sha256()
            for chunk in data:
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
            blob = Blob(digest.hexdigest(), extension)
            target = self.path(blob)
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
                make_durable(root)
            try:
                os.link(path, target)
            except FileExistsError:
                # Somebody stored the same bytes.  A disk that corrupted them since is healed by the fresh copy, and
                # its fresh date keeps it from being taken for forgotten.
                path.replace(target)
            make_durable(target.parent)
            return blob


class _OpenFile:
    """A file that is being delivered."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    async def read(self, first: int, last: int) -> AsyncGenerator[bytes, None]:
        """Return the bytes from `first` to `last`, piece by piece."""
        return self._pieces(first, last)

    async def _pieces(self, first: int, last: int) -> AsyncGenerator[bytes, None]:
        position = first
        while position <= last:
            piece = await asyncio.to_thread(os.pread, self._descriptor, min(_DELIVERED, last + 1 - position), position)
            if not piece:
                return
            position += len(piece)
            yield piece

    async def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def chunks(source: BinaryIO) -> Iterator[bytes]:
    """Yield what a file holds, in pieces that memory does not notice."""
    while chunk := source.read(_CHUNK):
        yield chunk


def copy_checked(blob: Blob, data: Iterable[bytes], file: BinaryIO) -> None:
    """Write a blob's bytes to a file.  Raises CorruptBlob where they are not those that its name stands for."""
    digest = hashlib.sha256()
    for chunk in data:
        digest.update(chunk)
        file.write(chunk)
    if digest.hexdigest() != blob.sha:
        raise CorruptBlob(f"{blob} is damaged. Restore it from a backup, or have its owner upload it again.")


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that must not be there yet, for this user alone; what fails leaves none."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _stored(blob: Blob, path: Path) -> Stored | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return Stored(blob, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))


@contextmanager
def _incoming_file(root: Path) -> Iterator[tuple[Path, BinaryIO]]:
    folder = root / _INCOMING
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / secrets.token_hex(16)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)


def make_durable(folder: Path) -> None:
    """Return when the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; their own guarantees are then what there is.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
