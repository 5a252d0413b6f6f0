"""What goes into an epoch: everything known about the videos at one moment, and who watched what."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.errors import GlassError


@dataclass(frozen=True, eq=False)
class Catalogue:
    """One row a video, in any order. Arrays are one-dimensional and of one length.

    `recent` counts (rec_*) are decayed counts in 1/256. Times are milliseconds since the Unix epoch.
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

    def __post_init__(self) -> None:
        for field in fields(self):
            if len(getattr(self, field.name)) != len(self.ids):
                raise GlassError(
                    f"catalogue column {field.name} has {len(getattr(self, field.name))} rows, not {len(self.ids)}"
                )
        if len(self.ids) and (int(self.ids.min()) <= 0 or len(np.unique(self.ids)) != len(self.ids)):
            raise GlassError("catalogue ids must be positive and must not repeat")
        for name in COUNTS:
            column = getattr(self, name)
            if column.dtype.kind not in "iu":
                raise GlassError(f"catalogue column {name} must be whole numbers")
            if len(column) and int(column.min()) < 0:
                raise GlassError(f"catalogue column {name} must not be negative")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def empty(cls) -> Self:
        """A catalogue of nothing."""
        none = np.zeros(0, dtype=np.int64)
        return cls(
            ids=none,
            creator=none,
            published_at=none,
            duration_ms=none.astype(np.int32),
            region=[],
            language=[],
            followers_only=none.astype(np.bool_),
            hashtags=[],
            **dict.fromkeys(COUNTS, none),
        )


COUNTS = (
    "impressions", "finishes", "likes", "shares", "saves", "follows", "skips", "watch_ms",
    "rec_impressions", "rec_finishes", "rec_likes",
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
