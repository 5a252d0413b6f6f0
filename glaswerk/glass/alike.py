"""Which videos are alike, by what they say, what they sound like and how they look: nobody has to have watched them.

    text(a, b)   = sum over shared tokens of rarity^2 / sqrt((DOUBT + sum of a's) x (DOUBT + sum of b's))
    visual(a, b) = 1 - distance / SIGHT, not below 0; distance is the sum of the 64 absolute differences
    weight(a, b) = text + (1 - text) x visual x VISUAL_SHARE

A token's rarity is log2(videos / videos that carry it), at most MOST_RARE. To share a token that only one creator uses gives
half, because it says who made a video, more than what it shows. The weight is the same in both directions. It is computed
for the candidates of every video: those that share its rarest tokens, and those that look alike. Only the order of candidates
and the size of what is looked through are approximate; every weight that is kept is exact.
"""

import hashlib
from collections.abc import Sequence
from itertools import chain
from math import isqrt
from typing import Any, Final

import numba as nb
import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.errors import GlassError
from glaswerk.glass.scale import log2_256

FEATURES: Final = 64
"""Visual features of a video, a byte each; all zeros stand for unknown."""

RARITY_STEP: Final = 16
MOST_RARE: Final = 8 * RARITY_STEP
"""A token that one video in 256 carries counts as much as any can, so that a rare word does not outweigh a topic."""

PRIVATE_SHIFT: Final = 1
"""What it gives to share a token that only one creator uses is shifted by so many bits."""

DOUBT: Final = (4 * RARITY_STEP) ** 2
"""Two videos that share all they say are alike by half if that is one token of one video in sixteen, by more if it is more."""

SIGHT: Final = 1280
"""The distance from which two videos do not look alike at all."""

VISUAL_SHARE: Final = 1 << 14
"""What looking the same says at most, in 2^-15: half, because many things look alike that have nothing to do with each other."""

LEAST: Final = 1 << 10
"""Weights below a thirty-second are noise."""

# How much is looked through for one video: of the lists of its tokens so many entries, of which so many of the best are weighed; and of
# each of the two nearest cells so many, of which so many are weighed.
_READ, _CLOSEST = 2048, 64
_LOOKED_AT, _LOOK_ALIKE = 512, 32
_BUCKETS = 1024
# Rounds of k-means, over so many videos a cell.
_ROUNDS, _PER_CELL = 3, 48
# How many of the most alike of a video are asked to name it in turn.
_ASKED = 4
_PLACE_BITS = 24

Lists = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]]
Ints = NDArray[np.int64]

_last: tuple[bytes, Lists] | None = None


def alike_lists(
    tokens: Sequence[tuple[int, ...]],
    features: NDArray[np.uint8],
    ids: NDArray[np.int64],
    published: NDArray[np.int64],
    neighbours: int,
    creator_tokens: NDArray[np.int64] | None = None,
) -> Lists:
    """The most alike videos of every video: starts [videos + 1], rows of videos, weights in 2^-15; each list the strongest first.

    `tokens` are any 64-bit numbers that stand for words, hashtags and sounds; `creator_tokens` holds one of every video that is not to
    count, because the same creator is a signal of its own; from them is also known which videos are of one creator. `features` is [videos, 64]. No list is longer than `neighbours`;
    a quarter of it is for videos that are not among its most alike, but that have this one among theirs, so that hardly a
    video is in no list. Ties go to the video that was published closer to this one, then to the newer, then to the smaller id.

    A pure function of its arguments, also of their order: rows in another order give the same lists. Integers decide everything
    but one square root and division a pair, which IEEE machines round alike. The last result is kept and given again for the
    same arguments. Raises GlassError for columns of unequal length, and for 2^24 videos and more.
    """
    global _last
    size = len(ids)
    if not len(tokens) == len(features) == len(published) == size or features.shape != (size, FEATURES):
        raise GlassError("columns of tokens, features, ids and times differ in length")
    sizes = np.fromiter(map(len, tokens), dtype=np.int64, count=size)
    flat = np.fromiter(chain.from_iterable(tokens), dtype=np.int64, count=int(sizes.sum()))
    apart = np.zeros(0, dtype=np.int64) if creator_tokens is None else np.asarray(creator_tokens, dtype=np.int64)
    if len(apart) not in (0, size) or size >> _PLACE_BITS:
        raise GlassError(f"{size} videos with {len(apart)} tokens of creators")
    features = np.ascontiguousarray(features, dtype=np.uint8)
    digest = hashlib.blake2b(f"{size} {neighbours} {len(apart)}".encode())
    for column in (sizes, flat, apart, features, np.asarray(ids, np.int64), np.asarray(published, np.int64)):
        digest.update(column.tobytes())
    key = digest.digest()
    if _last is None or _last[0] != key:
        _last = key, _lists(sizes, flat, apart, features, ids, published, neighbours)
    return _last[1]


