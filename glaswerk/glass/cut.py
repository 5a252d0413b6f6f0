"""Cutting an epoch: from columns to the bytes that every worker maps."""

from itertools import chain
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from glaswerk.glass.alike import alike_lists
from glaswerk.glass.catalogue import COUNTS, PROMOTED, SHOPPABLE, Catalogue, Watches
from glaswerk.glass.cowatch import ItemCosine
from glaswerk.glass.epoch import write_epoch
from glaswerk.glass.goods import Goods, bought_lists, sellers
from glaswerk.glass.heads import BINS, TREND_STEP, Heads, prior_heads, rate_bins
from glaswerk.glass.learned import Learned
from glaswerk.glass.names import HEADS, ITEM_SIGNALS
from glaswerk.glass.policy import Policy
from glaswerk.glass.scale import UNIT, decay, log2_256
from glaswerk.glass.tokens import token

Ints = NDArray[np.int64]


def cut_epoch(
    catalogue: Catalogue, watches: Watches, policy: Policy, at_ms: int, learned: Learned | None = None, goods: Goods | None = None,
) -> bytes:  # fmt: skip
    """The epoch of these videos, watches and policy at this moment (Unix milliseconds), with the model that was learned, if any, and
    what the videos sell, if anything: one that shows a product which can be bought is shoppable, unless it is promoted.

    Without a model the item cosine is the co-watch filter and the policy describes the heads.
    A pure function: the order of rows does not matter, and the same facts give the same bytes on every machine.
    """
    order = np.argsort(catalogue.ids, kind="stable")
    ids = _int64(catalogue.ids)[order]
    size = len(ids)
    count = {name: _int64(getattr(catalogue, name))[order] for name in COUNTS}
    creators, creator_rows = np.unique(_int64(catalogue.creator)[order], return_inverse=True)
    published = _int64(catalogue.published_at)[order]
    regions, region = _codes([catalogue.region[row] for row in order])
    languages, language = _codes([catalogue.language[row] for row in order])
    tags, tag_starts, tag_rows = _tags([catalogue.hashtags[row] for row in order], policy)
    heads = prior_heads(policy) if learned is None else learned.heads_for(policy)
    trend = (count["rec_finishes"] * policy.trending.finish + count["rec_likes"] * policy.trending.like) >> 8
    bins = _bins(count, trend, policy)
    standing = _standing(bins, heads)
    rows = np.arange(size, dtype=np.int64)
    goods = goods or Goods.none()
    commercial = np.asarray(catalogue.commercial, dtype=np.uint8)[order]
    commercial[sellers(ids, goods) & (commercial == 0)] = SHOPPABLE
    tokens = [tuple(sorted(set(catalogue.tokens[row]))) for row in order]
    features = np.asarray(catalogue.features, dtype=np.uint8)[order]
    newest = np.lexsort((rows, -published))
    trending = np.lexsort((rows, -published, -trend))
    best = np.lexsort((rows, -standing))
    tag_sizes = np.diff(tag_starts)
    owners = np.repeat(rows, tag_sizes)
    arrays: dict[str, NDArray[Any]] = {
        "ids": ids,
        "creator": _int64(catalogue.creator)[order],
        "creator_row": creator_rows.astype(np.int32),
        "published": published,
        "duration": np.asarray(catalogue.duration_ms, dtype=np.int32)[order],
        "region": region,
        "language": language,
        "followers_only": np.asarray(catalogue.followers_only, dtype=np.uint8)[order],
        "commercial": commercial,
        "tokens_start": np.cumsum([0, *map(len, tokens)], dtype=np.int64),
        "tokens": np.fromiter(chain.from_iterable(tokens), dtype=np.int64),
        "impressions": count["impressions"],
        "bins": bins,
        "standing": standing,
        "creators": creators,
        "tag_text": np.frombuffer("".join(tags).encode(), dtype=np.uint8),
        "tag_ends": np.cumsum([len(tag.encode()) for tag in tags], dtype=np.int64),
        "tag_weight": _tag_weights(np.bincount(tag_rows, minlength=len(tags)), size),
        "video_tags_start": tag_starts,
        "video_tags": tag_rows,
        "fresh": newest.astype(np.int32),
        "trending": trending.astype(np.int32),
        "shoppable": best[commercial[best] == SHOPPABLE].astype(np.int32),
        "promoted": best[commercial[best] == PROMOTED].astype(np.int32),
        "exploring": _exploring(count["impressions"], bins, newest, policy),
        **heads.arrays(),
        **_lists("creator", creator_rows, rows, newest, len(creators)),
        **_lists("region", region, rows, trending, len(regions)),
        **_lists("tag", tag_rows, owners, best, len(tags)),
        **_neighbours(ids, watches, policy, at_ms, learned),
        **_alike(tokens, features, ids, published, creators, creator_rows, policy),
        **bought_lists(ids, best, goods, policy.cowatch.neighbours),
    }
    facts = {
        "at_ms": int(at_ms),
        "learned": "" if learned is None else learned.sha256,
        "policy": policy.text,
        "regions": regions,
        "languages": languages,
    }
    return write_epoch(facts, arrays)


