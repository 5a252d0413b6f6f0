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

__all__ = ["Erasure", "Export", "ExportState", "Import", "ImportKind", "ImportRow", "ImportState", "Outcome"]
