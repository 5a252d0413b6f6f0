"""The names of the parts, in the order in which every table of an epoch holds them."""

from typing import Final

HEADS: Final = ("finish", "like", "share", "follow", "buy", "skip")
"""What a viewer may do with a video; each head is the log-odds of one of them."""

ITEM_SIGNALS: Final = ("finish_rate", "like_rate", "share_rate", "follow_rate", "buy_rate", "skip_rate", "trending")
"""Signals that a video carries whoever looks: binned when the epoch is cut."""

VIEWER_SIGNALS: Final = ("cowatch", "similar", "topic", "creator", "follows_creator", "language", "region", "fresh")
"""Signals that depend on the viewer or the ask: computed for every candidate."""

SUMMED_SIGNALS: Final = ("cowatch", "similar", "topic", "creator")
"""Signals that are a sum over the viewer's own watches, and that a viewer without profiling does not have."""

SOURCES: Final = (
    "following", "cowatch", "similar", "topic", "trending", "fresh", "shoppable", "promoted", "exploration", "hashtag", "creator",
)  # fmt: skip
"""Where a candidate came from; its place here is its bit in an encoded slate."""

MARKS: Final = ("explored", "again")
"""Beside its sources a slot says when exploration placed it, or when the viewer has seen it before."""

FILTERS: Final = ("withdrawn", "blocked", "followers_only", "own", "hidden", "seen")
"""What may drop a candidate, in the order in which they are asked."""
