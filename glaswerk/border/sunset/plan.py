"""Where a cell stands: a pure function of its last act, of what was marked since, and of a moment.

`open -> notice -> readonly -> dark -> open | carved`.  No timer moves it: whoever asks, asks with the time of asking.
`border_stage` in the database says the same.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """Where a cell stands."""

    OPEN = "open"
    NOTICE = "notice"
    READONLY = "readonly"
    DARK = "dark"
    CARVED = "carved"


_ORDER: Final = tuple(Stage)


@dataclass(frozen=True, slots=True)
class Plan:
    """The last act.  Its version is 0 where there never was one."""

    version: int = 0
    kind: str = ""
    readonly_at: datetime | None = None
    dark_at: datetime | None = None
    extension: int = 0
    marked: Stage = Stage.OPEN

    def stage(self, now: datetime) -> Stage:
        """Where the cell stands at a moment."""
        if self.kind in ("", "resume"):
            return Stage.OPEN
        if self.kind == "carved":
            return Stage.CARVED
        if self.dark_at is not None and now >= self.dark_at:
            return Stage.DARK
        by_clock = Stage.READONLY if self.readonly_at is not None and now >= self.readonly_at else Stage.NOTICE
        return later(by_clock, self.marked)


def later(one: Stage, other: Stage) -> Stage:
    """The one of two that comes later."""
    return max(one, other, key=_ORDER.index)
