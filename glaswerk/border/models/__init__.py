"""The tables of the border, one noun a file."""

from glaswerk.border.models.arrival import Arrival, Elsewhere, ForeignOffer
from glaswerk.border.models.move import MoveHalf
from glaswerk.border.models.peer import Cosignature, Peer, RefusedCosignature
from glaswerk.border.models.rights import (
    Erasure,
    Export,
    ExportState,
    Import,
    ImportKind,
    ImportRow,
    ImportState,
    Outcome,
)
from glaswerk.border.models.spoken import Change, CountedDay, Spoken, SpokenFile
from glaswerk.border.models.sunset import Act, ActKind, Mark

__all__ = [
    "Act",
    "ActKind",
    "Arrival",
    "Change",
    "Cosignature",
    "CountedDay",
    "Elsewhere",
    "Erasure",
    "Export",
    "ExportState",
    "ForeignOffer",
    "Import",
    "ImportKind",
    "ImportRow",
    "ImportState",
    "Mark",
    "MoveHalf",
    "Outcome",
    "Peer",
    "RefusedCosignature",
    "Spoken",
    "SpokenFile",
]
