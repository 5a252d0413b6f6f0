"""What videos sell: which products each of them shows, and which products the same people bought.

Of two products that were bought by the same people only how many did is known here, in whole FLOORs: so no count of an epoch,
which everybody may read, changes by what a single person buys, and what hardly anybody bought is not in it at all. No price, no
commission and no merchant is known here; so none of them can move anything.
"""

from collections import defaultdict
from dataclasses import dataclass, fields
from math import isqrt
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.errors import GlassError

FLOOR: Final = 5
"""So many people must have bought two products for it to count, and so many more for it to count more."""

_MOST_WEIGHT: Final = (1 << 15) - 1


@dataclass(frozen=True, eq=False)
class Goods:
    """Three tables, each in any order. Products are known by their ids.

    video, product, is_sold: a product that a video shows, and whether it can be bought now. bought, buyers: how many people bought a
    product. first, second, both: how many people bought two, which are not the same; each pair once.
    Raises GlassError for columns of unequal length, and for more buyers of two products than of one of them.
    """

    video: NDArray[np.int64]
    product: NDArray[np.int64]
    is_sold: NDArray[np.bool_]
    bought: NDArray[np.int64]
    buyers: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    both: NDArray[np.int64]

    def __post_init__(self) -> None:
        for table in (("video", "product", "is_sold"), ("bought", "buyers"), ("first", "second", "both")):
            if len({len(getattr(self, name)) for name in table}) > 1:
                raise GlassError(f"columns of goods differ in length: {', '.join(table)}")
        known = self.people()
        for first, second, both in zip(self.first.tolist(), self.second.tolist(), self.both.tolist(), strict=True):
            if first == second or both > min(known.get(first, 0), known.get(second, 0)):
                raise GlassError(f"goods {first} and {second} cannot have {both} buyers in common")

    @classmethod
    def none(cls) -> Self:
        """Nothing is sold."""
        none = np.zeros(0, dtype=np.int64)
        columns: dict[str, Any] = {field.name: none for field in fields(cls)}
        return cls(**{**columns, "is_sold": none.astype(np.bool_)})

    def people(self) -> dict[int, int]:
        """How many people bought each product."""
        return dict(zip(self.bought.tolist(), self.buyers.tolist(), strict=True))


def whole_floors(people: int) -> int:
    """A number of people as an epoch may know it."""
    return people - people % FLOOR


def sellers(ids: NDArray[np.int64], goods: Goods) -> NDArray[np.bool_]:
    """Which of the videos show something that can be bought now."""
    return np.isin(ids, goods.video[goods.is_sold])


@dataclass(frozen=True, slots=True)
class _Near:
    """A video that sells something, near to a product: how much, because of which other product, and how many bought both."""

    weight: int
    row: int
    product: int
    buyers: int


def bought_lists(ids: NDArray[np.int64], best: NDArray[np.int64], goods: Goods, most: int) -> dict[str, NDArray[Any]]:
    """For every video those that sell what people bought who bought what it shows: at most `most`, the largest weights first.

    ids rise; best: every row, the best first. The weight of two products is the cosine of who bought them,
    floor(2^15 x both / isqrt(buyers x buyers)); of several reasons for one video the largest counts, then the smaller products.
    """
    row_of = {video: row for row, video in enumerate(ids.tolist())}
    rank = np.empty(len(ids), dtype=np.int64)
    rank[best] = np.arange(len(ids))
    shown: defaultdict[int, set[int]] = defaultdict(set)
    sold: defaultdict[int, list[int]] = defaultdict(list)
    for video, product, is_sold in zip(
        goods.video.tolist(), goods.product.tolist(), goods.is_sold.tolist(), strict=True
    ):
        if video in row_of:
            shown[row_of[video]].add(product)
            if is_sold:
                sold[product].append(row_of[video])
    for product, rows in sold.items():
        sold[product] = sorted(set(rows), key=rank.__getitem__)
    near = _near_products(goods)
    around: dict[int, list[_Near]] = {}
    starts, found = [0], list[tuple[_Near, int]]()
    for row in range(len(ids)):
        strongest: dict[int, tuple[_Near, int]] = {}
        for product in sorted(shown.get(row, ())):
            if product not in around:
                # One more than is kept, because a video is not listed for itself.
                around[product] = _around(near.get(product, []), sold, most + 1)
            for one in around[product]:
                if one.row != row and (one.row not in strongest or one.weight > strongest[one.row][0].weight):
                    strongest[one.row] = (one, product)
        found += sorted(strongest.values(), key=lambda one: (-one[0].weight, one[0].row))[:most]
        starts.append(len(found))
    return {
        "bought_start": np.array(starts, dtype=np.int64),
        "bought_videos": np.array([one.row for one, _ in found], dtype=np.int32),
        "bought_weights": np.array([one.weight for one, _ in found], dtype=np.int16),
        "bought_buyers": np.array([one.buyers for one, _ in found], dtype=np.int32),
        "bought_from": np.array([product for _, product in found], dtype=np.int64),
        "bought_to": np.array([one.product for one, _ in found], dtype=np.int64),
    }


def nothing_bought(size: int) -> dict[str, NDArray[Any]]:
    """The lists of an epoch that was cut before there were any."""
    return bought_lists(np.arange(size, dtype=np.int64), np.arange(size, dtype=np.int64), Goods.none(), 0)


def _near_products(goods: Goods) -> dict[int, list[tuple[int, int, int]]]:
    """For every product those that were bought with it: (weight, the other, buyers of both), the nearest first."""
    people = {product: whole_floors(count) for product, count in goods.people().items()}
    near: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for first, second, both in zip(goods.first.tolist(), goods.second.tolist(), goods.both.tolist(), strict=True):
        counted = whole_floors(both)
        if counted:
            weight = min(_MOST_WEIGHT, (counted << 15) // isqrt(people[first] * people[second]))
            near[first].append((weight, second, counted))
            near[second].append((weight, first, counted))
    return {product: sorted(others, key=lambda one: (-one[0], one[1])) for product, others in near.items()}


def _around(others: list[tuple[int, int, int]], sold: dict[int, list[int]], most: int) -> list[_Near]:
    """The videos that sell what was bought with a product, each once, the nearest first, at most so many."""
    found: dict[int, _Near] = {}
    for weight, product, buyers in others:
        for row in sold.get(product, ()):
            if len(found) == most:
                return list(found.values())
            found.setdefault(row, _Near(weight, row, product, buyers))
    return list(found.values())
