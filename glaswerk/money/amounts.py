"""Amounts of money: whole minor units (cents, yen, fils) with their currency.  There is no float on the way of money."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel.numbers import format_currency, get_currency_precision, list_currencies

# What a BIGINT holds, less one bit, so that the sum of any two amounts fits it too.
MAX_MINOR: Final = (1 << 62) - 1


class AmountError(ValueError):
    """An amount cannot be what it is asked to be: no integer, an unknown currency, or two currencies in one sum."""


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


def check_currency(code: str) -> str:
    """Return the code of a currency that CLDR knows, such as "EUR".  Raises AmountError."""
    if code not in _currencies():
        raise AmountError(f"{code!r} is no currency; take an ISO 4217 code such as EUR")
    return code


def exponent(currency: str) -> int:
    """Return how many decimals a currency is shown with: JPY 0, EUR 2, KWD 3 (CLDR).  It is for display alone."""
    return int(get_currency_precision(check_currency(currency)))


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of one currency.

    Sums and comparisons are possible within one currency only; AmountError is raised otherwise.  There is no division:
    `allocate` shares an amount out without losing any of it.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is no whole number, does not fit the ledger, or is in no currency."""
        # True is an int for Python, and nobody means it as an amount.
        if type(self.minor) is not int:
            raise AmountError(f"an amount is a whole number of minor units, not {self.minor!r}")
        if abs(self.minor) > MAX_MINOR:
            raise AmountError("the amount is larger than the ledger can hold")
        check_currency(self.currency)

    def _minor_of(self, other: "Money") -> int:
        if self.currency != other.currency:
            raise AmountError(f"{self.currency} and {other.currency} cannot stand in one sum")
        return other.minor

    def __add__(self, other: "Money") -> "Money":
        """Return the sum."""
        return Money(self.minor + self._minor_of(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        """Return the difference."""
        return Money(self.minor - self._minor_of(other), self.currency)

    def __neg__(self) -> "Money":
        """Return the amount with its sign turned."""
        return Money(-self.minor, self.currency)

    def __mul__(self, times: int) -> "Money":
        """Return the amount so many times."""
        if type(times) is not int:
            raise AmountError(f"an amount is multiplied by whole numbers, not by {times!r}")
        return Money(self.minor * times, self.currency)

    def __lt__(self, other: "Money") -> bool:
        """Whether it is less."""
        return self.minor < self._minor_of(other)

    def __le__(self, other: "Money") -> bool:
        """Whether it is not more."""
        return self.minor <= self._minor_of(other)

    def share(self, weights: Sequence[int]) -> list["Money"]:
        """Share the amount out by weights; the shares sum to it.  Raises AmountError where there is nobody to share."""
        return [Money(part, self.currency) for part in allocate(self.minor, weights)]

    def decimal(self) -> Decimal:
        """Return the amount in major units, exactly, such as Decimal("12.34")."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def shown(self, locale: str = "en") -> str:
        """Return the amount as people of a locale write it, such as "12,34 €"."""
        return str(format_currency(self.decimal(), self.currency, locale=locale.replace("-", "_")))


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Share `total` minor units out in proportion to `weights` by the largest remainder; the parts sum to it exactly.

    Each part is its exact share rounded down or up; what is left over after rounding down goes one by one to the
    largest remainders, and of equal ones to the earlier.  A negative total is shared like the positive one, so that
    taking back is the mirror of giving.  Raises AmountError where no weight is positive or one is negative.
    """
    if any(weight < 0 for weight in weights):
        raise AmountError("a weight cannot be negative")
    whole = sum(weights)
    if whole == 0:
        raise AmountError("somebody must have a weight, or there is nobody to share with")
    sign = -1 if total < 0 else 1
    parts, remainders = [], []
    for weight in weights:
        part, remainder = divmod(abs(total) * weight, whole)
        parts.append(part)
        remainders.append(remainder)
    left = abs(total) - sum(parts)
    for place in sorted(range(len(weights)), key=lambda place: (-remainders[place], place))[:left]:
        parts[place] += 1
    return [sign * part for part in parts]
