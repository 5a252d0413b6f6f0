"""Signals and value: from candidates to numbers."""

from typing import Any

import numba as nb
import numpy as np

from glaswerk.glass.desk import Desk
from glaswerk.glass.filters import holds
from glaswerk.glass.heads import curve
from glaswerk.glass.names import VIEWER_SIGNALS
from glaswerk.glass.scale import Ints, decay


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _measure(
    rows: Any, turn: int, near: Any, tag_sums: Any, creator_sums: Any, profiling: bool, starts: Any, video_tags: Any, creator_row: Any, creator: Any, follows: Any,
    languages: Any, language: int, regions: Any, region: int, published: Any, at_ms: int, half_life: int, out: Any,
) -> None:  # fmt: skip
    for place in range(len(rows)):
        row = rows[place]
        if profiling:
            out[place, 0] = np.int64(near[row, 1]) if near[row, 0] == turn else 0
            named = starts[row + 1] - starts[row]
            topic = np.int64(0)
            for at in range(starts[row], starts[row + 1]):
                tag = video_tags[at]
                if tag_sums[tag, 0] == turn:
                    topic += tag_sums[tag, named]
            out[place, 1] = topic
            maker = creator_row[row]
            out[place, 2] = creator_sums[maker, 1] if creator_sums[maker, 0] == turn else 0
        else:
            out[place, 0] = out[place, 1] = out[place, 2] = 0
        out[place, 3] = 65536 if len(follows) > 0 and holds(follows, creator[row]) else 0
        out[place, 4] = 65536 if language >= 0 and languages[row] == language else 0
        out[place, 5] = 65536 if region >= 0 and regions[row] == region else 0
        out[place, 6] = decay(at_ms - published[row], half_life)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _value(
    rows: Any, signals: Any, standing: Any, weights: Any, knots: Any, heights: Any, slopes: Any, out: Any
) -> None:
    kinds = signals.shape[1]
    last = knots.shape[1] - 1
    # Most signals of most candidates are 0 or 1, so what these give is computed once.
    none = np.zeros(kinds, dtype=np.int64)
    whole = np.zeros(kinds, dtype=np.int64)
    for kind in range(kinds):
        for head in range(len(weights)):
            none[kind] += weights[head] * curve(knots[kind], heights[head, kind], slopes[head, kind], 0) >> 8
            whole[kind] += weights[head] * curve(knots[kind], heights[head, kind], slopes[head, kind], 65536) >> 8
    for place in range(len(rows)):
        value = standing[rows[place]]
        for kind in range(kinds):
            signal = signals[place, kind]
            if signal == 0:
                value += none[kind]
            elif signal == 65536:
                value += whole[kind]
            else:
                # As in `curve`, but the knot is looked up once for all heads.
                signal = min(max(signal, knots[kind, 0]), knots[kind, last])
                knot = 0
                while knot < last and signal >= knots[kind, knot + 1]:
                    knot += 1
                beyond = signal - knots[kind, knot]
                for head in range(len(weights)):
                    value += (
                        weights[head] * (heights[head, kind, knot] + (beyond * slopes[head, kind, knot] >> 16)) >> 8
                    )
        out[place] = value


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
    """[candidates]: the sum over heads and signals of floor(weight x contribution / 256), in 2^-16 log-odds."""
    column = desk.column
    out = np.empty(len(rows), dtype=np.int64)
    _value(
        rows, signals, column("standing"), column("head_weights"), column("head_knots"), column("head_heights"),
        column("head_slopes"), out,
    )  # fmt: skip
    return out
