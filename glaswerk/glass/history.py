"""The viewer's own watches: how much each pulls, and the sums over them that signals read.

    pull(watch)              = level x decay by age x decay by place, floored at each step
    cowatch(video)           = sum over watches of floor(pull x W[watched, video])
    similar(video)           = the same with the weights of what is alike
    bought(video)            = the same with the weights of what was bought together; no signal, only the shoppable source reads it
    topic(video)             = sum over watches and shared hashtags of floor(floor(pull x weight x NORM) x NORM)
    creator(video)           = sum over watches of the same creator's videos of pull

Each addend is an integer before it is summed, so the order of watches changes nothing and the parts add up without remainder.
"""

from typing import Any, Final

import numpy as np

from glaswerk.glass.desk import ALIKE, BOUGHT, NAMED, NEAR, TOUCHED, Desk
from glaswerk.glass.filters import WATCHED
from glaswerk.glass.kernel import kernel
from glaswerk.glass.packed import KIND, MAKER, TAGS, find, hashed, prefetch
from glaswerk.glass.scale import Ints, decay, frozen
from glaswerk.glass.viewer import NOT_INTERESTED, SKIPPED

NORM: Final = frozen([0, *(round(256 / count**0.5) for count in range(1, 17))])
"""256 / sqrt(number of hashtags): a video that names many topics says less about each."""


@kernel
def _forget(sums: Any, reached: Any, counts: Any, place: int) -> None:
    """Set to zero what the request before has summed in this thread."""
    for at in range(counts[place]):
        sums[reached[at]] = 0
    counts[place] = 0


@kernel
def _fill_sieve(sieve: Any, seen: Any) -> None:
    sieve[:] = 0
    for video in seen:
        place = hashed(video, len(sieve) * 64)
        sieve[place >> 6] |= np.uint64(1) << np.uint64(place & 63)


@kernel
def _read(
    finder: Any, wide: Any, narrow: Any, creators: Any, follows: Any, watches: Any, counting: int, at_ms: int, finish: int, skip: int,
    refused: int, days: int, count: int, turn: int, makers: Any, marks: Any, rows: Any, pulls: Any,
) -> None:  # fmt: skip
    """Mark whom the viewer follows and what was watched; find the rows and the pulls of the watches that count."""
    for creator in follows:
        low, high = 0, len(creators)
        while low < high:
            middle = (low + high) >> 1
            if creators[middle] < creator:
                low = middle + 1
            else:
                high = middle
        if low < len(creators) and creators[low] == creator:
            makers[low, 2] = turn
    for place in range(len(watches)):
        if place + 8 < len(watches):
            prefetch(finder, hashed(watches[place + 8, 0], len(finder)))
        if place + 4 < len(watches):
            ahead = finder[hashed(watches[place + 4, 0], len(finder))]
            prefetch(wide, max(ahead, 0))
            prefetch(marks, max(ahead, 0))
        row = find(finder, wide, watches[place, 0])
        if row >= 0:
            marks[row] = (np.int64(turn) << 32) | WATCHED
        if place < counting:
            strength, when, flags = watches[place, 1], watches[place, 2], watches[place, 3]
            if flags & 16:
                level = -refused
            elif flags & 8:
                level = -skip
            else:
                level = finish * strength // 255
            rows[place] = row
            # Unsigned, because only then it is certain that a difference too large for a signed word wraps.
            age: Any = np.int64(np.uint64(at_ms) - np.uint64(when))
            pulls[place] = ((level * decay(age, days) >> 16) * decay(place, count)) >> 16


@kernel
def _sum_topics(
    turn: int, tags: Any, makers: Any, rows: Any, pulls: Any, narrow: Any, weight: Any, met: Any, counts: Any
) -> None:
    found = 0
    sizes = tags.shape[1]
    for place in range(len(rows)):
        row = rows[place]
        if row < 0:
            continue
        pull = pulls[place]
        maker = narrow[row, MAKER]
        if makers[maker, 0] != turn:
            makers[maker, 0] = turn
            makers[maker, 1] = 0
        makers[maker, 1] += pull
        named = narrow[row, KIND] >> 8
        for at in range(named):
            tag = narrow[row, TAGS + at]
            if tags[tag, 0] != turn:
                tags[tag, 0] = turn
                for size in range(1, sizes):
                    tags[tag, size] = 0
                met[found] = tag
                found += 1
            part = (pull * weight[tag] * NORM[named]) >> 16
            for size in range(1, sizes):
                tags[tag, size] += (part * NORM[size]) >> 8
    counts[3] = found


