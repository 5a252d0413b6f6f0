"""The tables of the border, one noun a file."""

from glaswerk.border.models.arrival import Arrival, Elsewhere, ForeignOffer
from glaswerk.border.models.peer import Peer
from glaswerk.border.models.spoken import Change, CountedDay, Spoken, SpokenFile

__all__ = ["Arrival", "Change", "CountedDay", "Elsewhere", "ForeignOffer", "Peer", "Spoken", "SpokenFile"]
