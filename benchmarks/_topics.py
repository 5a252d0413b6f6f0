"""A catalogue of videos with topics that nobody tells the engine: words, hashtags, sounds and looks hint at them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NOW = 1_800_000_000_000
DAY = 86_400_000
_COMMON_WORDS, _OWN_WORDS, _OWN_TAGS, _OWN_SOUNDS, _OWN_LOOKS, _COMMON_LOOKS = 30_000, 60, 6, 20, 4, 300


@dataclass(frozen=True)
class Topical:
    """Columns of videos, one row a video, and the hidden topic of each."""

    tokens: list[tuple[int, ...]]
    features: NDArray[np.uint8]
    ids: NDArray[np.int64]
    published: NDArray[np.int64]
    topic: NDArray[np.int64]


def make_topical(videos: int, topics: int, rng: np.random.Generator) -> Topical:
    """Topics of unequal size. One video in seven says nothing at all, one in ten was never looked at.

    Of the words of a caption a quarter belong to the topic, the rest are anybody's, frequent ones far more often; of the hashtags
    half are the topic's; two in three sounds are the video's own, one in ten is the topic's, the rest are what everybody uses just now. Three
    looks in ten are one of the topic's four, which have nothing in common, the rest are anybody's; videos vary about them.
    """
    popular = 1 / np.arange(1, topics + 1) ** 0.7
    topic = rng.choice(topics, videos, p=popular / popular.sum())
    words = rng.integers(0, 11, videos)
    tags = rng.integers(0, 5, videos)
    silent = rng.random(videos) < 1 / 7
    words[silent], tags[silent] = 0, 0
    columns = [
        _draw(words, topic, 0.25, _OWN_WORDS, _COMMON_WORDS, 1 << 32, rng),
        _draw(tags, topic, 0.5, _OWN_TAGS, 300, 1 << 33, rng),
    ]
    sound = rng.random(videos)
    own = 3 * (1 << 33) + np.arange(videos)
    shared = 4 * (1 << 33) + topic * _OWN_SOUNDS + _rank(videos, _OWN_SOUNDS, rng)
    everybody = 5 * (1 << 33) + _rank(videos, 500, rng)
    sounds = np.where(sound < 0.67, own, np.where(sound < 0.77, shared, everybody))
    tokens = [(*a, *b, c) for a, b, c in zip(*columns, sounds.tolist(), strict=True)]
    # About the distances between real clips: two of different topics are 1850 apart in the middle, a clip from its re-encoding below 100.
    looks = rng.integers(80, 176, (_COMMON_LOOKS + topics * _OWN_LOOKS, 64))
    of_topic = _COMMON_LOOKS + topic * _OWN_LOOKS + rng.integers(0, _OWN_LOOKS, videos)
    kind = np.where(rng.random(videos) < 0.3, of_topic, _rank(videos, _COMMON_LOOKS, rng))
    look = looks[kind] + rng.normal(0, 14, (videos, 64))
    features = np.clip(look, 1, 255).astype(np.uint8)
    features[rng.random(videos) < 0.1] = 0
    ids = np.sort(rng.choice(1 << 50, videos, replace=False) + 1)
    return Topical(tokens, features, ids, NOW - rng.integers(0, 180 * DAY, videos), topic)


def _draw(
    counts: Any, topic: Any, share: float, own: int, common: int, base: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    total = int(counts.sum())
    owner = np.repeat(topic, counts)
    mine = base + (1 << 31) + owner * own + _rank(total, own, rng)
    drawn = np.where(rng.random(total) < share, mine, base + _rank(total, common, rng))
    ends = np.cumsum(counts)[:-1]
    return [tuple(part.tolist()) for part in np.split(drawn, ends)]


def _rank(size: int, choices: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers below `choices`, by Zipf's law: each about as often as it is small."""
    ranks = np.exp(rng.random(size) * np.log(choices + 1)).astype(np.int64) - 1
    return np.minimum(ranks, choices - 1)
