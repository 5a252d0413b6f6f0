"""A viewer's own settings of the feed, kept as registers: the dials, what is hidden, the personal feed, the reset.

Every setting is one register `name: (at, value)` whose latest value wins, so that two changes at once on two workers
lose nothing of each other.  Names: a dial's own, `topic:<hashtag>`, `profiling`, and `hide:<kind>:<value>`; values are
whole numbers, 0 and 1 for switches.  A hidden creator is kept by id, because names can change hands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from glaswerk.glass import Dials, token
from glaswerk.glass.dials import MOST_TOPICS, NAMES

MOST_HIDDEN: Final = 200
# Settings that were taken back are remembered as well, the latest ones, so that late news does not bring them again.
MOST_REGISTERS: Final = 2 * (MOST_TOPICS + MOST_HIDDEN)
PROFILING: Final = "profiling"
_TOPIC: Final = "topic:"
_HIDE: Final = "hide:"
_SIGNS: Final = {"word": "", "hashtag": "#", "creator": "@", "sound": "sound:"}
HIDDEN_KINDS: Final = tuple(_SIGNS)


def topic_register(hashtag: str) -> str:
    """The name of the register of a hashtag's dial."""
    return _TOPIC + hashtag


def hide_register(kind: str, value: str) -> str:
    """The name of the register that hides something; a creator's value is the id in decimal."""
    return f"{_HIDE}{kind}:{value}"


@lru_cache(maxsize=10_000)
def hidden_token(kind: str, value: str) -> int:
    """What a video carries that has this word, hashtag, creator (by id) or sound (by title)."""
    return token(_SIGNS[kind] + value)


@dataclass(slots=True)
class Settings:
    """One viewer's settings as the log has told them; `reset_at`: what was watched up to then says nothing any more."""

    registers: dict[str, tuple[int, int]] = field(default_factory=dict)
    reset_at: int = 0

    @classmethod
    def of(cls, stored: Mapping[str, Iterable[int]], reset_at: int) -> "Settings":
        """The settings that `stored` and `reset_at` say."""
        return cls({name: (at, value) for name, (at, value) in stored.items()}, reset_at)

    @property
    def stored(self) -> dict[str, list[int]]:
        """The registers as JSON has them."""
        return {name: [at, value] for name, (at, value) in sorted(self.registers.items())}

    def apply(self, event: Mapping[str, Any]) -> None:
        """Fold in an event of the kind `dials` or `reset`."""
        if event["kind"] == "reset":
            self.reset_at = max(self.reset_at, event["at"])
            return
        for name, value in event["set"].items():
            said = (event["at"], value)
            self.registers[name] = max(self.registers.get(name, said), said)
        if len(self.registers) > MOST_REGISTERS:
            taken_back = sorted((at, name) for name, (at, value) in self.registers.items() if ":" in name and not value)
            for _, name in taken_back[: len(self.registers) - MOST_REGISTERS]:
                del self.registers[name]

    @property
    def changed_at(self) -> int:
        """When anything was last set, in ms since the Unix epoch."""
        return max([self.reset_at, *(at for at, _ in self.registers.values())])

    def value(self, name: str) -> int:
        """The value of one register; 0 where it was never set."""
        return self.registers.get(name, (0, 0))[1]

    @property
    def topics(self) -> dict[str, int]:
        """The dials of hashtags, none of them 0, by rising hashtag."""
        return dict(self._latest(_TOPIC, MOST_TOPICS))

    @property
    def dials(self) -> Dials:
        """The dials as ranking takes them."""
        return Dials(**{name: self.value(name) for name in NAMES}, topics=tuple(self.topics.items()))

    @property
    def profiling(self) -> bool | None:
        """Whether the feed may be personal; None where the viewer has never said so."""
        return bool(self.value(PROFILING)) if PROFILING in self.registers else None

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What is hidden as (kind, value), creators by id in decimal."""
        parts = (name.partition(":") for name, _ in self._latest(_HIDE, MOST_HIDDEN))
        return [(kind, value) for kind, _, value in parts]

    @property
    def hidden_tokens(self) -> tuple[int, ...]:
        """What is hidden as ranking takes it: rising tokens."""
        return tuple(sorted({hidden_token(kind, value) for kind, value in self.hidden}))

    def _latest(self, prefix: str, most: int) -> list[tuple[str, int]]:
        """What is set under a prefix: the `most` latest ones, as (rest of the name, value) by rising name."""
        held = [(at, name, value) for name, (at, value) in self.registers.items() if value and name.startswith(prefix)]
        return sorted((name.removeprefix(prefix), value) for _, name, value in sorted(held)[-most:])
