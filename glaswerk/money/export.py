"""The book for accountants: as CSV, and as a beancount file (https://beancount.github.io/docs/beancount_language_syntax.html)."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Final, TextIO

from glaswerk.money.amounts import Money
from glaswerk.money.models import AccountKind
from glaswerk.money.queries import BookedEntry

COLUMNS: Final = (
    "journal", "at", "key", "kind", "reference", "account", "owner_kind", "owner_id", "currency", "amount_minor",
    "amount",
)  # fmt: skip
# Spreadsheets run what begins with one of these; a quote before it makes it a text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

_ROOTS: Final = {
    AccountKind.PROVIDER_CLEARING: "Assets:Provider",
    AccountKind.PROVIDER_FEES: "Expenses:Provider-Fees",
    AccountKind.DISPUTES: "Assets:Disputes",
    AccountKind.BANK: "Assets:Bank",
    AccountKind.PLATFORM_COMMISSION: "Income:Commission",
    AccountKind.MERCHANT_PAYABLE: "Liabilities:Merchant-Payable",
    AccountKind.CREATOR_ACCRUED: "Liabilities:Creator-Accrued",
    AccountKind.CREATOR_PAYABLE: "Liabilities:Creator-Payable",
    AccountKind.PAYOUT_IN_TRANSIT: "Liabilities:Payout-In-Transit",
    AccountKind.REFUNDS_DUE: "Liabilities:Refunds-Due",
}


def write_csv(entries: Iterable[BookedEntry], out: TextIO) -> int:
    """Write one row an entry, amounts in minor and in major units; return how many."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    written = 0
    for entry in entries:
        writer.writerow(
            (
                entry.journal,
                entry.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                _text(entry.key),
                _text(entry.kind),
                _text(entry.reference),
                entry.account_kind,
                _text(entry.owner_kind),
                entry.owner_id,
                entry.currency,
                entry.amount,
                f"{_decimal(entry):f}",
            )
        )
        written += 1
    return written


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def _decimal(entry: BookedEntry) -> Decimal:
    return Money(entry.amount, entry.currency).decimal()


def beancount_account(entry: BookedEntry) -> str:
    """Return the name of an entry's account, such as `Liabilities:Merchant-Payable:Merchant:7`."""
    root = _ROOTS.get(AccountKind(entry.account_kind), "Equity:Other")
    # A part of a name begins with a capital or a digit; whatever else an owner's kind has becomes a dash.
    owner = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in entry.owner_kind)
    # The sign of an id would not be allowed at the beginning.
    number = str(entry.owner_id).replace("-", "N")
    return f"{root}:{(owner[:1].upper() + owner[1:]) or 'None'}:{number}"


def write_beancount(entries: Iterable[BookedEntry], out: TextIO, title: str) -> int:
    """Write a ledger that `bean-check` accepts; return how many entries.  Debits are positive there as here.

    Accounts are opened on the day of their first entry, so `entries` must come in the order of time.
    """
    out.write(f'option "title" {_quoted(title)}\n\n')
    opened: set[str] = set()
    written = 0
    for _journal, group in groupby(entries, lambda entry: entry.journal):
        lines = list(group)
        day = _day(lines[0].at)
        for account in dict.fromkeys(map(beancount_account, lines)):
            if account not in opened:
                opened.add(account)
                out.write(f"{day} open {account}\n")
        out.writelines(_transaction(day, lines))
        written += len(lines)
    return written


def _transaction(day: str, lines: list[BookedEntry]) -> Iterator[str]:
    first = lines[0]
    yield f"{day} * {_quoted(first.kind)} {_quoted(first.reference)}\n"
    yield f"  key: {_quoted(first.key)}\n"
    for line in lines:
        yield f"  {beancount_account(line)}  {_decimal(line):f} {line.currency}\n"
    yield "\n"


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\r", " ")
    return f'"{escaped}"'
