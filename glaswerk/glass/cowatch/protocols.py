"""Two published ways to measure a recommender, and the files that they read.

* lightgcn: `train.txt` and `test.txt`, a line a user: the user, then items. All items without a training pair of the user are
  ranked; recall@20 and NDCG@20 are means over users with a test pair.
* leave-last-out: `data.txt`, a line a user: the user, then items in order of time. The last item is the test; all items that the
  user does not have before are ranked, ties count against the model; HR@10 and NDCG@10 are means over users with two items or more.

Numbers of users and items may have gaps; empty lines say nothing; an item that is listed again counts once (its last place).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from glaswerk.glass.errors import GlassError

Lines = list[tuple[int, list[int]]]


def read_lines(path: Path) -> Lines:
    """Users and their items; GlassError names the file and line of what is not a number."""
    lines: Lines = []
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise GlassError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = [int(word) for word in line.split()]
        except ValueError as error:
            raise GlassError(f"{path}, line {number}: not a whole number") from error
        if words:
            lines.append((words[0], words[1:]))
    return lines


@dataclass(frozen=True)
class SetSplit:
    """Users x items, both matrices of ones with the same rows."""

    train: sparse.csr_matrix
    test: sparse.csr_matrix

    @classmethod
    def read(cls, folder: Path) -> "SetSplit":
        """Read `train.txt` and `test.txt`."""
        parts = [read_lines(folder / name) for name in ("train.txt", "test.txt")]
        users = _places(user for lines in parts for user, _ in lines)
        items = _places(item for lines in parts for _, owned in lines for item in owned)
        train, test = (_ones(lines, users, items) for lines in parts)
        return cls(train, test)

    def measure(self, best: NDArray[Any], n: int = 20) -> dict[str, float]:
        """Recall and NDCG of recommendations, users x n, -1 for none."""
        discounts = 1 / np.log2(np.arange(n) + 2)
        ideal = np.cumsum(discounts)
        recall, ndcg, counted = 0.0, 0.0, 0
        for user in np.flatnonzero(np.diff(self.test.indptr)):
            wanted = self.test.indices[self.test.indptr[user] : self.test.indptr[user + 1]]
            hits = np.isin(best[user, :n], wanted)
            recall += float(hits.sum()) / len(wanted)
            ndcg += float((hits * discounts[: len(hits)]).sum()) / float(ideal[min(len(wanted), n) - 1])
            counted += 1
        return {f"recall@{n}": round(recall / max(counted, 1), 5), f"ndcg@{n}": round(ndcg / max(counted, 1), 5)}


@dataclass(frozen=True)
class LastSplit:
    """Histories as users x items of places counted from 1: `train` without the last two items, `history` without the last, `last`."""

    train: sparse.csr_matrix
    history: sparse.csr_matrix
    last: NDArray[np.int64]

    @classmethod
    def read(cls, folder: Path) -> "LastSplit":
        """Read `data.txt`; users with fewer than two items take no part."""
        lines: dict[int, list[int]] = {}
        for user, items in read_lines(folder / "data.txt"):
            lines.setdefault(user, []).extend(items)
        places = _places(item for items in lines.values() for item in items)
        # The later of two equal items stays.
        rows = [[places[item] for item in dict.fromkeys(reversed(items))][::-1] for items in lines.values()]
        rows = [row for row in rows if len(row) >= 2]
        last = np.array([row[-1] for row in rows], dtype=np.int64)
        return cls(
            _times([row[:-2] for row in rows], len(places)), _times([row[:-1] for row in rows], len(places)), last
        )

    def measure(self, scores: Any, n: int = 10) -> dict[str, float]:
        """HR and NDCG; `scores(first, last)` gives users first..last x items."""
        hits, ndcg = 0, 0.0
        for first in range(0, len(self.last), 1024):
            span = slice(first, min(first + 1024, len(self.last)))
            wanted = self.last[span]
            found = np.array(scores(span.start, span.stop))
            value = found[np.arange(len(wanted)), wanted][:, None]
            rivals = found >= value
            rivals[self.history[span].nonzero()] = False
            rank = rivals.sum(axis=1) - 1
            hit = rank < n
            hits += int(hit.sum())
            ndcg += float((hit / np.log2(rank + 2)).sum())
        size = max(len(self.last), 1)
        return {f"hr@{n}": round(hits / size, 5), f"ndcg@{n}": round(ndcg / size, 5)}


def _places(numbers: Any) -> dict[int, int]:
    return {number: place for place, number in enumerate(sorted(set(numbers)))}


def _ones(lines: Lines, users: dict[int, int], items: dict[int, int]) -> sparse.csr_matrix:
    pairs = np.array([(users[user], items[item]) for user, owned in lines for item in owned], dtype=np.int64).reshape(
        -1, 2
    )
    pairs = np.unique(pairs, axis=0)
    ones = np.ones(len(pairs), dtype=np.float32)
    return sparse.csr_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(users), len(items)))


def _times(rows: list[list[int]], size: int) -> sparse.csr_matrix:
    starts = np.cumsum([0, *(len(row) for row in rows)])
    items = np.array([item for row in rows for item in row], dtype=np.int64)
    places = np.array([place for row in rows for place in range(1, len(row) + 1)], dtype=np.int64)
    matrix = sparse.csr_matrix((places, items, starts), shape=(len(rows), size))
    matrix.sort_indices()
    return matrix
