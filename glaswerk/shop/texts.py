"""Texts and times that people give us, made clean before anybody stores or compares them."""

import unicodedata
from datetime import datetime
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.shop.failures import ShopError

# Characters that reorder what follows them, or that carry hidden text: a product could pretend to be another one.
_DECEIVING: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xE0000, 0xE0080))))


def clean_line(text: str, field: str, most: int, *, required: bool = True) -> str:
    """Return one line of text in NFC with single blanks.  Raises ShopError for the field.

    `most` counts Unicode code points.
    """
    # Longer than this, nothing normalises into what fits, and nobody should make us try.
    clean = " ".join(unicodedata.normalize("NFC", text[: 4 * most + 1]).split())
    if len(text) > 4 * most or len(clean) > most:
        raise ShopError(field, _("Please shorten this to at most %(count)d characters.") % {"count": most})
    if any(one in _DECEIVING or unicodedata.category(one) in ("Cc", "Cs") for one in clean):
        raise ShopError(field, _("This holds an invisible control character. Please type it anew."))
    if required and not clean:
        raise ShopError(field, _("Please fill this in."))
    return clean


def clean_text(text: str, field: str, most: int) -> str:
    """Return a text of several lines in NFC.  Raises ShopError for the field."""
    if len(text) > 4 * most:
        raise ShopError(field, _("Please shorten this to at most %(count)d characters.") % {"count": most})
    clean = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(clean) > most:
        raise ShopError(field, _("Please shorten this to at most %(count)d characters.") % {"count": most})
    if any(one in _DECEIVING or (unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t") for one in clean):
        raise ShopError(field, _("This holds an invisible control character. Please type it anew."))
    return clean


def check_period(start: datetime, end: datetime | None) -> None:
    """Raise ShopError unless the times have zones, are of this millennium, and come in this order."""
    for field, moment in (("start", start), ("end", end)):
        if moment is None:
            continue
        if timezone.is_naive(moment):
            raise ShopError(field, _("Please give times with their zone, such as 2026-12-01T00:00:00Z."))
        # At its edges a calendar ends: a time that is stored there could not be read again in another zone.
        if not 2000 <= moment.year < 3000:
            raise ShopError(field, _("Please take a year between 2000 and 2999."))
    if end is not None and end <= start:
        raise ShopError("end", _("It ends before it begins."))
