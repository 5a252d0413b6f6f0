"""Filters: what may never be shown to this viewer. Each is a small function of one video; the order is that of names.FILTERS.

What was found is noted in one word a video: the turn in its upper half, the sources that offered it in bits 0 to 15, from bit 16 on
its verdict (PASSED, or FIRST_FILTER plus the place of the filter that drops it), and WATCHED.

Kernels take plain arrays here, never tuples of them: a tuple's arrays are counted in and out on every access, which costs
fifty times the work itself.
"""

from typing import Any, Final

import numpy as np

from glaswerk.glass.kernel import inlined, kernel
from glaswerk.glass.packed import ID, KIND, MAKER, hashed, prefetch

PASSED = 1
FIRST_FILTER = 2
VERDICT: Final = 16
WATCHED: Final = 1 << 24
_AHEAD: Final = 8


@kernel
def holds(rising: Any, value: int) -> bool:
    """Whether a rising array holds a value."""
    low, high = 0, len(rising)
    while low < high:
        middle = (low + high) >> 1
        if rising[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < len(rising) and rising[low] == value


@kernel
def is_withdrawn(withdrawn: Any, video: int) -> bool:
    """Taken away since the epoch was cut."""
    return len(withdrawn) > 0 and holds(withdrawn, video)


@kernel
def is_blocked(blocks: Any, creator: int) -> bool:
    """By a creator whom the viewer blocked (the app also lists those who blocked the viewer)."""
    return len(blocks) > 0 and holds(blocks, creator)


@kernel
def is_for_others(followers_only: int, creator: int, viewer: int, followed: int, turn: int) -> bool:
    """For followers, and the viewer is none and not its creator."""
    return followers_only != 0 and creator != viewer and followed != turn


@kernel
def is_own(own: int, creator: int) -> bool:
    """The viewer's own, which For You does not show back (elsewhere `own` is nobody's id)."""
    return creator == own


@kernel
def is_hidden(hidden: Any, starts: Any, tokens: Any, row: int) -> bool:
    """It carries a word, hashtag, creator or sound that the viewer hides."""
    if len(hidden) > 0:
        for at in range(starts[row], starts[row + 1]):
            if holds(hidden, tokens[at]):
                return True
    return False


@kernel
def is_seen(word: int, by_impression: int, seen: Any, sieve: Any, video: int) -> Any:
    """Watched by the viewer, or (if the policy's rule is "impression") on the screen before."""
    if word & WATCHED:
        return True
    if by_impression == 0:
        return False
    place = hashed(video, len(sieve) * 64)
    return (sieve[place >> 6] >> np.uint64(place & 63)) & np.uint64(1) != 0 and holds(seen, video)


@inlined
def judge(
    row: int, bit: int,
    wide: Any, narrow: Any, tokens_start: Any, tokens: Any, creators: Any, viewer: int, own: int, by_impression: int,
    withdrawn: Any, blocks: Any, hidden: Any, seen: Any, sieve: Any, turn: int, makers: Any, marks: Any, touched: Any, counts: Any,
) -> Any:  # fmt: skip
    """A source offers a video: whether it passes every filter. It is judged once a request; every source's bit is kept."""
    word = marks[row]
    if word >> 32 != turn:
        word = np.int64(turn) << 32
    if word >> VERDICT & 255 == 0:
        video, maker, kind = wide[row, ID], np.int64(narrow[row, MAKER]), narrow[row, KIND]
        creator = creators[maker]
        outcome = PASSED
        if is_withdrawn(withdrawn, video):
            outcome = FIRST_FILTER
        elif is_blocked(blocks, creator):
            outcome = FIRST_FILTER + 1
        elif is_for_others(kind & 1, creator, viewer, makers[maker, 2], turn):
            outcome = FIRST_FILTER + 2
        elif is_own(own, creator):
            outcome = FIRST_FILTER + 3
        elif is_hidden(hidden, tokens_start, tokens, row):
            outcome = FIRST_FILTER + 4
        elif is_seen(word, by_impression, seen, sieve, video):
            outcome = FIRST_FILTER + 5
        word |= outcome << VERDICT
        touched[counts[0]] = row
        counts[0] += 1
    marks[row] = word | bit
    return word >> VERDICT & 255 == PASSED


@kernel
def walk(
    lists: Any, spans: Any,
    wide: Any, narrow: Any, tokens_start: Any, tokens: Any, creators: Any, viewer: int, own: int, by_impression: int,
    withdrawn: Any, blocks: Any, hidden: Any, seen: Any, sieve: Any, turn: int, makers: Any, marks: Any, touched: Any, counts: Any,
) -> None:  # fmt: skip
    """Every span (first, last, want, bit of the source) offers lists[first:last] until `want` have passed every filter."""
    for span in range(len(spans)):
        first, last, want, bit = spans[span, 0], spans[span, 1], spans[span, 2], spans[span, 3]
        for at in range(first, min(last, first + _AHEAD)):
            prefetch(wide, lists[at])
            prefetch(marks, lists[at])
        at = first
        while at < last and want > 0:
            if at + _AHEAD < last:
                prefetch(wide, lists[at + _AHEAD])
                prefetch(marks, lists[at + _AHEAD])
            want -= judge(
                lists[at], bit, wide, narrow, tokens_start, tokens, creators, viewer, own, by_impression, withdrawn, blocks, hidden,
                seen, sieve, turn, makers, marks, touched, counts,
            )  # fmt: skip
            at += 1
