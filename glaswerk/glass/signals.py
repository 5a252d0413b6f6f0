"""Signals and value: from candidates to numbers."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from glaswerk.glass.desk import Desk
from glaswerk.glass.dials import NEUTRAL
from glaswerk.glass.filters import PASSED, VERDICT
from glaswerk.glass.heads import curve
from glaswerk.glass.kernel import kernel
from glaswerk.glass.names import VIEWER_SIGNALS
from glaswerk.glass.packed import DURATION, KIND, MAKER, PUBLISHED, SPOKEN, STANDING, TAGS, prefetch
from glaswerk.glass.scale import UNIT, Ints, decay, frozen

CREATOR: Final = VIEWER_SIGNALS.index("creator")
FOLLOWS_CREATOR: Final = VIEWER_SIGNALS.index("follows_creator")
REGION: Final = VIEWER_SIGNALS.index("region")
FRESH: Final = VIEWER_SIGNALS.index("fresh")
_AHEAD: Final = 16
_NO_DIALS: Final = frozen((0, 0, 0, 0, 0, 1))
_NO_TOPICS: Final = frozen(np.zeros((0, 2), dtype=np.int64))


@kernel
def _measure(
    row: int, wide: Any, narrow: Any, near: Any, alike: Any, tags: Any, makers: Any, turn: int, profiling: bool, language: int,
    region: int, at_ms: int, half_life: int, out: Any,
) -> None:  # fmt: skip
    """All signals of one video, in the order of VIEWER_SIGNALS."""
    maker, spoken = narrow[row, MAKER], narrow[row, SPOKEN]
    if profiling:
        out[0], out[1] = near[row] >> 1, alike[row] >> 1
        named = narrow[row, KIND] >> 8
        topic = np.int64(0)
        for at in range(named):
            tag = narrow[row, TAGS + at]
            if tags[tag, 0] == turn:
                topic += tags[tag, named]
        out[2] = topic
        out[3] = makers[maker, 1] if makers[maker, 0] == turn else 0
    else:
        out[0] = out[1] = out[2] = out[3] = 0
    out[4] = 65536 if makers[maker, 2] == turn else 0
    out[5] = 65536 if language >= 0 and spoken >> 16 == language else 0
    out[6] = 65536 if region >= 0 and spoken & 0xFFFF == region else 0
    out[7] = decay(at_ms - wide[row, PUBLISHED], half_life)


@kernel
def _measure_all(
    rows: Any, wide: Any, narrow: Any, near: Any, alike: Any, tags: Any, makers: Any, turn: int, profiling: bool, language: int,
    region: int, at_ms: int, half_life: int, out: Any,
) -> None:  # fmt: skip
    for place in range(len(rows)):
        _measure(
            rows[place], wide, narrow, near, alike, tags, makers, turn, profiling, language, region, at_ms, half_life, out[place]
        )  # fmt: skip


@kernel
def length(duration: Any, longest: int) -> Any:
    """How much of a long video this is, in 2^-16."""
    within: Any = min(max(duration, 0), longest)
    return within * 65536 // longest


@kernel
def _dialled(row: int, narrow: Any, signals: Any, steps: Any, topics: Any) -> Any:
    """What the dials add to the value of one video. steps: setting x worth of new, familiar, local, shopping and long, then how long
    is long; topics: rows of hashtags, and setting x worth."""
    term = steps[0] * signals[FRESH] >> 16
    if signals[CREATOR] > 0 or signals[FOLLOWS_CREATOR] > 0:
        term += steps[1]
    if signals[REGION] > 0:
        term += steps[2]
    if narrow[row, KIND] & 6:
        term += steps[3]
    term += steps[4] * length(np.int64(narrow[row, DURATION]), steps[5]) >> 16
    for topic in range(len(topics)):
        for at in range(narrow[row, KIND] >> 8):
            if narrow[row, TAGS + at] == topics[topic, 0]:
                term += topics[topic, 1]
    return term


@kernel
def _weigh(
    offered: Any, judged: bool, marks: Any, knots: Any, heights: Any, slopes: Any, turned: bool, steps: Any, topics: Any, none: Any, whole: Any, signals: Any,
    wide: Any, narrow: Any, near: Any, alike: Any, tags: Any, makers: Any, turn: int, profiling: bool, language: int,
    region: int, at_ms: int, half_life: int, rows: Any, values: Any, dropped: Any,
) -> Any:  # fmt: skip
    """Part what was offered (if it was judged) into candidates and what was dropped, and value the candidates: how many there are."""
    kinds = len(knots)
    # Most signals of most candidates are 0 or 1, so what these give is computed once.
    for kind in range(kinds):
        none[kind] = curve(knots[kind], heights[kind], slopes[kind], 0)
        whole[kind] = curve(knots[kind], heights[kind], slopes[kind], 65536)
    passed, failed = 0, 0
    for place in range(len(offered)):
        if place + _AHEAD < len(offered):
            ahead = offered[place + _AHEAD]
            prefetch(narrow, ahead)
            prefetch(marks, ahead)
            prefetch(near, ahead)
            prefetch(alike, ahead)
        row = offered[place]
        if judged and marks[row] >> VERDICT & 255 != PASSED:
            dropped[failed] = row
            failed += 1
            continue
        _measure(
            row, wide, narrow, near, alike, tags, makers, turn, profiling, language, region, at_ms, half_life, signals
        )
        value = wide[row, STANDING]
        for kind in range(kinds):
            signal = signals[kind]
            if signal == 0:
                value += none[kind]
            elif signal == 65536:
                value += whole[kind]
            else:
                value += curve(knots[kind], heights[kind], slopes[kind], signal)
        if turned:
            value += _dialled(row, narrow, signals, steps, topics)
        rows[passed] = row
        values[passed] = value
        passed += 1
    return passed


def measure(desk: Desk, rows: Ints) -> Ints:
    """[candidates, viewer signals] in 2^-16."""
    out = np.empty((len(rows), len(VIEWER_SIGNALS)), dtype=np.int64)
    _measure_all(rows, *_inputs(desk), out)
    return out


def _inputs(desk: Desk) -> tuple[Any, ...]:
    return (
        desk.packed.wide, desk.packed.narrow, *desk.sums, desk.turn, desk.viewer.profiling, desk.language, desk.region,
        desk.ask.at_ms, desk.policy.decay.fresh_hours,
    )  # fmt: skip


def weigh(desk: Desk, offered: Any, judged: bool) -> tuple[Ints, Ints, Ints]:
    """The candidates among what was offered, their values in 2^-16 log-odds, and what was dropped; of videos that are not to be judged
    all are candidates. A value is what the heads say of the video and of each signal, and what the viewer's dials add."""
    curves, dials = desk.epoch.curves, desk.viewer.dials
    steps, topics = _NO_DIALS, _NO_TOPICS
    if dials != NEUTRAL:
        worth = desk.policy.dials
        steps = frozen(
            (
                dials.new * worth.new,
                dials.familiar * worth.familiar,
                dials.local * worth.local,
                dials.shopping * worth.shopping,
                dials.long * worth.long,
                worth.long_seconds,
            )
        )
        topics = frozen(
            np.array([(row, setting * worth.topic) for row, setting in desk.dialled], dtype=np.int64).reshape(-1, 2)
        )
    rows, values, dropped = np.empty((3, len(offered)), dtype=np.int64)
    room = np.empty((3, len(VIEWER_SIGNALS)), dtype=np.int64)
    passed = _weigh(
        offered, judged, desk.gate.marks, curves.knots, curves.heights[-1], curves.slopes[-1], dials != NEUTRAL, steps, topics, *room,
        *_inputs(desk), rows, values, dropped,
    )  # fmt: skip
    return rows[:passed], values[:passed], dropped[: len(offered) - passed]


