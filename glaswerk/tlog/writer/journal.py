"""The journal of a writer: which entries came in which batch, durable before anybody sees a tile or a checkpoint of them.

Layout: `GLASLOG1`, the length of the header (4 bytes, big endian), the header (JSON: origin, base, and in base64 the hashes
of the partial tiles from level 1 up at that size), and the SHA-256 of all that. Then one record a batch: the number of
entries and the length of what follows (4 bytes each, big endian), the entries as in a bundle, and the root (32 bytes) of the
log with them. Behind the last record there are zeros, which the next ones overwrite: a file that does not grow is synced
without waiting for everything else that the file system has to say. A record whose root does not come out was cut short by
a crash, and then only zeros lie behind it.
"""

import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from glaswerk.tlog.errors import LogError, Reason
from glaswerk.tlog.merkle import HASH_SIZE
from glaswerk.tlog.note import from_base64, to_base64
from glaswerk.tlog.tiles import read_bundle
from glaswerk.tlog.writer import files

_MAGIC: Final = b"GLASLOG1"
_HEAD: Final = 8
# The journal grows by so many zeros at a time.
_ROOM: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """Whose journal this is, the size at which it begins (a multiple of 256), and the tree's edges at that size."""

    origin: str
    base: int
    edges: tuple[bytes, ...]

    def encode(self) -> bytes:
        """The bytes at the start of the journal."""
        facts = {"base": self.base, "edges": [to_base64(edge) for edge in self.edges], "origin": self.origin}
        body = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
        head = _MAGIC + len(body).to_bytes(4, "big") + body
        return head + sha256(head).digest()


@dataclass(frozen=True, slots=True)
class Batch:
    """One record: where it ends in the file, its entries, and the root of the log with them."""

    end: int
    entries: list[bytes]
    root: bytes


def record(entries: bytes, count: int, root: bytes) -> bytes:
    """The bytes of a batch. `entries`: as in a bundle."""
    return count.to_bytes(4, "big") + len(entries).to_bytes(4, "big") + entries + root


class Journal:
    """An open journal. Whoever holds it holds the writer's lock."""

    def __init__(self, path: Path) -> None:
        """Raises LogError where its header is not whole, FileNotFoundError where it is not there."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self.header, self.end = _header(self._read(0))
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, scratch: Path, header: Header, tail: bytes) -> None:
        """Put a new journal in place of the old one, durably. `tail`: a record, or nothing."""
        files.write(path, header.encode() + tail + bytes(_ROOM), scratch, durable=True)

    @property
    def is_current(self) -> bool:
        """Whether its path still leads to it: another process may have begun a new one."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    @property
    def has_more(self) -> bool:
        """Whether another process has written behind what this one knows."""
        return os.pread(self._descriptor, _HEAD, self.end).strip(b"\0") != b""

    def batches(self) -> list[Batch]:
        """Every batch from `end` on, also one that a crash cut short, which is the last one and does not lead to its root.

        Raises LogError where something lies behind a batch that is cut short: then the disk has changed it.
        """
        data, at, found = self._read(self.end), 0, []
        while count := int.from_bytes(data[at : at + 4], "big"):
            start = at + _HEAD
            end = start + int.from_bytes(data[at + 4 : start], "big") + HASH_SIZE
            try:
                entries = read_bundle(data[start : end - HASH_SIZE], count)
            except LogError:
                entries = []
            found.append(Batch(self.end + end, entries, data[end - HASH_SIZE : end]))
            if not entries and data[end:].strip(b"\0"):
                raise LogError(Reason.STORAGE, f"{self.path} is damaged; restore the log from a backup")
            at = end
        return found

    def cut(self, end: int) -> None:
        """Forget what a crash left behind the last whole batch, and make durable what comes before."""
        left = self._read(end).rstrip(b"\0")
        self.end = end
        if left:
            self._overwrite(bytes(len(left)))
        os.fsync(self._descriptor)

    def write(self, data: bytes) -> None:
        """Add a record, not yet durably. Raises OSError; then the record is not part of the journal."""
        size = os.fstat(self._descriptor).st_size
        if self.end + len(data) + _HEAD > size:
            os.lseek(self._descriptor, size, os.SEEK_SET)
            files.write_all(self._descriptor, bytes(len(data) + _ROOM))
            os.fsync(self._descriptor)
        try:
            self._overwrite(data)
        except OSError:
            self._overwrite(bytes(len(data)))
            raise
        self.end += len(data)

    def sync(self) -> None:
        """Return when every record is on the disk. Raises OSError; then nobody knows what is."""
        os.fdatasync(self._descriptor)

    def _overwrite(self, data: bytes) -> None:
        os.lseek(self._descriptor, self.end, os.SEEK_SET)
        files.write_all(self._descriptor, data)

    def _read(self, start: int) -> bytes:
        size, pieces = os.fstat(self._descriptor).st_size, []
        while start < size and (piece := os.pread(self._descriptor, size - start, start)):
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _header(data: bytes) -> tuple[Header, int]:
    """The header and where it ends. Raises LogError."""
    head = 12 + int.from_bytes(data[8:12], "big")
    if data[:8] != _MAGIC or sha256(data[:head]).digest() != data[head : head + HASH_SIZE]:
        raise LogError(Reason.STORAGE, "the journal's header is damaged; restore the log from a backup")
    facts = json.loads(data[12:head])
    header = Header(facts["origin"], facts["base"], tuple(map(from_base64, facts["edges"])))
    return header, head + HASH_SIZE
