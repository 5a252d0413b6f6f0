"""The tables of the border, one noun a file."""

from glaswerk.border.models.sunset import Act, ActKind, Mark

__all__ = ["Act", "ActKind", "Mark"]
