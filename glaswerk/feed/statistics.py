"""Decayed counts: how much of a count is left after a time, in whole 1/256 units."""

from typing import Final

UNITS: Final = 256
HALF_LIFE_MS: Final = 24 * 3_600_000


def decayed(units: int, elapsed_ms: int) -> int:
    """Return what is left of `units` after `elapsed_ms` (a half-life is a day).  A clock that goes back decays nothing."""
    if elapsed_ms <= 0 or units <= 0:
        return max(units, 0)
    return int(units * 0.5 ** (elapsed_ms / HALF_LIFE_MS))
