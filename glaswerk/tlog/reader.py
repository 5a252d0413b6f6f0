"""Reading a log whose files somebody else keeps: whatever comes is bounded, and believed only where a root vouches for it."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from glaswerk.tlog.checkpoint import PATH, Checkpoint, Policy, SignedCheckpoint, open_checkpoint
from glaswerk.tlog.errors import LogError, Reason
from glaswerk.tlog.merkle import (
    HASH_SIZE,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
)
from glaswerk.tlog.note import LONGEST_NOTE
from glaswerk.tlog.proof import TlogProof
from glaswerk.tlog.tiles import ENTRIES, WIDTH, Tile, read_bundle, width_in

Fetch = Callable[[str, int], bytes]
"""Returns the bytes at a place below the log's address. The number is the most bytes that are wanted.

Raises LogError: MISSING where nothing is there, TOO_LARGE where there is more, UNREACHABLE for the rest.
"""


def folder_fetch(folder: Path) -> Fetch:
    """Read a log from a folder. Links and what is no plain file are refused, so that a stranger's folder leads nowhere else."""

    def fetch(path: str, most: int) -> bytes:
        try:
            descriptor = os.open(folder / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise LogError(Reason.UNREACHABLE, f"{path} is not a plain file")
                with open(descriptor, "rb", closefd=False) as file:
                    data = file.read(most + 1)
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError):
            raise LogError(Reason.MISSING, f"{path} is not there") from None
        except OSError as error:
            raise LogError(Reason.UNREACHABLE, f"{path} cannot be read: {error.strerror}") from None
        if len(data) > most:
            raise LogError(Reason.TOO_LARGE, f"{path} has more than {most} bytes")
        return data

    return fetch


def fetch_tile(fetch: Fetch, tile: Tile) -> bytes:
    """The bytes of a hash tile, exactly as many as it should have, or of a bundle. Raises LogError.

    A log may drop a partial tile once the full one is there, which begins with the same hashes.
    """
    try:
        data = fetch(tile.path, tile.most_bytes)
    except LogError as error:
        if error.reason != Reason.MISSING or tile.width == WIDTH:
            raise
        data = beginning(fetch(tile.full.path, tile.full.most_bytes), tile)
    if tile.level != ENTRIES and len(data) != tile.most_bytes:
        raise LogError(Reason.MALFORMED, f"{tile.path} has {len(data)} bytes, not {tile.most_bytes}")
    return data


def beginning(data: bytes, tile: Tile) -> bytes:
    """The bytes of a partial tile out of those of the full one."""
    if tile.level != ENTRIES:
        return data[: tile.most_bytes]
    at = 0
    for _ in range(tile.width):
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    return data[:at]


class LogReader:
    """Answers questions about one checkpoint of a log. What it fetches is kept, so make a new one for another checkpoint."""

    def __init__(self, fetch: Fetch, checkpoint: Checkpoint) -> None:
        self._fetch = fetch
        self._tiles: dict[tuple[int, int], bytes] = {}
        self.checkpoint = checkpoint

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """The entries from `start` up to `end`, each bundle verified against the root. Raises LogError."""
        size = self.checkpoint.size
        if not 0 <= start <= end <= size:
            raise LogError(Reason.OUT_OF_RANGE, f"a log of {size} entries has no entries from {start} to {end}")
        for index in range(start // WIDTH, -(-end // WIDTH)):
            first = index * WIDTH
            width = width_in(size, ENTRIES, index)
            found = read_bundle(fetch_tile(self._fetch, Tile(ENTRIES, index, width)), width)
            leaves = b"".join(map(leaf_hash, found))
            self._check_leaves(index, leaves)
            yield from found[max(start - first, 0) : end - first]

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """The path of an entry, verified. Raises LogError."""
        size, root = self.checkpoint.size, self.checkpoint.root
        proof = inclusion_proof(index, size, self._root)
        check_inclusion(index, size, self._root(index, index + 1), proof, root)
        return proof

    def consistency(self, old: Checkpoint) -> tuple[bytes, ...]:
        """The proof that this log begins with an older checkpoint, verified. Raises LogError."""
        new = self.checkpoint
        proof = consistency_proof(old.size, new.size, self._root)
        check_consistency(old.size, new.size, old.root, new.root, proof)
        return proof

    def _check_leaves(self, index: int, leaves: bytes) -> None:
        """Return when these are the leaves behind hash tile `index` of level 0.

        The path of the tile's first leaf hangs on every other leaf of the tile, which `_root` takes from here, so one
        path to the root vouches for all of them.
        """
        self._tiles[0, index] = leaves
        try:
            self.inclusion(index * WIDTH)
        finally:
            # Whoever reads a whole log passes here often, and needs each of these once.
            del self._tiles[0, index]

    def _root(self, low: int, high: int) -> bytes:
        """The root of the entries from `low` up to `high`, one node of the tree."""
        size = high - low
        if size & size - 1:
            middle = low + (1 << size.bit_length() - 1)
            return node_hash(self._root(low, middle), self._root(middle, high))
        level, height = divmod(size.bit_length() - 1, 8)
        first, count = low >> 8 * level, 1 << height
        hashes = self._hashes(level, first // WIDTH)
        at = first % WIDTH * HASH_SIZE
        return root_of(hashes[at : at + count * HASH_SIZE])

    def _hashes(self, level: int, index: int) -> bytes:
        found = self._tiles.get((level, index))
        if found is None:
            tile = Tile(level, index, width_in(self.checkpoint.size, level, index))
            found = self._tiles[level, index] = fetch_tile(self._fetch, tile)
        return found


def read_checkpoint(fetch: Fetch, policy: Policy, now: float | None = None) -> SignedCheckpoint:
    """The log's checkpoint of now, with its signatures verified. Raises LogError."""
    return open_checkpoint(fetch(PATH, LONGEST_NOTE), policy, now)


def prove(fetch: Fetch, policy: Policy, index: int, now: float | None = None) -> tuple[bytes, TlogProof]:
    """An entry and the proof that it is in the log, both verified. Raises LogError."""
    signed = read_checkpoint(fetch, policy, now)
    reader = LogReader(fetch, signed.checkpoint)
    if not 0 <= index < signed.checkpoint.size:
        raise LogError(
            Reason.OUT_OF_RANGE, f"the log has {signed.checkpoint.size} entries, and none with number {index}"
        )
    (entry,) = reader.entries(index, index + 1)
    proof = TlogProof(index, reader.inclusion(index), signed.note)
    proof.verify(entry, policy, now)
    return entry, proof
