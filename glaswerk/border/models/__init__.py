"""The tables of the border, one noun a file."""

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
from glaswerk.border.models.sunset import Act, ActKind, Mark

__all__ = [
    "Act",
    "ActKind",
    "Erasure",
    "Export",
    "ExportState",
    "Import",
    "ImportKind",
    "ImportRow",
    "ImportState",
    "Mark",
    "Outcome",
]
