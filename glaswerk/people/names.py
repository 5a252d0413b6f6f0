"""What a person's name may be: it stands in addresses (`/@name`) and mentions, so it is plain and unmistakable."""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

NAME_PATTERN: Final = r"[a-z0-9](?:[a-z0-9]|[._](?=[a-z0-9])){2,29}"
NAME_PATTERN_COMPILED: Final = re.compile(NAME_PATTERN)
# How a cell is called here whose people this cell shows: it stands behind the second @ of their names, `@ida@us`.
CELL_PATTERN: Final = r"[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9])){0,31}"
MAX_CELL: Final = 32
# A name as it is asked for: of somebody here, or with the cell that somebody is at home in.
FULL_NAME_PATTERN: Final = rf"{NAME_PATTERN}(?:@{CELL_PATTERN})?"
FULL_NAME_COMPILED: Final = re.compile(FULL_NAME_PATTERN)
# Of a name with its cell.
MAX_NAME: Final = 30 + 1 + MAX_CELL
RESERVED: Final = frozenset(
    {
        "about",
        "account",
        "accounts",
        "admin",
        "administrator",
        "admins",
        "api",
        "create",
        "discover",
        "feed",
        "following",
        "glaswerk",
        "help",
        "home",
        "inbox",
        "login",
        "logout",
        "me",
        "moderator",
        "moderators",
        "notifications",
        "null",
        "official",
        "operator",
        "root",
        "search",
        "settings",
        "shop",
        "signup",
        "staff",
        "static",
        "support",
        "system",
        "team",
        "undefined",
        "upload",
    }
)


def refuse_reserved(name: str) -> None:
    """Refuse names that somebody could take for the cell itself."""
    if name.lower() in RESERVED:
        raise ValidationError(_("This name is reserved. Please choose another one."), code="reserved")


NAME_VALIDATORS: Final[list[Callable[[str], None]]] = [
    RegexValidator(
        rf"\A{NAME_PATTERN}\Z",
        _("A name has 3 to 30 lower-case letters, digits, dots or underscores, and starts with a letter or digit."),
    ),
    refuse_reserved,
]

# Letters that turn the reading direction can make one text look like another.
_DIRECTION_MARKS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN: Final = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})


def clean_name(text: str) -> str:
    """Return the stored form of a typed name: without surrounding space, lower case.  Raises ValidationError."""
    name = text.strip().lower()
    for validator in NAME_VALIDATORS:
        validator(name)
    return name


def clean_shown_text(text: str) -> str:
    """Return a text that people show of themselves, without characters that cannot be seen or that mislead."""
    unified = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    kept = (
        letter
        for letter in unified
        if letter == "\n" or (letter not in _DIRECTION_MARKS and unicodedata.category(letter) not in _UNSEEN)
    )
    return "".join(kept).strip()
