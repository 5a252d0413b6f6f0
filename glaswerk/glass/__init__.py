"""Glass: the feed as a function that anyone can check.

    epoch = Epoch.open(path)                  # what the cell knew of its videos at one moment, and the public policy
    slate = rank(epoch, viewer, ask)          # pure, in integers: the same bytes on every machine, years later too
    explain(epoch, viewer, ask).as_dict()     # where every unit of every value came from

This package imports neither Django nor any other part of glaswerk.
"""

from glaswerk.glass.ask import Ask
from glaswerk.glass.catalogue import Catalogue, Watches
from glaswerk.glass.cowatch import CoWatch, FilterSettings, ItemCosine, NextWatch, SequenceSettings
from glaswerk.glass.cut import cut_epoch
from glaswerk.glass.dials import Dials
from glaswerk.glass.epoch import Epoch
from glaswerk.glass.errors import EpochError, GlassError, PolicyError, WireError
from glaswerk.glass.explanation import Explanation, explain
from glaswerk.glass.goods import FLOOR, Goods
from glaswerk.glass.names import FILTERS, HEADS, ITEM_SIGNALS, MARKS, SOURCES, VIEWER_SIGNALS
from glaswerk.glass.policy import Policy, default_policy
from glaswerk.glass.ranking import rank
from glaswerk.glass.scale import UNIT
from glaswerk.glass.slate import Slate, Slot
from glaswerk.glass.tokens import caption_tokens, token
from glaswerk.glass.viewer import (
    FINISHED,
    LIKED,
    NOT_INTERESTED,
    SAVED,
    SHARED,
    SKIPPED,
    Flag,
    Viewer,
    Watch,
    finish_strength,
)
from glaswerk.glass.warm import warm_up

__all__ = [
    "FILTERS",
    "FINISHED",
    "FLOOR",
    "HEADS",
    "ITEM_SIGNALS",
    "LIKED",
    "MARKS",
    "NOT_INTERESTED",
    "SAVED",
    "SHARED",
    "SKIPPED",
    "SOURCES",
    "UNIT",
    "VIEWER_SIGNALS",
    "Ask",
    "Catalogue",
    "CoWatch",
    "Dials",
    "Epoch",
    "EpochError",
    "Explanation",
    "FilterSettings",
    "Flag",
    "GlassError",
    "Goods",
    "ItemCosine",
    "NextWatch",
    "Policy",
    "PolicyError",
    "SequenceSettings",
    "Slate",
    "Slot",
    "Viewer",
    "Watch",
    "Watches",
    "WireError",
    "caption_tokens",
    "cut_epoch",
    "default_policy",
    "explain",
    "finish_strength",
    "rank",
    "token",
    "warm_up",
]
