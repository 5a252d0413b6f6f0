"""Which part of the demo a cell has: all of it, or where several cells run side by side every so many'th creator."""

import os
from typing import Final

from glaswerk.cli.demo.cast import CREATORS, Creator
from glaswerk.cli.demo.welcome import CREATOR

VARIABLE: Final = "GLASWERK_DEMO_SHARE"


def own_share() -> tuple[int, int]:
    """Return which part this cell has, from 0, and how many there are."""
    number, _, of = os.environ.get(VARIABLE, "0/1").partition("/")
    return int(number), int(of)


def own_creators() -> tuple[Creator, ...]:
    """Return the creators who are at home in this cell."""
    number, of = own_share()
    return CREATORS[number::of]


def printed_creator() -> Creator:
    """Return the creator whose account is printed: the best known one, where she is at home here."""
    return next((each for each in own_creators() if each.name == CREATOR), own_creators()[0])
