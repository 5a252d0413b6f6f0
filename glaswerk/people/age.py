"""What a year of birth means: who may have an account here, and whose account starts out protected.

Only the year is asked, because a day would tell more than the rules need; so each rule takes the side of the child.
"""

from datetime import date
from typing import Final

MINIMUM_AGE: Final = 13
PROTECTED_BELOW: Final = 16
_OLDEST: Final = 120


def earliest_birth_year(today: date) -> int:
    """Return the earliest year that is not a typing mistake."""
    return today.year - _OLDEST


def is_too_young(birth_year: int, today: date) -> bool:
    """Whether somebody born in that year cannot have turned 13, even on the last day of this year."""
    return today.year - birth_year < MINIMUM_AGE


def starts_protected(birth_year: int, today: date) -> bool:
    """Whether somebody born in that year may still be under 16 today: the birthday may yet be to come."""
    return today.year - birth_year <= PROTECTED_BELOW
