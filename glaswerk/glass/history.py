"""The viewer's own watches: how much each pulls, and the sums over them that signals read.

    pull(watch)              = level x decay by age x decay by place, floored at each step
    cowatch(video)           = sum over watches of floor(pull x W[watched, video])
    similar(video)           = the same with the weights of what is alike
    topic(video)             = sum over watches and shared hashtags of floor(floor(pull x weight x NORM) x NORM)
    creator(video)           = sum over watches of the same creator's videos of pull

Each addend is an integer before it is summed, so the order of watches changes nothing and the parts add up without remainder.
"""

from typing import Any, Final

import numba as nb
import numpy as np

from glaswerk.glass.desk import Desk
from glaswerk.glass.scale import Ints, decay, frozen
from glaswerk.glass.viewer import NOT_INTERESTED, SKIPPED

NORM: Final = frozen([0, *(round(256 / count**0.5) for count in range(1, 17))])
"""256 / sqrt(number of hashtags): a video that names many topics says less about each."""


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _read(
    ids: Any, watches: Any, at_ms: int, finish: int, skip: int, refused: int, days: int, count: int, rows: Any, pulls: Any,
    watched: Any, turn: int,
) -> None:  # fmt: skip
    for place in range(len(watches)):
        video, strength, when, flags = watches[place, 0], watches[place, 1], watches[place, 2], watches[place, 3]
        if flags & 16:
            level = -refused
        elif flags & 8:
            level = -skip
        else:
            level = finish * strength // 255
        pulls[place] = ((level * decay(at_ms - when, days) >> 16) * decay(place, count)) >> 16
        low, high = 0, len(ids)
        while low < high:
            middle = (low + high) >> 1
            if ids[middle] < video:
                low = middle + 1
            else:
                high = middle
        rows[place] = low if low < len(ids) and ids[low] == video else -1
        if rows[place] >= 0:
            watched[low] = turn


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _sum_topics(
    turn: int, tag_sums: Any, creator_sums: Any, rows: Any, pulls: Any, starts: Any, video_tags: Any, weight: Any,
    creator_row: Any, met: Any,
) -> int:  # fmt: skip
    found = 0
    sizes = tag_sums.shape[1]
    for place in range(len(rows)):
        row = rows[place]
        if row < 0:
            continue
        pull = pulls[place]
        maker = creator_row[row]
        if creator_sums[maker, 0] != turn:
            creator_sums[maker, 0] = turn
            creator_sums[maker, 1] = 0
        creator_sums[maker, 1] += pull
        named = starts[row + 1] - starts[row]
        for at in range(starts[row], starts[row + 1]):
            tag = video_tags[at]
            if tag_sums[tag, 0] != turn:
                tag_sums[tag, 0] = turn
                for size in range(1, sizes):
                    tag_sums[tag, size] = 0
                met[found] = tag
                found += 1
            part = (pull * weight[tag] * NORM[named]) >> 16
            for size in range(1, sizes):
                tag_sums[tag, size] += (part * NORM[size]) >> 8
    return found


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _sum_near(turn: int, near: Any, rows: Any, pulls: Any, starts: Any, videos: Any, weights: Any, met: Any) -> int:
    found = 0
    for place in range(len(rows)):
        row = rows[place]
        if row < 0 or pulls[place] == 0:
            continue
        pull = pulls[place]
        for at in range(starts[row], starts[row + 1]):
            other = videos[at]
            if near[other, 0] != turn:
                near[other, 0] = turn
                near[other, 1] = 0
                met[found] = other
                found += 1
            near[other, 1] += (pull * weights[at]) >> 15
    return found


def read_history(desk: Desk) -> None:
    """Find the watched videos and how much each pulls; for a viewer with profiling also the sums."""
    policy, column = desk.policy, desk.column
    size = len(desk.watches)
    desk.watch_rows = np.empty(size, dtype=np.int64)
    desk.pulls = np.empty(size, dtype=np.int64)
    _read(
        column("ids"), desk.watches, desk.ask.at_ms, policy.pull.finish, policy.pull.skip, policy.pull.not_interested,
        policy.decay.watch_days, policy.decay.watch_count, desk.watch_rows, desk.pulls, desk.gate.watched, desk.gate.turn,
    )  # fmt: skip
    _mark_rest(desk)
    if not desk.viewer.profiling:
        return
    starts = column("near_start")
    met = np.empty(min(desk.epoch.size, size * policy.cowatch.neighbours), dtype=np.int64)
    found = _sum_near(
        desk.gate.turn,
        desk.sums.near,
        desk.watch_rows,
        desk.pulls,
        starts,
        column("near_videos"),
        column("near_weights"),
        met,
    )
    desk.near_rows = met[:found]
    met = np.empty(min(desk.epoch.size, size * policy.similar.neighbours), dtype=np.int64)
    found = _sum_near(
        desk.gate.turn, desk.sums.alike, desk.watch_rows, desk.pulls, column("alike_start"), column("alike_videos"),
        column("alike_weights"), met,
    )  # fmt: skip
    desk.alike_rows = met[:found]
    met = np.empty(size * policy.topics.per_video, dtype=np.int64)
    found = _sum_topics(
        desk.gate.turn, desk.sums.tags, desk.sums.creators, desk.watch_rows, desk.pulls, column("video_tags_start"),
        column("video_tags"), column("tag_weight"), column("creator_row"), met,
    )  # fmt: skip
    desk.tag_rows = met[:found]


def _mark_rest(desk: Desk) -> None:
    """Watches beyond those that count are still seen."""
    for watch in desk.viewer.watches[desk.policy.history.watches :]:
        row = desk.epoch.index_of(watch.video)
        if row >= 0:
            desk.gate.watched[row] = desk.gate.turn


def topic_part(desk: Desk, watch: int, row: int) -> int:
    """What one watch adds to the topic signal of a video."""
    column = desk.column
    seen = int(desk.watch_rows[watch])
    tags, other = _tags(desk, seen), _tags(desk, row)
    total = 0
    for tag in set(tags.tolist()) & set(other.tolist()):
        part = int(desk.pulls[watch]) * int(column("tag_weight")[tag]) * int(NORM[len(tags)]) >> 16
        total += part * int(NORM[len(other)]) >> 8
    return total


def near_part(desk: Desk, watch: int, row: int) -> int:
    """What one watch adds to the co-watch signal of a video."""
    return _listed_part(desk, "near", watch, row)


def alike_part(desk: Desk, watch: int, row: int) -> int:
    """What one watch adds to the similar signal of a video."""
    return _listed_part(desk, "alike", watch, row)


def _listed_part(desk: Desk, lists: str, watch: int, row: int) -> int:
    seen = int(desk.watch_rows[watch])
    starts, videos = desk.column(f"{lists}_start"), desk.column(f"{lists}_videos")
    for at in range(int(starts[seen]), int(starts[seen + 1])):
        if videos[at] == row:
            return int(desk.pulls[watch]) * int(desk.column(f"{lists}_weights")[at]) >> 15
    return 0


def creator_part(desk: Desk, watch: int, row: int) -> int:
    """What one watch adds to the creator signal of a video."""
    maker = desk.column("creator_row")
    return int(desk.pulls[watch]) if maker[desk.watch_rows[watch]] == maker[row] else 0


def _tags(desk: Desk, row: int) -> Ints:
    starts = desk.column("video_tags_start")
    tags: Ints = desk.column("video_tags")[int(starts[row]) : int(starts[row + 1])]
    return tags


# The kernel reads flags as plain numbers.
assert (int(NOT_INTERESTED), int(SKIPPED)) == (16, 8)
