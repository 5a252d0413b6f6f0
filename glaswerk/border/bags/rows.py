"""What an archive holds, one thing a row: named so that it is recognised when it is met again."""

from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from glaswerk.border.models import Outcome

KINDS: Final = {
    "profile": _("Profile"),
    "video": _("Videos"),
    "draft": _("Drafts"),
    "follow": _("People you follow"),
    "like": _("Likes"),
    "save": _("Saved videos"),
    "comment": _("Comments"),
    "follower": _("Followers"),
}
MOST_ROWS: Final = 200_000


@dataclass(frozen=True, slots=True)
class Row:
    """One thing; `facts` is what bringing it in needs, `note` why it cannot be."""

    kind: str
    key: str
    title: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome = Outcome.WAITING
    note: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """An archive that was read: what kind it is, whose and from where, and its rows."""

    kind: str
    origin: str
    rows: list[Row]
