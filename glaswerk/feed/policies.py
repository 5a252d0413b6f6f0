"""The feed's policy over time: which text is in force, since when, who changed it and why.

Until an operator sets another one, the policy that comes with this version of Glaswerk is in force; it stands in the history
as well, from the first epoch on that was cut by it.  A policy comes into force together with its first epoch, or not at all.
"""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import psycopg
from django import db

from glaswerk.cell.entries import EntryKind, RecordRefused
from glaswerk.cell.records import record_on
from glaswerk.glass import Policy, PolicyError, default_policy

SHORTEST_REASON: Final = 10
LONGEST_REASON: Final = 1000
LONGEST_TEXT: Final = 100_000
BUILT_IN_REASON: Final = "The policy that comes with this version of Glaswerk."

Connection = psycopg.Connection[Any]


class ChangeRefused(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """A policy that is not put in force; the message says why, and nothing was changed."""


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A policy that an operator wants in force."""

    text: str
    set_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One policy of the history; set_by: the operator's name, or empty where it came with a version of Glaswerk."""

    sha256: str
    text: str
    set_at: datetime
    set_by: str
    reason: str
    first_epoch: str


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy in force; number: its place in the history."""

    number: int
    policy: Policy


def policy_hash(text: str) -> str:
    """The SHA-256 of a policy's text."""
    return sha256(text.encode()).hexdigest()


def read_policy(text: str) -> Policy:
    """Parse a policy.  Raises PolicyError, which names the line."""
    if len(text) > LONGEST_TEXT:
        raise PolicyError(f"a policy has at most {LONGEST_TEXT} characters")
    return Policy.parse(text)


def take_over_built_in(connection: Connection) -> None:
    """Put this version's own policy into the history, where no operator has set one since it was another.

    Call it where nobody else does at the same time.
    """
    policy = default_policy()
    newest = connection.execute("SELECT set_by, text FROM feed_policyrecord ORDER BY id DESC LIMIT 1").fetchone()
    if newest is None or (newest[0] == "" and newest[1] != policy.text):
        _record(connection, PolicyChange(policy.text, "", BUILT_IN_REASON))


def policy_in_force(connection: Connection) -> InForce:
    """Return the newest policy of the history.  Raises PolicyError where this version cannot read it."""
    row = connection.execute("SELECT id, text FROM feed_policyrecord ORDER BY id DESC LIMIT 1").fetchone()
    assert row is not None
    return InForce(row[0], read_policy(row[1]))


def record_change(connection: Connection, change: PolicyChange) -> None:
    """Add a policy to the history.  Raises ChangeRefused, and PolicyError for a text that is no policy."""
    read_policy(change.text)
    reason = " ".join(unicodedata.normalize("NFC", change.reason).split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON or not reason.isprintable():
        raise ChangeRefused(f"give a reason of {SHORTEST_REASON} to {LONGEST_REASON} characters, for everybody to read")
    name = change.set_by.lower().removeprefix("@")
    known = connection.execute(
        "SELECT 1 FROM people_person WHERE name = %s AND role = 'operator' AND is_active", [name]
    ).fetchone()
    if known is None:
        raise ChangeRefused(f"{change.set_by!r} is no operator of this cell; `glaswerk person list` says who is")
    newest = connection.execute("SELECT text FROM feed_policyrecord ORDER BY id DESC LIMIT 1").fetchone()
    if newest is not None and newest[0] == change.text:
        raise ChangeRefused("this policy is in force already")
    _record(connection, PolicyChange(change.text, name, reason))


def _record(connection: Connection, change: PolicyChange) -> None:
    said = {"policy": "ranking", "sha256": policy_hash(change.text), "reason": change.reason}
    with connection.transaction():
        connection.execute(
            "INSERT INTO feed_policyrecord (sha256, text, set_at, set_by, reason, first_epoch)"
            " VALUES (%s, %s, %s, %s, %s, '')",
            [said["sha256"], change.text, datetime.now(UTC), change.set_by, change.reason],
        )
        try:
            record_on(connection, EntryKind.POLICY, said)
        except RecordRefused as error:
            # The public log keeps the reason for ever, so it must not name anybody.
            raise ChangeRefused(f"{error.field}: {error.detail}") from None


def note_first_epoch(connection: Connection, number: int, epoch: str) -> None:
    """Say by which epoch a policy came into force, if this is the first one."""
    connection.execute(
        "UPDATE feed_policyrecord SET first_epoch = %s WHERE id = %s AND first_epoch = ''", [epoch, number]
    )


def history() -> list[PolicyEntry]:
    """Return every policy that was ever in force here, the newest first; empty before the first epoch.  One query."""
    # The cutter reads this file as well, without Django's models.
    with db.connection.cursor() as cursor:
        cursor.execute(
            "SELECT sha256, text, set_at, set_by, reason, first_epoch FROM feed_policyrecord ORDER BY id DESC"
        )
        return [PolicyEntry(*row) for row in cursor.fetchall()]


def as_json(records: list[PolicyEntry]) -> dict[str, Any]:
    """What `GET /api/policy` and `glaswerk feed policy history --json` say, of a history."""
    return {
        "text": records[0].text if records else default_policy().text,
        "sha256": records[0].sha256 if records else policy_hash(default_policy().text),
        "set_at": records[0].set_at.isoformat() if records else None,
        "history": [
            {
                "sha256": record.sha256,
                "set_at": record.set_at.isoformat(),
                "set_by": record.set_by or None,
                "reason": record.reason,
                "first_epoch": record.first_epoch or None,
            }
            for record in records
        ],
    }
