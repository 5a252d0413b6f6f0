"""Numbers of the policy in words: what a person reads behind "0.7"."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext

Value = Decimal | int | str
Text = str | Promise

# A factor this near to two is called double, as people do.
_NEARLY: Final = 0.04
# Smaller changes of the odds are said in percent, larger ones as a factor.
_PERCENT_BELOW: Final = 1.5


def shown(number: Decimal | float, places: int | None = None) -> str:
    """Return a number as the language writes it, with a true minus and as many decimals as it has, or as are asked for."""
    exact = Decimal(str(number))
    if places is not None:
        exact = round(exact, places)
    text = number_format(abs(exact), -min(0, int(exact.as_tuple().exponent)), use_l10n=True, force_grouping=True)
    return f"−{text}" if exact < 0 else text


def odds(change: float) -> str:
    """Say what adding `change` to the log-odds does to the odds."""
    factor = math.exp(abs(change))
    if abs(change) < 0.0005:
        return gettext("changes nothing")
    if abs(factor / 2 - 1) < _NEARLY:
        return gettext("doubles the odds") if change > 0 else gettext("halves the odds")
    if factor < _PERCENT_BELOW:
        percent = shown((factor - 1) * 100 if change > 0 else (1 - 1 / factor) * 100, 0)
        text = (
            gettext("raises the odds by %(percent)s %%") if change > 0 else gettext("lowers the odds by %(percent)s %%")
        )
        return text % {"percent": percent}
    text = (
        gettext("makes the odds %(factor)s times as high") if change > 0 else gettext("divides the odds by %(factor)s")
    )
    return text % {"factor": shown(factor, 1)}


def percent(share: float) -> str:
    """Return a share as a percentage; small ones with a decimal."""
    return gettext("%(percent)s %%") % {"percent": shown(share * 100, 0 if share >= 0.095 else 1)}


@dataclass(frozen=True)
class Meaning(ABC):
    """How the numbers of a kind are shown, and what they mean."""

    def number(self, value: Value) -> str:
        """Return the number as the language writes it."""
        assert not isinstance(value, str)
        return shown(Decimal(value))

    @abstractmethod
    def words(self, value: Value) -> str:
        """Return what the number means, or nothing where it speaks for itself."""

    def length(self, value: Value) -> float | None:
        """Return how far a bar goes, in units of its own kind; below zero to the left; None for no bar."""
        return None


@dataclass(frozen=True)
class Weight(Meaning):
    """How much the log-odds of an action count towards the value of a video."""

    def words(self, value: Value) -> str:
        """Compare it with watching to the end, which is what weights are measured by."""
        weight = float(value)
        if weight == 0:
            return gettext("does not count")
        if weight == 1:
            return gettext("counts fully")
        if weight == 0.5:
            return gettext("counts half")
        text = gettext("counts %(percent)s") if weight > 0 else gettext("counts %(percent)s against it")
        return text % {"percent": percent(abs(weight))}

    def length(self, value: Value) -> float:
        """Its own size."""
        return float(value)


@dataclass(frozen=True)
class LogOdds(Meaning):
    """A number that is added to the log-odds."""

    def number(self, value: Value) -> str:
        """Show its sign: it is added."""
        assert not isinstance(value, str)
        return f"+{shown(Decimal(value))}" if value > 0 else shown(Decimal(value))

    def words(self, value: Value) -> str:
        """Say what it does to the odds."""
        return odds(float(value))

    def length(self, value: Value) -> float:
        """Its own size."""
        return float(value)


@dataclass(frozen=True)
class Cost(LogOdds):
    """A number that is taken from the log-odds."""

    def number(self, value: Value) -> str:
        """Show that it is taken away."""
        return super().number(-Decimal(value))

    def words(self, value: Value) -> str:
        """Say what taking it away does to the odds."""
        return odds(-float(value))

    def length(self, value: Value) -> float:
        """Its own size, to the left."""
        return -float(value)


@dataclass(frozen=True)
class StartingOdds(LogOdds):
    """The log-odds that a head starts from."""

    def words(self, value: Value) -> str:
        """Say how likely that is."""
        return gettext("a chance of %(percent)s") % {"percent": percent(1 / (1 + math.exp(-float(value))))}


@dataclass(frozen=True)
class Share(Meaning):
    """A part of all places."""

    def number(self, value: Value) -> str:
        """In percent."""
        return percent(float(value))

    def words(self, value: Value) -> str:
        """In a feed of ten, which is what the player asks for."""
        tenths = float(value) * 10
        return gettext("%(count)s of 10 places") % {"count": shown(Decimal(str(round(tenths, 1))).normalize())}

    def length(self, value: Value) -> float:
        """Its own size."""
        return float(value)


@dataclass(frozen=True)
class Count(Meaning):
    """A number of things."""

    unit: Text = ""

    def words(self, value: Value) -> str:
        """What is counted."""
        return str(self.unit)


@dataclass(frozen=True)
class Multiple(Meaning):
    """A plain factor."""

    def words(self, value: Value) -> str:
        """That it is a factor."""
        return gettext("times")


@dataclass(frozen=True)
class Days(Meaning):
    """A half-life in days."""

    def words(self, value: Value) -> str:
        """Its unit."""
        return ngettext("day", "days", 1 if value == 1 else 2)


@dataclass(frozen=True)
class Hours(Meaning):
    """A half-life in hours."""

    def words(self, value: Value) -> str:
        """Its unit."""
        return ngettext("hour", "hours", 1 if value == 1 else 2)


@dataclass(frozen=True)
class Seconds(Meaning):
    """A length of time."""

    def words(self, value: Value) -> str:
        """Its unit."""
        return ngettext("second", "seconds", 1 if value == 1 else 2)


@dataclass(frozen=True)
class Choice(Meaning):
    """One of a few words."""

    options: Mapping[str, Text] = field(default_factory=dict)

    def number(self, value: Value) -> str:
        """What the word stands for."""
        return str(self.options.get(str(value), value))

    def words(self, value: Value) -> str:
        """Nothing: it is said already."""
        return ""
