"""What every PDF of the shop shares: its sheet, its letters, and lines that fit."""

import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import getFont, registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont

LEFT: Final = 20 * mm
RIGHT: Final = A4[0] - 20 * mm
BOTTOM: Final = 25 * mm
# The pages' typeface, once more as files that a PDF can embed; it writes in Latin, Greek and Cyrillic.
_FOLDER: Final = Path(__file__).resolve().parents[2] / "node_modules" / "@expo-google-fonts" / "inter"
_FILES: Final = {"Inter": "400Regular/Inter_400Regular.ttf", "Inter-Bold": "700Bold/Inter_700Bold.ttf"}


def letters_of(folder: Path) -> tuple[str, str]:
    """Return the names of the plain and of the bold font: those in a folder, or the ones that every reader has itself."""
    if not all((folder / file).is_file() for file in _FILES.values()):
        return "Helvetica", "Helvetica-Bold"
    for name, file in _FILES.items():
        registerFont(TTFont(name, str(folder / file)))
    plain, bold = _FILES
    return plain, bold


FONT, BOLD = letters_of(_FOLDER)


@cache
def _has(letter: str, font: str) -> bool:
    face = getFont(font).face
    if hasattr(face, "charToGlyph"):
        return ord(letter) in face.charToGlyph
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def drawable(text: object, font: str = FONT) -> str:
    """Return a text in letters that a font has: one that it lacks loses its accents first, and is a question mark then."""
    shown = []
    for letter in unicodedata.normalize("NFC", str(text).replace("\u202f", " ")):
        plain = letter
        if not _has(letter, font):
            plain = _WITHOUT_STROKE.get(letter) or "".join(
                one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one)
            )
        shown += [one if _has(one, font) else "?" for one in plain]
    return "".join(shown)


# Letters of Europe's Latin alphabets that hold a stroke, which no normal form takes away.
_WITHOUT_STROKE: Final = {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ħ": "h", "Ħ": "H", "ı": "i", "ŧ": "t", "Ŧ": "T"}


def fitted(text: str, width: float, font: str = FONT, size: float = 9) -> str:
    """Return as much of a text as fits into a width."""
    while text and stringWidth(text, font, size) > width:
        text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
    return text
