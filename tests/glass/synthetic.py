"""Catalogues made from a seed: every video of one topic, viewers with two topics each."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from glaswerk.glass import FLOOR, Catalogue, Epoch, Goods, Policy, Watches, cut_epoch, default_policy

NOW = 1_800_000_000_000
DAY = 86_400_000


def make_catalogue(size: int, topics: int = 10, creators: int = 12, seed: int = 1, everyday: bool = True) -> Catalogue:
    """Video i has topic `topic_of`; with `everyday` every video also carries a hashtag that says nothing."""
    rng = np.random.default_rng(seed)
    impressions = rng.integers(0, 400, size)
    finishes = rng.binomial(impressions, rng.beta(4, 7, size))
    likes = rng.binomial(impressions, 0.05)
    return Catalogue(
        ids=np.arange(1, size + 1, dtype=np.int64) * 1_000_003,
        creator=rng.integers(1, creators + 1, size) * 7919,
        published_at=NOW - rng.integers(0, 20 * DAY, size),
        duration_ms=rng.integers(5000, 12000, size).astype(np.int32),
        region=[("de", "fr", "")[row % 3] for row in range(size)],
        language=[("de", "en")[row % 2] for row in range(size)],
        followers_only=np.zeros(size, dtype=np.bool_),
        hashtags=[(f"topic{row % topics}", *(("everyday",) if everyday else ())) for row in range(size)],
        impressions=impressions,
        finishes=finishes,
        likes=likes,
        shares=likes // 4,
        saves=likes // 3,
        follows=likes // 5,
        skips=rng.binomial(impressions, 0.23),
        watch_ms=impressions * 5000,
        rec_impressions=impressions * 64,
        rec_finishes=finishes * 64,
        rec_likes=likes * 64,
    )


def topic_of(video: int, topics: int = 10) -> int:
    """The topic of a video of `make_catalogue`."""
    return (video // 1_000_003 - 1) % topics


def make_watches(catalogue: Catalogue, people: int, each: int = 20, topics: int = 10, seed: int = 2) -> Watches:
    """Everybody watches mostly two topics."""
    rng = np.random.default_rng(seed)
    size = len(catalogue)
    taste = rng.integers(0, topics, (people, 2))
    rows = rng.integers(0, size, (people, each))
    wanted = taste[np.arange(people)[:, None], rng.integers(0, 2, (people, each))]
    fond = rng.random((people, each)) < 0.8
    rows = np.where(fond & (rows // topics * topics + wanted < size), rows // topics * topics + wanted, rows)
    return Watches(
        viewer=np.repeat(-np.arange(1, people + 1, dtype=np.int64), each),
        video=catalogue.ids[rows.ravel()],
        strength=rng.integers(30, 256, people * each).astype(np.uint8),
        at=NOW - rng.integers(0, 10 * DAY, people * each),
    )


def make_goods(videos: Iterable[int], products: int = 12, seed: int = 3) -> Goods:
    """Every video shows one or two of so many products, a quarter of them sold out; neighbours among them are bought together."""
    rng = np.random.default_rng(seed)
    shown = [(video, product) for video in videos for product in np.unique(rng.integers(0, products, 2)).tolist()]
    pairs = [(first, first + step) for first in range(products) for step in (1, 2) if first + step < products]
    both = rng.integers(0, 6 * FLOOR, len(pairs))
    return Goods(
        video=np.array([video for video, _ in shown], dtype=np.int64),
        product=np.array([product for _, product in shown], dtype=np.int64),
        is_sold=rng.random(len(shown)) < 0.75,
        bought=np.arange(products, dtype=np.int64),
        buyers=6 * FLOOR + rng.integers(0, 40, products),
        first=np.array([first for first, _ in pairs], dtype=np.int64),
        second=np.array([second for _, second in pairs], dtype=np.int64),
        both=both,
    )


def make_epoch(
    size: int, topics: int = 10, creators: int = 12, people: int = 100, seed: int = 1, policy: Policy | None = None
) -> Epoch:
    catalogue = make_catalogue(size, topics, creators, seed)
    watches = make_watches(catalogue, people, topics=topics) if size else Watches.empty()
    return Epoch.from_bytes(cut_epoch(catalogue, watches, policy or default_policy(), NOW))


def shuffled(catalogue: Catalogue, order: np.ndarray) -> Catalogue:
    """The same catalogue with its rows in another order."""
    columns = {}
    for name in catalogue.__dataclass_fields__:
        column = getattr(catalogue, name)
        columns[name] = column[order] if isinstance(column, np.ndarray) else [column[row] for row in order]
    return replace(catalogue, **columns)
