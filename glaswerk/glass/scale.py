"""Integer arithmetic that every machine does alike: units, the logistic table, decay, logarithms, dice.

One unit is 2^-16 of log-odds. The tables below are computed once from floats whose last bits do not matter: every
entry is far enough from a half for any IEEE machine to round it alike (a test checks that), and then only integers are used.
"""

import math
from typing import Any, Final

import numba as nb
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

UNIT: Final = 1 << 16
"""One whole log-odds, and also a probability of one."""

LOGISTIC_STEP: Final = 1 << 10
LOGISTIC_REACH: Final = 12


def _frozen(values: list[int]) -> Ints:
    table = np.array(values, dtype=np.int64)
    table.setflags(write=False)
    return table


LOGISTIC: Final = _frozen(
    [
        round(UNIT / (1 + math.exp(-step * LOGISTIC_STEP / UNIT)))
        for step in range(-LOGISTIC_REACH * UNIT // LOGISTIC_STEP, LOGISTIC_REACH * UNIT // LOGISTIC_STEP + 1)
    ]
)
"""Published table: the logistic function at every 1/64 of log-odds from -12 to 12, in 2^-16."""

HALVING: Final = _frozen([round(UNIT * 2 ** (-step / 256)) for step in range(256)])
"""Published table: 2^-(k/256) in 2^-16."""


def logistic(log_odds: int) -> int:
    """Probability in 2^-16 of a log-odds in 2^-16: the table's entry at or below it, so it is monotone."""
    step = min(max(log_odds, -LOGISTIC_REACH * UNIT), LOGISTIC_REACH * UNIT) // LOGISTIC_STEP
    return int(LOGISTIC[step + LOGISTIC_REACH * UNIT // LOGISTIC_STEP])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def decay(age: int, half_life: int) -> Any:
    """2^-(age/half_life) in 2^-16, from 65536 at age zero or below down to 0. Monotone: an older thing never weighs more."""
    if age <= 0:
        return 65536
    if age >= 17 * half_life:
        return 0
    # Whole half-lives and 1/256 of the next one in one quotient, estimated with a float and then made exact: the divider for
    # 64-bit integers is the slowest part of many processors.
    parts = age << 8
    steps = np.int64(parts / half_life)
    while steps * half_life > parts:
        steps -= 1
    while (steps + 1) * half_life <= parts:
        steps += 1
    return HALVING[steps & 255] >> (steps >> 8)


def log2_256(number: int) -> int:
    """floor(256 x log2(number)) of a positive integer, by repeated squaring and so without any float."""
    if number < 1:
        raise ValueError("log2_256 needs a positive integer")
    whole = number.bit_length() - 1
    mantissa = (number << 62) >> whole
    result = whole
    for _ in range(8):
        mantissa = (mantissa * mantissa) >> 62
        result <<= 1
        if mantissa >> 63:
            mantissa >>= 1
            result |= 1
    return result


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def dice(seed: int, position: int, throw: int, faces: int) -> Any:
    """A number in 0..faces-1 that depends on nothing but its arguments (SplitMix64 over their sum).

    The high 32 bits of the mixed word, times faces, divided by 2^32; faces must lie in 1..2^31.
    """
    word = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.uint64(position * 1024 + throw + 1)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    word = word ^ (word >> np.uint64(31))
    return np.int64(((word >> np.uint64(32)) * np.uint64(faces)) >> np.uint64(32))


def frozen(values: Any) -> Ints:
    """A read-only, contiguous int64 array: the one form in which kernels take what belongs to a viewer."""
    if (
        isinstance(values, np.ndarray)
        and values.dtype == np.int64
        and not values.flags.writeable
        and values.flags.c_contiguous
    ):
        return values
    table = np.array(values, dtype=np.int64, order="C")
    table.setflags(write=False)
    return table