@kernel
def _sum_lists(
    sums: Any, rows: Any, pulls: Any, starts: Any, videos: Any, weights: Any, reached: Any, counts: Any, place: int
) -> None:
    """Add to every listed video what the watches pull. The lowest bit of a sum says that the video is among the reached, so that
    one that came back to zero is not counted twice; the rest is twice the sum."""
    found = 0
    for watch in range(min(8, len(rows))):
        prefetch(starts, max(rows[watch], 0))
    for watch in range(len(rows)):
        if watch + 8 < len(rows):
            prefetch(starts, max(rows[watch + 8], 0))
        if watch + 4 < len(rows):
            ahead = starts[max(rows[watch + 4], 0)]
            for line in range(5):
                prefetch(videos, ahead + 16 * line)
            for line in range(3):
                prefetch(weights, ahead + 32 * line)
        row, pull = rows[watch], pulls[watch]
        if row < 0 or pull == 0:
            continue
        for at in range(starts[row], starts[row + 1]):
            other = videos[at]
            before = sums[other]
            sums[other] = (before | 1) + ((pull * weights[at] >> 15) << 1)
            # Written always and counted only when it is new: no branch that could be guessed wrong.
            reached[found] = other
            found += before == 0
    counts[place] = found


@kernel
def _read_all(
    finder: Any, wide: Any, narrow: Any, creators: Any, follows: Any, seen: Any, sieve: Any, watches: Any, counting: int, at_ms: int,
    finish: int, skip: int, refused: int, days: int, count: int, turn: int, profiling: bool, makers: Any, marks: Any, rows: Any, pulls: Any,
    near: Any, near_start: Any, near_videos: Any, near_weights: Any, near_rows: Any,
    alike: Any, alike_start: Any, alike_videos: Any, alike_weights: Any, alike_rows: Any,
    bought: Any, bought_start: Any, bought_videos: Any, bought_weights: Any, bought_rows: Any,
    tags: Any, tag_weight: Any, tag_rows: Any, counts: Any,
) -> None:  # fmt: skip
    counts[0] = counts[3] = 0
    _forget(near, near_rows, counts, 1)
    _forget(alike, alike_rows, counts, 2)
    _forget(bought, bought_rows, counts, 4)
    _fill_sieve(sieve, seen)
    _read(
        finder, wide, narrow, creators, follows, watches, counting, at_ms, finish, skip, refused, days, count, turn, makers, marks,
        rows, pulls,
    )  # fmt: skip
    if profiling:
        _sum_lists(near, rows, pulls, near_start, near_videos, near_weights, near_rows, counts, 1)
        _sum_lists(alike, rows, pulls, alike_start, alike_videos, alike_weights, alike_rows, counts, 2)
        if len(bought_videos) > 0:
            _sum_lists(bought, rows, pulls, bought_start, bought_videos, bought_weights, bought_rows, counts, 4)
        _sum_topics(turn, tags, makers, rows, pulls, narrow, tag_weight, tag_rows, counts)


def read_history(desk: Desk) -> None:
    """Find the watched videos and how much each pulls; for a viewer with profiling also the sums."""
    policy, column, gate, scratch = desk.policy, desk.column, desk.gate, desk.marks
    _read_all(
        desk.packed.finder, gate.wide, gate.narrow, gate.creators, desk.viewer.follow_ids, gate.seen, gate.sieve,
        desk.viewer.watch_columns, len(desk.watches), desk.ask.at_ms, policy.pull.finish, policy.pull.skip, policy.pull.not_interested,
        policy.decay.watch_days, policy.decay.watch_count, gate.turn, desk.viewer.profiling, gate.makers, gate.marks, desk.watch_rows,
        desk.pulls,
        scratch.near, column("near_start"), column("near_videos"), column("near_weights"), scratch.near_rows,
        scratch.alike, column("alike_start"), column("alike_videos"), column("alike_weights"), scratch.alike_rows,
        scratch.bought, column("bought_start"), column("bought_videos"), column("bought_weights"), scratch.bought_rows,
        scratch.tags, column("tag_weight"), scratch.tag_rows, gate.counts,
    )  # fmt: skip


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


def bought_part(desk: Desk, watch: int, row: int) -> int:
    """What one watch adds to how much a video sells what was bought together with what the watched one shows."""
    return _listed_part(desk, "bought", watch, row)


def _listed_part(desk: Desk, lists: str, watch: int, row: int) -> int:
    at = listed_at(desk, lists, watch, row)
    return 0 if at < 0 else int(desk.pulls[watch]) * int(desk.column(f"{lists}_weights")[at]) >> 15


def listed_at(desk: Desk, lists: str, watch: int, row: int) -> int:
    """Where a video stands in the list of a watched one ("near", "alike" or "bought"), or -1."""
    seen = int(desk.watch_rows[watch])
    starts, videos = desk.column(f"{lists}_start"), desk.column(f"{lists}_videos")
    for at in range(int(starts[seen]), int(starts[seen + 1])):
        if videos[at] == row:
            return at
    return -1


def creator_part(desk: Desk, watch: int, row: int) -> int:
    """What one watch adds to the creator signal of a video."""
    maker = desk.column("creator_row")
    return int(desk.pulls[watch]) if maker[desk.watch_rows[watch]] == maker[row] else 0


def _tags(desk: Desk, row: int) -> Ints:
    starts = desk.column("video_tags_start")
    tags: Ints = desk.column("video_tags")[int(starts[row]) : int(starts[row + 1])]
    return tags


# Kernels read these as plain numbers.
assert (int(NOT_INTERESTED), int(SKIPPED)) == (16, 8)
assert (TOUCHED, NEAR, ALIKE, NAMED, BOUGHT) == (0, 1, 2, 3, 4)
