"""The history of the policy as the page tells it: who changed which number, when and why."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from glaswerk.feed.policies import PolicyEntry
from glaswerk.feed.transparency.page import Change, changes


@dataclass(frozen=True, slots=True)
class Version:
    """A policy that was in force, and what it changed. `set_by` is empty where it came with a version of Glaswerk."""

    sha256: str
    set_at: datetime
    set_by: str
    reason: str
    first_epoch: str
    changes: list[Change]


def versions(records: list[PolicyEntry]) -> list[Version]:
    """Return a history, newest first, with what each policy changed of the one before it."""
    before = [record.text for record in records[1:]]
    return [
        Version(
            sha256=record.sha256,
            set_at=record.set_at,
            set_by=record.set_by,
            # What the cell wrote itself is said in the reader's language; what an operator wrote stays as it is.
            reason=record.reason if record.set_by else gettext("The policy that comes with this version of Glaswerk."),
            first_epoch=record.first_epoch,
            changes=changes(before[place], record.text) if place < len(before) else [],
        )
        for place, record in enumerate(records)
    ]
