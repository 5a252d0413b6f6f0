"""Co-watching: linear filters from video to video, fitted in closed form and served as a few whole numbers an item.

* `CoWatch`: what is watched by the same people; the most accurate for histories without order.
* `NextWatch`: what is watched after what, for histories in order.
* `ItemCosine`: plain normalised counts, summed in integers: the same bytes on every machine.
"""

from glaswerk.glass.cowatch.cosine import ItemCosine
from glaswerk.glass.cowatch.filters import CoWatch, FilterSettings
from glaswerk.glass.cowatch.sequence import NextWatch, SequenceSettings
from glaswerk.glass.cowatch.served import Served

__all__ = ["CoWatch", "FilterSettings", "ItemCosine", "NextWatch", "SequenceSettings", "Served"]
