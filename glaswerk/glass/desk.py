"""Where a request is worked on: the epoch, what is asked, and the marks made meanwhile, as kernels take them."""

import threading
from typing import Any, Final, NamedTuple

import numpy as np

from glaswerk.glass.ask import Ask
from glaswerk.glass.epoch import Epoch
from glaswerk.glass.filters import walk
from glaswerk.glass.names import SOURCES
from glaswerk.glass.scale import Ints, frozen
from glaswerk.glass.viewer import Viewer

HIDING: Final = ("for_you", "following", "shop")
"""The surfaces on which what the viewer hides is not shown; whoever asks for a hashtag or a creator gets them."""

BIT = {name: 1 << place for place, name in enumerate(SOURCES)}
"""The bit of each source in the marks of a candidate."""

TOUCHED, NEAR, ALIKE, NAMED, BOUGHT = range(5)
"""Places in the counts: of videos that were offered, that co-watching reaches, that are alike, of hashtags of watched videos, and of
videos that sell what was bought together with what the watched ones show."""

_NONE: Final = frozen(())
_NOBODY: Final = -(1 << 63)
BUCKETS: Final = 1024
_SIEVE: Final = 1 << 16


class Gate(NamedTuple):
    """What the filters look at, in the order in which kernels take it, and where they note what they found."""

    wide: Any
    narrow: Any
    tokens_start: Any
    tokens: Any
    creators: Any
    viewer: int
    own: int
    by_impression: int
    withdrawn: Any
    blocks: Any
    hidden: Any
    seen: Any
    sieve: Any
    turn: int
    makers: Any
    marks: Any
    touched: Any
    counts: Any


class Sums(NamedTuple):
    """Sums over the viewer's watches.

    near, alike: [videos] int32, twice the sum, plus 1 where a watch reaches the video at all. tags: [hashtags, 1 + most hashtags of a
    video], the turn in which the row is valid, then the sum as it counts for a video with so many hashtags. makers: [creators, 3],
    the turn, the sum, and the turn in which the viewer follows the creator.
    """

    near: Any
    alike: Any
    tags: Any
    makers: Any


class _Scratch(threading.local):
    """One thread's marks. They are not cleared, or only by whoever comes next: a higher turn makes all older marks void, even
    those of a call that was interrupted."""

    epoch: Epoch | None = None
    turn = 0

    def fit(self, epoch: Epoch) -> None:
        if self.epoch is not epoch or self.turn > 2_000_000_000:
            size, policy = epoch.size, epoch.policy
            watches = policy.history.watches
            self.epoch = epoch
            self.turn = 0
            self.marks = np.zeros(size, dtype=np.int64)
            self.touched = np.zeros(size, dtype=np.int32)
            self.counts = np.zeros(5, dtype=np.int64)
            # Half the bytes of other sums, since these are met at random by the thousand: 1000 pulls of 10 at most fit, twice.
            self.near = np.zeros(size, dtype=np.int32)
            self.alike = np.zeros(size, dtype=np.int32)
            self.bought = np.zeros(size, dtype=np.int32)
            # One more than there can be, because a kernel writes before it knows whether the next one counts.
            self.near_rows = np.zeros(size + 1, dtype=np.int32)
            self.alike_rows = np.zeros(size + 1, dtype=np.int32)
            self.bought_rows = np.zeros(size + 1, dtype=np.int32)
            self.sold_rows = np.zeros(size + 1, dtype=np.int32)
            self.tag_rows = np.zeros(watches * policy.topics.per_video, dtype=np.int32)
            self.tags = np.zeros((len(epoch.column("tag_weight")), policy.topics.per_video + 1), dtype=np.int64)
            self.makers = np.zeros((len(epoch.column("creators")), 3), dtype=np.int64)
            self.keys = np.zeros((2, size + 1), dtype=np.int64)
            self.buckets = np.zeros((2, BUCKETS), dtype=np.int64)
            self.sieve = np.zeros(_SIEVE, dtype=np.uint64)
        self.turn += 1


_scratch = _Scratch()


class Desk:
    """One request being worked on. Only one may be in use in a thread at a time."""

    def __init__(self, epoch: Epoch, viewer: Viewer, ask: Ask) -> None:
        self.epoch, self.viewer, self.ask, self.policy = epoch, viewer, ask, epoch.policy
        self.column, self.packed = epoch.column, epoch.packed
        self.marks = marks = _scratch
        marks.fit(epoch)
        self.turn = marks.turn
        seen = viewer.seen if self.policy.seen.rule == "impression" else _NONE
        # Sixteen bits for every video that was seen: then fifteen of sixteen that were not are told apart by one look.
        sieve = marks.sieve[: min(_SIEVE, 1 << max(4, (len(seen) // 4).bit_length()))]
        column = epoch.column
        self.gate = Gate(
            self.packed.wide, self.packed.narrow, column("tokens_start"), column("tokens"), column("creators"), viewer.id,
            viewer.id if ask.kind == "for_you" else _NOBODY, int(len(seen) > 0), ask.withdrawn_ids, viewer.block_ids,
            viewer.hidden_tokens if ask.kind in HIDING else _NONE, seen, sieve,
            marks.turn, marks.makers, marks.marks, marks.touched, marks.counts,
        )  # fmt: skip
        self.sums = Sums(marks.near, marks.alike, marks.tags, marks.makers)
        self.watches: Ints = viewer.watch_columns[: self.policy.history.watches]
        """The watches that count, newest first: rows of video, strength, at, flags."""
        self.watch_rows: Ints = np.empty(len(self.watches), dtype=np.int64)
        """The row of each watched video in the epoch, -1 for one that is not there."""
        self.pulls: Ints = np.empty(len(self.watches), dtype=np.int64)
        """How much each watch pulls (or, below 0, pushes), in 2^-16."""
        self.dialled: list[tuple[int, int]] = [
            (row, setting) for tag, setting in viewer.dials.topics if (row := epoch.tag_row(tag)) >= 0
        ]
        """The hashtags that the viewer has a dial for, by their rows, and its setting."""
        self.region = epoch.code_of("regions", viewer.region)
        self.language = epoch.code_of("languages", viewer.language)
        self._spans: list[tuple[int, int, int, int]] = []

    def offer(self, name: str, first: int, last: int, want: int, source: str) -> None:
        """A source offers a piece of one of the epoch's lists, until so many have passed every filter."""
        start = self.packed.places[name]
        self._spans.append((start + first, start + last, want, BIT[source]))

    def walk(self) -> None:
        """Work through what was offered. What a source offers does not depend on the others, so all are walked along at once."""
        walk(self.packed.lists, np.array(self._spans, dtype=np.int64).reshape(-1, 4), *self.gate)

    @property
    def touched(self) -> Any:
        """The rows that any source has offered so far, in no order."""
        return self.gate.touched[: int(self.gate.counts[TOUCHED])]
