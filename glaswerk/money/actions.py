"""Every write to the ledger.  What it may and may not do is held by the database; see `models/ledger.py`."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import DatabaseError, connection

from glaswerk.money.amounts import check_currency
from glaswerk.money.models import AccountKind


class LedgerError(Exception):
    """A journal cannot be posted.  The surrounding transaction is broken then, unless it has a savepoint."""


class Overdraft(LedgerError):  # noqa: N818 - it says what happened, not that something broke.
    """An account without overdraft would fall below zero."""


class KeyReused(LedgerError):  # noqa: N818 - it says what happened, not that something broke.
    """The key belongs to a journal with another kind, reference or lines."""


class Unbalanced(LedgerError):  # noqa: N818 - it says what happened, not that something broke.
    """The lines do not sum to zero in each currency, or are fewer than two."""


class Immutable(LedgerError):  # noqa: N818 - it says what happened, not that something broke.
    """Something that is only ever added to would be changed."""


class UnknownAccount(LedgerError):  # noqa: N818 - it says what happened, not that something broke.
    """A line names an account that is not there."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a journal does to one account: `amount` minor units, above zero a debit, below a credit."""

    account: int
    amount: int


class AccountName(NamedTuple):
    """What identifies an account."""

    kind: AccountKind
    owner_kind: str
    owner_id: int
    currency: str


_BY_SQLSTATE: dict[str, type[LedgerError]] = {
    "GM001": KeyReused,
    "GM002": Unbalanced,
    "GM003": Immutable,
    "GM004": UnknownAccount,
}

_ASK = """
SELECT held.id FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[]) WITH ORDINALITY
    AS asked (kind, owner_kind, owner_id, currency, place)
LEFT JOIN money_account held USING (kind, owner_kind, owner_id, currency) ORDER BY place
"""
# Sorted, so that two transactions that open the same accounts never wait for each other in a ring.
_OPEN = """
INSERT INTO money_account (kind, owner_kind, owner_id, currency, side, overdraft, balance)
SELECT kind, owner_kind, owner_id, currency, side, overdraft, 0
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::smallint[], %s::boolean[])
    AS asked (kind, owner_kind, owner_id, currency, side, overdraft)
ORDER BY kind, owner_kind, owner_id, currency
ON CONFLICT DO NOTHING
"""


def account_id(kind: AccountKind, owner_kind: str, owner_id: int, currency: str) -> int:
    """Return the id of an account, which is opened at its first use.  One query, three at the first use.

    Raises AmountError for a currency that does not exist.
    """
    return account_ids([AccountName(kind, owner_kind, owner_id, currency)])[0]


# An account is never removed and never becomes another one, so its id can be kept.
_known: dict[AccountName, int] = {}
_MOST_KNOWN: Final = 100_000


def forget_accounts() -> None:
    """Forget which accounts there are, for tests that empty the ledger."""
    _known.clear()


def account_ids(names: Sequence[AccountName]) -> list[int]:
    """Return the ids of several accounts in the order asked, like `account_id`.

    One query, three at the first use, and mostly none.
    """
    # What this transaction opened may yet be rolled back, and so is not kept.
    may_keep = not connection.in_atomic_block
    if may_keep and all(name in _known for name in names):
        return [_known[name] for name in names]
    found = _look_up_or_open(names)
    if may_keep:
        if len(_known) > _MOST_KNOWN:
            _known.clear()
        _known.update(zip(names, found, strict=True))
    return found


def _look_up_or_open(names: Sequence[AccountName]) -> list[int]:
    for currency in {name.currency for name in names}:
        check_currency(currency)
    columns = _columns(names)
    with connection.cursor() as cursor:
        cursor.execute(_ASK, columns)
        found = [row[0] for row in cursor.fetchall()]
        if None in found:
            kinds = [AccountKind(name.kind) for name in names]
            cursor.execute(_OPEN, [*columns, [kind.side for kind in kinds], [kind.overdraft for kind in kinds]])
            cursor.execute(_ASK, columns)
            found = [row[0] for row in cursor.fetchall()]
    return found


def _columns(names: Sequence[AccountName]) -> list[list[Any]]:
    return [
        [str(name.kind) for name in names],
        [name.owner_kind for name in names],
        [name.owner_id for name in names],
        [name.currency for name in names],
    ]


def post_journal(key: str, kind: str, reference: str, lines: Sequence[Line], at: datetime | None = None) -> int:
    """Post a journal and return its id; the same key with the same content returns the id of the one that is there.

    `key` says what happened and happens once, such as "capture:42"; `kind` and `reference` are for reading and finding.
    `at` is when it happened (default: now); it is no part of the content, because a retry comes later.  Lines of zero
    are left out, so that callers need no condition for a commission of nothing.  One round trip.

    Raises Overdraft, KeyReused, Unbalanced or UnknownAccount; nothing is posted then.
    """
    moving = [line for line in lines if line.amount]
    with ledger_errors(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT money_post(%s, %s, %s, %s, %s::bigint[], %s::bigint[])",
            [key, kind, reference, at, [line.account for line in moving], [line.amount for line in moving]],
        )
        return int(cursor.fetchone()[0])


def lock_accounts(accounts: Collection[int]) -> None:
    """Lock accounts by their ids, within a transaction that posts several journals to them.  One query.

    A journal alone needs none of it: it locks its accounts in this order itself.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM money_account WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [sorted(set(accounts))]
        )


@contextmanager
def ledger_errors() -> Iterator[None]:
    """Turn what the database refuses about the ledger into LedgerError; other errors go through."""
    try:
        yield
    except DatabaseError as error:
        cause = error.__cause__
        state = getattr(cause, "sqlstate", None) or ""
        message = getattr(getattr(cause, "diag", None), "message_primary", None) or str(error)
        if state in _BY_SQLSTATE:
            raise _BY_SQLSTATE[state](message) from error
        if getattr(getattr(cause, "diag", None), "constraint_name", None) == "no_overdraft":
            raise Overdraft("an account without overdraft would fall below zero") from error
        raise
