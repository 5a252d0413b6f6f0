"""The detector: many needles are sought at once, in bytes and in everything that is packed in them."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from glaswerk.canary.opening import TooLarge, opened
from glaswerk.canary.spelling import SHORTEST, Needle

_LAYERS: Final = 6
# Of everything that one search opens, in bytes.
_MOST_OPENED: Final = 2 << 30
_MULTIPLIER: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_FILTER_BITS: Final = 22
_CHUNK: Final = 8 << 20


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A needle that was found.  `within` are the wrappings that it was behind, the outermost first."""

    label: str
    spelling: str
    within: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """What a search came to.  `unopened` names wrappings that could not be opened to their end, so nothing is said of them."""

    found: tuple[Found, ...]
    unopened: tuple[str, ...]


class Detector:
    """Finds needles; how long a search takes depends on the bytes, and hardly on how many needles there are."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        """Raises ValueError for a needle of less than 8 bytes."""
        by_key: defaultdict[int, list[Needle]] = defaultdict(list)
        for needle in needles:
            if len(needle.data) < SHORTEST:
                raise ValueError(f"{needle.label}, {needle.spelling}: less than {SHORTEST} bytes")
            by_key[int.from_bytes(needle.data[:SHORTEST], "little")].append(needle)
        self._by_key = dict(by_key)
        keys = np.fromiter(self._by_key, np.uint64, len(self._by_key))
        self._filter = np.zeros(1 << _FILTER_BITS, np.bool_)
        self._filter[_slots(keys)] = True

    def search(self, data: bytes) -> Search:
        """Look for every needle, in the bytes and in all that is packed in them, six layers deep and 2 GiB in sum."""
        found: set[Found] = set()
        unopened: list[str] = []
        met: set[bytes] = set()
        left = _MOST_OPENED
        waiting: list[tuple[tuple[str, ...], bytes]] = [((), data)]
        while waiting:
            within, piece = waiting.pop()
            name = hashlib.blake2b(piece, digest_size=16).digest()
            if name in met:
                continue
            met.add(name)
            found.update(Found(needle.label, needle.spelling, within) for needle in self._plain(piece))
            if len(within) == _LAYERS:
                continue
            try:
                for wrapping, inner in opened(piece):
                    left -= len(inner)
                    if left < 0:
                        raise TooLarge
                    if len(inner) >= SHORTEST:
                        waiting.append(((*within, wrapping), inner))
            except TooLarge:
                unopened.append(" > ".join(within) or "itself")
        return Search(tuple(sorted(found)), tuple(unopened))

    def _plain(self, data: bytes) -> Iterator[Needle]:
        for begin in range(0, len(data), _CHUNK):
            # The last places of a chunk need what comes after it.
            chunk = data[begin : begin + _CHUNK + SHORTEST - 1]
            for shift in range(SHORTEST):
                windows = np.frombuffer(
                    chunk, np.dtype("<u8"), max(0, (len(chunk) - shift) // SHORTEST), min(shift, len(chunk))
                )
                for number in np.flatnonzero(self._filter[_slots(windows)]):
                    place = begin + shift + SHORTEST * int(number)
                    for needle in self._by_key.get(int(windows[number]), ()):
                        if data.startswith(needle.data, place):
                            yield needle


def _slots(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Where each key stands in the filter, which most windows do not pass."""
    return (keys * _MULTIPLIER) >> np.uint64(64 - _FILTER_BITS)
