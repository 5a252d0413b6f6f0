"""From blocks of dense weights to the best neighbours of every item."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.errors import GlassError

TILE = 256

Rows = Callable[[int, int], NDArray[np.float32]]
Lists = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _best(rows: Any, first: int, kept: Any, kept_weights: Any, counts: Any) -> None:
    """The largest positive weights of every row but its own, largest first, ties to the smaller item."""
    most = kept.shape[1]
    for row in range(len(rows)):
        line = rows[row]
        found = 0
        for item in range(len(line)):
            found += line[item] > 0 and item != first + row
        keys = np.empty(found, dtype=np.int64)
        found = 0
        for item in range(len(line)):
            if line[item] > 0 and item != first + row:
                # The bits of a positive float are ordered like the float: one whole number orders by weight, then by item.
                keys[found] = (np.int64(line[item : item + 1].view(np.int32)[0]) << 32) - item
                found += 1
        if found > most:
            keys = np.partition(keys, found - most)[found - most :]
        keys = np.sort(keys)
        counts[row] = len(keys)
        for place in range(len(keys)):
            item = -keys[len(keys) - 1 - place] & 4294967295
            kept[row, place] = item
            kept_weights[row, place] = line[item]


def block_lists(first: int, last: int, most: int, rows: Rows) -> Lists:
    """Counts, items and weights of the best neighbours of items first..last, tile by tile.

    `rows(first, last)` gives the weights of items first..last, (last - first) x items in C order, `TILE` of them but for the last
    tile. That tiles begin at the same items everywhere is what makes their bits the same everywhere, so `first` is a multiple of
    `TILE`, and `last` is one or the number of items.
    """
    if first % TILE:
        raise GlassError(f"a block begins at a multiple of {TILE}, not at {first}")
    parts = [_tile_lists(start, min(start + TILE, last), most, rows) for start in range(first, last, TILE)]
    return _joined(parts)


def _tile_lists(first: int, last: int, most: int, rows: Rows) -> Lists:
    kept = np.empty((last - first, most), dtype=np.int32)
    weights = np.empty((last - first, most), dtype=np.float32)
    counts = np.empty(last - first, dtype=np.int64)
    _best(rows(first, last), first, kept, weights, counts)
    within = np.arange(most) < counts[:, None]
    return counts, kept[within], weights[within]


def _joined(parts: list[Lists]) -> Lists:
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    counts, items, weights = zip(*parts, strict=True)
    return np.concatenate(counts), np.concatenate(items), np.concatenate(weights)


def best_lists(size: int, most: int, rows: Rows, threads: int, progress: Callable[[int], None] | None = None) -> Lists:
    """The same of all items, on several threads. No tile needs anything of another: see `block_lists`, which may run anywhere."""

    def of_tile(first: int) -> Lists:
        found = _tile_lists(first, min(first + TILE, size), most, rows)
        if progress is not None:
            progress(len(found[0]))
        return found

    with ThreadPoolExecutor(threads) as pool:
        return _joined(list(pool.map(of_tile, range(0, size, TILE))))
