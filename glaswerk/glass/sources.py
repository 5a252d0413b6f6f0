"""Sources: who brings candidates. Each offers its videos in its own order until as many as its quota have passed the filters."""

import heapq
from collections.abc import Callable
from typing import Any, Protocol

import numba as nb
import numpy as np

from glaswerk.glass.desk import Desk


class Source(Protocol):
    """Offers videos to the desk."""

    @property
    def name(self) -> str: ...

    def offer(self, desk: Desk) -> None: ...


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _newest_of(creators: Any, follows: Any, starts: Any, videos: Any, published: Any, most: int) -> Any:
    """The newest videos of these creators, by merging their own lists, which begin with the newest."""
    heap = [(np.int64(0), np.int64(0), np.int64(0)) for _ in range(0)]
    total = 0
    for follow in follows:
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
            total += starts[low + 1] - starts[low]
    heapq.heapify(heap)
    cursor = np.zeros(len(creators), dtype=np.int64)
    merged = np.empty(min(total, most), dtype=np.int32)
    for place in range(len(merged)):
        _, row, maker = heap[0]
        merged[place] = row
        cursor[maker] += 1
        at = starts[maker] + cursor[maker]
        if at < starts[maker + 1]:
            following = np.int64(videos[at])
            heapq.heapreplace(heap, (-published[following], following, maker))
        else:
            heapq.heappop(heap)
    return merged


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _best_near(near: Any, rows: Any, most: int) -> Any:
    """The videos of the largest sums above 0, largest first, ties to the smaller row."""
    keys = np.empty(len(rows), dtype=np.int64)
    count = 0
    for row in rows:
        if near[row, 1] > 0:
            # One number orders by the sum, then by the smaller row: 2^31 videos and sums of 2^31 fit.
            keys[count] = (np.int64(near[row, 1]) << 31) | (2147483647 - row)
            count += 1
    keys = keys[:count]
    if count > most:
        keys = np.partition(keys, count - most)[count - most :]
    keys = np.sort(keys)[::-1]
    best = np.empty(len(keys), dtype=np.int32)
    for place in range(len(keys)):
        best[place] = 2147483647 - (keys[place] & 2147483647)
    return best


def _offer_best(desk: Desk, source: str, want: int, best: Callable[[int], Any]) -> None:
    """Offer a list that costs something to order: a little more of it than is wanted, and only if that was not enough, more.

    best(n) must be a prefix of best(m) for every m > n, so that how far it was ordered changes nothing.
    """
    most, done, passed = 2 * want, 0, 0
    while passed < want:
        rows = best(most)
        passed += desk.walk(rows, done, len(rows), want - passed, source)
        if len(rows) < most:
            break
        done, most = len(rows), 8 * most


class Following:
    """The newest videos of the creators whom the viewer follows."""

    name = "following"

    def __init__(self, whole: bool = False) -> None:
        self._whole = whole

    def offer(self, desk: Desk) -> None:
        column, follows = desk.column, desk.viewer.follow_ids
        if len(follows):
            want = desk.policy.sources.surface if self._whole else desk.policy.sources.following
            creators, starts, videos = column("creators"), column("creator_start"), column("creator_videos")
            published = column("published")
            _offer_best(
                desk, self.name, want, lambda most: _newest_of(creators, follows, starts, videos, published, most)
            )


class CoWatched:
    """What people who watched what the viewer watched also watched."""

    name = "cowatch"

    def offer(self, desk: Desk) -> None:
        if len(desk.near_rows):
            want = desk.policy.sources.cowatch
            _offer_best(desk, self.name, want, lambda most: _best_near(desk.sums.near, desk.near_rows, most))


class Similar:
    """What is most like what the viewer watched, in words, hashtags, sound and looks, whoever else has watched it."""

    name = "similar"

    def offer(self, desk: Desk) -> None:
        if len(desk.alike_rows):
            want = desk.policy.sources.similar
            _offer_best(desk, self.name, want, lambda most: _best_near(desk.sums.alike, desk.alike_rows, most))


class Topics:
    """The best videos of the hashtags that the viewer's dials ask for and that their watches pull towards most."""

    name = "topic"

    def offer(self, desk: Desk) -> None:
        asked = sorted(row for row, setting in desk.dialled if setting > 0)
        rows, sums = desk.tag_rows, desk.sums.tags[desk.tag_rows, 1]
        order = np.lexsort((rows, -sums))[: desk.policy.topics.followed]
        liked = asked + [row for row in rows[order][sums[order] > 0].tolist() if row not in asked]
        starts, videos = desk.column("tag_start"), desk.column("tag_videos")
        for row in liked:
            want = desk.policy.sources.topic // len(liked)
            desk.walk(videos, int(starts[row]), int(starts[row + 1]), want, self.name)


class Trending:
    """What is watched to the end and liked lately: in the viewer's region, then everywhere."""

    name = "trending"

    def offer(self, desk: Desk) -> None:
        quota = desk.policy.sources
        if desk.region >= 0:
            starts, here = desk.column("region_start"), desk.column("region_videos")
            desk.walk(here, int(starts[desk.region]), int(starts[desk.region + 1]), quota.trending_here, self.name)
        everywhere = desk.column("trending")
        desk.walk(everywhere, 0, len(everywhere), quota.trending, self.name)


class Fresh:
    """The newest videos."""

    name = "fresh"

    def offer(self, desk: Desk) -> None:
        newest = desk.column("fresh")
        desk.walk(newest, 0, len(newest), desk.policy.sources.fresh, self.name)


class Commercial:
    """Videos that sell something, or that somebody paid for, the best first."""

    def __init__(self, name: str) -> None:
        self.name = name

    def offer(self, desk: Desk) -> None:
        videos = desk.column(self.name)
        desk.walk(videos, 0, len(videos), getattr(desk.policy.sources, self.name), self.name)


class Exploring:
    """Videos that have not had the audience they are owed, the least seen first."""

    name = "exploration"

    def offer(self, desk: Desk) -> None:
        owed = desk.column("exploring")
        desk.walk(owed, 0, len(owed), desk.policy.exploration.pool, self.name)


class OfHashtag:
    """The best videos with the hashtag that is asked for."""

    name = "hashtag"

    def offer(self, desk: Desk) -> None:
        row = desk.epoch.tag_row(desk.ask.argument)
        if row >= 0:
            starts, videos = desk.column("tag_start"), desk.column("tag_videos")
            desk.walk(videos, int(starts[row]), int(starts[row + 1]), desk.policy.sources.surface, self.name)


class OfCreator:
    """The newest videos of the creator that is asked for."""

    name = "creator"

    def offer(self, desk: Desk) -> None:
        row = desk.epoch.creator_row(int(desk.ask.argument))
        if row >= 0:
            starts, videos = desk.column("creator_start"), desk.column("creator_videos")
            desk.walk(videos, int(starts[row]), int(starts[row + 1]), desk.policy.sources.surface, self.name)
