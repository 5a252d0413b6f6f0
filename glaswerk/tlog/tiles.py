"""The files of a log and their names, by C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

A hash tile of level L holds up to 256 hashes, each the root of 256^L entries; an entry bundle holds the entries behind a
hash tile of level 0. A tile with fewer than 256 is partial, and its name says how many.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from glaswerk.tlog.errors import LogError, Reason
from glaswerk.tlog.merkle import HASH_SIZE, MAX_SIZE

WIDTH: Final = 256
LONGEST_ENTRY: Final = 65_535
TILE_BYTES: Final = WIDTH * HASH_SIZE
BUNDLE_BYTES: Final = WIDTH * (2 + LONGEST_ENTRY)
ENTRIES: Final = -1
"""The level of an entry bundle."""
# A log of fewer than 2^63 entries has hashes of 256^7 entries at most.
HIGHEST_LEVEL: Final = 7

_NAME = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A hash tile, or an entry bundle where `level` is ENTRIES. `width`: how many hashes or entries it has, 1 to 256."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its place below the log's address."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        *upper, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
        level = "entries" if self.level == ENTRIES else self.level
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{''.join(f'x{group}/' for group in upper)}{last}{partial}"

    @property
    def start(self) -> int:
        """The first entry that it stands for."""
        return self.index * WIDTH << 8 * max(self.level, 0)

    @property
    def full(self) -> "Tile":
        """The same tile once it has all its hashes or entries."""
        return Tile(self.level, self.index)

    @property
    def most_bytes(self) -> int:
        """How long it may be; a hash tile is exactly that long."""
        return self.width * (HASH_SIZE if self.level != ENTRIES else 2 + LONGEST_ENTRY)

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a place below the log's address. Raises LogError for all that `path` would not have said."""
        found = _NAME.fullmatch(path)
        if found is None:
            raise LogError(Reason.MALFORMED, f"{path[:100]!r} is no name of a tile")
        level, groups, width = found.groups()
        digits = groups.replace("x", "").replace("/", "")
        # More digits than any index has are refused before they are made a number.
        if len(digits) > 21 or (len(digits) > 3 and digits.startswith("000")):
            raise LogError(Reason.MALFORMED, f"{path[:100]!r} does not give its index in the shortest form")
        tile = cls(ENTRIES if level == "entries" else int(level), int(digits), int(width or WIDTH))
        if tile.width > WIDTH or (width is not None and tile.width == WIDTH):
            raise LogError(Reason.MALFORMED, f"{path[:100]!r}: a partial tile has from 1 to 255 hashes")
        if tile.level > HIGHEST_LEVEL or tile.start > MAX_SIZE:
            raise LogError(Reason.OUT_OF_RANGE, f"no log has a tile {path[:100]!r}")
        return tile


def width_in(size: int, level: int, index: int) -> int:
    """How many hashes (entries) this tile has in a log of `size` entries, 0 to 256."""
    return max(0, min((size >> 8 * max(level, 0)) - index * WIDTH, WIDTH))


def tiles_of(size: int, level: int) -> Iterator[Tile]:
    """Every tile of one level that a log of `size` entries has, from the left."""
    count = size >> 8 * max(level, 0)
    for index in range(count // WIDTH):
        yield Tile(level, index)
    if count % WIDTH:
        yield Tile(level, count // WIDTH, count % WIDTH)


def levels_of(size: int) -> int:
    """How many levels of hash tiles a log of `size` entries has."""
    return -(-size.bit_length() // 8)


def write_bundle(entries: Sequence[bytes]) -> bytes:
    """The bytes of an entry bundle, or of a part of one. Raises LogError for an entry of more than 65,535 bytes."""
    check_entries(entries)
    return b"".join([part for entry in entries for part in (len(entry).to_bytes(2, "big"), entry)])


def check_entries(entries: Sequence[bytes]) -> None:
    """Return when each entry can be logged. Raises LogError otherwise."""
    for entry in entries:
        if len(entry) > LONGEST_ENTRY:
            raise LogError(Reason.TOO_LARGE, f"an entry has at most {LONGEST_ENTRY} bytes, not {len(entry)}")


def read_bundle(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle that should have `width` of them. Raises LogError where it does not, to the byte."""
    entries = []
    at = 0
    try:
        for _ in range(width):
            start = at + 2
            at = start + (data[at] << 8 | data[at + 1])
            entries.append(data[start:at])
    except IndexError:
        raise _wrong_bundle(width) from None
    if at != len(data):
        raise _wrong_bundle(width)
    return entries


def bundle_hashes(data: bytes, width: int) -> bytes:
    """The leaf hashes of a bundle's entries. Raises LogError as `read_bundle` does."""
    # This is read_bundle and leaf_hashes in one loop, because a full verification spends its time here.
    hashes = []
    at = 0
    try:
        for _ in range(width):
            start = at + 2
            at = start + (data[at] << 8 | data[at + 1])
            hashes.append(sha256(b"\x00" + data[start:at]).digest())
    except IndexError:
        raise _wrong_bundle(width) from None
    if at != len(data):
        raise _wrong_bundle(width)
    return b"".join(hashes)


def _wrong_bundle(width: int) -> LogError:
    return LogError(Reason.MALFORMED, f"the bundle does not hold exactly {width} entries")
