"""The file in which an epoch is kept, and reading it without copying it.

Layout: the magic, the length of the header (8 bytes, little endian), the header (canonical JSON: sorted keys, no spaces, names with
dtype, shape and offset from the start of the file), zeros up to a multiple of 64, then every array as raw little-endian bytes, each at
a multiple of 64, and at the end the SHA-256 of everything before it. An epoch is named by the SHA-256 of the whole file.
"""

import bisect
import hashlib
import json
import mmap
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.errors import EpochError, PolicyError
from glaswerk.glass.goods import nothing_bought
from glaswerk.glass.heads import Curves, weighed
from glaswerk.glass.packed import pack
from glaswerk.glass.policy import Policy

MAGIC = b"GLASEP02"
ALIGN = 64
_DTYPES = frozenset(("<i8", "<i4", "<i2", "|u1"))


def write_epoch(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of an epoch. facts: JSON-ready values of the header (at_ms, learned, policy, regions, languages)."""
    places: dict[str, dict[str, Any]] = {}
    offset = 0
    for name in sorted(arrays):
        array = arrays[name]
        if array.dtype.str not in _DTYPES:
            raise EpochError(f"array {name} has dtype {array.dtype.str}")
        places[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "offset": offset}
        offset += -(-array.nbytes // ALIGN) * ALIGN
    # Offsets count from the start of the file, so the header's own length matters to itself: it settles within a few rounds.
    start = 0
    while True:
        placed = {name: {**place, "offset": place["offset"] + start} for name, place in places.items()}
        header = json.dumps(
            {**facts, "arrays": placed}, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()
        needed = -(-(16 + len(header)) // ALIGN) * ALIGN
        if needed == start:
            break
        start = max(needed, start)
    out = bytearray(start + offset)
    out[: 16 + len(header)] = MAGIC + len(header).to_bytes(8, "little") + header
    for name, place in placed.items():
        raw = np.ascontiguousarray(arrays[name]).tobytes()
        out[place["offset"] : place["offset"] + len(raw)] = raw
    out += hashlib.sha256(out).digest()
    return bytes(out)


def rows_of(ids: NDArray[np.int64], videos: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each video stands among rising ids, or -1."""
    if not len(ids):
        return np.full(len(videos), -1, dtype=np.int64)
    rows = np.minimum(np.searchsorted(ids, videos), len(ids) - 1)
    return np.where(ids[rows] == videos, rows, -1)


class Epoch:
    """An epoch in service: read-only arrays over its bytes.

    Attributes: sha256 (hex), size (number of videos), policy, at_ms, learned (hex SHA-256 of the learned model, or ""), and `column(name)` for each array of the file.
    """

    def __init__(self, data: Any, sha256: str | None) -> None:
        self._data = data
        view = memoryview(data)
        if len(view) < 16 + 32 or view[:8] != MAGIC:
            raise EpochError("these bytes are not an epoch")
        digest = hashlib.sha256(view[:-32])
        if digest.digest() != view[-32:]:
            raise EpochError("this epoch is truncated or altered: its bytes do not match the hash at its end")
        digest.update(view[-32:])
        self.sha256 = digest.hexdigest()
        if sha256 is not None and self.sha256 != sha256:
            raise EpochError(f"this is epoch {self.sha256}, not {sha256}")
        try:
            self._read(view)
        except (KeyError, TypeError, ValueError, PolicyError) as error:
            raise EpochError(f"the header of this epoch cannot be read: {error}") from error

    def _read(self, view: memoryview) -> None:
        length = int.from_bytes(view[8:16], "little")
        if 16 + length > len(view) - 32:
            raise EpochError("the header is longer than the file")
        header = json.loads(bytes(view[16 : 16 + length]))
        self.at_ms = int(header["at_ms"])
        self.learned: str = header["learned"]
        self.policy = Policy.parse(header["policy"])
        self.regions: list[str] = header["regions"]
        self.languages: list[str] = header["languages"]
        self._arrays: dict[str, NDArray[Any]] = {}
        for name, place in header["arrays"].items():
            dtype = np.dtype(place["dtype"])
            count = int(np.prod(place["shape"], dtype=np.int64))
            if (
                place["dtype"] not in _DTYPES
                or place["offset"] % ALIGN
                or place["offset"] + count * dtype.itemsize > len(view) - 32
            ):
                raise EpochError(f"array {name} does not lie within the file")
            array = np.frombuffer(view, dtype=dtype, count=count, offset=place["offset"]).reshape(place["shape"])
            array.setflags(write=False)
            self._arrays[name] = array
        self.size = len(self._arrays["ids"])
        # Epochs were cut before anything was sold; what was served from them is replayed for as long as they are kept.
        if "bought_start" not in self._arrays:
            self._arrays |= nothing_bought(self.size)
        self.packed = pack(self.column, self.policy.topics.per_video)

    @classmethod
    def open(cls, path: str | os.PathLike[str], sha256: str | None = None) -> Self:
        """Memory-map a file and check every byte of it. Raises EpochError, and OSError where the file cannot be read."""
        with Path(path).open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise EpochError("these bytes are not an epoch")
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), sha256)

    @classmethod
    def from_bytes(cls, data: bytes, sha256: str | None = None) -> Self:
        """The same over bytes in memory."""
        return cls(data, sha256)

    def column(self, name: str) -> NDArray[Any]:
        """An array of the epoch, read-only."""
        return self._arrays[name]

    def index_of(self, video_id: int) -> int:
        """The row of a video, or -1."""
        ids = self._arrays["ids"]
        row = bisect.bisect_left(ids, video_id)
        return row if row < len(ids) and int(ids[row]) == video_id else -1

    def rows_of(self, videos: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row of each video, or -1."""
        return rows_of(self._arrays["ids"], videos)

    def creator_row(self, creator: int) -> int:
        """The row of a creator in the lists by creator, or -1."""
        creators = self._arrays["creators"]
        row = bisect.bisect_left(creators, creator)
        return row if row < len(creators) and int(creators[row]) == creator else -1

    @cached_property
    def tags(self) -> list[str]:
        """Every hashtag, by its row."""
        raw = self._arrays["tag_text"].tobytes()
        ends = self._arrays["tag_ends"].tolist()
        return [raw[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]

    @cached_property
    def _tag_rows(self) -> dict[str, int]:
        return {tag: row for row, tag in enumerate(self.tags)}

    def tag_row(self, tag: str) -> int:
        """The row of a hashtag in the lists by hashtag, or -1."""
        return self._tag_rows.get(tag, -1)

    @cached_property
    def curves(self) -> Curves:
        """What the signals of a viewer add to a value."""
        column = self._arrays
        return weighed(column["head_weights"], column["head_knots"], column["head_heights"], column["head_slopes"])

    def code_of(self, table: str, value: str) -> int:
        """The code of a region or language ("regions" or "languages") in the columns, -1 when no video has it."""
        names = self.regions if table == "regions" else self.languages
        return names.index(value) if value and value in names else -1