@dataclass(frozen=True)
class DialPart:
    """What one dial adds to a value: term = floor(setting x its worth in the policy x feature / 2^16). dial: its name, or "#"
    and the hashtag. feature: how much the video has of it, in 2^-16."""

    dial: str
    setting: int
    feature: int
    term: int


def dial_parts(desk: Desk, row: int, signals: list[int]) -> tuple[DialPart, ...]:
    """What each dial that the viewer has moved adds to the value of one video with these signals."""
    column, dials, step = desk.column, desk.viewer.dials, desk.policy.dials
    starts = column("video_tags_start")
    tags = column("video_tags")[int(starts[row]) : int(starts[row + 1])].tolist()
    moved = [
        ("new", dials.new, step.new, signals[FRESH]),
        ("familiar", dials.familiar, step.familiar, UNIT * (signals[CREATOR] > 0 or signals[FOLLOWS_CREATOR] > 0)),
        ("local", dials.local, step.local, signals[REGION]),
        ("shopping", dials.shopping, step.shopping, UNIT * bool(column("commercial")[row])),
        ("long", dials.long, step.long, int(length(int(column("duration")[row]), step.long_seconds))),
        *(("#" + tag, setting, step.topic, UNIT * (desk.epoch.tag_row(tag) in tags)) for tag, setting in dials.topics),
    ]
    return tuple(
        DialPart(name, setting, feature, setting * worth * feature >> 16)
        for name, setting, worth, feature in moved
        if setting
    )


# The kernel fills its row in this order.
assert VIEWER_SIGNALS == ("cowatch", "similar", "topic", "creator", "follows_creator", "language", "region", "fresh")
