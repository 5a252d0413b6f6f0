"""The canonical bytes of small things: LEB128 varints, zigzag for signed numbers, differences for lists.

There is one encoding of a value and no other is read: a varint longer than it needs to be, a list out of order,
or bytes left over raise WireError.
"""

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.errors import WireError
from glaswerk.glass.scale import Ints, frozen

_WORD = 1 << 64


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _put_steps(values: Any, out: Any) -> int:
    at = 0
    last = np.int64(0)
    for place in range(len(values)):
        # Signed numbers must not overflow in compiled code, where nobody promises that they wrap; unsigned ones do.
        step = np.int64(np.uint64(values[place]) - np.uint64(last))
        last = values[place]
        word = (np.uint64(step) << np.uint64(1)) ^ np.uint64(step >> np.int64(63))
        while word >= np.uint64(128):
            out[at] = np.uint8(word & np.uint64(127)) | np.uint8(128)
            word >>= np.uint64(7)
            at += 1
        out[at] = np.uint8(word)
        at += 1
    return at


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _take_steps(data: Any, at: int, values: Any, rising: bool) -> int:
    last = np.int64(0)
    for place in range(len(values)):
        word = np.uint64(0)
        shift = 0
        while True:
            if at >= len(data) or shift > 63:
                return -1
            byte = np.uint64(data[at])
            at += 1
            if shift == 63 and byte > np.uint64(1):
                return -1
            word |= (byte & np.uint64(127)) << np.uint64(shift)
            if byte < np.uint64(128):
                if byte == np.uint64(0) and shift > 0:
                    return -1
                break
            shift += 7
        step = np.int64(word >> np.uint64(1)) ^ -np.int64(word & np.uint64(1))
        value = np.int64(np.uint64(last) + np.uint64(step))
        if rising and place > 0 and value <= last:
            return -1
        values[place] = value
        last = value
    return at


class Writer:
    """Puts values one behind another."""

    def __init__(self) -> None:
        self._out = bytearray()

    def natural(self, value: int) -> None:
        """A number from 0 to 2^64-1."""
        if not 0 <= value < _WORD:
            raise WireError(f"{value} does not fit")
        while value >= 128:
            self._out.append(value & 127 | 128)
            value >>= 7
        self._out.append(value)

    def integer(self, value: int) -> None:
        """A signed number of 64 bits."""
        if not -_WORD // 2 <= value < _WORD // 2:
            raise WireError(f"{value} does not fit")
        self.natural(value << 1 if value >= 0 else (-value << 1) - 1)

    def text(self, value: str) -> None:
        """UTF-8 behind its length in bytes."""
        data = value.encode()
        self.natural(len(data))
        self._out += data

    def raw(self, value: bytes) -> None:
        """Bytes whose length the reader knows."""
        self._out += value

    def rising(self, values: Ints) -> None:
        """A strictly rising list: its length, then the differences."""
        self.natural(len(values))
        self.steps(values)

    def steps(self, values: Ints) -> None:
        """A list whose length the reader knows: the differences, modulo 2^64."""
        out = np.empty(10 * len(values), dtype=np.uint8)
        self._out += out[: _put_steps(values, out)].tobytes()

    def done(self) -> bytes:
        return bytes(self._out)


class Reader:
    """Takes values in the order in which they were put."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def natural(self) -> int:
        value = shift = 0
        while True:
            if self._at >= len(self._data) or shift > 63:
                raise WireError("bytes end within a number")
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                if (byte == 0 and shift) or value >= _WORD:
                    raise WireError("a number is not in its shortest form")
                return value
            shift += 7

    def integer(self) -> int:
        value = self.natural()
        return value >> 1 if not value & 1 else -(value + 1 >> 1)

    def text(self) -> str:
        try:
            return self.raw(self.natural()).decode()
        except UnicodeDecodeError as error:
            raise WireError("a text is not UTF-8") from error

    def raw(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise WireError("bytes end too early")
        self._at += size
        return piece

    def count(self) -> int:
        """The length of a list, which cannot be more than the bytes that are left."""
        count = self.natural()
        if count > len(self._data) - self._at:
            raise WireError("a list is longer than the bytes that are left")
        return count

    def rising(self) -> Ints:
        return self.steps(self.count(), rising=True)

    def steps(self, count: int, rising: bool = False) -> Ints:
        values = np.empty(count, dtype=np.int64)
        data: NDArray[np.uint8] = np.frombuffer(self._data, dtype=np.uint8)
        at = _take_steps(data, self._at, values, rising)
        if at < 0:
            raise WireError("a list of numbers is broken")
        self._at = int(at)
        return frozen(values)

    def end(self) -> None:
        if self._at != len(self._data):
            raise WireError("bytes are left over")
