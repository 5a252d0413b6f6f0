"""Sources: who brings candidates. Each offers its videos in its own order until as many as its quota have passed the filters."""

from typing import Any, Protocol

import numpy as np

from glaswerk.glass.catalogue import SHOPPABLE
from glaswerk.glass.desk import ALIKE, BIT, BOUGHT, BUCKETS, NAMED, NEAR, Desk
from glaswerk.glass.dials import MOST
from glaswerk.glass.filters import judge
from glaswerk.glass.kernel import kernel
from glaswerk.glass.packed import prefetch


class Source(Protocol):
    """Offers videos to the desk."""

    @property
    def name(self) -> str: ...

    def offer(self, desk: Desk) -> None: ...


@kernel
def _offer_newest(
    follows: Any, starts: Any, newest: Any, videos: Any, first: int, want: int, bit: int, heap: Any, cursor: Any, end: Any,
    wide: Any, narrow: Any, tokens_start: Any, tokens: Any, creators: Any, viewer: int, own: int, by_impression: int,
    withdrawn: Any, blocks: Any, hidden: Any, seen: Any, sieve: Any, turn: int, makers: Any, marks: Any, touched: Any, counts: Any,
) -> None:  # fmt: skip
    """Offer the newest videos of these creators, by merging their own lists (videos[first:], which begin with the newest).

    newest holds each entry's place among all videos, so a heap of whole numbers merges them: the place, then whose list it is from.
    """
    size = 0
    for follow in follows:
        low, high = 0, len(creators)
        while low < high:
            middle = (low + high) >> 1
            if creators[middle] < follow:
                low = middle + 1
            else:
                high = middle
        if low < len(creators) and creators[low] == follow and starts[low] < starts[low + 1]:
            cursor[size], end[size] = starts[low], starts[low + 1]
            heap[size] = (np.int64(newest[starts[low]]) << 32) | size
            size += 1
            # The new leaf rises until its parent is smaller.
            place = size - 1
            while place > 0 and heap[(place - 1) >> 1] > heap[place]:
                heap[place], heap[(place - 1) >> 1] = heap[(place - 1) >> 1], heap[place]
                place = (place - 1) >> 1
    while size > 0 and want > 0:
        maker = heap[0] & 0xFFFFFFFF
        row = videos[first + cursor[maker]]
        cursor[maker] += 1
        if cursor[maker] < end[maker]:
            top = (np.int64(newest[cursor[maker]]) << 32) | maker
            prefetch(wide, videos[first + cursor[maker]])
            prefetch(marks, videos[first + cursor[maker]])
        else:
            size -= 1
            top = heap[size]
        place = 0
        while 2 * place + 1 < size:
            child = 2 * place + 1
            if child + 1 < size and heap[child + 1] < heap[child]:
                child += 1
            if heap[child] >= top:
                break
            heap[place] = heap[child]
            place = child
        heap[place] = top
        want -= judge(
            row, bit, wide, narrow, tokens_start, tokens, creators, viewer, own, by_impression, withdrawn, blocks, hidden, seen, sieve,
            turn, makers, marks, touched, counts,
        )  # fmt: skip


