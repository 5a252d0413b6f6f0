"""What every PDF of the shop shares: its sheet, its letters, and lines that fit."""

import unicodedata
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth

LEFT: Final = 20 * mm
RIGHT: Final = A4[0] - 20 * mm
BOTTOM: Final = 25 * mm
FONT, BOLD = "Helvetica", "Helvetica-Bold"


def latin(text: object) -> str:
    """Return a text in what the PDF's built-in letters can show: a letter that they lack loses its accents first.

    Other scripts need a font, which comes with the pages.
    """
    shown = []
    for letter in str(text).replace("\u202f", " "):
        try:
            letter.encode("cp1252")
        except UnicodeEncodeError:
            plain = _WITHOUT_STROKE.get(letter) or "".join(
                one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one)
            )
            shown.append(plain.encode("cp1252", "replace").decode("cp1252"))
        else:
            shown.append(letter)
    return "".join(shown)


# Letters of Europe's Latin alphabets that hold a stroke, which no normal form takes away.
_WITHOUT_STROKE: Final = {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ħ": "h", "Ħ": "H", "ı": "i", "ŧ": "t", "Ŧ": "T"}


def fitted(text: str, width: float, font: str = FONT, size: float = 9) -> str:
    """Return as much of a text as fits into a width."""
    while text and stringWidth(text, font, size) > width:
        text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
    return text
