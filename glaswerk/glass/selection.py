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
from glaswerk.glass.scale import UNIT, Ints, dice

GAP: Final = 1024 * UNIT
"""So large that a creator returns within the gap only if nobody else is left."""


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


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def choose(
    rows: Any, values: Any, pool: Any, makers: Any, starts: Any, video_tags: Any, weight: Any, commercial: Any, room: int, limit: int, seed: int, draws: int,
    share: int, gap: int, creator_cost: int, window: int, topic_cost: int,
) -> Any:  # fmt: skip
    """Fill `limit` slots. rows: candidates; values: theirs; pool: places in rows that exploration draws from, rising by id."""
    size = min(limit, len(rows))
    places = np.empty(size, dtype=np.int64)
    creator_terms = np.zeros(size, dtype=np.int64)
    topic_terms = np.zeros(size, dtype=np.int64)
    explored = np.zeros(size, dtype=np.int64)
    taken = np.zeros(len(rows), dtype=np.uint8)
    left = pool.copy()
    left_count = len(left)
    free = pool.copy()
    owed = 0
    filled = 0
    chance = explored_slots(seed, limit, share)
    for slot in range(size):
        best = -1
        best_score = np.int64(0)
        best_creator = np.int64(0)
        best_topic = np.int64(0)
        owed += chance[slot]
        # Who was shown within the gap does not take part in a draw; if that leaves nobody, the draw waits for the next slot.
        open_count = 0
        if owed > 0:
            for at in range(left_count):
                near = room <= 0 and commercial[rows[left[at]]] != 0
                for back in range(min(gap, slot)):
                    near = near or makers[rows[places[slot - 1 - back]]] == makers[rows[left[at]]]
                if not near:
                    free[open_count] = left[at]
                    open_count += 1
        drawn = open_count > 0
        if drawn:
            owed -= 1
        tries = draws if drawn else len(rows)
        for attempt in range(tries):
            place = free[dice(seed, slot + 1, attempt + 1, open_count)] if drawn else attempt
            if taken[place] or place == best:
                continue
            # A term only lowers a score, so a value below the best score cannot win.
            if best >= 0 and values[place] < best_score:
                continue
            row = rows[place]
            if room <= 0 and commercial[row] != 0:
                continue
            creator_term = np.int64(0)
            topic_term = np.int64(0)
            for back in range(slot):
                earlier = rows[places[slot - 1 - back]]
                if makers[earlier] == makers[row]:
                    creator_term -= creator_cost
                    if back < gap:
                        creator_term -= 67108864
            for at in range(starts[row], starts[row + 1]):
                tag = video_tags[at]
                if weight[tag] == 0:
                    continue
                times = 0
                for back in range(min(window, slot)):
                    earlier = rows[places[slot - 1 - back]]
                    for other in range(starts[earlier], starts[earlier + 1]):
                        if video_tags[other] == tag:
                            times += 1
                topic_term = min(topic_term, -(topic_cost * weight[tag] * times >> 8))
            score = values[place] + creator_term + topic_term
            if best < 0 or score > best_score or (score == best_score and row < rows[best]):
                best, best_score, best_creator, best_topic = place, score, creator_term, topic_term
        if best < 0:
            break
        filled += 1
        if commercial[rows[best]] != 0:
            room -= 1
        places[slot] = best
        creator_terms[slot] = best_creator
        topic_terms[slot] = best_topic
        explored[slot] = np.int64(drawn)
        taken[best] = 1
        # What has been shown leaves the pool, whoever placed it; the order of the rest stays.
        kept = 0
        for at in range(left_count):
            if left[at] != best:
                left[kept] = left[at]
                kept += 1
        left_count = kept
    return places[:filled], creator_terms[:filled], topic_terms[:filled], explored[:filled]


def commercial_room(desk: Desk, limit: int) -> int:
    """How many slots may sell something or be paid for: the policy's share, which the viewer's dial can lower, never raise."""
    return limit * desk.policy.commercial.cap * (2 + min(desk.viewer.dials.shopping, 0)) >> 17


def select(desk: Desk, rows: Ints, values: Ints, limit: int) -> Selection:
    """The order for surfaces that rank by value. rows must rise: then the pool rises by id, whatever order sources had."""
    policy, column = desk.policy, desk.column
    pool = np.flatnonzero(desk.gate.sources[rows] & BIT["exploration"])
    return Selection(
        *choose(
            rows, values, pool, column("creator_row"), column("video_tags_start"), column("video_tags"), column("tag_weight"),
            column("commercial"), commercial_room(desk, limit), limit, desk.ask.seed, policy.exploration.draws, policy.exploration.share, policy.spacing.creator_gap,
            policy.spacing.creator_cost, policy.spacing.topic_window, policy.spacing.topic_cost,
        )
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
