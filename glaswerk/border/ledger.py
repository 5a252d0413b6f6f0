"""What the public log says of this cell, for its page: read as everything is that leaves, by the border's role."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from glaswerk.border.role import border_connection
from glaswerk.cell.entries import EntryKind
from glaswerk.cell.public_log import log_key
from glaswerk.cell.records import log_policy
from glaswerk.tlog import Checkpoint, LogError, folder_fetch, read_checkpoint

DAYS: Final = 30
LATEST: Final = 12

# In the order of the page: what a kind is called, and what an entry of it says.
KINDS: Final[dict[EntryKind, tuple[Any, Any]]] = {
    EntryKind.CROSS_OUT: (_("What left the cell"), _("Each file that another cell may fetch, by its hash, before it can.")),
    EntryKind.CROSS_IN: (_("What came in"), _("Each file that was taken from another cell, and which entry of its log named it.")),
    EntryKind.ACCESS: (_("Looks at personal data"), _("Each time staff asked to see personal data: what for, which data, and until when.")),
    EntryKind.MODERATE: (_("Decisions"), _("Each decision about an account, or about something that was published.")),
    EntryKind.ERASE: (_("Erasures"), _("Each person whose data was erased. Their keys are gone, so nobody can tell who it was.")),
    EntryKind.EPOCH: (_("Epochs"), _("The hash of each state that feeds were made from, so that no slate can be made up later.")),
    EntryKind.POLICY: (_("Changes of the rules"), _("Each policy that came into force, and why.")),
    EntryKind.SUNSET: (_("Legal dates"), _("Each step of a shutdown that a law has ordered, and each time that it was put off.")),
    EntryKind.CARVE: (_("Changes of the owner"), _("Each step by which this cell came to another owner.")),
    EntryKind.WITNESS: (_("Refused witnesses"), _("Each cosignature of another cell that contradicts this log, or whoever gave it.")),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """The entries of a day."""

    day: date
    count: int
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Said:
    """One entry, in rows that a page can show."""

    index: int | None
    at: datetime
    facts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A kind of entry: how many, by day, and the latest."""

    kind: str
    title: str
    meaning: str
    total: int
    bars: list[Bar]
    most: int
    latest: list[Said]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The whole page.  `checkpoint` is empty where the log has not begun or cannot be read."""

    address: str
    key: str
    checkpoint: Checkpoint | None
    waiting: int
    chapters: list[Chapter]

    @property
    def root(self) -> str:
        """The root of the log, in hexadecimal."""
        return self.checkpoint.root.hex() if self.checkpoint is not None else ""


def read_ledger() -> Ledger:
    """Return what the log says.  Four statements in one transaction, and the log's checkpoint."""
    cell = settings.CELL
    since = datetime.now(UTC).date() - timedelta(days=DAYS - 1)
    with border_connection(cell) as reading:
        totals: dict[str, int] = dict(
            reading.execute("SELECT kind, count(*) FROM cell_record GROUP BY kind").fetchall()
        )
        days = {
            (kind, day): number
            for kind, day, number in reading.execute(
                "SELECT kind, (at AT TIME ZONE 'UTC')::date, count(*) FROM cell_record WHERE at >= %s GROUP BY 1, 2",
                [since],
            )
        }
        row = reading.execute('SELECT count(*) FROM cell_record WHERE "index" IS NULL').fetchone()
        latest: dict[str, list[Said]] = {}
        for kind, index, at, facts in reading.execute(
            'SELECT k.kind, r."index", r.at, r.facts FROM unnest(%s::text[]) AS k (kind) CROSS JOIN LATERAL'
            ' (SELECT id, "index", at, facts FROM cell_record WHERE kind = k.kind ORDER BY id DESC LIMIT %s) AS r'
            " ORDER BY r.id DESC",
            [[kind.value for kind in KINDS], LATEST],
        ):
            latest.setdefault(kind, []).append(Said(index, at, _shown(facts)))
    chapters = [
        _chapter(
            kind,
            totals.get(kind.value, 0),
            Counter({day: n for (of, day), n in days.items() if of == kind}),
            since,
            latest,
        )
        for kind in KINDS
    ]
    try:
        checkpoint = read_checkpoint(folder_fetch(cell.tlog), log_policy(cell)).checkpoint
    except LogError:
        checkpoint = None
    return Ledger(f"{settings.PUBLIC_URL}/log", log_key(cell).text, checkpoint, row[0] if row else 0, chapters)


def _chapter(kind: EntryKind, total: int, days: "Counter[date]", since: date, latest: dict[str, list[Said]]) -> Chapter:
    most = max(days.values(), default=0)
    bars = []
    for number in range(DAYS):
        day = since + timedelta(days=number)
        height = round(36 * days[day] / most, 2) if most else 0
        # A day with one entry beside one with thousands is still seen.
        height = max(height, 1.5) if days[day] else 0
        bars.append(Bar(day, days[day], number * 10, 38 - height, height))
    title, meaning = KINDS[kind]
    return Chapter(kind.value, str(title), str(meaning), total, bars, most, latest.get(kind.value, []))


def _shown(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Facts as text; the order is that of the entry."""
    return [
        (name, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in sorted(facts.items())
    ]
