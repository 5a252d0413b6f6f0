"""What goes into an epoch: everything known about the videos at one moment, and who watched what."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.errors import GlassError

SHOPPABLE: Final = 1
PROMOTED: Final = 2
FEATURES: Final = 64


def _nothing() -> Any:
    return np.zeros(0, dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """One row a video, in any order. Arrays are one-dimensional and of one length.

    `recent` counts (rec_*) are decayed counts in 1/256. Times are milliseconds since the Unix epoch.
    tokens: of each video, in any order (see `token`); commercial: 0 no, 1 shoppable, 2 promoted; features: [videos, 64] how it
    looks, all zeros where that is not known. The last four may be left out: then they say nothing of any video.
    Raises GlassError for columns of unequal length, ids that repeat or are not positive, and negative counts.
    """

    ids: NDArray[np.int64]
    creator: NDArray[np.int64]
    published_at: NDArray[np.int64]
    duration_ms: NDArray[np.int32]
    region: Sequence[str]
    language: Sequence[str]
    followers_only: NDArray[np.bool_]
    hashtags: Sequence[tuple[str, ...]]
    impressions: NDArray[np.int64]
    finishes: NDArray[np.int64]
    likes: NDArray[np.int64]
    shares: NDArray[np.int64]
    saves: NDArray[np.int64]
    follows: NDArray[np.int64]
    skips: NDArray[np.int64]
    watch_ms: NDArray[np.int64]
    rec_impressions: NDArray[np.int64]
    rec_finishes: NDArray[np.int64]
    rec_likes: NDArray[np.int64]
    buys: NDArray[np.int64] = field(default_factory=_nothing)
    tokens: Sequence[tuple[int, ...]] = ()
    commercial: NDArray[np.uint8] = field(default_factory=_nothing)
    features: NDArray[np.uint8] = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        size = len(self.ids)
        said_nothing: dict[str, Any] = {
            "buys": np.zeros(size, dtype=np.int64),
            "tokens": ((),) * size,
            "commercial": np.zeros(size, dtype=np.uint8),
            "features": np.zeros((size, FEATURES), dtype=np.uint8),
        }
        for name, nothing in said_nothing.items():
            if len(getattr(self, name)) == 0:
                object.__setattr__(self, name, nothing)
        for column in fields(self):
            if len(getattr(self, column.name)) != len(self.ids):
                raise GlassError(
                    f"catalogue column {column.name} has {len(getattr(self, column.name))} rows, not {len(self.ids)}"
                )
        if len(self.ids) and (int(self.ids.min()) <= 0 or len(np.unique(self.ids)) != len(self.ids)):
            raise GlassError("catalogue ids must be positive and must not repeat")
        if self.features.dtype != np.uint8 or self.features.shape[1:] != (FEATURES,):
            raise GlassError(f"catalogue column features must be {FEATURES} bytes a video")
        if size and int(self.commercial.max()) > PROMOTED:
            raise GlassError("catalogue column commercial must be 0, 1 or 2")
        for name in COUNTS:
            count = getattr(self, name)
            if count.dtype.kind not in "iu":
                raise GlassError(f"catalogue column {name} must be whole numbers")
            if len(count) and int(count.min()) < 0:
                raise GlassError(f"catalogue column {name} must not be negative")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def empty(cls) -> Self:
        """A catalogue of nothing."""
        none = np.zeros(0, dtype=np.int64)
        counts: dict[str, Any] = dict.fromkeys(COUNTS, none)
        return cls(
            ids=none,
            creator=none,
            published_at=none,
            duration_ms=none.astype(np.int32),
            region=[],
            language=[],
            followers_only=none.astype(np.bool_),
            hashtags=[],
            **counts,
        )


COUNTS = (
    "impressions", "finishes", "likes", "shares", "saves", "follows", "skips", "watch_ms",
    "rec_impressions", "rec_finishes", "rec_likes", "buys",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Watches:
    """Who watched what, one row a watch, in any order: strength 0..255 as `finish_strength` gives it."""

    viewer: NDArray[np.int64]
    video: NDArray[np.int64]
    strength: NDArray[np.uint8]
    at: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not len(self.viewer) == len(self.video) == len(self.strength) == len(self.at):
            raise GlassError("columns of watches differ in length")

    @classmethod
    def empty(cls) -> Self:
        """No watches."""
        none = np.zeros(0, dtype=np.int64)
        return cls(viewer=none, video=none, strength=none.astype(np.uint8), at=none)
