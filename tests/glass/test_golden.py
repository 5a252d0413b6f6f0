"""Slates whose bytes are a promise: an engine that gives others cannot replay what was served.

Everything here is made of whole numbers, so that no version of any library can give other inputs. After a deliberate change of
the arithmetic, `python -m glass.test_golden` (in tests/) prints the new lines for golden_slates.txt.
"""

from dataclasses import replace
from hashlib import sha256
from itertools import product
from pathlib import Path

import numpy as np

from glaswerk.glass import (
    Ask,
    Catalogue,
    Dials,
    Epoch,
    Goods,
    Policy,
    Viewer,
    Watch,
    Watches,
    cut_epoch,
    explain,
    rank,
    token,
)
from glaswerk.glass.catalogue import COUNTS
from glaswerk.glass.scale import dice

HERE = Path(__file__).parent
NOW = 1_800_000_000_000
HOUR = 3_600_000
SIZE = 300


def thrown(seed: int, size: int, faces: int) -> np.ndarray:
    return np.array([dice(seed, row, 0, faces) for row in range(size)], dtype=np.int64)


def lines() -> list[str]:
    """The hash of an epoch, slates of it in hex, and the hash of an explanation."""
    counts = dict.fromkeys(COUNTS, thrown(1, SIZE, 9)) | {
        "impressions": thrown(2, SIZE, 500),
        "finishes": thrown(3, SIZE, 200),
        "skips": thrown(4, SIZE, 100),
        "rec_finishes": thrown(5, SIZE, 9000),
        "rec_likes": thrown(6, SIZE, 900),
    }
    catalogue = Catalogue(
        ids=np.arange(1, SIZE + 1, dtype=np.int64) * 99_991,
        creator=thrown(7, SIZE, 40) + 1,
        published_at=NOW - thrown(8, SIZE, 500) * HOUR,
        duration_ms=(thrown(9, SIZE, 9000) + 1000).astype(np.int32),
        region=[("de", "fr", "")[face] for face in thrown(10, SIZE, 3)],
        language=[("de", "en")[face] for face in thrown(11, SIZE, 2)],
        followers_only=thrown(12, SIZE, 10) == 0,
        hashtags=[
            (f"t{first}", f"t{second}", "all")
            for first, second in zip(thrown(13, SIZE, 12), thrown(14, SIZE, 30), strict=True)
        ],
        tokens=[
            (token(f"w{one}"), token(f"w{other}"))
            for one, other in zip(thrown(20, SIZE, 40), thrown(21, SIZE, 9), strict=True)
        ],
        commercial=(thrown(22, SIZE, 7) % 3).astype(np.uint8),
        features=thrown(23, SIZE * 64, 256).astype(np.uint8).reshape(SIZE, 64),
        **counts,
    )
    watches = Watches(
        viewer=-1 - thrown(15, 4000, 120),
        video=catalogue.ids[thrown(16, 4000, SIZE)],
        strength=thrown(17, 4000, 256).astype(np.uint8),
        at=NOW - thrown(18, 4000, 2000) * HOUR,
    )
    policy = Policy.parse((HERE / "golden_policy.toml").read_text("utf-8"))
    shows = {
        "video": catalogue.ids[thrown(24, 90, SIZE)],
        "product": thrown(25, 90, 15),
        "is_sold": thrown(26, 90, 4) > 0,
    }
    buyers = {"bought": np.arange(15, dtype=np.int64), "buyers": thrown(27, 15, 60) + 40}
    pairs = {
        "first": np.arange(14, dtype=np.int64),
        "second": np.arange(1, 15, dtype=np.int64),
        "both": thrown(28, 14, 40),
    }
    goods = Goods(**shows, **buyers, **pairs)
    epoch = Epoch.from_bytes(cut_epoch(catalogue, watches, policy, NOW, goods=goods))
    ids = epoch.column("ids").tolist()
    watched = tuple(Watch(ids[7 * place], 37 * place % 256, NOW - place * HOUR, 1 << place % 6) for place in range(40))
    viewer = Viewer(7, watched, (3, 5, 8), (13,), tuple(ids[10:200:3]), "de", "en")
    turned = replace(viewer, dials=Dials(1, -1, 2, -1, 1, (("t3", 2), ("t5", -2))), hidden=(token("w4"),))
    found = [epoch.sha256, *(sha256(one.encode()).hexdigest() for one in (viewer, turned))]
    surfaces = ("for_you", "following", "shop", "hashtag:t3", "creator:5")
    for one, surface in product((viewer, turned), surfaces):
        ask = Ask(10, NOW + 5000, surface, 42, (ids[70],), again=True)
        found += [ask.encode().hex(), rank(epoch, one, ask).encode().hex()]
        found.append(sha256(repr(explain(epoch, one, ask).as_dict()).encode()).hexdigest())
    return found


def test_golden_slates() -> None:
    assert lines() == (HERE / "golden_slates.txt").read_text().split()


if __name__ == "__main__":
    print("\n".join(lines()))
