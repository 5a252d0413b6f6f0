"""The world before any policy acts: who lives in it, what is published when, and who opens the app when.

Everything that a cell would know stands in `Clips` and `People`; what it can only guess from behaviour stands in `HiddenClips`
and `HiddenPeople`, which no policy is ever handed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.simulator.settings import DAY_MS, HOUR_MS, START_MS, WARM_DAYS, Settings
from glaswerk.glass.tokens import caption_tokens, token

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOPICS: Final = (
    "cooking", "football", "travel", "makeup", "gaming", "cats", "dogs", "diy", "dance", "comedy", "fitness", "cars",
    "fashion", "books", "history", "physics", "gardening", "baking", "chess", "jazz", "metal", "painting", "hiking",
    "cycling", "knitting", "astronomy", "sailing", "woodwork", "languages", "trains",
)  # fmt: skip
NOISE_TAGS: Final = ("fyp", "viral", "foryou", "new", "trend")
STYLES: Final = 6
"""Dimensions of taste that no hashtag names: pace, humour, voice and the like. Only behaviour tells them."""
REGIONS: Final = ("at", "de", "fr")
LANGUAGES: Final = ("de", "en")
UPLOADS: Final = 0.06
"""Videos published a day, as a share of those there at the beginning."""
NEWCOMERS: Final = 0.2
"""Share of those that are the first video of a creator who has just arrived."""
PUMPED: Final = 0.05
"""Share of those that are of no worth and that view-bots then watch."""
BOTS: Final = 0.05
"""View-bots, as a share of the viewers."""
BOT_HOURS: Final = 12
"""Within so many hours every bot has watched a pumped video."""
SESSIONS: Final = 1.2
"""Sessions of a viewer a day, on average."""
RUSH_PER_MINUTE: Final = 1000
RUSH_NEWCOMERS: Final = 10
"""First videos of newcomers a minute during the rush."""


@dataclass(frozen=True, eq=False)
class Clips:
    """What anybody sees of the videos, in the order of publishing; ids rise with it."""

    ids: Ints
    creator: Ints
    published_at: Ints
    duration_ms: NDArray[np.int32]
    region: list[str]
    language: list[str]
    hashtags: list[tuple[str, ...]]
    tokens: list[tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class HiddenClips:
    """What only a viewer can feel. topic: the main one; mix [videos, topics]; style [videos, STYLES]; quality and appeal (of
    the first second) of mean 0 and deviation 1; newcomer: of a creator who arrived during the simulation; first: their first
    video; pumped: watched by bots."""

    topic: Ints
    mix: Floats
    style: Floats
    quality: Floats
    appeal: Floats
    newcomer: NDArray[np.bool_]
    first: NDArray[np.bool_]
    pumped: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class People:
    """What an account says. The ids of viewers; bots follow them."""

    ids: Ints
    region: list[str]
    language: list[str]
    bots: Ints


@dataclass(frozen=True, eq=False)
class HiddenPeople:
    """taste [days, viewers, topics] drifts from day to day; style [viewers, STYLES]; speaks [viewers, languages]; patience: how
    much disappointment a session bears; expectation: what pleases neither nor disappoints, 0..1; minutes: typical time at hand."""

    taste: Floats
    style: Floats
    speaks: NDArray[np.bool_]
    patience: Floats
    expectation: Floats
    minutes: Floats


@dataclass(frozen=True, eq=False)
class Visits:
    """Sessions (or, in the rush, single slates) in the order of time: when, and the row of the viewer."""

    at_ms: Ints
    viewer: Ints


@dataclass(frozen=True, eq=False)
class World:
    """The population, the arrivals and the visits: the same for every policy."""

    settings: Settings
    clips: Clips
    hidden_clips: HiddenClips
    people: People
    hidden_people: HiddenPeople
    visits: Visits
    rush: Visits

    def day_of(self, at_ms: int) -> int:
        """The day of a moment, for drift: the rush belongs to the last day."""
        return min(max((at_ms - START_MS) // DAY_MS, 0), len(self.hidden_people.taste) - 1)


def make_world(settings: Settings) -> World:
    """Everything from the seed. Each part has its own stream, so that a change in one leaves the others as they are."""
    streams = np.random.default_rng(settings.seed).spawn(4)
    interest: Floats = 1.0 / np.arange(3, len(TOPICS) + 3, dtype=np.float64)
    interest /= interest.sum()
    people, hidden_people = _people(settings, interest, streams[0])
    clips, hidden_clips = _clips(settings, interest, streams[1])
    return World(
        settings, clips, hidden_clips, people, hidden_people, _visits(settings, streams[2]), _rush(settings, streams[3])
    )


def _people(settings: Settings, interest: Floats, rng: np.random.Generator) -> tuple[People, HiddenPeople]:
    size, topics = settings.viewers, len(TOPICS)
    taste = rng.normal(-0.4, 0.3, (size, topics))
    appeal = interest**0.7 / (interest**0.7).sum()
    for row in range(size):
        loved = rng.choice(topics, int(rng.integers(3, 8)), replace=False, p=appeal)
        taste[row, loved] = rng.gamma(4.0, 0.35, len(loved))
    days = [taste]
    for _ in range(WARM_DAYS + settings.days - 1):
        # Drift: small steps every day, and now and then a loved topic gives way to another.
        taste = days[-1] + rng.normal(0, 0.05, taste.shape)
        for row in np.flatnonzero(rng.random(size) < 0.05).tolist():
            dearest, other = int(np.argmax(taste[row])), int(rng.integers(topics))
            taste[row, [dearest, other]] = taste[row, [other, dearest]]
        days.append(taste)
    language = rng.choice(len(LANGUAGES), size, p=[0.7, 0.3])
    speaks = rng.random((size, len(LANGUAGES))) < 0.35
    speaks[np.arange(size), language] = True
    bots = max(1, round(settings.viewers * BOTS))
    return (
        People(
            ids=np.arange(size, dtype=np.int64) + 1_000_001,
            region=[REGIONS[code] for code in rng.choice(len(REGIONS), size, p=[0.2, 0.6, 0.2])],
            language=[LANGUAGES[code] for code in language],
            bots=np.arange(bots, dtype=np.int64) + 1_000_001 + size,
        ),
        HiddenPeople(
            taste=np.array(days),
            style=rng.normal(0, 1, (size, STYLES)),
            speaks=speaks,
            patience=rng.gamma(4.0, 0.75, size),
            expectation=np.clip(rng.normal(0.5, 0.08, size), 0.2, 0.8),
            minutes=np.exp(rng.normal(np.log(10), 0.5, size)),
        ),
    )


def _clips(settings: Settings, interest: Floats, rng: np.random.Generator) -> tuple[Clips, HiddenClips]:
    published, rushed = _published(settings, rng)
    size, topics = len(published), len(TOPICS)
    arrived = published >= START_MS
    newcomer_first = (arrived & (rng.random(size) < NEWCOMERS)) | rushed
    pumped = arrived & ~newcomer_first & (rng.random(size) < PUMPED)
    creator = np.zeros(size, dtype=np.int64)
    established = max(5, settings.videos // 6)
    share = 1.0 / (np.arange(established) + 5.0)
    creator[:] = 1 + rng.choice(established, size, p=share / share.sum())
    # Whoever has arrived publishes again: half as often as somebody established would, one of the newest ten newcomers does.
    count, joined = established, []
    again = rng.random(size) < NEWCOMERS / 2
    spam = established + size + 1
    for row in range(size):
        if newcomer_first[row]:
            count += 1
            creator[row] = count
            joined.append(count)
        elif pumped[row]:
            creator[row] = spam + row // 8
        elif arrived[row] and again[row] and joined:
            creator[row] = joined[-int(rng.integers(1, min(10, len(joined)) + 1))]
    newcomer = arrived & (creator > established) & (creator < spam)
    makers, maker = np.unique(creator, return_inverse=True)
    home = rng.choice(topics, len(makers), p=interest)
    skill = rng.normal(0, 1, len(makers))
    manner = rng.normal(0, 1, (len(makers), STYLES))
    topic = np.where(rng.random(size) < 0.7, home[maker], rng.choice(topics, size, p=interest))
    second = rng.choice(topics, size, p=interest)
    mix = np.zeros((size, topics))
    mix[np.arange(size), topic] += 0.75
    mix[np.arange(size), second] += 0.25
    style = 0.7 * manner[maker] + 0.714 * rng.normal(0, 1, (size, STYLES))
    quality = 0.5 * skill[maker] + 0.866 * rng.normal(0, 1, size)
    quality[pumped] = -1.5
    appeal = 0.5 * quality + 0.866 * rng.normal(0, 1, size)
    speech = rng.choice(len(LANGUAGES), len(makers), p=[0.6, 0.4])[maker]
    hashtags, captions = _words(topic, second, rng)
    clips = Clips(
        ids=np.arange(size, dtype=np.int64) + 1,
        creator=creator + 5_000_000,
        published_at=published,
        duration_ms=(1000 * np.clip(np.exp(rng.normal(np.log(17), 0.6, size)), 4, 120)).astype(np.int32),
        region=[REGIONS[code] for code in rng.choice(len(REGIONS), len(makers), p=[0.2, 0.6, 0.2])[maker]],
        language=[LANGUAGES[code] for code in speech],
        hashtags=hashtags,
        tokens=[
            tuple(sorted({*caption_tokens(text), *(token(f"#{tag}") for tag in tags), token(f"@{who}")}))
            for text, tags, who in zip(captions, hashtags, (creator + 5_000_000).tolist(), strict=True)
        ],
    )
    return clips, HiddenClips(topic, mix, style, quality, appeal, newcomer, newcomer_first, pumped)


def _published(settings: Settings, rng: np.random.Generator) -> tuple[Ints, NDArray[np.bool_]]:
    """When each video is published, rising, and which of them a newcomer publishes during the rush."""
    old = START_MS - rng.integers(HOUR_MS, 14 * DAY_MS, settings.videos)
    span = settings.end_ms - START_MS
    new = START_MS + rng.integers(0, span, int(settings.videos * UPLOADS * span / DAY_MS))
    # The last minutes of the rush publish nothing: what comes then has no time left to be shown.
    minutes = max(0, settings.rush_minutes - 2)
    rush = settings.end_ms + rng.integers(0, max(1, minutes * 60_000), RUSH_NEWCOMERS * minutes)
    published = np.concatenate([old, new, rush]).astype(np.int64)
    order = np.argsort(published, kind="stable")
    return published[order], (np.arange(len(published)) >= len(old) + len(new))[order]


def _words(topic: Ints, second: Ints, rng: np.random.Generator) -> tuple[list[tuple[str, ...]], list[str]]:
    """Hashtags and captions as people write them: mostly right, sometimes missing, sometimes for reach alone."""
    hashtags, captions = [], []
    chance = rng.random((len(topic), 5))
    other = rng.integers(0, len(TOPICS), len(topic))
    niche = rng.integers(0, 3, len(topic))
    noise = rng.integers(0, len(NOISE_TAGS), len(topic))
    words = rng.integers(0, 20, (len(topic), 4))
    for row in range(len(topic)):
        named = TOPICS[topic[row]]
        tags = []
        if chance[row, 0] < 0.75:
            tags.append(named)
        if chance[row, 1] < 0.35:
            tags.append(f"{named}{niche[row] + 1}")
        if chance[row, 2] < 0.3:
            tags.append(TOPICS[second[row]])
        if chance[row, 3] < 0.12:
            tags.append(TOPICS[other[row]])
        if chance[row, 4] < 0.5:
            tags.append(NOISE_TAGS[noise[row]])
        hashtags.append(tuple(dict.fromkeys(tags)))
        captions.append(f"{named}w{words[row, 0]} {named}w{words[row, 1]} word{words[row, 2]} word{words[row, 3]}")
    return hashtags, captions


def _visits(settings: Settings, rng: np.random.Generator) -> Visits:
    """Sessions: more in the evening than at night, each viewer at most once in an hour."""
    hours = (settings.end_ms - START_MS) // HOUR_MS
    clock = np.arange(hours) % 24
    busy = 1.0 + 0.9 * np.sin((clock - 13) * np.pi / 12)
    rate = SESSIONS * busy / busy.reshape(-1, 24).sum(axis=1).repeat(24)
    lively = rng.gamma(4.0, 0.25, settings.viewers)
    hour, viewer = np.nonzero(rng.random((hours, settings.viewers)) < 1 - np.exp(-rate[:, None] * lively))
    at = START_MS + hour * HOUR_MS + rng.integers(0, HOUR_MS, len(hour))
    order = np.lexsort((viewer, at))
    return Visits(at[order].astype(np.int64), viewer[order].astype(np.int64))


def _rush(settings: Settings, rng: np.random.Generator) -> Visits:
    """Single slates; everybody has had one before anybody has the next."""
    count = settings.rush_minutes * RUSH_PER_MINUTE
    at = np.sort(settings.end_ms + rng.integers(0, max(1, settings.rush_minutes * 60_000), count))
    rounds = [rng.permutation(settings.viewers) for _ in range(-(-count // settings.viewers))]
    viewer = np.concatenate([*rounds, np.zeros(0, dtype=np.int64)])[:count]
    return Visits(at.astype(np.int64), viewer.astype(np.int64))
