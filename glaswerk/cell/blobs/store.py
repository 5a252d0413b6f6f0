"""What a store of blobs can do, whatever it stores them in."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from errno import EIO
from pathlib import Path
from typing import Protocol

from glaswerk.cell.blobs.names import Blob


class StorageError(OSError):
    """The store cannot be used now; nothing was stored.  The sentence says what is wrong and what to do."""

    def __init__(self, message: str) -> None:
        """An OSError, so that whoever copes with a broken disk copes with this as well."""
        super().__init__(EIO, message)


class CorruptBlob(StorageError):  # noqa: N818 - it says what was found.
    """A blob's bytes are not those that its name stands for."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A blob that lies in a store."""

    blob: Blob
    size: int
    written_at: datetime


class OpenBlob(Protocol):
    """A blob that is being delivered."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    async def read(self, first: int, last: int) -> AsyncGenerator[bytes, None]:
        """Return the bytes from `first` to `last`, both included, piece by piece.

        Raises StorageError, and FileNotFoundError, before the first piece where the store cannot give them; an error
        between two pieces is an OSError.
        """

    async def close(self) -> None:
        """Let it go."""


class Store(Protocol):
    """A place for blobs.

    A blob appears under its name whole or not at all, and is durable when the call that stores it returns.  Two
    writers of the same bytes do not harm each other.  Every method raises StorageError where the store fails.
    """

    def put(self, source: Path | bytes, extension: str) -> Blob:
        """Store a copy of a file, or bytes, under the hash of what was stored."""

    def adopt(self, path: Path, blob: Blob) -> None:
        """Keep a whole and durable file, whose hash the caller has just computed, with as little copying as can be.

        `path` stays; nobody may write to it any more, because on the same disk it is a second name of the same bytes.
        """

    def fetch(self, blob: Blob, target: Path) -> None:
        """Copy a blob to a file that is not there yet.  Raises FileNotFoundError and CorruptBlob."""

    def local_path(self, blob: Blob) -> Path | None:
        """Return where a blob lies on this machine, or None for a store elsewhere."""

    def stat(self, blob: Blob) -> Stored | None:
        """Return what is known of a blob, or None where there is none."""

    def hash(self, blob: Blob) -> str:
        """Read a whole blob and return the SHA-256 of its bytes.  Raises FileNotFoundError."""

    def delete(self, blobs: Iterable[Blob]) -> None:
        """Remove blobs; nothing happens for those that are not there."""

    def pages(self) -> Iterator[list[Stored]]:
        """Yield all blobs, some at a time, in no promised order; those that come or go meanwhile may be among them."""

    def sweep(self, older_than_seconds: float) -> int:
        """Remove what killed writers left, and return how many files that were."""

    async def open(self, blob: Blob) -> OpenBlob:
        """Open a blob for delivery.  Raises FileNotFoundError."""

    async def direct_address(self, blob: Blob, seconds: int) -> str | None:
        """Return an address at which the store itself serves a blob for so many seconds; None where it serves nothing."""

    def try_out(self) -> None:
        """Store, read and remove something.  Raises StorageError, whose sentence says what to do."""
