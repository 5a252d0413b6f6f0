"""Integer noise for counts that leave the cell: the discrete Laplace law, drawn exactly from the system's randomness.

After Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms 1 and 2.  Whole
numbers all the way: floating point noise has gaps in its low bits, by which the true count can be told (Mironov, 2012).
"""

import secrets
from collections.abc import Callable

Below = Callable[[int], int]
"""Returns a whole number from 0 up to, and without, its argument, each as likely."""


def discrete_laplace(numerator: int, denominator: int, below: Below = secrets.randbelow) -> int:
    """Draw z with a chance proportional to exp(-|z| * numerator/denominator): for epsilon, where one viewer changes by 1."""
    if numerator < 1 or denominator < 1:
        raise ValueError("the scale is a fraction of two positive numbers")
    while True:
        part = below(denominator)
        if not _happens_exp(part, denominator, below):
            continue
        whole = 0
        while _happens_exp(1, 1, below):
            whole += 1
        size = (part + denominator * whole) // numerator
        is_negative = below(2) == 1
        # Nothing is neither positive nor negative, and must not be drawn twice as often.
        if size or not is_negative:
            return -size if is_negative else size


def _happens_exp(numerator: int, denominator: int, below: Below) -> bool:
    """Whether something happens whose chance is exp(-numerator/denominator); the fraction is from 0 to 1."""
    draws = 1
    while below(denominator * draws) < numerator:
        draws += 1
    return draws % 2 == 1
