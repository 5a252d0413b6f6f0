"""Compile every kernel before the first request needs it."""

from typing import Any

import numpy as np

from glaswerk.glass.ask import Ask
from glaswerk.glass.catalogue import COUNTS, Catalogue, Watches
from glaswerk.glass.cut import cut_epoch
from glaswerk.glass.dials import Dials
from glaswerk.glass.epoch import Epoch
from glaswerk.glass.explanation import explain
from glaswerk.glass.goods import FLOOR, Goods
from glaswerk.glass.policy import default_policy
from glaswerk.glass.tokens import token
from glaswerk.glass.viewer import LIKED, Viewer, Watch


def warm_up() -> None:
    """Run the engine once over three videos. Seconds the first time, less from the cache in NUMBA_CACHE_DIR afterwards."""
    count = np.arange(3, dtype=np.int64)
    counts: dict[str, Any] = dict.fromkeys(COUNTS, count)
    catalogue = Catalogue(
        ids=count + 1,
        creator=count + 1,
        published_at=count,
        duration_ms=count.astype(np.int32),
        region=["", "de", "de"],
        language=["", "de", "de"],
        followers_only=np.zeros(3, dtype=np.bool_),
        hashtags=[("a",), ("a", "b"), ("b",)],
        tokens=[(token("a"),), (token("b"),), ()],
        commercial=np.array([0, 1, 2], dtype=np.uint8),
        **counts,
    )
    watches = Watches(viewer=count * 0, video=count + 1, strength=np.full(3, 255, dtype=np.uint8), at=count)
    goods = Goods(
        video=count[:2] + 1, product=count[:2], is_sold=np.ones(2, dtype=np.bool_), bought=count[:2], buyers=count[:2] * 0 + FLOOR,
        first=count[:1], second=count[1:2], both=count[:1] + FLOOR,
    )  # fmt: skip
    epoch = Epoch.from_bytes(cut_epoch(catalogue, watches, default_policy(), 10, goods=goods))
    viewer = Viewer(
        id=9,
        watches=(Watch(1, 255, 5, LIKED),),
        follows=(1, 2),
        blocks=(7,),
        seen=(3,),
        region="de",
        language="de",
        dials=Dials(new=1, topics=(("a", 1),)),
        hidden=(token("c"),),
    )
    viewer = Viewer.decode(viewer.encode())
    for surface in ("for_you", "following", "shop", "hashtag:a", "creator:1"):
        explain(epoch, viewer, Ask(limit=10, at_ms=20, surface=surface, withdrawn=(8,), again=True))
