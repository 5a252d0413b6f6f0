"""A made-up audience with tastes, for benchmarks of learning: its event archive, and slates with the signals they were ranked by."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from glaswerk.feed.archiver import SCHEMA
from glaswerk.feed.learning.archive import Catalogued
from glaswerk.feed.learning.slots import Slots
from glaswerk.glass import Ask, Catalogue, Epoch, Viewer, Watch, Watches, cut_epoch, default_policy
from glaswerk.glass.fitting import slot_signals

DAY_MS = 86_400_000
START_MS = 1_800_000_000_000
DAYS = 30
SLOTS = 4

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Audience:
    """Who was shown what in 30 days, in order of time: a row a view; shares of watching are in 1/1000."""

    catalogue: Catalogue
    viewer: Ints
    row: Ints
    at: Ints
    part: Ints
    liked: NDArray[np.bool_]
    shared: NDArray[np.bool_]

    @classmethod
    def of(cls, videos: int, viewers: int, views: int, seed: int = 1) -> "Audience":
        """Videos of many topics and of varied quality; everybody likes a few topics, some more than others."""
        rng = np.random.default_rng(seed)
        topics = max(8, videos // 250)
        topic = rng.integers(0, topics, videos)
        quality = rng.normal(0, 0.7, videos)
        tastes = rng.integers(0, topics, (viewers, 4))
        by_topic = np.argsort(topic, kind="stable")
        starts = np.searchsorted(topic[by_topic], np.arange(topics + 1))
        viewer = rng.integers(0, viewers, views)
        liked_topic = tastes[viewer, rng.integers(0, 4, views)]
        width = np.maximum(starts[liked_topic + 1] - starts[liked_topic], 1)
        # Some videos are watched much more than others, within their topic as well.
        near = by_topic[np.minimum(starts[liked_topic] + (width * rng.random(views) ** 2).astype(np.int64), videos - 1)]
        row = np.where(rng.random(views) < 0.6, near, (videos * rng.random(views) ** 2).astype(np.int64))
        at = np.sort(START_MS + rng.integers(0, DAYS * DAY_MS, views))
        fond = (tastes[viewer] == topic[row][:, None]).any(axis=1)
        drive = -0.9 + 1.6 * fond + quality[row]
        finished = rng.random(views) < 1 / (1 + np.exp(-drive))
        part = np.where(finished, 1000, (700 * rng.random(views) ** 2).astype(np.int64))
        liked = rng.random(views) < 0.12 * finished * (0.4 + fond)
        shared = rng.random(views) < 0.03 * finished
        done = [np.bincount(row[one], minlength=videos) for one in (np.ones(views, bool), finished, liked, shared)]
        skips = np.bincount(row[part < 150], minlength=videos)
        none = np.zeros(videos, dtype=np.int64)
        first = len(at) * 6 // 10
        catalogue = Catalogue(
            ids=np.arange(1, videos + 1, dtype=np.int64) * 1_000_003,
            creator=rng.integers(1, max(2, videos // 20), videos),
            published_at=START_MS - rng.integers(0, 60 * DAY_MS, videos),
            duration_ms=rng.integers(12_000, 40_000, videos).astype(np.int32),
            region=["eu"] * videos,
            language=[("de", "en")[one % 2] for one in range(videos)],
            followers_only=np.zeros(videos, dtype=np.bool_),
            hashtags=[(f"topic{one}",) if one % 3 else () for one in topic.tolist()],
            # What an epoch after six tenths of the time would know.
            impressions=done[0] * first // len(at),
            finishes=done[1] * first // len(at),
            likes=done[2] * first // len(at),
            shares=done[3] * first // len(at),
            saves=none,
            follows=none,
            skips=skips * first // len(at),
            watch_ms=none,
            rec_impressions=done[0] * 64,
            rec_finishes=done[1] * 64,
            rec_likes=done[2] * 64,
        )
        return cls(catalogue, -1 - viewer, row, at, part, liked, shared)

    @property
    def videos(self) -> Catalogued:
        return Catalogued(self.catalogue.ids, self.catalogue.duration_ms.astype(np.int64))

    @property
    def watched_ms(self) -> Ints:
        ms: Ints = self.catalogue.duration_ms[self.row].astype(np.int64) * self.part // 1000
        return ms

    def write_archive(self, folder: Path, every: int = 500_000) -> int:
        """Write the events as the archiver does, so many a file, and return how many there are."""
        size = len(self.at)
        what = [(np.arange(size), "impression"), (np.arange(size), "watch")]
        what += [(np.flatnonzero(self.liked), "like"), (np.flatnonzero(self.shared), "share")]
        place = np.concatenate([rows for rows, _ in what])
        kind = np.repeat(np.arange(len(what)), [len(rows) for rows, _ in what])
        order = np.lexsort((kind, place))
        place, kind = place[order], kind[order]
        for number, start in enumerate(range(0, len(place), every)):
            part, of = place[start : start + every], kind[start : start + every]
            watched = np.where(of == 1, self.watched_ms[part], 0)
            columns: dict[str, Any] = {
                "sequence": pa.array(np.arange(start, start + len(part)) + 1),
                "logged_at": pa.array(self.at[part]).cast(pa.timestamp("ms", tz="UTC")),
                "id": pa.nulls(len(part), pa.string()),
                "kind": pa.DictionaryArray.from_arrays(of.astype(np.int8), [name for _, name in what]),
                "viewer": pa.array(self.viewer[part]),
                "slate": pa.nulls(len(part), pa.int64()),
                "video": pa.array(self.catalogue.ids[self.row[part]]),
                "creator": pa.array(self.catalogue.creator[self.row[part]]),
                "at": pa.array(self.at[part]).cast(pa.timestamp("ms", tz="UTC")),
                "watched_ms": pa.array(watched.astype(np.int32)),
                "loops": pa.array(np.zeros(len(part), np.int32)),
            }
            bounds = {"first_sequence": str(start + 1), "last_sequence": str(start + len(part))}
            table = pa.table(columns).cast(SCHEMA).replace_schema_metadata(bounds)
            pq.write_table(table, folder / f"{number:02}.parquet", compression="zstd")
        return len(place)

    def slots(self, slates: int, seed: int = 2) -> Slots:
        """Slates of four from the last four tenths, each of what its viewer was shown from a moment on, ranked by one epoch."""
        first = len(self.at) * 6 // 10
        strong = np.flatnonzero((self.part[:first] >= 150) & (np.arange(first) >= 0))
        strength = (160 * self.part // 1000).astype(np.int64)
        watches = Watches(
            self.viewer[strong],
            self.catalogue.ids[self.row[strong]],
            strength[strong].astype(np.uint8),
            self.at[strong],
        )
        epoch = Epoch.from_bytes(cut_epoch(self.catalogue, watches, default_policy(), int(self.at[first])))
        order = np.lexsort((np.arange(len(self.at)), self.viewer))
        starts = np.searchsorted(self.viewer[order], np.unique(self.viewer), side="left")
        ends = np.append(starts[1:], len(order))
        rng = np.random.default_rng(seed)
        found, ids = [], self.catalogue.ids
        while len(found) < slates:
            who = int(rng.integers(len(starts)))
            views = order[starts[who] : ends[who]]
            late = np.searchsorted(views, first)
            if len(views) - late < SLOTS:
                continue
            begin = int(rng.integers(late, len(views) - SLOTS + 1))
            before, after = views[max(0, begin - 200) : begin][::-1], views[begin : begin + SLOTS]
            latest = dict.fromkeys(ids[self.row[before]].tolist())
            known = [(int(ids[self.row[one]]), int(strength[one]), int(self.at[one])) for one in before]
            kept = {video: (video, power, at) for video, power, at in reversed(known) if video in latest}
            history = sorted(kept.values(), key=lambda one: (-one[2], one[0]))
            viewer = Viewer(
                id=int(self.viewer[views[0]]),
                watches=tuple(Watch(video, power, at, 8 if power < 24 else 0) for video, power, at in history),
                region="eu",
                language="de",
            )
            videos = np.unique(ids[self.row[after]])
            at = int(self.at[after[0]]) - 1
            ask = Ask(len(videos), at, "for_you", 1)
            found.append((at, viewer.id, videos, slot_signals(epoch, viewer, ask, videos)))
        return Slots.of(found)
