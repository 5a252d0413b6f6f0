"""Decisions about people and what they published, as the public log has them: that there was one, and about whom to nobody."""

from contextlib import suppress

from glaswerk.cell.entries import EntryKind
from glaswerk.cell.records import record
from glaswerk.people.keyring import KeyDestroyed, commitment, pseudonym
from glaswerk.people.models import Person


def record_decision(decision: str, by: Person, about: Person, item: str) -> None:
    """Record a decision, in the transaction of it.  `item`: such as `video:<id>`; only who has the salt can tell which.

    About somebody whose keys are destroyed there is nothing left to say, and the decision stands without an entry.
    """
    with suppress(KeyDestroyed):
        facts = {"person": pseudonym(about), "item": commitment(about, item), "by": pseudonym(by)}
        record(EntryKind.MODERATE, {"decision": decision, "about": item.partition(":")[0], **facts})
