"""The right edge of a growing tree: all that is needed to append to it and to know its root."""

from collections.abc import Iterator, Sequence
from typing import Self

from glaswerk.tlog.merkle import EMPTY_ROOT, HASH_SIZE, leaf_hashes, root_of
from glaswerk.tlog.tiles import ENTRIES, TILE_BYTES, WIDTH, Tile, write_bundle

Written = tuple[Tile, bytes]


class GrowingTree:
    """`size` entries; the hashes of the rightmost tile of each level, and the entries of the rightmost bundle."""

    def __init__(self, size: int = 0, edges: Sequence[bytes] = ()) -> None:
        """A tree whose size is a multiple of 256. `edges`: the hashes of the partial tiles from level 1 up."""
        self.size = size
        self._levels = [bytearray(), *map(bytearray, edges)]
        self._bundle = bytearray()
        self._root: bytes | None = None

    def copy(self) -> Self:
        """Another tree that grows by itself."""
        other = type(self)(self.size, self.edges)
        other._levels[0] += self._levels[0]
        other._bundle += self._bundle
        return other

    @property
    def edges(self) -> list[bytes]:
        """The hashes of the partial tiles from level 1 up, as they also were when the last bundle was full."""
        return [bytes(level) for level in self._levels[1:]]

    @property
    def tail(self) -> bytes:
        """The entries behind the last full bundle, as a bundle."""
        return bytes(self._bundle)

    def extend(self, entries: Sequence[bytes]) -> list[Written]:
        """Append entries, and return the tiles and bundles that became full. Raises LogError for an entry that is too long."""
        full: list[Written] = []
        self._root = None
        at = 0
        while at < len(entries):
            part = entries[at : at + WIDTH - self.size % WIDTH]
            self._bundle += write_bundle(part)
            self._levels[0] += leaf_hashes(part)
            self.size += len(part)
            at += len(part)
            if self.size % WIDTH == 0:
                full.append((Tile(ENTRIES, self.size // WIDTH - 1), bytes(self._bundle)))
                self._bundle.clear()
                full += self._close(0)
        return full

    def _close(self, level: int) -> Iterator[Written]:
        hashes = bytes(self._levels[level])
        self._levels[level].clear()
        yield Tile(level, (self.size >> 8 * (level + 1)) - 1), hashes
        if level + 1 == len(self._levels):
            self._levels.append(bytearray())
        self._levels[level + 1] += root_of(hashes)
        if len(self._levels[level + 1]) == TILE_BYTES:
            yield from self._close(level + 1)

    def partial(self) -> list[Written]:
        """The tiles and the bundle that are not full."""
        found = [
            (Tile(level, self.size >> 8 * (level + 1), len(hashes) // HASH_SIZE), bytes(hashes))
            for level, hashes in enumerate(self._levels)
            if hashes
        ]
        if self.size % WIDTH:
            found.append((Tile(ENTRIES, self.size // WIDTH, self.size % WIDTH), bytes(self._bundle)))
        return found

    def root(self) -> bytes:
        """The root of the tree."""
        if self._root is None:
            carried = b""
            for hashes in self._levels:
                if hashes or carried:
                    carried = root_of(bytes(hashes) + carried)
            self._root = carried or EMPTY_ROOT
        return self._root
