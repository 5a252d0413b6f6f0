"""PDQ, a fingerprint of a picture that survives scaling and compression: 256 bits, after Meta's published description.

The brightness is smoothed by two passes of a box filter, sampled at 64 by 64 points, and transformed by a cosine transform of which
the 16 by 16 lowest frequencies without the constant are kept.  A bit says whether a frequency is above the median.  Two pictures are
taken to be the same where at most 31 bits differ and both have a quality of at least 50.
"""

from math import cos, pi, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BITS: Final = 256
SAME_BITS: Final = 31
GOOD_QUALITY: Final = 50

_SIDE: Final = 64
_KEPT: Final = 16
_PASSES: Final = 2
_SMOOTHEST: Final = 100
_COSINES: Final = np.array(
    [
        [sqrt(2 / _SIDE) * cos(pi / (2 * _SIDE) * row * (2 * column + 1)) for column in range(_SIDE)]
        for row in range(1, _KEPT + 1)
    ],
    dtype=np.float64,
)

Grey = NDArray[np.float64]


def brightness(rgb: NDArray[np.uint8]) -> Grey:
    """The brightness of a picture given as rows of red, green and blue."""
    weights = np.array([0.299, 0.587, 0.114])
    grey: Grey = rgb.astype(np.float64) @ weights
    return grey


def pdq(grey: Grey) -> tuple[bytes, int]:
    """The 32 bytes of a picture (the last bit of the description first) and its quality from 0 to 100."""
    small = _sampled(_smoothed(grey))
    frequencies = _COSINES @ small @ _COSINES.T
    values = frequencies.ravel()
    # The lower of the two middle values, as the reference takes it.
    median = np.partition(values, BITS // 2 - 1)[BITS // 2 - 1]
    return np.packbits((values > median)[::-1]).tobytes(), _quality(small)


def distance(one: bytes, other: bytes) -> int:
    """How many bits differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def _smoothed(grey: Grey) -> Grey:
    rows, columns = grey.shape
    for _ in range(_PASSES):
        grey = _boxed(grey, _window(columns), axis=1)
        grey = _boxed(grey, _window(rows), axis=0)
    return grey


def _window(length: int) -> int:
    return (length + 2 * _SIDE - 1) // (2 * _SIDE)


def _boxed(grey: Grey, window: int, axis: int) -> Grey:
    """The mean over a window that gets smaller at the borders."""
    length = grey.shape[axis]
    half = (window + 2) // 2
    at = np.arange(length)
    first, end = np.maximum(0, at + half - window), np.minimum(length, at + half)
    zero = np.zeros_like(np.take(grey, [0], axis=axis))
    sums = np.concatenate([zero, np.cumsum(grey, axis=axis)], axis=axis)
    counts = (end - first).reshape((-1, 1) if axis == 0 else (1, -1))
    means: Grey = (np.take(sums, end, axis=axis) - np.take(sums, first, axis=axis)) / counts
    return means


def _sampled(grey: Grey) -> Grey:
    rows, columns = grey.shape
    middle = np.arange(_SIDE) + 0.5
    down, across = (middle * rows / _SIDE).astype(int), (middle * columns / _SIDE).astype(int)
    small: Grey = grey[np.ix_(down, across)]
    return small


def _quality(small: Grey) -> int:
    """How much there is to see: the sum of steps between neighbours, each in hundredths of full brightness, cut off."""
    steps = sum(int(np.abs(_hundredths(small, axis)).sum()) for axis in (0, 1))
    return min(_SMOOTHEST, steps // 90)


def _hundredths(small: Grey, axis: int) -> NDArray[Any]:
    return np.trunc(np.diff(small, axis=axis) * 100 / 255)
