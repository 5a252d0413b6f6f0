"""What became of every row of an imported file."""

from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["created", "changed", "refused"]


@dataclass(frozen=True, slots=True)
class RowReport:
    """One row: its line in the file (the head is line 1), its product, and what became of it.

    `field` and `reason` say what is wrong where the product was refused; where another row of the same product was
    wrong, this one was refused with it.
    """

    line: int
    handle: str
    outcome: Outcome
    field: str = ""
    reason: str = ""


@dataclass(slots=True)
class Report:
    """All rows of a file in its order, and what was taken otherwise than it stood there."""

    rows: list[RowReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def products(self, outcome: Outcome) -> int:
        """Return how many products had this outcome."""
        return len({row.handle for row in self.rows if row.outcome == outcome})
