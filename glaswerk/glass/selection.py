"""Selection: from valued candidates to an order, with spacing and exploration.

Slots are filled one after the other with the candidate of the highest score, ties going to the smaller id, where

    score = value + creator term + topic term            (both terms are zero or below)
    creator term = -creator_cost for each earlier slot of the same creator, and -GAP more within creator_gap slots
    topic term   = -topic_cost x (weight of the hashtag) x (how many of the last topic_window slots carry it),
                   for whichever of the video's hashtags makes it largest, floored

In a slot that exploration fills, only a few videos compete: so many as the policy says are drawn, by the ask's seed, from those
that are owed an audience and whose creator was not within the gap; if there is none, the next slot explores instead.

Once as many slots sell something or are paid for as the cap allows, no other such video competes in any of them.
"""

from typing import Any, Final, NamedTuple

import numba as nb
import numpy as np

from glaswerk.glass.desk import BIT, Desk
from glaswerk.glass.kernel import kernel
from glaswerk.glass.packed import KIND, MAKER, TAGS
from glaswerk.glass.scale import UNIT, Ints, dice

GAP: Final = 1024 * UNIT
"""So large that a creator returns within the gap only if nobody else is left."""
_BLOCK: Final = 32


class Selection(NamedTuple):
    """The rows chosen, in order, with the two spacing terms of each, and whether exploration placed it."""

    places: Ints
    creator_terms: Ints
    topic_terms: Ints
    explored: Ints


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def explored_slots(seed: int, limit: int, share: int) -> Any:
    """Which slots exploration fills: limit x share of them, a fraction being rounded up as often as it is large."""
    count = (limit * share + dice(seed, 0, 0, 65536)) >> 16
    chosen = np.zeros(limit, dtype=np.uint8)
    throws = np.empty(limit, dtype=np.int64)
    for slot in range(limit):
        throws[slot] = dice(seed, slot + 1, 0, 1 << 24) * 64 + slot
    for _ in range(min(count, limit)):
        best = 0
        for slot in range(limit):
            if throws[slot] < throws[best]:
                best = slot
        chosen[best] = 1
        throws[best] = np.int64(1) << 62
    return chosen


@kernel
def _terms(
    row: int, slot: int, narrow: Any, weight: Any, makers: Any, named: Any, tags: Any, gap: int, creator_cost: int, window: int,
    topic_cost: int,
) -> Any:  # fmt: skip
    """The creator term and the topic term of a video in this slot, after what the slots before it show."""
    creator_term, topic_term = np.int64(0), np.int64(0)
    maker = narrow[row, MAKER]
    for back in range(slot):
        if makers[slot - 1 - back] == maker:
            creator_term -= creator_cost
            if back < gap:
                creator_term -= 67108864
    for at in range(narrow[row, KIND] >> 8):
        tag = narrow[row, TAGS + at]
        times = 0
        for earlier in range(max(0, slot - window), slot):
            for other in range(named[earlier]):
                times += tags[earlier, other] == tag
        if times > 0:
            topic_term = min(topic_term, -(topic_cost * weight[tag] * times >> 8))
    return creator_term, topic_term


@kernel
def _top(worth: Any, block: int) -> Any:
    """The largest worth of a block of candidates."""
    top = np.int64(-1) << 62
    for at in range(block * _BLOCK, min((block + 1) * _BLOCK, len(worth))):
        top = max(top, worth[at])
    return top


