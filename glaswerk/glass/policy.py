"""The policy: a text that a person can read, parsed strictly into integers."""

import dataclasses
import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Self

from glaswerk.glass.errors import PolicyError
from glaswerk.glass.names import HEADS, ITEM_SIGNALS, VIEWER_SIGNALS

HOUR_MS = 3_600_000


def _number(kind: str, low: str, high: str, scale: int) -> Any:
    return dataclasses.field(metadata={"kind": kind, "low": Decimal(low), "high": Decimal(high), "scale": scale})


def _log_odds(low: str = "-20", high: str = "20") -> Any:
    return _number("number", low, high, 1 << 16)


def _weight(low: str = "-20", high: str = "20") -> Any:
    return _number("number", low, high, 256)


def _share() -> Any:
    return _number("number", "0", "1", 1 << 16)


def _whole(low: int, high: int) -> Any:
    return _number("whole number", str(low), str(high), 1)


def _hours(factor: int = 1) -> Any:
    return _number("number", "0.01", "100000", HOUR_MS * factor)


@dataclass(frozen=True, slots=True)
class Weights:
    """Weight of each head in the value, in 1/256."""

    finish: int = _weight()
    like: int = _weight()
    share: int = _weight()
    follow: int = _weight()
    buy: int = _weight()
    skip: int = _weight()


@dataclass(frozen=True, slots=True)
class Head:
    """Bias in 2^-16 log-odds, and the coefficient of every signal in 2^-16."""

    bias: int = _log_odds()
    finish_rate: int = _log_odds()
    like_rate: int = _log_odds()
    share_rate: int = _log_odds()
    follow_rate: int = _log_odds()
    buy_rate: int = _log_odds()
    skip_rate: int = _log_odds()
    trending: int = _log_odds()
    cowatch: int = _log_odds()
    similar: int = _log_odds()
    topic: int = _log_odds()
    creator: int = _log_odds()
    follows_creator: int = _log_odds()
    language: int = _log_odds()
    region: int = _log_odds()
    fresh: int = _log_odds()


@dataclass(frozen=True, slots=True)
class Heads:
    finish: Head
    like: Head
    share: Head
    follow: Head
    buy: Head
    skip: Head


