"""Filters: what may never be shown to this viewer. Each is a small function of one video; the order is that of names.FILTERS."""

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
def withdrawn(gate: Any, row: int) -> bool:
    """Taken away since the epoch was cut."""
    return len(gate.withdrawn) > 0 and holds(gate.withdrawn, gate.ids[row])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def blocked(gate: Any, row: int) -> bool:
    """By a creator whom the viewer blocked (the app also lists those who blocked the viewer)."""
    return len(gate.blocks) > 0 and holds(gate.blocks, gate.creator[row])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def followers_only(gate: Any, row: int) -> bool:
    """For followers, and the viewer is none and not its creator."""
    return (
        gate.followers_only[row] != 0 and gate.creator[row] != gate.viewer and not holds(gate.follows, gate.creator[row])
    )


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def own(gate: Any, row: int) -> bool:
    """The viewer's own, which For You does not show back."""
    return gate.own != 0 and gate.creator[row] == gate.viewer


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def seen(gate: Any, row: int) -> bool:
    """Watched by the viewer, or (if the policy's rule is "impression") on the screen before."""
    return gate.watched[row] == gate.turn or (gate.watch_rule == 0 and holds(gate.seen, gate.ids[row]))


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def judge(gate: Any, row: int) -> int:
    """PASSED, or FIRST_FILTER plus the place of the filter that drops the video. Each video is judged once a request."""
    if gate.stamp[row] == gate.turn:
        return gate.verdict[row]
    verdict = PASSED
    if withdrawn(gate, row):
        verdict = FIRST_FILTER
    elif blocked(gate, row):
        verdict = FIRST_FILTER + 1
    elif followers_only(gate, row):
        verdict = FIRST_FILTER + 2
    elif own(gate, row):
        verdict = FIRST_FILTER + 3
    elif seen(gate, row):
        verdict = FIRST_FILTER + 4
    gate.stamp[row] = gate.turn
    gate.verdict[row] = verdict
    gate.sources[row] = 0
    gate.touched[gate.count[0]] = row
    gate.count[0] += 1
    return verdict


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def offer(gate: Any, row: int, bit: int) -> bool:
    """A source offers a video: its mark is kept, and whether it passed is the answer."""
    passed = judge(gate, row) == PASSED
    gate.sources[row] |= np.uint16(bit)
    return passed
