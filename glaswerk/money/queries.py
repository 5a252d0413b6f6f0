"""What pages, commands and other apps read of the ledger.  Each function says how many queries it makes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef

from glaswerk.money.models import Account, AccountKind, Destination


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry of an account; `amount` and `balance` count on the account's own side."""

    at: datetime
    key: str
    kind: str
    reference: str
    amount: int
    balance: int


@dataclass(frozen=True, slots=True)
class Statement:
    """An account over a time: where it stood, what moved it, where it stands; minor units on its own side."""

    opening: int
    lines: list[StatementLine]
    closing: int


_STATEMENT = """
SELECT journal.at, journal.key, journal.kind, journal.reference, account.side * entry.amount,
    (sum(account.side * entry.amount) OVER (ORDER BY journal.at, entry.id))::bigint
FROM money_entry entry JOIN money_journal journal ON journal.id = entry.journal_id
JOIN money_account account ON account.id = entry.account_id
WHERE entry.account_id = %(account)s AND journal.at >= %(since)s AND journal.at < %(until)s
ORDER BY journal.at, entry.id
"""

_OPENING = """
SELECT coalesce(sum(account.side * entry.amount), 0)::bigint
FROM money_entry entry JOIN money_journal journal ON journal.id = entry.journal_id
JOIN money_account account ON account.id = entry.account_id
WHERE entry.account_id = %(account)s AND journal.at < %(since)s
"""


def statement(account: int, since: datetime, until: datetime) -> Statement:
    """Return what moved an account from `since` up to, and without, `until`, with its running balance.  Two queries."""
    asked: dict[str, Any] = {"account": account, "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(_OPENING, asked)
        (opening,) = cursor.fetchone()
        cursor.execute(_STATEMENT, asked)
        lines = [
            StatementLine(at, key, kind, reference, amount, opening + running)
            for at, key, kind, reference, amount, running in cursor.fetchall()
        ]
    return Statement(opening, lines, lines[-1].balance if lines else opening)


def balance(account: int) -> int:
    """Return where an account stands now, in minor units on its own side.  One query."""
    return Account.objects.values_list("balance", flat=True).get(pk=account)


def balances_of(owner_kind: str, owner_id: int) -> dict[tuple[str, str], int]:
    """Return the balances of all accounts of an owner by (kind, currency), on each account's own side.  One query."""
    rows = Account.objects.filter(owner_kind=owner_kind, owner_id=owner_id).values_list("kind", "currency", "balance")
    return {(kind, currency): held for kind, currency, held in rows}


@dataclass(frozen=True, slots=True)
class Due:
    """What a creator is owed, or owes where it is below zero, and whether it is known where to send it."""

    creator_id: int
    currency: str
    minor: int
    has_iban: bool
    has_account: bool


def due_creators(limit: int = 200) -> list[Due]:
    """Return what creators are owed, the most first.  One query."""
    known = Destination.objects.filter(creator_id=OuterRef("owner_id"))
    rows = (
        Account.objects.filter(kind=AccountKind.CREATOR_PAYABLE, owner_kind="creator")
        .exclude(balance=0)
        .annotate(has_iban=Exists(known.exclude(iban="")), has_account=Exists(known.exclude(provider_account="")))
        .order_by("-balance", "pk")
        .values_list("owner_id", "currency", "balance", "has_iban", "has_account")
    )
    return [Due(*row) for row in rows[:limit]]


@dataclass(frozen=True, slots=True)
class BookedEntry:
    """One entry with all that an accountant wants to know of it."""

    journal: int
    at: datetime
    key: str
    kind: str
    reference: str
    account_kind: str
    owner_kind: str
    owner_id: int
    currency: str
    amount: int


_BOOK = """
SELECT journal.id, journal.at, journal.key, journal.kind, journal.reference,
    account.kind, account.owner_kind, account.owner_id, account.currency, entry.amount
FROM money_journal journal JOIN money_entry entry ON entry.journal_id = journal.id
JOIN money_account account ON account.id = entry.account_id
WHERE journal.at >= coalesce(%s::timestamptz, '-infinity') AND journal.at < coalesce(%s::timestamptz, 'infinity')
ORDER BY journal.at, journal.id, entry.id
"""
_AT_ONCE = 5000


def book(since: datetime | None = None, until: datetime | None = None) -> Iterator[BookedEntry]:
    """Yield all entries from `since` up to, and without, `until`, in the order of time, journals whole.  One query."""
    # A cursor on the server's side, because a book may be larger than this process's memory.
    with connection.chunked_cursor() as cursor:
        cursor.execute(_BOOK, [since, until])
        while rows := cursor.fetchmany(_AT_ONCE):
            for row in rows:
                yield BookedEntry(*row)
