"""What a person's name may be: it stands in addresses (`/@name`) and mentions, so it is plain and unmistakable."""

from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

NAME_PATTERN: Final = r"[a-z0-9](?:[a-z0-9]|[._](?=[a-z0-9])){2,29}"
RESERVED: Final = frozenset(
    """admin administrator api about account accounts create discover feed following glaswerk help home inbox login
    logout me moderator notifications operator root search settings shop signup static support system upload""".split()
)


def refuse_reserved(name: str) -> None:
    """Refuse names that somebody could take for the cell itself."""
    if name.lower() in RESERVED:
        raise ValidationError(_("This name is reserved. Please choose another one."), code="reserved")


NAME_VALIDATORS = [
    RegexValidator(
        rf"\A{NAME_PATTERN}\Z",
        _("A name has 3 to 30 lower-case letters, digits, dots or underscores, and starts with a letter or digit."),
    ),
    refuse_reserved,
]
