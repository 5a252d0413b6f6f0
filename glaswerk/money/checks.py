"""The proof of the whole book: every invariant asked of every row, by set-based SQL in one snapshot.

The database holds these rules while it is written to.  This asks them again of what is there, so that a restore, a
disk, or somebody who took the guards away is noticed too.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection, transaction

# A call to a provider answers within seconds, and `resolve_operations` asks every minute about those that did not.
OVERDUE_AFTER: Final = timedelta(hours=24)
SHOWN: Final = 20

TRIGGERS: Final = (
    ("money_journal", "money_journal_balances"),
    ("money_journal", "money_journal_stays"),
    ("money_journal", "money_journal_is_not_emptied"),
    ("money_entry", "money_entry_balances"),
    ("money_entry", "money_entry_moves_balances"),
    ("money_entry", "money_entry_stays"),
    ("money_entry", "money_entry_is_not_emptied"),
    ("money_account", "money_account_is_guarded"),
    ("money_account", "money_account_stays"),
    ("money_account", "money_account_is_not_emptied"),
)
CONSTRAINTS: Final = (
    ("money_account", "account_once"),
    ("money_account", "no_overdraft"),
    ("money_journal", "money_journal_key_key"),
    ("money_journal", "journal_has_two_sides"),
    ("money_entry", "entry_moves_something"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """A rule, and the SQL whose rows break it: one column, a sentence for each."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: how many rows break the rule, and the first of them."""

    name: str
    violations: int
    examples: list[str]


@dataclass(frozen=True, slots=True)
class Report:
    """What `check_book` found."""

    journals: int
    entries: int
    findings: list[Finding]

    @property
    def violations(self) -> int:
        """How many rows break a rule."""
        return sum(finding.violations for finding in self.findings)


_TRIGGERS_MISSING: Final = """
SELECT format('trigger %%s on %%s is missing or does not fire always', asked.name, asked.relation)
FROM unnest(%(trigger_tables)s::text[], %(triggers)s::text[]) AS asked (relation, name)
LEFT JOIN pg_trigger held ON held.tgname = asked.name AND held.tgrelid = to_regclass(asked.relation)
WHERE held.tgenabled IS DISTINCT FROM 'A'
"""

_CONSTRAINTS_MISSING: Final = """
SELECT format('constraint %%s on %%s is missing or not proven', asked.name, asked.relation)
FROM unnest(%(constraint_tables)s::text[], %(constraints)s::text[]) AS asked (relation, name)
LEFT JOIN pg_constraint held ON held.conname = asked.name AND held.conrelid = to_regclass(asked.relation)
WHERE held.convalidated IS NOT TRUE
"""

CHECKS: Final = [
    Check(
        "journals sum to zero in each currency",
        """
        SELECT format('journal %%s is off by %%s %%s', entry.journal_id, sum(entry.amount), account.currency)
        FROM money_entry entry JOIN money_account account ON account.id = entry.account_id
        GROUP BY entry.journal_id, account.currency HAVING sum(entry.amount) <> 0
        """,
    ),
    Check(
        "journals have the entries and the digest that they were written with",
        """
        SELECT format('journal %%s (%%s) is not what was written', journal.id, journal.key)
        FROM money_journal journal LEFT JOIN (
            SELECT journal_id, count(*) AS lines, array_agg(account_id) AS accounts, array_agg(amount) AS amounts
            FROM money_entry GROUP BY journal_id
        ) AS part ON part.journal_id = journal.id
        WHERE part.lines IS DISTINCT FROM journal.lines
            OR money_digest(journal.kind, journal.reference, part.accounts, part.amounts) <> journal.digest
        """,
    ),
    Check(
        "journal keys are unique", "SELECT format('key %%s', key) FROM money_journal GROUP BY key HAVING count(*) > 1"
    ),
    Check(
        "balances are the sums of their entries",
        """
        SELECT format('account %%s says %%s, its entries %%s', account.id, account.balance,
            account.side * coalesce(part.total, 0))
        FROM money_account account
        LEFT JOIN (SELECT account_id, sum(amount) AS total FROM money_entry GROUP BY account_id) AS part
            ON part.account_id = account.id
        WHERE account.balance <> account.side * coalesce(part.total, 0)
        """,
    ),
    Check(
        "accounts without overdraft are not below zero",
        "SELECT format('account %%s is at %%s', id, balance) FROM money_account WHERE balance < 0 AND NOT overdraft",
    ),
    Check(
        "every entry has a journal and an account",
        """
        SELECT format('entry %%s is an orphan', entry.id) FROM money_entry entry
        LEFT JOIN money_journal journal ON journal.id = entry.journal_id
        LEFT JOIN money_account account ON account.id = entry.account_id
        WHERE journal.id IS NULL OR account.id IS NULL
        """,
    ),
    Check("the guards of the ledger are on", f"{_TRIGGERS_MISSING} UNION ALL {_CONSTRAINTS_MISSING}"),
]


def check_book() -> Report:
    """Ask every rule of every row, in one snapshot, so that the cell may go on meanwhile.

    Where the caller is in a transaction already, it is that transaction's view which is proven.
    """
    values = {
        "trigger_tables": [table for table, _name in TRIGGERS],
        "triggers": [name for _table, name in TRIGGERS],
        "constraint_tables": [table for table, _name in CONSTRAINTS],
        "constraints": [name for _table, name in CONSTRAINTS],
        "overdue": OVERDUE_AFTER,
    }
    inside = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if not inside:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Sums over the whole book are made in memory, not by way of the disk.
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("SELECT (SELECT count(*) FROM money_journal), (SELECT count(*) FROM money_entry)")
        journals, entries = cursor.fetchone()
        return Report(journals, entries, [_ask(cursor, check, values) for check in CHECKS])


def _ask(cursor: Any, check: Check, values: dict[str, Any]) -> Finding:
    """Run one check.  Every broken row is counted, and the first few are kept."""
    cursor.execute(
        # The checks are constants of this file; every value is a parameter.
        f"WITH broken (sentence) AS MATERIALIZED ({check.sql})"  # noqa: S608
        f" SELECT (SELECT count(*) FROM broken), array(SELECT sentence FROM broken LIMIT {SHOWN})",
        values,
    )
    count, examples = cursor.fetchone()
    return Finding(check.name, count, examples)
