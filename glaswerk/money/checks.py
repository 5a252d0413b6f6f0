"""The proof of the whole book: every invariant asked of every row, by set-based SQL in one snapshot.

The database holds these rules while it is written to.  This asks them again of what is there, so that a restore, a
disk, or somebody who took the guards away is noticed too.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection, transaction

from glaswerk.money.payments.registry import PROVIDER_NUMBERS

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
    ("money_payment", "payment_amounts_in_order"),
    ("money_operation", "money_operation_key_key"),
    ("money_providerevent", "event_once"),
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
    Check(
        "refunds of a payment add up to what it says",
        """
        SELECT format('payment %%s says %%s refunded and %%s on the way, its refunds %%s and %%s', payment.id,
            payment.refunded, payment.refunding, coalesce(part.done, 0), coalesce(part.open, 0))
        FROM money_payment payment LEFT JOIN (
            SELECT payment_id, sum(amount) FILTER (WHERE state = 'succeeded') AS done,
                sum(amount) FILTER (WHERE state IN ('pending', 'unknown')) AS open
            FROM money_operation WHERE kind = 'refund' GROUP BY payment_id
        ) AS part ON part.payment_id = payment.id
        WHERE (payment.refunded, payment.refunding) <> (coalesce(part.done, 0), coalesce(part.open, 0))
        """,
    ),
    Check(
        "a payment is captured if and only if its operation succeeded",
        """
        SELECT format('payment %%s is %%s, its operation %%s', payment.id, payment.state, operation.state)
        FROM money_payment payment
        LEFT JOIN money_operation operation ON operation.payment_id = payment.id AND operation.kind = 'pay'
        WHERE (operation.state IS NOT DISTINCT FROM 'succeeded') <> (payment.captured = payment.total)
            OR (payment.captured = payment.total) <> (payment.state IN ('succeeded', 'surplus'))
        """,
    ),
    Check(
        "the money at each provider is what was paid, less what went out",
        """
        SELECT format('provider %%s: the ledger says %%s, the payments %%s %%s', coalesce(book.number, moved.number),
            coalesce(book.total, 0), coalesce(moved.total, 0), coalesce(book.currency, moved.currency))
        FROM (
            SELECT owner_id AS number, currency, balance AS total FROM money_account
            WHERE kind = 'provider_clearing' AND owner_kind = 'provider' AND owner_id = ANY(%(numbers)s)
        ) AS book FULL JOIN (
            SELECT number, currency, sum(amount) AS total FROM (
                SELECT provider, currency, captured - refunded AS amount FROM money_payment WHERE state <> 'surplus'
                UNION ALL
                SELECT dispute.provider, payment.currency, -dispute.amount
                FROM money_dispute dispute JOIN money_payment payment ON payment.id = dispute.payment_id
                WHERE dispute.state <> 'won'
                UNION ALL
                SELECT provider, currency, -amount FROM money_operation
                WHERE kind = 'transfer' AND state = 'succeeded'
            ) AS each JOIN unnest(%(providers)s::text[], %(numbers)s::bigint[]) AS named (provider, number)
                USING (provider)
            GROUP BY number, currency
        ) AS moved USING (number, currency)
        WHERE coalesce(book.total, 0) <> coalesce(moved.total, 0)
        """,
    ),
    Check(
        "creators' accounts are what their commissions say, less their payouts",
        """
        SELECT format('creator %%s: %%s accrued and %%s payable in the ledger, %%s and %%s by commissions, in %%s',
            creator_id, sum(book_accrued), sum(book_payable), sum(accrued), sum(payable), currency)
        FROM (
            SELECT owner_id AS creator_id, currency,
                CASE kind WHEN 'creator_accrued' THEN balance ELSE 0 END AS book_accrued,
                CASE kind WHEN 'creator_payable' THEN balance ELSE 0 END AS book_payable, 0 AS accrued, 0 AS payable
            FROM money_account WHERE owner_kind = 'creator' AND kind IN ('creator_accrued', 'creator_payable')
                AND owner_id IN (SELECT creator_id FROM money_commission)
            UNION ALL
            -- What was taken back while it was accrued never became payable.
            SELECT commission.creator_id, commission.currency, 0, 0,
                CASE WHEN matured.id IS NULL THEN commission.amount - commission.reversed ELSE 0 END,
                coalesce((SELECT sum(amount) FROM money_entry WHERE journal_id = matured.id AND amount > 0), 0)
            FROM money_commission commission LEFT JOIN money_journal matured
                ON matured.key = format('commission:%%s:payable', commission.id)
            UNION ALL
            SELECT commission.creator_id, commission.currency, 0, 0, 0, -(
                SELECT coalesce(sum(entry.amount), 0) FROM money_journal journal
                JOIN money_entry entry ON entry.journal_id = journal.id
                JOIN money_account account ON account.id = entry.account_id
                -- These operators use the index for LIKE whatever the collation; a semicolon is what follows a colon.
                WHERE journal.key ~>=~ format('commission:%%s:reversed:', commission.id)
                    AND journal.key ~<~ format('commission:%%s:reversed;', commission.id)
                    AND account.kind = 'creator_payable' AND entry.amount > 0
            ) FROM money_commission commission WHERE commission.reversed > 0
            UNION ALL
            SELECT payout.creator_id, run.currency, 0, 0, 0, -payout.amount
            FROM money_payout payout JOIN money_payoutrun run ON run.id = payout.run_id WHERE payout.state <> 'failed'
        ) AS part
        GROUP BY creator_id, currency
        HAVING sum(book_accrued) <> sum(accrued) OR sum(book_payable) <> sum(payable)
        """,
    ),
    Check(
        "what is in transit is what was sent and not confirmed",
        """
        SELECT format('%%s %%s in transit, %%s by payouts', coalesce(book.balance, 0), currency, coalesce(sent.total, 0))
        FROM (SELECT currency, balance FROM money_account WHERE kind = 'payout_in_transit') AS book
        FULL JOIN (
            SELECT run.currency, sum(payout.amount) AS total
            FROM money_payout payout JOIN money_payoutrun run ON run.id = payout.run_id
            WHERE payout.state = 'sent' GROUP BY run.currency
        ) AS sent USING (currency)
        WHERE coalesce(book.balance, 0) <> coalesce(sent.total, 0)
        """,
    ),
    Check(
        "no operation is without an outcome for more than a day",
        """
        SELECT format('%%s %%s over %%s %%s since %%s', kind, key, amount, currency, at) FROM money_operation
        WHERE state IN ('pending', 'unknown') AND at < now() - %(overdue)s
        """,
    ),
    Check(
        "no provider's message contradicts what was asked for",
        """
        SELECT format('%%s %%s (%%s): %%s', provider, event_id, kind, effect) FROM money_providerevent
        WHERE effect LIKE 'mismatch%%'
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
        "providers": list(PROVIDER_NUMBERS),
        "numbers": list(PROVIDER_NUMBERS.values()),
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
