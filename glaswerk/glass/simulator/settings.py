"""How large a simulated world is, and how long it lasts."""

from dataclasses import dataclass
from typing import Final

from glaswerk.glass.errors import GlassError

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 20_833 * DAY_MS
"""When every simulation begins (Unix milliseconds, at midnight): a fixed moment, so that nothing depends on the clock."""

WARM_DAYS: Final = 3
"""Days before the comparison, in which all policies share one mixed feed and one log."""
LOG_DAYS: Final = 2
"""The last of these days are the log that models are trained on."""
SLATE: Final = 10
"""Videos that a viewer is sent at a time."""

MOST_VIEWERS: Final = 20_000
MOST_VIDEOS: Final = 50_000
MOST_DAYS: Final = 60


class SimulatorError(GlassError):
    """A world that cannot be simulated; the message names the setting."""


@dataclass(frozen=True, slots=True)
class Settings:
    """viewers: people, without the view-bots. videos: published before the first day; more arrive every day. days: compared,
    after the warm-up. rush_minutes: how long a thousand slates a minute are asked for at the end, 0 for no such rush.
    Raises SimulatorError for a number out of range."""

    viewers: int = 700
    videos: int = 2500
    days: int = 3
    seed: int = 1
    rush_minutes: int = 4

    def __post_init__(self) -> None:
        for name, low, high in (
            ("viewers", 2, MOST_VIEWERS),
            ("videos", 20, MOST_VIDEOS),
            ("days", 1, MOST_DAYS),
            ("seed", 0, 1 << 31),
            ("rush_minutes", 0, 60),
        ):
            if not low <= getattr(self, name) <= high:
                raise SimulatorError(f"{name} must lie between {low} and {high}")

    @property
    def begin_ms(self) -> int:
        """When the comparison begins."""
        return START_MS + WARM_DAYS * DAY_MS

    @property
    def end_ms(self) -> int:
        """When its last day ends, and the rush begins."""
        return self.begin_ms + self.days * DAY_MS
