"""The canaries of one audit: what each is, whose, and whether everybody may know it."""

import random
import secrets
from dataclasses import dataclass
from typing import Final

from glaswerk.canary import Needle, new_token, spelled

# Addresses for documentation (RFC 3849), which nobody has.
_NOBODYS: Final = "2001:db8"


class AuditFailed(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """The audit cannot go on; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A value that stands nowhere else.  `is_public`: its owner published it, so it must be seen in what leaves."""

    label: str
    value: str
    is_public: bool
    # The one person who may be told of it, by e-mail.
    owner: str


class Canaries:
    """All of them, as they are let out."""

    def __init__(self) -> None:
        self._all: dict[str, Canary] = {}

    def private(self, label: str, owner: str, value: str = "") -> str:
        """Let one out that may not leave, and return its value."""
        return self._add(Canary(f"{owner}: {label}", value or new_token(), False, owner))

    def public(self, label: str, owner: str, value: str = "") -> str:
        """Let one out that everybody may know."""
        return self._add(Canary(f"{owner}: {label}", value or new_token(), True, owner))

    def _add(self, canary: Canary) -> str:
        self._all[canary.label] = canary
        return canary.value

    def of_public(self, is_public: bool) -> list[Canary]:
        """Those that everybody may know, or the others."""
        return [one for one in self._all.values() if one.is_public == is_public]

    def owner_of(self, label: str) -> str:
        """Whose one is."""
        return self._all[label].owner

    def needles(self) -> list[Needle]:
        """What to look for: those that may not leave in every spelling, the public ones as well."""
        return [needle for one in self._all.values() for needle in spelled(one.label, one.value)]


def place_on_earth() -> str:
    """A place as telephones write it into videos (ISO 6709): the decimals are random, and finer than any grain of dust."""
    north, east = (f"{random.SystemRandom().uniform(10, 80):.10f}" for _ in range(2))
    return f"+{north}+{east.zfill(14)}/"


def network_address() -> str:
    """An IPv6 address that nobody has."""
    return ":".join([_NOBODYS, *(secrets.token_hex(2) for _ in range(6))])