def _int64(values: Any) -> Ints:
    return np.asarray(values, dtype=np.int64)


def _codes(values: list[str]) -> tuple[list[str], NDArray[np.int16]]:
    """The distinct non-empty values in order, and the place of each row's value among them, -1 for none."""
    names = sorted({value for value in values if value})
    place = {name: row for row, name in enumerate(names)}
    return names, np.array([place.get(value, -1) for value in values], dtype=np.int16)


def _tags(hashtags: list[tuple[str, ...]], policy: Policy) -> tuple[list[str], Ints, NDArray[np.int32]]:
    """The hashtags in order, and for each video the rows of the first few distinct ones it names."""
    kept = [tuple(dict.fromkeys(tag for tag in named if tag))[: policy.topics.per_video] for named in hashtags]
    tags = sorted({tag for named in kept for tag in named})
    place = {tag: row for row, tag in enumerate(tags)}
    starts = np.cumsum([0, *(len(named) for named in kept)], dtype=np.int64)
    return tags, starts, np.array([place[tag] for named in kept for tag in named], dtype=np.int32)


def _tag_weights(frequency: Ints, size: int) -> NDArray[np.int32]:
    """What a hashtag says, in 1/256: nothing when every video has it, fully from one in sixteen on."""
    return np.array(
        [min(256, max(0, (log2_256(size + 1) - log2_256(int(found))) // 4)) if found else 0 for found in frequency],
        dtype=np.int32,
    )


def _bins(count: dict[str, Ints], trend: Ints, policy: Policy) -> NDArray[np.uint8]:
    """[videos, item signals]: the bin of every video in every item signal."""
    size = len(trend)
    bins = np.zeros((size, len(ITEM_SIGNALS)), dtype=np.uint8)
    for place, (head, column) in enumerate(
        zip(HEADS, ("finishes", "likes", "shares", "follows", "buys", "skips"), strict=True)
    ):
        bins[:, place] = rate_bins(
            count[column], count["impressions"], policy.head(head).bias, policy.smoothing.impressions
        )
    # A doubling from one recent action on; counts are in 1/256, so one action is 256 and gives one doubling.
    steps = UNIT // TREND_STEP
    bins[:, ITEM_SIGNALS.index("trending")] = [
        min(BINS - 1, (log2_256(int(value) + 256) - 2048) * steps // 256) for value in trend
    ]
    return bins


def _standing(bins: NDArray[np.uint8], heads: Heads) -> Ints:
    """The part of every video's value that does not depend on the viewer."""
    standing = np.full(
        len(bins),
        int(sum(int(w) * int(b) >> 8 for w, b in zip(heads.weights, heads.bias, strict=True))),
        dtype=np.int64,
    )
    for row in range(len(heads.weights)):
        for place in range(bins.shape[1]):
            standing += (int(heads.weights[row]) * heads.table[row, place].astype(np.int64) >> 8)[bins[:, place]]
    return standing


def _exploring(impressions: Ints, bins: NDArray[np.uint8], newest: Ints, policy: Policy) -> NDArray[np.int32]:
    """Videos that have not had their audience, fewest impressions first, then the newest.

    The first audience is owed to everybody; a stage later it must have held attention.
    """
    rule = policy.exploration
    holds = _against_average(bins[:, 0]) >= rule.hold
    owed = impressions < rule.audience
    audience = rule.audience
    for _ in range(rule.stages - 1):
        # Whoever holds attention goes on to the next audience; one that does not stays behind for good.
        reached = impressions >= audience
        audience = min(audience * rule.growth, 1 << 40)
        owed |= reached & holds & (impressions < audience)
    age = np.empty(len(impressions), dtype=np.int64)
    age[newest] = np.arange(len(impressions))
    order = np.lexsort((age, impressions))
    return order[owed[order]].astype(np.int32)


def _against_average(bins: NDArray[np.uint8]) -> Ints:
    """The lower edge of a rate bin, in 2^-16 log-odds against the average."""
    return (bins.astype(np.int64) - BINS // 2) * (UNIT // 8)


def _lists(name: str, group: NDArray[Any], member: Ints, order: Ints, groups: int) -> dict[str, NDArray[Any]]:
    """Inverted lists: for every group its members in the given order. Members of group -1 are in none."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    wanted = np.flatnonzero(group >= 0)
    by_group = wanted[np.lexsort((rank[member[wanted]], group[wanted]))]
    starts = np.concatenate([[0], np.cumsum(np.bincount(group[wanted], minlength=groups))])
    return {f"{name}_start": starts.astype(np.int64), f"{name}_videos": member[by_group].astype(np.int32)}


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _faded(strength: Any, at: Any, at_ms: int, half_life: int) -> Any:
    """Every strength, less as much as its age takes away."""
    out = np.empty(len(strength), dtype=np.int64)
    for place in range(len(strength)):
        out[place] = strength[place] * decay(at_ms - at[place], half_life) >> 16
    return out


def _alike(
    tokens: list[tuple[int, ...]],
    features: NDArray[np.uint8],
    ids: Ints,
    published: Ints,
    creators: Ints,
    creator_rows: Ints,
    policy: Policy,
) -> dict[str, NDArray[Any]]:
    """For every video the most alike ones; that two are by one creator is a signal of its own."""
    makers = np.array([token(f"@{maker}") for maker in creators.tolist()], dtype=np.int64)[creator_rows]
    starts, videos, weights = alike_lists(tokens, features, ids, published, policy.similar.neighbours, makers)
    return {"alike_start": starts, "alike_videos": videos, "alike_weights": weights}


def watch_matrix(ids: Ints, watches: Watches, policy: Policy, at_ms: int) -> tuple[sparse.csr_matrix, Ints]:
    """The strengths of the latest watches of every viewer, older ones fading: viewers x ids, and the viewers. ids must rise."""
    viewer, video = _int64(watches.viewer), _int64(watches.video)
    at, strength = _int64(watches.at), _int64(watches.strength)
    row = np.searchsorted(ids, video)
    known = row < len(ids)
    known[known] = ids[row[known]] == video[known]
    known &= strength > 0
    viewer, row, at, strength = viewer[known], row[known], at[known], strength[known]
    order = np.lexsort((row, -strength, -at, viewer))
    viewer, row, at, strength = viewer[order], row[order], at[order], strength[order]
    if len(viewer):
        first = np.concatenate([[True], viewer[1:] != viewer[:-1]])
        begin = np.maximum.accumulate(np.where(first, np.arange(len(viewer)), 0))
        recent = np.arange(len(viewer)) - begin < policy.cowatch.watches
        viewer, row, at, strength = viewer[recent], row[recent], at[recent], strength[recent]
    faded = _faded(strength, at, int(at_ms), policy.decay.cowatch_days)
    people, person = np.unique(viewer, return_inverse=True)
    # The strongest watch of a video by a viewer counts, not how often it is in the log.
    order = np.lexsort((-faded, row, person))
    person, row, value = person[order], row[order], faded[order]
    if len(person):
        first = np.concatenate([[True], (person[1:] != person[:-1]) | (row[1:] != row[:-1])])
        person, row, value = person[first], row[first], value[first]
    return sparse.csr_matrix((value, (person, row)), shape=(len(people), len(ids))), people


def _neighbours(
    ids: Ints, watches: Watches, policy: Policy, at_ms: int, learned: Learned | None
) -> dict[str, NDArray[Any]]:
    """The item cosine over everybody's watches; the learned filter where there is one."""
    matrix, _ = watch_matrix(ids, watches, policy, at_ms)
    fitted = ItemCosine(neighbours=policy.cowatch.neighbours).fit(matrix)
    if learned is not None and len(learned.ids):
        return learned.near(ids, fitted, policy.cowatch.neighbours)
    return {"near_start": fitted.starts, "near_videos": fitted.items, "near_weights": fitted.weights}
