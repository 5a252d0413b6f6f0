"""How long does one slate take, by itself? Prints a table, or JSON with --json.

    python benchmarks/rank.py --videos 100000 --history 200

Everything is made from a seed; the machine should do nothing else meanwhile. Every call has another viewer, so that neither the
processor's caches nor the viewer's own columns are warmer than in service.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._machine import report
from glaswerk.glass import (
    Ask,
    Catalogue,
    Epoch,
    Viewer,
    Watch,
    Watches,
    cut_epoch,
    default_policy,
    explain,
    rank,
    warm_up,
)

NOW = 1_800_000_000_000
DAY = 86_400_000


def make_epoch(videos: int, topics: int, rng: np.random.Generator) -> tuple[Epoch, dict[str, float]]:
    impressions = rng.integers(0, 5000, videos)
    finishes = rng.binomial(impressions, rng.beta(4, 7, videos))
    likes = rng.binomial(impressions, 0.05)
    topic = rng.integers(0, topics, videos)
    more = rng.integers(0, 5 * topics, videos)
    # Words of a caption: a few of its topic, a few of anything.
    words = np.concatenate(
        [topic[:, None] * 50 + rng.integers(0, 50, (videos, 4)), rng.integers(0, 5000, (videos, 3))], axis=1
    )
    catalogue = Catalogue(
        ids=np.sort(rng.choice(1 << 50, videos, replace=False) + 1),
        creator=rng.integers(1, videos // 20 + 2, videos),
        published_at=NOW - rng.integers(0, 60 * DAY, videos),
        duration_ms=rng.integers(5000, 60000, videos).astype(np.int32),
        region=rng.choice(["de", "fr", "at", ""], videos).tolist(),
        language=rng.choice(["de", "en"], videos).tolist(),
        followers_only=rng.random(videos) < 0.02,
        hashtags=[(f"topic{row}", f"more{other}") for row, other in zip(topic, more, strict=True)],
        tokens=[
            (-1 - row, -10_000 - other, *said)
            for row, other, said in zip(topic.tolist(), more.tolist(), words.tolist(), strict=True)
        ],
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
    people, each = min(videos // 5, 20_000), 50
    by_topic = np.argsort(topic, kind="stable")
    starts = np.searchsorted(topic[by_topic], np.arange(topics + 1))
    taste = rng.integers(0, topics, people).repeat(each)
    width = np.maximum(starts[taste + 1] - starts[taste], 1)
    liked = by_topic[np.minimum(starts[taste] + rng.integers(0, 1 << 30, people * each) % width, videos - 1)]
    rows = np.where(rng.random(people * each) < 0.7, liked, rng.integers(0, videos, people * each))
    watches = Watches(
        viewer=np.arange(people).repeat(each),
        video=catalogue.ids[rows],
        strength=rng.integers(30, 256, people * each).astype(np.uint8),
        at=NOW - rng.integers(0, 20 * DAY, people * each),
    )
    begin = time.perf_counter()
    data = cut_epoch(catalogue, watches, default_policy(), NOW)
    cut = time.perf_counter()
    epoch = Epoch.from_bytes(data)
    return epoch, {
        "cut_seconds": round(cut - begin, 2),
        "open_ms": round(1000 * (time.perf_counter() - cut), 1),
        "epoch_mb": round(len(data) / 1e6, 1),
    }


def make_viewer(epoch: Epoch, history: int, seen: int, rng: np.random.Generator) -> Viewer:
    ids = epoch.column("ids")
    rows = rng.choice(epoch.size, min(history, epoch.size), replace=False)
    follows = np.unique(rng.choice(epoch.column("creators"), 30))
    return Viewer(
        id=-int(rng.integers(1, 1 << 60)),
        watches=tuple(
            Watch(video, int(rng.integers(0, 256)), NOW - place * 60_000)
            for place, video in enumerate(ids[rows].tolist())
        ),
        follows=tuple(follows.tolist()),
        seen=np.sort(rng.choice(ids, min(seen, epoch.size), replace=False)),
        region="de",
        language="de",
    )


def clock(calls: list[Callable[[], Any]]) -> tuple[float, float]:
    """Median and 99th percentile in microseconds."""
    spent = []
    for call in calls:
        begin = time.perf_counter()
        call()
        spent.append(1e6 * (time.perf_counter() - begin))
    return round(float(np.median(spent)), 1), round(float(np.quantile(spent, 0.99)), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--history", type=int, default=200)
    parser.add_argument("--seen", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    warm_up()
    rng = np.random.default_rng(7)
    epoch, figures = make_epoch(chosen.videos, 100, rng)
    viewers = [make_viewer(epoch, chosen.history, chosen.seen, rng) for _ in range(min(chosen.calls, 500))]
    asks = [Ask(10, NOW, seed=seed) for seed in range(chosen.calls)]
    pairs = [(viewers[place % len(viewers)], ask) for place, ask in enumerate(asks)]
    rank(epoch, *pairs[-1])
    figures["candidates"] = round(float(np.mean([explain(epoch, *pair).candidates for pair in pairs[:20]])), 1)
    figures["slate_bytes"] = round(float(np.mean([len(rank(epoch, *pair).encode()) for pair in pairs[:100]])), 1)
    fresh = [Viewer.decode(viewer.encode()) for viewer in viewers]
    figures["rank_us_new_viewer"] = clock([lambda viewer=viewer: rank(epoch, viewer, asks[0]) for viewer in fresh])[0]
    figures["rank_us_median"], figures["rank_us_p99"] = clock([lambda pair=pair: rank(epoch, *pair) for pair in pairs])
    cold = [(Viewer(-place - 1, region="de", language="de"), ask) for place, ask in enumerate(asks)]
    figures["rank_us_no_history"] = clock([lambda pair=pair: rank(epoch, *pair) for pair in cold])[0]
    figures["explain_ms_median"] = round(
        clock([lambda pair=pair: explain(epoch, *pair) for pair in pairs[:50]])[0] / 1000, 2
    )
    coded = [viewer.encode() for viewer in viewers]
    figures["viewer_encode_us"] = clock([viewer.encode for viewer in viewers])[0]
    figures["viewer_decode_us"] = clock([lambda data=data: Viewer.decode(data) for data in coded])[0]
    report(
        "rank", {"videos": chosen.videos, "history": chosen.history, "seen": chosen.seen, **figures}, {}, chosen.json
    )


if __name__ == "__main__":
    main()