@kernel
def _sort_falling(keys: Any, begin: int, size: int) -> None:
    """Sort keys[begin : begin + size], the largest first (a heap sort: it needs no memory and is never slow)."""
    for unsorted in range(size // 2 - 1, -size, -1):
        # First every parent sinks until the heap has its smallest on top, which then goes behind all that is left, again and again.
        root, left = max(unsorted, 0), size + min(unsorted, 0)
        if unsorted < 0:
            keys[begin], keys[begin + left] = keys[begin + left], keys[begin]
        while 2 * root + 1 < left:
            child = 2 * root + 1
            if child + 1 < left and keys[begin + child + 1] < keys[begin + child]:
                child += 1
            if keys[begin + root] <= keys[begin + child]:
                break
            keys[begin + root], keys[begin + child] = keys[begin + child], keys[begin + root]
            root = child


@kernel
def _bucket(total: Any) -> Any:
    """Which of BUCKETS a sum from 1 to 2^31 falls into, a larger one never into a lower: 32 for each doubling, as floats have them."""
    return (np.float64(total).view(np.int64) >> 47) - (1023 << 5)


@kernel
def _least(bucket: Any) -> Any:
    """The smallest sum that falls into this bucket."""
    return ((32 + (bucket & 31) << (bucket >> 5)) + 31) >> 5


@kernel
def _offer_largest(
    sums: Any, reached: Any, count: int, want: int, bit: int, keys: Any, ordered: Any, sizes: Any, begins: Any,
    wide: Any, narrow: Any, tokens_start: Any, tokens: Any, creators: Any, viewer: int, own: int, by_impression: int,
    withdrawn: Any, blocks: Any, hidden: Any, seen: Any, sieve: Any, turn: int, makers: Any, marks: Any, touched: Any, counts: Any,
) -> None:  # fmt: skip
    """Offer the videos of the largest sums above 0, largest first, ties to the smaller row.

    They are sorted only as far as it matters: into buckets by size, and within a bucket only where the last one that is wanted may lie
    in it, since of a bucket that is offered whole the order changes nothing.
    """
    found: Any = 0
    sizes[:] = 0
    for at in range(count):
        if at + 16 < count:
            prefetch(sums, reached[at + 16])
        row = reached[at]
        total = np.int64(sums[row] >> 1)
        # One number orders by the sum, then by the smaller row: 2^31 videos and sums of 2^31 fit.
        keys[found] = (total << 31) | (2147483647 - row)
        sizes[_bucket(max(total, 1))] += total > 0
        found += total > 0
    upper = BUCKETS
    while upper > 0 and want > 0 and found > 0:
        # As many buckets at once as hold what is wanted.
        lower = upper
        taken: Any = 0
        while lower > 0 and taken < want:
            lower -= 1
            taken += sizes[lower]
        begin = 0
        for bucket in range(upper - 1, lower - 1, -1):
            begins[bucket - lower] = begin
            begin += sizes[bucket]
        least, beyond = _least(lower), _least(upper)
        for at in range(found):
            total = keys[at] >> 31
            if least <= total < beyond:
                bucket = _bucket(total)
                ordered[begins[bucket - lower]] = keys[at]
                begins[bucket - lower] += 1
        begin = 0
        for bucket in range(upper - 1, lower - 1, -1):
            size = sizes[bucket]
            if size > want:
                _sort_falling(ordered, begin, size)
            for at in range(begin, begin + size):
                if want == 0:
                    return
                if at + 8 < taken:
                    prefetch(wide, 2147483647 - (ordered[at + 8] & 2147483647))
                    prefetch(marks, 2147483647 - (ordered[at + 8] & 2147483647))
                want -= judge(
                    2147483647 - (ordered[at] & 2147483647), bit, wide, narrow, tokens_start, tokens, creators, viewer, own,
                    by_impression, withdrawn, blocks, hidden, seen, sieve, turn, makers, marks, touched, counts,
                )  # fmt: skip
            begin += size
        upper = lower


class Following:
    """The newest videos of the creators whom the viewer follows."""

    name = "following"

    def __init__(self, whole: bool = False) -> None:
        self._whole = whole

    def offer(self, desk: Desk) -> None:
        follows, packed = desk.viewer.follow_ids, desk.packed
        if len(follows):
            want = desk.policy.sources.surface if self._whole else desk.policy.sources.following
            _offer_newest(
                follows, desk.column("creator_start"), packed.newest, packed.lists, packed.places["creator_videos"], want,
                BIT[self.name], *np.empty((3, len(follows)), dtype=np.int64), *desk.gate,
            )  # fmt: skip


class CoWatched:
    """What people who watched what the viewer watched also watched."""

    name = "cowatch"

    def offer(self, desk: Desk) -> None:
        count, scratch = int(desk.gate.counts[NEAR]), desk.marks
        if count:
            want = desk.policy.sources.cowatch
            _offer_largest(
                scratch.near,
                scratch.near_rows,
                count,
                want,
                BIT[self.name],
                *scratch.keys,
                *scratch.buckets,
                *desk.gate,
            )


class Similar:
    """What is most like what the viewer watched, in words, hashtags, sound and looks, whoever else has watched it."""

    name = "similar"

    def offer(self, desk: Desk) -> None:
        count, scratch = int(desk.gate.counts[ALIKE]), desk.marks
        if count:
            want = desk.policy.sources.similar
            _offer_largest(
                scratch.alike,
                scratch.alike_rows,
                count,
                want,
                BIT[self.name],
                *scratch.keys,
                *scratch.buckets,
                *desk.gate,
            )


@kernel
def _most_liked(tags: Any, named: Any, best: Any) -> Any:
    """Put the hashtags of the largest sums above 0 into `best`, largest first, ties to the smaller row; how many there are."""
    most = len(best)
    found = 0
    for tag in named:
        if tags[tag, 1] > 0:
            place = found
            while place > 0 and (
                tags[best[place - 1], 1] < tags[tag, 1]
                or (tags[best[place - 1], 1] == tags[tag, 1] and best[place - 1] > tag)
            ):
                place -= 1
            if place < most:
                found = min(found + 1, most)
                for at in range(found - 1, place, -1):
                    best[at] = best[at - 1]
                best[place] = tag
    return found


class Topics:
    """The best videos of the hashtags that the viewer's dials ask for and that their watches pull towards most."""

    name = "topic"

    def offer(self, desk: Desk) -> None:
        scratch = desk.marks
        named = scratch.tag_rows[: int(desk.gate.counts[NAMED])]
        asked = sorted(row for row, setting in desk.dialled if setting > 0)
        best = np.empty(desk.policy.topics.followed, dtype=np.int64)
        liked = best[: _most_liked(scratch.tags, named, best)].tolist()
        liked = asked + [row for row in liked if row not in asked]
        starts = desk.column("tag_start")
        for row in liked:
            want = desk.policy.sources.topic // len(liked)
            desk.offer("tag_videos", int(starts[row]), int(starts[row + 1]), want, self.name)


class Trending:
    """What is watched to the end and liked lately: in the viewer's region, then everywhere."""

    name = "trending"

    def offer(self, desk: Desk) -> None:
        quota = desk.policy.sources
        if desk.region >= 0:
            starts = desk.column("region_start")
            first, last = int(starts[desk.region]), int(starts[desk.region + 1])
            desk.offer("region_videos", first, last, quota.trending_here, self.name)
        desk.offer("trending", 0, desk.epoch.size, quota.trending, self.name)


class Fresh:
    """The newest videos."""

    name = "fresh"

    def offer(self, desk: Desk) -> None:
        desk.offer("fresh", 0, desk.epoch.size, desk.policy.sources.fresh, self.name)


@kernel
def _sold_among(reached: Any, count: int, commercial: Any, sold: Any) -> Any:
    """Put those of the reached videos that sell something into `sold`; how many there are."""
    found = 0
    for at in range(count):
        # Written always and counted only when it sells: no branch that could be guessed wrong.
        sold[found] = reached[at]
        found += commercial[reached[at]] == SHOPPABLE
    return found


class Shoppable:
    """Videos that sell something: what was bought together with what the viewer watched, then what those watched who watched what the
    viewer watched, then what is like it, each largest first; then the best.

    What the viewer's dial says of shopping changes how many of each are asked for, from none to twice as many.
    """

    name = "shoppable"

    def __init__(self, whole: bool = False) -> None:
        self._whole = whole

    def offer(self, desk: Desk) -> None:
        best = len(desk.column("shoppable"))
        quota = desk.policy.sources.surface if self._whole else desk.policy.sources.shoppable
        want = quota * (MOST + desk.viewer.dials.shopping) // MOST
        if not (best and want):
            return
        scratch, counts = desk.marks, desk.gate.counts
        for sums, reached, place in (
            (scratch.bought, scratch.bought_rows, BOUGHT),
            (scratch.near, scratch.near_rows, NEAR),
            (scratch.alike, scratch.alike_rows, ALIKE),
        ):
            sold = _sold_among(reached, int(counts[place]), desk.column("commercial"), scratch.sold_rows)
            if sold:
                _offer_largest(
                    sums, scratch.sold_rows, sold, want, BIT[self.name], *scratch.keys, *scratch.buckets, *desk.gate
                )
        desk.offer("shoppable", 0, best, want, self.name)


class Promoted:
    """Videos that somebody paid for, the best first."""

    name = "promoted"

    def offer(self, desk: Desk) -> None:
        desk.offer(self.name, 0, len(desk.column("promoted")), desk.policy.sources.promoted, self.name)


class Exploring:
    """Videos that have not had the audience they are owed, the least seen first."""

    name = "exploration"

    def offer(self, desk: Desk) -> None:
        desk.offer("exploring", 0, len(desk.column("exploring")), desk.policy.exploration.pool, self.name)


class OfHashtag:
    """The best videos with the hashtag that is asked for."""

    name = "hashtag"

    def offer(self, desk: Desk) -> None:
        row = desk.epoch.tag_row(desk.ask.argument)
        if row >= 0:
            starts = desk.column("tag_start")
            first, last = int(starts[row]), int(starts[row + 1])
            desk.offer("tag_videos", first, last, desk.policy.sources.surface, self.name)


class OfCreator:
    """The newest videos of the creator that is asked for."""

    name = "creator"

    def offer(self, desk: Desk) -> None:
        row = desk.epoch.creator_row(int(desk.ask.argument))
        if row >= 0:
            starts = desk.column("creator_start")
            first, last = int(starts[row]), int(starts[row + 1])
            desk.offer("creator_videos", first, last, desk.policy.sources.surface, self.name)