@kernel
def _fill(
    rows: Any, worth: Any, left: Any, free: Any, narrow: Any, weight: Any, chance: Any, room: int, seed: int, draws: int,
    gap: int, creator_cost: int, window: int, topic_cost: int,
    places: Any, creator_terms: Any, topic_terms: Any, explored: Any, makers: Any, named: Any, tags: Any, tops: Any,
) -> Any:  # fmt: skip
    """Fill the slots one after the other; how many were filled. worth and left are used up. makers, named and tags take the creator of
    each slot, how many hashtags it has, and which; tops the largest worth of every _BLOCK candidates."""
    gone = np.int64(-1) << 62
    for block in range(len(tops)):
        tops[block] = _top(worth, block)
    left_count = len(left)
    owed = 0
    filled = 0
    for slot in range(len(places)):
        owed += chance[slot]
        # Who was shown within the gap does not take part in a draw; if that leaves nobody, the draw waits for the next slot.
        open_count = 0
        if owed > 0:
            for at in range(left_count):
                row = rows[left[at]]
                shut = room <= 0 and narrow[row, KIND] & 6 != 0
                for earlier in range(max(0, slot - gap), slot):
                    shut = shut or makers[earlier] == narrow[row, MAKER]
                if not shut:
                    free[open_count] = left[at]
                    open_count += 1
        drawn = open_count > 0
        if drawn:
            owed -= 1
        best = -1
        best_score, best_creator, best_topic = gone + 1, np.int64(0), np.int64(0)
        attempt, attempts = 0, draws if drawn else len(rows)
        while attempt < attempts:
            # A term only lowers a score, so a value below the best score cannot win; what is gone is below any.
            if not drawn and attempt % _BLOCK == 0 and tops[attempt // _BLOCK] < best_score:
                attempt += _BLOCK
                continue
            place = free[dice(seed, slot + 1, attempt + 1, open_count)] if drawn else attempt
            attempt += 1
            if worth[place] < best_score:
                continue
            row = rows[place]
            if room <= 0 and narrow[row, KIND] & 6 != 0:
                continue
            creator_term, topic_term = _terms(
                row, slot, narrow, weight, makers, named, tags, gap, creator_cost, window, topic_cost
            )
            score = worth[place] + creator_term + topic_term
            if best < 0 or score > best_score or (score == best_score and row < rows[best]):
                best, best_score, best_creator, best_topic = place, score, creator_term, topic_term
        if best < 0:
            break
        filled += 1
        row = rows[best]
        if narrow[row, KIND] & 6 != 0:
            room -= 1
        places[slot], creator_terms[slot], topic_terms[slot], explored[slot] = best, best_creator, best_topic, drawn
        makers[slot], named[slot] = narrow[row, MAKER], narrow[row, KIND] >> 8
        for at in range(named[slot]):
            tags[slot, at] = narrow[row, TAGS + at]
        worth[best] = gone
        tops[best // _BLOCK] = _top(worth, best // _BLOCK)
        # What has been shown leaves the pool, whoever placed it; the order of the rest stays.
        kept = 0
        for at in range(left_count):
            if left[at] != best:
                left[kept] = left[at]
                kept += 1
        left_count = kept
    return filled


def choose(
    rows: Ints, values: Ints, pool: Ints, narrow: Any, weight: Any, room: int, limit: int, seed: int, draws: int, share: int,
    gap: int, creator_cost: int, window: int, topic_cost: int,
) -> Selection:  # fmt: skip
    """Fill `limit` slots. rows: candidates; values: theirs; pool: places in rows that exploration draws from, rising by id;
    room: how many slots may sell something or be paid for."""
    size = min(limit, len(rows))
    chosen = np.zeros((4, size), dtype=np.int64)
    filled = _fill(
        rows, values.copy(), pool.copy(), pool.copy(), narrow, weight, explored_slots(seed, limit, share), room, seed, draws,
        gap, creator_cost, window, topic_cost, *chosen, *np.zeros((2, size), dtype=np.int32), np.empty((size, 16), dtype=np.int32),
        np.empty(-(-len(rows) // _BLOCK), dtype=np.int64),
    )  # fmt: skip
    return Selection(*chosen[:, :filled])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _pool(rows: Any, marks: Any, bit: int) -> Any:
    """The places of the candidates that exploration offered, rising by their rows."""
    keys = np.empty(len(rows), dtype=np.int64)
    found = 0
    for place in range(len(rows)):
        keys[found] = (np.int64(rows[place]) << 32) | place
        found += marks[rows[place]] & bit != 0
    return np.sort(keys[:found]) & 0xFFFFFFFF


def commercial_room(desk: Desk, limit: int) -> int:
    """How many slots may sell something or be paid for: the policy's share, which the viewer's dial can lower, never raise.

    Whoever opens the shop has asked for it: there it has room for all.
    """
    if desk.ask.kind == "shop":
        return limit
    return limit * desk.policy.commercial.cap * (2 + min(desk.viewer.dials.shopping, 0)) >> 17


def select(desk: Desk, rows: Ints, values: Ints, limit: int) -> Selection:
    """The order for surfaces that rank by value."""
    policy = desk.policy
    pool = _pool(rows, desk.gate.marks, BIT["exploration"])
    return choose(
        rows, values, pool, desk.packed.narrow, desk.column("tag_weight"), commercial_room(desk, limit), limit, desk.ask.seed,
        policy.exploration.draws, policy.exploration.share, policy.spacing.creator_gap, policy.spacing.creator_cost,
        policy.spacing.topic_window, policy.spacing.topic_cost,
    )  # fmt: skip


def newest(desk: Desk, rows: Ints, limit: int) -> Selection:
    """The order for surfaces that rank by time: newest first, ties to the smaller id; no spacing, no exploration."""
    places = np.lexsort((rows, -desk.column("published")[rows]))[:limit].astype(np.int64)
    none = np.zeros(len(places), dtype=np.int64)
    return Selection(places, none, none, none)


def longest_ago(desk: Desk, rows: Ints, values: Ints, limit: int, room: int) -> Selection:
    """The order of what was seen before: least recently seen first (a time that is not known is the least), then by value.

    room: how many of them may sell something or be paid for.
    """
    seen_at = np.zeros(desk.epoch.size if len(rows) else 0, dtype=np.int64)
    for watch in reversed(desk.viewer.watches if len(rows) else ()):
        row = desk.epoch.index_of(watch.video)
        if row >= 0:
            seen_at[row] = max(seen_at[row], watch.at_ms)
    order = np.lexsort((rows, -values, seen_at[rows] if len(rows) else rows)).astype(np.int64)
    sells = desk.column("commercial")[rows[order]] != 0
    places = order[~sells | (np.cumsum(sells) <= room)][:limit]
    none = np.zeros(len(places), dtype=np.int64)
    return Selection(places, none, none, none)