def _lists(
    sizes: Ints, flat: Ints, apart: Ints, features: NDArray[np.uint8], ids: Any, published: Any, neighbours: int
) -> Lists:
    size = len(ids)
    if size < 2 or neighbours < 1:
        return np.zeros(size + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int16)
    # From here on a video is its place among all, the newest first: no order of rows is left to depend on.
    order = np.lexsort((ids, -np.asarray(published, dtype=np.int64)))
    place = np.empty(size, dtype=np.int64)
    place[order] = np.arange(size)
    owner = np.repeat(np.arange(size), sizes)
    # Without creators everybody counts as one of their own.
    makers = np.arange(size)
    if len(apart):
        counted = flat != apart[owner]
        flat, owner = flat[counted], owner[counted]
        makers = np.unique(apart, return_inverse=True)[1]
    looks = features[order]
    said, cells = _index(flat, place[owner], makers[order]), _cells(looks)
    counts = np.zeros(size, dtype=np.int64)
    kept = np.zeros((size, neighbours), dtype=np.int64)
    _weigh(said, looks, cells, kept, counts)
    _make_room(kept, counts, max(1, neighbours // 4))
    within = np.arange(neighbours) < counts[:, None]
    other, weight = np.where(within, _PLACE - (kept & _PLACE), 0), kept >> 48
    # Back to the caller's rows.
    counts, other, weight, within = counts[place], order[other[place]], weight[place], within[place]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return starts, other[within].astype(np.int32), weight[within].astype(np.int16)


_PLACE = (1 << _PLACE_BITS) - 1


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _entry(weight: Any, one: Any, other: Any) -> Any:
    """One number that orders neighbours, the larger the better: by weight, then closer in time, then newer."""
    return (np.int64(weight) << 48) | (np.int64(_PLACE - abs(one - other)) << 24) | np.int64(_PLACE - other)


def _index(flat: Ints, place: Ints, makers: Ints) -> Any:
    """Who says what, by video and by token (newest first), what a token gives, and the norm of videos. `makers` are by place.

    Tokens are numbered from the rarest on, and the tokens of a video stand in that order. Those of one video only, and of
    all videos, tell nothing of likeness and are left out.
    """
    size = len(makers)
    values, token = np.unique(flat, return_inverse=True)
    # A video that says something twice says it once.
    pairs = np.unique(place * len(values) + token)
    place, token = pairs // len(values), pairs % len(values)
    frequency = np.bincount(token, minlength=len(values))
    levels = np.unique(frequency)
    whole = log2_256(size + 1)
    rarity_of = [min(MOST_RARE, (whole - log2_256(int(level))) >> 4) if level > 1 else 0 for level in levels]
    rarity = np.array(rarity_of, dtype=np.int64)[np.searchsorted(levels, frequency)]
    private = _of_one_maker(token, makers[place], len(values))
    by_rarity = np.argsort(np.where(rarity > 0, frequency, size + 1), kind="stable")
    by_rarity = by_rarity[: np.count_nonzero(rarity)]
    number = np.full(len(values), -1, dtype=np.int64)
    number[by_rarity] = np.arange(len(by_rarity))
    gain, frequency, token = rarity[by_rarity] ** 2, frequency[by_rarity], number[token]
    place, token = place[token >= 0], token[token >= 0]
    video_starts = np.searchsorted(place, np.arange(size + 1))
    token_starts = np.concatenate([[0], np.cumsum(frequency)])
    video_tokens, token_videos = token.astype(np.uint32), np.empty(len(token), dtype=np.uint32)
    norms = np.full(size, DOUBT, dtype=np.int64)
    _turn_over(video_starts, video_tokens, token_starts, token_videos, gain, norms)
    gain[private[by_rarity]] = np.maximum(1, gain[private[by_rarity]] >> PRIVATE_SHIFT)
    return video_starts, video_tokens, token_starts, token_videos, gain, norms


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _of_one_maker(token: Any, maker: Any, size: int) -> Any:
    """[tokens]: whether all who carry a token are of one creator."""
    first = np.full(size, -1, dtype=np.int64)
    out = np.ones(size, dtype=np.bool_)
    for at in range(len(token)):
        if first[token[at]] < 0:
            first[token[at]] = maker[at]
        elif first[token[at]] != maker[at]:
            out[token[at]] = False
    return out


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _turn_over(
    video_starts: Any, video_tokens: Any, token_starts: Any, token_videos: Any, gain: Any, norms: Any
) -> None:
    """Sort the tokens of every video, make the lists by token of them, and add up the norms."""
    filled = np.zeros(len(gain), dtype=np.int64)
    for video in range(len(norms)):
        first, last = video_starts[video], video_starts[video + 1]
        video_tokens[first:last] = np.sort(video_tokens[first:last])
        for at in range(first, last):
            token = video_tokens[at]
            token_videos[token_starts[token] + filled[token]] = video
            filled[token] += 1
            norms[video] += gain[token]


def _cells(looks: NDArray[np.uint8]) -> Any:
    """The videos whose looks are known, in cells of those that look alike.

    Gives the two nearest cells of each video (-1: none), of which it is in the first; and of all cells the starts, members and looks.

    Whole-number k-means: the first centres are videos at even distances in time. Cells are as large as can be looked through.
    """
    known = np.flatnonzero(looks.any(axis=1))
    cell = np.full((len(looks), 2), -1, dtype=np.int64)
    count = 0
    if len(known):
        count = min(isqrt(len(known)), max(1, 2 * len(known) // _LOOKED_AT))
        sample = looks[known[:: max(1, len(known) // (count * _PER_CELL))]]
        centres = np.ascontiguousarray(sample[:: len(sample) // count][:count])
        for _ in range(_ROUNDS):
            of = _nearest(sample, centres)[:, 0]
            for one in np.unique(of):
                mine = sample[of == one]
                centres[one] = mine.sum(axis=0, dtype=np.int64) // len(mine)
        cell[known] = _nearest(looks[known], centres)
    members = known[np.argsort(cell[known, 0], kind="stable")]
    starts = np.searchsorted(cell[members, 0], np.arange(count + 1))
    # Copied into their order, so that a cell is read from one end to the other.
    return cell, starts, members.astype(np.uint32), looks[members]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _distance(ones: Any, one: int, others: Any, other: int) -> Any:
    """The sum of absolute differences of two rows. Every step is held in 32 bits: so it becomes one instruction for 16 bytes."""
    total = np.int32(0)
    for at in range(64):
        apart = np.int32(np.int32(ones[one, at]) - np.int32(others[other, at]))
        total = np.int32(total + np.int32(abs(apart)))
    return total


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _nearest(looks: Any, centres: Any) -> Any:
    """[looks, 2]: the nearest centre of each and the second, ties to the first; -1 where there is no second."""
    out = np.full((len(looks), 2), -1, dtype=np.int64)
    for row in range(len(looks)):
        least = second = np.int32(1 << 30)
        for one in range(len(centres)):
            far = _distance(looks, row, centres, one)
            if far < least:
                second, out[row, 1] = least, out[row, 0]
                least, out[row, 0] = far, one
            elif far < second:
                second, out[row, 1] = far, one
    return out


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _bound(histogram: Any, most: int) -> Any:
    """From the top of a histogram down: the level at which there are more than `most`, and how many there are above it."""
    level, above = len(histogram) - 1, 0
    while level > 0 and above + histogram[level] <= most:
        above += histogram[level]
        level -= 1
    return level, above


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _closeness(one: Any, other: Any) -> Any:
    """How few doublings two places are apart, 0..31."""
    apart, doublings = abs(one - other), 0
    while apart:
        apart >>= 1
        doublings += 1
    return 31 - doublings


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _top(
    values: Any, met: Any, found: int, most: int, histogram: Any, out: Any, taken: int, mark: Any, video: int
) -> int:
    """Append to `out` those of the met with the largest values (0.._BUCKETS-1), among equals those closer in time."""
    histogram[:] = 0
    for at in range(found):
        histogram[values[at]] += 1
    level, above = _bound(histogram, most)
    close = np.zeros(32, dtype=np.int64)
    for at in range(found):
        if values[at] == level:
            close[_closeness(video, np.int64(met[at]))] += 1
    closest, beside = _bound(close, most - above)
    room = most - above - beside
    for at in range(found):
        if values[at] < level:
            continue
        if values[at] == level:
            closeness = _closeness(video, np.int64(met[at]))
            if closeness < closest or (closeness == closest and room <= 0):
                continue
            room -= closeness == closest
        if mark[met[at]] != video:
            mark[met[at]] = video
            out[taken] = met[at]
            taken += 1
    return taken


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _weigh(said: Any, looks: Any, cells: Any, kept: Any, counts: Any) -> None:
    """The strongest entries of every video, the strongest first, from what `_index` and `_cells` give."""
    video_starts, video_tokens, token_starts, token_videos, gains, norms = said
    cell, cell_starts, cell_videos, cell_looks = cells
    size = len(norms)
    most = kept.shape[1]
    closest = max(_CLOSEST, 2 * most)
    look_alike = max(_LOOK_ALIKE, most)
    mine = np.zeros(len(gains), dtype=np.int64)
    # How many videos with a token have had their turn: where in its list the one whose turn it is stands.
    token_turn = np.zeros(len(gains), dtype=np.int64)
    sums = np.zeros(size, dtype=np.int32)
    met = np.empty(max(_READ, 2 * _LOOKED_AT), dtype=np.uint32)
    values = np.empty(len(met), dtype=np.int32)
    histogram = np.empty(_BUCKETS, dtype=np.int32)
    chosen = np.empty(closest + look_alike, dtype=np.uint32)
    mark = np.full(size, -1, dtype=np.int32)
    # 2^24 / sqrt(norm), for the order of candidates only.
    inverse = np.empty(size, dtype=np.int32)
    for video in range(size):
        inverse[video] = np.int32((1 << 24) / np.sqrt(np.float64(norms[video])))
    for video in range(size):
        first, last = video_starts[video], video_starts[video + 1]
        found = 0
        left = _READ
        for at in range(first, last):
            token = video_tokens[at]
            gain = np.int32(gains[token])
            mine[token] = gain
            begin, end = token_starts[token], token_starts[token + 1]
            own = begin + token_turn[token]
            token_turn[token] += 1
            if left > 0:
                if end - begin > left:
                    # Of a token that too many carry, those that were published about when this one was.
                    begin = min(max(begin, own - (left >> 1)), end - left)
                    end = begin + left
                left -= end - begin
                for near in range(begin, end):
                    there = token_videos[near]
                    if sums[there] == 0:
                        met[found] = there
                        found += 1
                    sums[there] += gain
        for at in range(found):
            there = met[at]
            values[at] = min((np.int64(sums[there]) * inverse[there] >> 12) * (inverse[video] >> 4) >> 22, _BUCKETS - 1)
            sums[there] = 0
        mark[video] = video
        taken = _top(values, met, found, closest, histogram, chosen, 0, mark, video)
        found = 0
        for home in cell[video]:
            if home >= 0:
                begin, end = cell_starts[home], cell_starts[home + 1]
                if end - begin > _LOOKED_AT:
                    own = begin + np.searchsorted(cell_videos[begin:end], video)
                    begin = min(max(begin, own - (_LOOKED_AT >> 1)), end - _LOOKED_AT)
                    end = begin + _LOOKED_AT
                for near in range(begin, end):
                    far = _distance(looks, video, cell_looks, near)
                    met[found] = cell_videos[near]
                    values[found] = max(0, _BUCKETS - 1 - far * _BUCKETS // SIGHT)
                    found += 1
        taken = _top(values, met, found, look_alike, histogram, chosen, taken, mark, video)
        entries = np.empty(taken, dtype=np.int64)
        found = 0
        for at in range(taken):
            other: Any = np.int64(chosen[at])
            shared = np.int64(0)
            for near in range(video_starts[other], video_starts[other + 1]):
                shared += mine[video_tokens[near]]
            text: Any = np.int64(np.float64(shared << 15) / np.sqrt(np.float64(norms[video] * norms[other])))
            visual: Any = np.int64(0)
            if cell[video, 0] >= 0 and cell[other, 0] >= 0:
                visual = max(np.int64(0), np.int64(SIGHT - _distance(looks, video, looks, other)))
            weight = min(text + ((32768 - text) * (visual * VISUAL_SHARE // SIGHT) >> 15), 32767)
            if weight >= LEAST:
                entries[found] = _entry(weight, video, other)
                found += 1
        for at in range(first, last):
            mine[video_tokens[at]] = 0
        entries = np.sort(entries[:found])
        counts[video] = min(found, most)
        for at in range(counts[video]):
            kept[video, at] = entries[found - 1 - at]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _make_room(kept: Any, counts: Any, room: int) -> None:
    """Give every video up to `room` places to those that have it among their own most alike and are not in its list."""
    size, most = kept.shape
    asking = np.zeros((size, room), dtype=np.int64)
    for video in range(size):
        for at in range(min(_ASKED, counts[video])):
            other = _PLACE - (kept[video, at] & _PLACE)
            entry = _entry(kept[video, at] >> 48, other, video)
            known = False
            for near in range(counts[other]):
                known = known or kept[other, near] == entry
            if not known:
                # The strongest askers, in order; a weaker one falls out at the end.
                for near in range(room):
                    if entry > asking[other, near]:
                        entry, asking[other, near] = asking[other, near], entry
    for video in range(size):
        asked = np.sum(asking[video] > 0)
        if asked:
            own = min(counts[video], most - asked)
            entries = np.sort(np.concatenate((kept[video, :own], asking[video, :asked])))
            counts[video] = own + asked
            for at in range(own + asked):
                kept[video, at] = entries[own + asked - 1 - at]
