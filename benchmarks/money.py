"""How fast the ledger is proven as a whole, and how fast journals are posted.

    python -m benchmarks.money --entries 1000000 --json

The book is filled by set-based SQL through the very constraints and triggers that guard it in service, so what is proven
is what could have come about.  The peer of the proof is the same question asked of the rows one by one by the ORM, on a
part of the book.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks._machine import report

_BATCH: Final = 12_500  # Journals in one transaction, of four entries each.
_FILL: Final = """
WITH fresh AS (
    INSERT INTO money_journal (key, kind, reference, at, lines, digest)
    SELECT 'bench:' || number, 'sale', 'purchase:' || number,
        timestamptz '2026-01-01 00:00Z' + number * interval '1 second', 4,
        money_digest('sale', 'purchase:' || number, array[%(cash)s, 1 + %(first)s + number %% %(merchants)s,
            1 + %(first)s + %(merchants)s + number %% %(merchants)s, %(platform)s]::bigint[],
            array[1000 + number %% 5000, -(800 + number %% 5000), -120, -80]::bigint[])
    FROM generate_series(%(since)s::bigint, %(until)s::bigint - 1) AS number
    RETURNING id, split_part(key, ':', 2)::bigint AS number
)
INSERT INTO money_entry (journal_id, account_id, amount)
SELECT fresh.id, line.account, line.amount FROM fresh CROSS JOIN LATERAL (VALUES
    (%(cash)s::bigint, 1000 + number %% 5000),
    (1 + %(first)s + number %% %(merchants)s, -(800 + number %% 5000)),
    (1 + %(first)s + %(merchants)s + number %% %(merchants)s, -120),
    (%(platform)s, -80)
) AS line (account, amount)
"""
_MERCHANTS: Final = 1000


def fill(entries: int) -> float:
    """Fill the book; return the seconds."""
    from django.db import connection, transaction

    from glaswerk.money.actions import AccountName, account_id, account_ids
    from glaswerk.money.models import AccountKind

    cash = account_id(AccountKind.PROVIDER_CLEARING, "provider", 0, "EUR")
    platform = account_id(AccountKind.PLATFORM_COMMISSION, "platform", 0, "EUR")
    kinds = ((AccountKind.MERCHANT_PAYABLE, "merchant"), (AccountKind.CREATOR_ACCRUED, "creator"))
    ids = account_ids([AccountName(kind, owner, one, "EUR") for kind, owner in kinds for one in range(_MERCHANTS)])
    first = min(ids) - 1
    if sorted(ids) != list(range(first + 1, first + 1 + len(ids))):
        raise RuntimeError("the accounts of a fresh book are numbered in a row")
    # The lower half of the ids is whichever kind was opened first; both are liabilities without an end.
    started = time.perf_counter()
    for since in range(0, entries // 4, _BATCH):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                _FILL,
                {
                    "cash": cash, "platform": platform, "first": first, "merchants": _MERCHANTS,
                    "since": since, "until": min(since + _BATCH, entries // 4),
                },
            )  # fmt: skip
    took = time.perf_counter() - started
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE money_entry, money_journal, money_account")
    return took


def post(seconds: float) -> float:
    """Post journals of four lines one after the other, each its own transaction; return how many a second."""
    from glaswerk.money.actions import AccountName, Line, account_ids, post_journal
    from glaswerk.money.models import AccountKind

    names = [AccountName(AccountKind.MERCHANT_PAYABLE, "bench", number, "EUR") for number in range(4)]
    one, two, three, four = account_ids(names)
    lines = [Line(one, 1000), Line(two, -800), Line(three, -120), Line(four, -80)]
    started, posted = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        post_journal(f"post:{posted}", "sale", f"purchase:{posted}", lines)
        posted += 1
    return posted / (time.perf_counter() - started)


def one_by_one(journals: int) -> float:
    """Ask the sums of some journals by the ORM, journal by journal; return entries a second."""
    from glaswerk.money.models import Journal

    started, entries = time.perf_counter(), 0
    for journal in Journal.objects.order_by("pk")[:journals]:
        sums: dict[str, int] = {}
        for entry in journal.entries.select_related("account"):
            sums[entry.account.currency] = sums.get(entry.account.currency, 0) + entry.amount
            entries += 1
        if any(sums.values()):
            raise RuntimeError("a journal of the benchmark does not balance")
    return entries / (time.perf_counter() - started)


def measure(entries: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the figures and the peer's."""
    from glaswerk.money.checks import check_book

    filled_s = fill(entries)
    started = time.perf_counter()
    proven = check_book()
    took = time.perf_counter() - started
    figures = {
        "entries": proven.entries,
        "violations": proven.violations,
        "check_seconds": round(took, 2),
        "checked_entries_per_s": round(proven.entries / took),
        "fill_seconds": round(filled_s, 1),
        "filled_entries_per_s": round(proven.entries / filled_s),
        "journals_posted_per_s": round(post(3.0)),
    }
    peer = one_by_one(2000)
    figures["times_faster_than_the_peer"] = round(proven.entries / took / peer, 1)
    return figures, {"row by row, by the ORM: entries a second, one rule alone": round(peer)}


def main() -> None:
    """Measure and report."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--entries", type=int, default=1_000_000)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # A book of its own: what is posted for a measurement could never be taken out of a real one.
        os.environ["GLASWERK_DATA"] = str(Path(folder) / "cell")
        os.environ.pop("DATABASE_URL", None)
        from glaswerk.cell import postgres
        from glaswerk.cell.config import current_cell
        from glaswerk.cell.supervisor import Supervisor, servers
        from glaswerk.cli.attach import setup_django

        cell = current_cell()
        cell.make_folders()
        supervisor = Supervisor(cell)
        try:
            supervisor.start(servers(cell))
            postgres.ensure_database(cell)
            setup_django()
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
            figures, peers = measure(chosen.entries)
        finally:
            supervisor.stop()
    report("money", figures, peers, chosen.json)


if __name__ == "__main__":
    main()
