"""Common random numbers: the luck of a viewer with a video depends on nothing but the two, whatever policy showed it and when.

So two policies that show the same viewer the same video see the same response, and what differs between their worlds is what
they chose (Law, Simulation Modeling and Analysis, chapter 11: common random numbers).
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def uniform(seed: int, kind: int, one: Any, other: Any) -> Floats:
    """Numbers in (0, 1), one for each pair of whole numbers (broadcast): SplitMix64's mixing, once for each argument."""
    with np.errstate(over="ignore"):
        word: Any = np.uint64(seed * 1024 + kind) * _STEP
        for part in (one, other):
            word = word + (np.asarray(part).astype(np.uint64) + np.uint64(1)) * _STEP
            word = (word ^ (word >> np.uint64(30))) * _FIRST
            word = (word ^ (word >> np.uint64(27))) * _SECOND
            word = word ^ (word >> np.uint64(31))
    result: Floats = ((word >> np.uint64(11)).astype(np.float64) + 0.5) / float(1 << 53)
    return result


def gaussian(seed: int, kind: int, one: Any, other: Any) -> Floats:
    """Numbers of a standard normal distribution, by Box and Muller; they use the kinds `kind` and `kind + 1`."""
    radius = np.sqrt(-2 * np.log(uniform(seed, kind, one, other)))
    result: Floats = radius * np.cos(2 * np.pi * uniform(seed, kind + 1, one, other))
    return result


def sigmoid(log_odds: Any) -> Floats:
    """The logistic function."""
    return 1 / (1 + np.exp(-np.asarray(log_odds, dtype=np.float64)))