@dataclass(frozen=True, slots=True)
class Smoothing:
    impressions: int = _whole(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Pull:
    """In 2^-16 log-odds."""

    finish: int = _log_odds("0", "10")
    skip: int = _log_odds("0", "10")
    not_interested: int = _log_odds("0", "10")


@dataclass(frozen=True, slots=True)
class Reach:
    """In 2^-16 log-odds."""

    cowatch: int = _log_odds("0.01", "20")
    similar: int = _log_odds("0.01", "20")
    topic: int = _log_odds("0.01", "20")
    creator: int = _log_odds("0.01", "20")


@dataclass(frozen=True, slots=True)
class Decay:
    """Half-lives in milliseconds; watch_count is a number of watches."""

    watch_days: int = _hours(24)
    watch_count: int = _whole(1, 1_000_000)
    cowatch_days: int = _hours(24)
    fresh_hours: int = _hours()


@dataclass(frozen=True, slots=True)
class Trending:
    """In 1/256."""

    finish: int = _weight("0", "100")
    like: int = _weight("0", "100")


@dataclass(frozen=True, slots=True)
class History:
    watches: int = _whole(1, 1_000)


@dataclass(frozen=True, slots=True)
class CoWatching:
    neighbours: int = _whole(1, 1_000)
    watches: int = _whole(1, 100_000)


@dataclass(frozen=True, slots=True)
class Similar:
    neighbours: int = _whole(1, 1_000)


@dataclass(frozen=True, slots=True)
class Topics:
    per_video: int = _whole(1, 16)
    followed: int = _whole(0, 100)


@dataclass(frozen=True, slots=True)
class Quotas:
    following: int = _whole(0, 10_000)
    cowatch: int = _whole(0, 10_000)
    similar: int = _whole(0, 10_000)
    topic: int = _whole(0, 10_000)
    trending_here: int = _whole(0, 10_000)
    trending: int = _whole(50, 10_000)
    fresh: int = _whole(0, 10_000)
    shoppable: int = _whole(0, 10_000)
    promoted: int = _whole(0, 10_000)
    surface: int = _whole(50, 10_000)


@dataclass(frozen=True, slots=True)
class SeenRule:
    rule: str = dataclasses.field(metadata={"choices": ("impression", "watch")})


@dataclass(frozen=True, slots=True)
class Spacing:
    """Costs in 2^-16 log-odds."""

    creator_gap: int = _whole(0, 50)
    creator_cost: int = _log_odds("0", "20")
    topic_window: int = _whole(0, 50)
    topic_cost: int = _log_odds("0", "20")


@dataclass(frozen=True, slots=True)
class Exploration:
    """The share in 2^-16, hold in 2^-16 log-odds."""

    share: int = _share()
    audience: int = _whole(1, 1_000_000)
    growth: int = _whole(1, 1_000)
    stages: int = _whole(1, 10)
    hold: int = _log_odds()
    pool: int = _whole(1, 10_000)
    draws: int = _whole(1, 100)


@dataclass(frozen=True, slots=True)
class Commercial:
    """The cap in 2^-16."""

    cap: int = _share()


@dataclass(frozen=True, slots=True)
class Dials:
    """What one step of each dial is worth, in 2^-16 log-odds; long_seconds in milliseconds."""

    new: int = _log_odds("0", "20")
    familiar: int = _log_odds("0", "20")
    local: int = _log_odds("0", "20")
    shopping: int = _log_odds("0", "20")
    long: int = _log_odds("0", "20")
    topic: int = _log_odds("0", "20")
    long_seconds: int = _number("number", "1", "3600", 1000)


@dataclass(frozen=True, slots=True)
class Policy:
    """Every public weight and rule as integers, with the text they were read from."""

    weights: Weights
    heads: Heads
    smoothing: Smoothing
    pull: Pull
    reach: Reach
    decay: Decay
    trending: Trending
    history: History
    cowatch: CoWatching
    similar: Similar
    topics: Topics
    sources: Quotas
    seen: SeenRule
    spacing: Spacing
    exploration: Exploration
    commercial: Commercial
    dials: Dials
    text: str = dataclasses.field(metadata={"kept": True}, repr=False)
    version: int = _whole(2, 2)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a policy; every key must be there, and no other. Raises PolicyError naming key and line."""
        try:
            document = tomllib.loads(text, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            raise PolicyError(f"policy is not TOML: {error}") from error
        parsed = _section(cls, document, "", text)
        policy = cls(text=text, **parsed)
        if policy.weights.finish <= 0:
            raise PolicyError(
                f"line {_line(text, 'weights', 'finish')}: weights.finish must be above 0: watching counts"
            )
        return policy

    def head(self, name: str) -> Head:
        """The coefficients of one head."""
        head = getattr(self.heads, name)
        assert isinstance(head, Head)
        return head


def _section(kind: type[Any], table: Any, path: str, text: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise PolicyError(f"line {_line(text, *_split(path))}: {path} must be a section")
    known = {field.name: field for field in dataclasses.fields(kind) if not field.metadata.get("kept")}
    for key in table:
        if key not in known:
            near = _nearest(key, list(known))
            raise PolicyError(f"line {_line(text, path, key)}: unknown key {_dotted(path, key)}{near}")
    parsed: dict[str, Any] = {}
    for key, field in known.items():
        name = _dotted(path, key)
        if key not in table:
            raise PolicyError(f"line {_line(text, path, '')}: missing key {name}")
        value = table[key]
        if dataclasses.is_dataclass(field.type):
            assert isinstance(field.type, type)
            parsed[key] = field.type(**_section(field.type, value, name, text))
        elif "choices" in field.metadata:
            if value not in field.metadata["choices"]:
                options = " or ".join(f'"{choice}"' for choice in field.metadata["choices"])
                raise PolicyError(f"line {_line(text, path, key)}: {name} must be {options}")
            parsed[key] = value
        else:
            parsed[key] = _scaled(value, field.metadata, name, _line(text, path, key))
    return parsed


def _scaled(value: Any, rule: Any, name: str, line: int) -> int:
    whole = rule["kind"] == "whole number"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, Decimal)):
        raise PolicyError(f"line {line}: {name} must be a {rule['kind']}")
    number = Decimal(value)
    if not number.is_finite() or not rule["low"] <= number <= rule["high"]:
        raise PolicyError(f"line {line}: {name} must lie between {rule['low']} and {rule['high']}")
    return int((number * rule["scale"]).to_integral_value(rounding="ROUND_HALF_EVEN"))


def _dotted(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _split(path: str) -> tuple[str, str]:
    parent, _, key = path.rpartition(".")
    return parent, key


def _nearest(key: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(key, known, 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _line(text: str, path: str, key: str) -> int:
    """The line on which path.key stands, else the one of its section, else the first."""
    section, found = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if heading := re.match(r"\s*\[([^\]]+)\]", line):
            section = heading[1].strip()
            if section in (path, _dotted(path, key)):
                found = number
        elif section == path and (entry := re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=", line)) and entry[1] == key:
            return number
    return found


@cache
def default_policy() -> Policy:
    """The policy that comes with the engine: policy.toml beside this file."""
    return Policy.parse(resources.files("glaswerk.glass").joinpath("policy.toml").read_text("utf-8"))


assert tuple(field.name for field in dataclasses.fields(Heads)) == HEADS
assert tuple(field.name for field in dataclasses.fields(Weights)) == HEADS
assert tuple(field.name for field in dataclasses.fields(Head)) == ("bias", *ITEM_SIGNALS, *VIEWER_SIGNALS)
