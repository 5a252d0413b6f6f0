"""Signals and value: from candidates to numbers."""

from dataclasses import dataclass
from typing import Any, Final

import numba as nb
import numpy as np

from glaswerk.glass.desk import Desk
from glaswerk.glass.dials import NEUTRAL
from glaswerk.glass.filters import holds
from glaswerk.glass.heads import curve
from glaswerk.glass.names import VIEWER_SIGNALS
from glaswerk.glass.scale import UNIT, Ints, decay, frozen

CREATOR: Final = VIEWER_SIGNALS.index("creator")
FOLLOWS_CREATOR: Final = VIEWER_SIGNALS.index("follows_creator")
REGION: Final = VIEWER_SIGNALS.index("region")
FRESH: Final = VIEWER_SIGNALS.index("fresh")


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _measure(
    rows: Any, turn: int, near: Any, alike: Any, tag_sums: Any, creator_sums: Any, profiling: bool, starts: Any, video_tags: Any, creator_row: Any, creator: Any, follows: Any,
    languages: Any, language: int, regions: Any, region: int, published: Any, at_ms: int, half_life: int, out: Any,
) -> None:  # fmt: skip
    for place in range(len(rows)):
        row = rows[place]
        if profiling:
            out[place, 0] = np.int64(near[row, 1]) if near[row, 0] == turn else 0
            out[place, 1] = np.int64(alike[row, 1]) if alike[row, 0] == turn else 0
            named = starts[row + 1] - starts[row]
            topic = np.int64(0)
            for at in range(starts[row], starts[row + 1]):
                tag = video_tags[at]
                if tag_sums[tag, 0] == turn:
                    topic += tag_sums[tag, named]
            out[place, 2] = topic
            maker = creator_row[row]
            out[place, 3] = creator_sums[maker, 1] if creator_sums[maker, 0] == turn else 0
        else:
            out[place, 0] = out[place, 1] = out[place, 2] = out[place, 3] = 0
        out[place, 4] = 65536 if len(follows) > 0 and holds(follows, creator[row]) else 0
        out[place, 5] = 65536 if language >= 0 and languages[row] == language else 0
        out[place, 6] = 65536 if region >= 0 and regions[row] == region else 0
        out[place, 7] = decay(at_ms - published[row], half_life)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _value(rows: Any, signals: Any, standing: Any, knots: Any, heights: Any, slopes: Any, out: Any) -> None:
    for place in range(len(rows)):
        value = standing[rows[place]]
        for kind in range(signals.shape[1]):
            value += curve(knots[kind], heights[kind], slopes[kind], signals[place, kind])
        out[place] = value


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _turn_dials(
    rows: Any, signals: Any, duration: Any, commercial: Any, starts: Any, video_tags: Any,
    new: int, familiar: int, local: int, shopping: int, long: int, longest: int, dialled: Any, steps: Any, out: Any,
) -> None:  # fmt: skip
    for place in range(len(rows)):
        row = rows[place]
        term = new * signals[place, FRESH] >> 16
        if signals[place, CREATOR] > 0 or signals[place, FOLLOWS_CREATOR] > 0:
            term += familiar
        if signals[place, REGION] > 0:
            term += local
        if commercial[row] > 0:
            term += shopping
        term += long * length(duration[row], longest) >> 16
        for at in range(starts[row], starts[row + 1]):
            for topic in range(len(dialled)):
                if video_tags[at] == dialled[topic]:
                    term += steps[topic]
        out[place] += term


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def length(duration: Any, longest: int) -> Any:
    """How much of a long video this is, in 2^-16."""
    within: Any = min(max(duration, 0), longest)
    return within * 65536 // longest


def measure(desk: Desk, rows: Ints) -> Ints:
    """[candidates, viewer signals] in 2^-16."""
    column = desk.column
    out = np.empty((len(rows), len(VIEWER_SIGNALS)), dtype=np.int64)
    _measure(
        rows, desk.gate.turn, *desk.sums, desk.viewer.profiling, column("video_tags_start"), column("video_tags"),
        column("creator_row"), column("creator"), desk.viewer.follow_ids, column("language"), desk.language, column("region"), desk.region,
        column("published"), desk.ask.at_ms, desk.policy.decay.fresh_hours, out,
    )  # fmt: skip
    return out


def value(desk: Desk, rows: Ints, signals: Ints) -> Ints:
    """[candidates] in 2^-16 log-odds: what the heads say of the video, of each signal, and what the viewer's dials add."""
    column, curves, dials = desk.column, desk.epoch.curves, desk.viewer.dials
    out = np.empty(len(rows), dtype=np.int64)
    _value(rows, signals, column("standing"), curves.knots, curves.heights[-1], curves.slopes[-1], out)
    if dials != NEUTRAL:
        step = desk.policy.dials
        _turn_dials(
            rows, signals, column("duration"), column("commercial"), column("video_tags_start"), column("video_tags"),
            dials.new * step.new, dials.familiar * step.familiar, dials.local * step.local, dials.shopping * step.shopping,
            dials.long * step.long, step.long_seconds, frozen([row for row, _ in desk.dialled]),
            frozen([setting * step.topic for _, setting in desk.dialled]), out,
        )  # fmt: skip
    return out


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
