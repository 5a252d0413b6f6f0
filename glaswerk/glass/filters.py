"""Filters: what may never be shown to this viewer. Each is a small function of one video; the order is that of names.FILTERS.

Kernels take plain arrays here, never tuples of them: a tuple's arrays are counted in and out on every access, which costs
fifty times the work itself.
"""

from typing import Any

import numba as nb
import numpy as np

PASSED = 1
FIRST_FILTER = 2


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
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


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def is_withdrawn(withdrawn: Any, video: int) -> bool:
    """Taken away since the epoch was cut."""
    return len(withdrawn) > 0 and holds(withdrawn, video)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def is_blocked(blocks: Any, creator: int) -> bool:
    """By a creator whom the viewer blocked (the app also lists those who blocked the viewer)."""
    return len(blocks) > 0 and holds(blocks, creator)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def is_for_others(followers_only: int, creator: int, viewer: int, follows: Any) -> bool:
    """For followers, and the viewer is none and not its creator."""
    return followers_only != 0 and creator != viewer and not holds(follows, creator)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def is_own(hide_own: int, creator: int, viewer: int) -> bool:
    """The viewer's own, which For You does not show back."""
    return hide_own != 0 and creator == viewer


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def is_hidden(hidden: Any, starts: Any, tokens: Any, row: int) -> bool:
    """It carries a word, hashtag, creator or sound that the viewer hides."""
    if len(hidden) > 0:
        for at in range(starts[row], starts[row + 1]):
            if holds(hidden, tokens[at]):
                return True
    return False


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def is_seen(watched: int, turn: int, by_impression: int, seen: Any, video: int) -> bool:
    """Watched by the viewer, or (if the policy's rule is "impression") on the screen before."""
    return watched == turn or (by_impression != 0 and holds(seen, video))


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def walk(
    rows: Any, first: int, last: int, want: int, bit: int,
    ids: Any, creator: Any, followers_only: Any, token_start: Any, tokens: Any,
    viewer: int, hide_own: int, by_impression: int, withdrawn: Any, blocks: Any, follows: Any, hidden: Any, seen: Any,
    turn: int, stamp: Any, verdict: Any, sources: Any, watched: Any, touched: Any, count: Any,
) -> int:  # fmt: skip
    """A source offers rows[first:last] until `want` have passed every filter; how many did is the answer.

    Each video is judged once a request: its verdict is PASSED, or FIRST_FILTER plus the place of the filter that drops it.
    The source's bit is kept on whatever it offered.
    """
    passed = 0
    known = count[0]
    for at in range(first, last):
        if passed >= want:
            break
        row = rows[at]
        if stamp[row] != turn:
            outcome = PASSED
            if is_withdrawn(withdrawn, ids[row]):
                outcome = FIRST_FILTER
            elif is_blocked(blocks, creator[row]):
                outcome = FIRST_FILTER + 1
            elif is_for_others(followers_only[row], creator[row], viewer, follows):
                outcome = FIRST_FILTER + 2
            elif is_own(hide_own, creator[row], viewer):
                outcome = FIRST_FILTER + 3
            elif is_hidden(hidden, token_start, tokens, row):
                outcome = FIRST_FILTER + 4
            elif is_seen(watched[row], turn, by_impression, seen, ids[row]):
                outcome = FIRST_FILTER + 5
            stamp[row] = turn
            verdict[row] = outcome
            sources[row] = 0
            touched[known] = row
            known += 1
        sources[row] |= np.uint16(bit)
        if verdict[row] == PASSED:
            passed += 1
    count[0] = known
    return passed
