"""The policy as a page shows it: every key with its sentence, its number, what the number means, and a bar where it helps."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext, ngettext

from glaswerk.feed.transparency.learned import learned_curves
from glaswerk.feed.transparency.meanings import Value, percent, shown
from glaswerk.feed.transparency.plots import Curve, curve, halving
from glaswerk.feed.transparency.sentences import HEADS, LINES, SECTIONS, SIGNALS, Line
from glaswerk.glass.learned import LearnedHeads

# Where numbers are compared with one another; elsewhere a bar would compare days with slots.
_SPLIT_BARS: Final = ("weights.", "heads.")
_PLAIN_BARS: Final = ("sources.",)
# A reach is drawn up to this many times itself: beyond four times, nothing more counts.
_REACHES: Final = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in a picture 100 wide. It begins in the middle where numbers may be below zero."""

    start: str
    width: str
    against: bool
    split: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One key of the policy in words."""

    key: str
    sentence: str
    number: str
    words: str
    bar: Bar | None


@dataclass(frozen=True, slots=True)
class Head:
    """One action: what an average video starts from, what moves it, how much it counts, and what was learned in place of that."""

    name: str
    title: str
    weight: str
    chance: str
    rows: list[Row]
    learned: list[Curve]


@dataclass(frozen=True, slots=True)
class Change:
    """A number that differs between two policies; `before` or `after` is empty where the key was not there."""

    sentence: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Description:
    """Everything that the page says of one policy."""

    rows: dict[str, list[Row]]
    heads: list[Head]
    curves: list[Curve]
    audiences: list[str]
    hold: str
    newcomers: str
    paid: str


def flat(text: str) -> dict[str, Value]:
    """Return every key of a policy with its value, dotted, in the order of the text. Raises TOMLDecodeError."""
    return dict(_walk(tomllib.loads(text, parse_float=Decimal), ""))


def describe(text: str, heads: LearnedHeads | None = None) -> Description:
    """Put a policy, and the heads that were learned under it, into words of this moment's language. The engine accepts the text."""
    learned = learned_curves(heads)
    values = flat(text)
    chosen = {
        section: {key: line for key, line in lines.items() if key in values} for section, lines in SECTIONS.items()
    }
    rows = {section: _rows(values, lines) for section, lines in chosen.items() if section != "heads"}
    stages = int(values["exploration.stages"])
    audience, growth = int(values["exploration.audience"]), int(values["exploration.growth"])
    return Description(
        rows=rows,
        heads=[
            _head(name, str(title), values, learned.get(name, []))
            for name, title in HEADS.items()
            if f"heads.{name}.bias" in values
        ],
        curves=_curves(values),
        audiences=[shown(audience * growth**stage) for stage in range(stages)],
        hold=percent(math.expm1(float(values["exploration.hold"]))),
        newcomers=percent(float(values["exploration.share"])),
        paid=percent(float(values["commercial.cap"])),
    )


def changes(before: str, after: str) -> list[Change]:
    """Say which numbers of a policy another one changed, in the order of the page."""
    old, new = flat(before), flat(after)
    keys = [key for key in LINES if key in old or key in new]
    # Forms of the past may have had keys that the page has no sentence for any more.
    keys += [key for key in {**old, **new} if key not in LINES]
    return [
        Change(_named(key), _number(key, old.get(key)), _number(key, new.get(key)))
        for key in keys
        if old.get(key) != new.get(key)
    ]


def _walk(table: Mapping[str, Any], path: str) -> Iterator[tuple[str, Value]]:
    for key, value in table.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from _walk(value, name)
        else:
            yield name, value


def _rows(values: Mapping[str, Value], lines: Mapping[str, Line]) -> list[Row]:
    split = [key for key in lines if key.startswith(_SPLIT_BARS) and not key.endswith(".bias")]
    plain = [key for key in lines if key.startswith(_PLAIN_BARS)]
    longest = max((abs(float(values[key])) for key in split + plain), default=0.0)

    def bar(key: str) -> Bar | None:
        if key not in split and key not in plain:
            return None
        share = abs(float(values[key])) / longest if longest else 0.0
        if key in plain:
            return Bar("0", f"{100 * share:.2f}", against=False, split=False)
        against = float(values[key]) < 0
        return Bar(f"{50 - 50 * share:.2f}" if against else "50", f"{50 * share:.2f}", against, split=True)

    return [
        Row(key, str(line.sentence), line.meaning.number(values[key]), line.meaning.words(values[key]), bar(key))
        for key, line in lines.items()
    ]


def _head(name: str, title: str, values: Mapping[str, Value], learned: list[Curve]) -> Head:
    lines = {f"heads.{name}.{signal}": line for signal, line in SIGNALS.items() if signal != "bias"}
    bias = SIGNALS["bias"].meaning
    rows = _rows(values, {key: line for key, line in lines.items() if key in values})
    return Head(
        name=name,
        title=title,
        weight=LINES[f"weights.{name}"].meaning.words(values[f"weights.{name}"]),
        chance=bias.words(values[f"heads.{name}.bias"]),
        rows=sorted(rows, key=lambda row: -abs(float(values[row.key]))),
        learned=learned,
    )


def _curves(values: Mapping[str, Value]) -> list[Curve]:
    days, watches = float(values["decay.watch_days"]), int(values["decay.watch_count"])
    hours = float(values["decay.fresh_hours"])
    everybody = float(values["decay.cowatch_days"])
    in_days = gettext("%(count)s days")
    drawn = [
        _fading(gettext("What you watched fades with time"), days, in_days),
        _fading(gettext("… and with every further video"), watches, gettext("%(count)s videos")),
        _fading(gettext("What is new gets old"), hours, gettext("%(count)s hours")),
        _fading(gettext("What others watched together fades too"), everybody, in_days),
    ]
    return [*drawn, _reaching()]


def _fading(title: str, half_life: float, unit: str) -> Curve:
    marks = [(times * half_life, unit % {"count": shown(_plain(times * half_life))}) for times in (1, 2, 3)]
    words = gettext("Half is left after %(first)s, a quarter after %(second)s, an eighth after %(third)s.") % {
        "first": marks[0][1],
        "second": marks[1][1],
        "third": marks[2][1],
    }
    return curve(title, words, halving(half_life), 4 * half_life, marks)


def _reaching() -> Curve:
    marks = [(times, ngettext("its reach", "%(times)s times", times) % {"times": times}) for times in (1, 2, 4)]
    return curve(
        gettext("Much of the same counts less and less"),
        gettext(
            "Up to its reach a signal counts fully, up to twice that half, up to four times that a quarter, and no further."
        ),
        lambda at: (min(at, 1) + min(max(at - 1, 0), 1) / 2 + min(max(at - 2, 0), 2) / 4) / 2,
        _REACHES,
        marks,
    )


def _plain(number: float) -> float:
    """Leave out decimals that say nothing."""
    return int(number) if number == int(number) else round(number, 2)


def _named(key: str) -> str:
    """Return a sentence that stands alone: those of a head need to say which head they are about."""
    if key not in LINES:
        return key
    sentence = str(LINES[key].sentence)
    if not key.startswith("heads."):
        return sentence
    return gettext("%(head)s: %(sentence)s") % {"head": HEADS[key.split(".")[1]], "sentence": sentence}


def _number(key: str, value: Value | None) -> str:
    if value is None:
        return ""
    if key not in LINES:
        return str(value)
    meaning = LINES[key].meaning
    return f"{meaning.number(value)} {meaning.words(value)}".strip()
