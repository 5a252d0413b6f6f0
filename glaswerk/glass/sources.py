"""Sources: who brings candidates. Each offers its videos in its own order until as many as its quota have passed the filters."""

import heapq
from typing import Any, Protocol

import numba as nb
import numpy as np

from glaswerk.glass.desk import BIT, Desk
from glaswerk.glass.filters import offer


class Source(Protocol):
    """Offers videos to the desk."""

    @property
    def name(self) -> str: ...

    def offer(self, desk: Desk) -> None: ...


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def walk(gate: Any, rows: Any, first: int, last: int, want: int, bit: int) -> int:
    """Offer a list from its start until `want` have passed; how many did."""
    passed = 0
    for at in range(first, last):
        if passed >= want:
            break
        if offer(gate, rows[at], bit):
            passed += 1
    return passed


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _merge_newest(gate: Any, creators: Any, starts: Any, videos: Any, published: Any, want: int, bit: int) -> None:
    heap = [(np.int64(0), np.int64(0), np.int64(0)) for _ in range(0)]
    for follow in gate.follows:
        low, high = 0, len(creators)
        while low < high:
            middle = (low + high) >> 1
            if creators[middle] < follow:
                low = middle + 1
            else:
                high = middle
        if low < len(creators) and creators[low] == follow and starts[low] < starts[low + 1]:
            row = np.int64(videos[starts[low]])
            heap.append((-published[row], row, np.int64(low)))
    heapq.heapify(heap)
    cursor = np.zeros(len(creators), dtype=np.int64)
    passed = 0
    while len(heap) > 0 and passed < want:
        _, row, maker = heap[0]
        if offer(gate, row, bit):
            passed += 1
        cursor[maker] += 1
        at = starts[maker] + cursor[maker]
        if at < starts[maker + 1]:
            following = np.int64(videos[at])
            heapq.heapreplace(heap, (-published[following], following, maker))
        else:
            heapq.heappop(heap)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _best_near(gate: Any, near: Any, rows: Any, want: int, bit: int) -> None:
    keys = np.empty(len(rows), dtype=np.int64)
    count = 0
    for row in rows:
        if near[row, 1] > 0:
            # One number orders by the sum, then by the smaller row: 2^31 videos and sums of 2^31 fit.
            keys[count] = (near[row, 1] << 31) | (2147483647 - row)
            count += 1
    keys = keys[:count]
    first = 0
    passed = 0
    chunk = 2 * want
    while first < count and passed < want:
        # Most requests end within the first chunk, so only that much is sorted.
        if count - first > chunk:
            keys[: count - first] = np.partition(keys[: count - first], count - first - chunk)
            low = count - first - chunk
        else:
            low = 0
        part = np.sort(keys[low : count - first])
        for at in range(len(part) - 1, -1, -1):
            if passed >= want:
                break
            if offer(gate, 2147483647 - (part[at] & 2147483647), bit):
                passed += 1
        first += len(part)
        chunk *= 4


class Following:
    """The newest videos of the creators whom the viewer follows."""

    name = "following"

    def __init__(self, whole: bool = False) -> None:
        self._whole = whole

    def offer(self, desk: Desk) -> None:
        column = desk.column
        if len(desk.viewer.follow_ids):
            want = desk.policy.sources.surface if self._whole else desk.policy.sources.following
            _merge_newest(
                desk.gate, column("creators"), column("creator_start"), column("creator_videos"), column("published"),
                want, BIT[self.name],
            )  # fmt: skip


class CoWatched:
    """What people who watched what the viewer watched also watched."""

    name = "cowatch"

    def offer(self, desk: Desk) -> None:
        if len(desk.near_rows):
            _best_near(desk.gate, desk.sums.near, desk.near_rows, desk.policy.sources.cowatch, BIT[self.name])


class Topics:
    """The best videos of the hashtags that the viewer's watches pull towards most."""

    name = "topic"

    def offer(self, desk: Desk) -> None:
        sums = desk.sums.tags
        liked = sorted((-int(sums[row, 1]), int(row)) for row in desk.tag_rows if sums[row, 1] > 0)[: desk.policy.topics.followed]
        starts, videos = desk.column("tag_start"), desk.column("tag_videos")
        for _, row in liked:
            want = desk.policy.sources.topic // len(liked)
            walk(desk.gate, videos, int(starts[row]), int(starts[row + 1]), want, BIT[self.name])


class Trending:
    """What is watched to the end and liked lately: in the viewer's region, then everywhere."""

    name = "trending"

    def offer(self, desk: Desk) -> None:
        quota = desk.policy.sources
        if desk.region >= 0:
            starts, here = desk.column("region_start"), desk.column("region_videos")
            walk(desk.gate, here, int(starts[desk.region]), int(starts[desk.region + 1]), quota.trending_here, BIT[self.name])
        everywhere = desk.column("trending")
        walk(desk.gate, everywhere, 0, len(everywhere), quota.trending, BIT[self.name])


class Fresh:
    """The newest videos."""

    name = "fresh"

    def offer(self, desk: Desk) -> None:
        newest = desk.column("fresh")
        walk(desk.gate, newest, 0, len(newest), desk.policy.sources.fresh, BIT[self.name])


class Exploring:
    """Videos that have not had the audience they are owed, the least seen first."""

    name = "exploration"

    def offer(self, desk: Desk) -> None:
        owed = desk.column("exploring")
        walk(desk.gate, owed, 0, len(owed), desk.policy.exploration.pool, BIT[self.name])


class OfHashtag:
    """The best videos with the hashtag that is asked for."""

    name = "hashtag"

    def offer(self, desk: Desk) -> None:
        row = desk.epoch.tag_row(desk.ask.argument)
        if row >= 0:
            starts, videos = desk.column("tag_start"), desk.column("tag_videos")
            walk(desk.gate, videos, int(starts[row]), int(starts[row + 1]), desk.policy.sources.surface, BIT[self.name])


class OfCreator:
    """The newest videos of the creator that is asked for."""

    name = "creator"

    def offer(self, desk: Desk) -> None:
        row = desk.epoch.creator_row(int(desk.ask.argument))
        if row >= 0:
            starts, videos = desk.column("creator_start"), desk.column("creator_videos")
            walk(desk.gate, videos, int(starts[row]), int(starts[row + 1]), desk.policy.sources.surface, BIT[self.name])


