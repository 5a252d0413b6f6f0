"""Canary: values that cannot be mistaken for anything else, and a detector that finds them in whatever left.

    detector = Detector(spelled("e-mail", token := new_token()))
    detector.search(b"...").found        # which of them, in which spelling, behind which wrappings

It finds a value in every spelling of `spelling.py`, within everything that `opening.py` opens, and by its digests.  It cannot
find what was encrypted or hashed with a key that it does not have, and says nothing about that.

This package imports neither Django nor any other part of glaswerk.
"""

from glaswerk.canary.detector import Detector, Found, Search
from glaswerk.canary.opening import opened
from glaswerk.canary.spelling import SHORTEST, Needle, digested, new_token, spelled, spellings

__all__ = [
    "SHORTEST",
    "Detector",
    "Found",
    "Needle",
    "Search",
    "digested",
    "new_token",
    "opened",
    "spelled",
    "spellings",
]
