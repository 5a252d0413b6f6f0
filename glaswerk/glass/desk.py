"""Where a request is worked on: the epoch's columns, what is asked, and the marks made meanwhile, as kernels take them."""

import threading
from typing import Any, Final, NamedTuple

import numpy as np

from glaswerk.glass.ask import Ask
from glaswerk.glass.epoch import Epoch
from glaswerk.glass.filters import walk
from glaswerk.glass.names import SOURCES
from glaswerk.glass.scale import Ints, frozen
from glaswerk.glass.viewer import Viewer

HIDING: Final = ("for_you", "following")
"""The surfaces on which what the viewer hides is not shown; whoever asks for a hashtag or a creator gets them."""

BIT = {name: 1 << place for place, name in enumerate(SOURCES)}
"""The bit of each source in the marks of a candidate."""


class Gate(NamedTuple):
    """What the filters look at, in the order in which `walk` takes it, and the marks on each video, valid where stamp[row] == turn."""

    ids: Any
    creator: Any
    followers_only: Any
    token_start: Any
    tokens: Any
    viewer: int
    hide_own: int
    by_impression: int
    withdrawn: Any
    blocks: Any
    follows: Any
    hidden: Any
    seen: Any
    turn: int
    stamp: Any
    verdict: Any
    sources: Any
    watched: Any
    touched: Any
    count: Any


class Sums(NamedTuple):
    """Sums over the viewer's watches; each row begins with the turn in which it is valid."""

    near: Any
    alike: Any
    tags: Any
    creators: Any


class _Scratch(threading.local):
    """One thread's marks. They are never cleared: a higher turn makes all older marks void, even those of a call that was interrupted."""

    epoch: Epoch | None = None
    turn = 0

    def fit(self, epoch: Epoch) -> None:
        if self.epoch is not epoch or self.turn > 2_000_000_000:
            size = epoch.size
            self.epoch = epoch
            self.turn = 0
            self.stamp = np.zeros(size, dtype=np.int32)
            self.verdict = np.zeros(size, dtype=np.uint8)
            self.sources = np.zeros(size, dtype=np.uint16)
            self.watched = np.zeros(size, dtype=np.int32)
            self.touched = np.zeros(size, dtype=np.int32)
            self.count = np.zeros(1, dtype=np.int64)
            # Half the bytes of the other sums, since these are met at random by the thousand: 1000 pulls of 10 at most fit.
            self.near = np.zeros((size, 2), dtype=np.int32)
            self.alike = np.zeros((size, 2), dtype=np.int32)
            self.tags = np.zeros((len(epoch.column("tag_weight")), epoch.policy.topics.per_video + 1), dtype=np.int64)
            self.creators = np.zeros((len(epoch.column("creators")), 2), dtype=np.int64)
        self.turn += 1
        self.count[0] = 0


_scratch = _Scratch()
_NONE: Final = frozen(())


class Desk:
    """One request being worked on. Only one may be in use in a thread at a time."""

    def __init__(self, epoch: Epoch, viewer: Viewer, ask: Ask) -> None:
        self.epoch, self.viewer, self.ask, self.policy = epoch, viewer, ask, epoch.policy
        self.column = epoch.column
        marks = _scratch
        marks.fit(epoch)
        column = epoch.column
        self.gate = Gate(
            column("ids"), column("creator"), column("followers_only"), column("tokens_start"), column("tokens"), viewer.id,
            int(ask.kind == "for_you"), int(self.policy.seen.rule == "impression"),
            ask.withdrawn_ids, viewer.block_ids, viewer.follow_ids,
            viewer.hidden_tokens if ask.kind in HIDING else _NONE, viewer.seen,
            marks.turn, marks.stamp, marks.verdict, marks.sources, marks.watched, marks.touched, marks.count,
        )  # fmt: skip
        self.sums = Sums(marks.near, marks.alike, marks.tags, marks.creators)
        self.watches: Ints = viewer.watch_columns[: self.policy.history.watches]
        """The watches that count, newest first: rows of video, strength, at, flags."""
        self.watch_rows: Ints = np.empty(0, dtype=np.int64)
        """The row of each watched video in the epoch, -1 for one that is not there."""
        self.pulls: Ints = np.empty(0, dtype=np.int64)
        """How much each watch pulls (or, below 0, pushes), in 2^-16."""
        self.near_rows: Ints = np.empty(0, dtype=np.int64)
        """The videos that the co-watch signal reaches."""
        self.alike_rows: Ints = np.empty(0, dtype=np.int64)
        """The videos that the similar signal reaches."""
        self.tag_rows: Ints = np.empty(0, dtype=np.int64)
        """The hashtags of the watched videos."""
        self.dialled: list[tuple[int, int]] = [
            (row, setting) for tag, setting in viewer.dials.topics if (row := epoch.tag_row(tag)) >= 0
        ]
        """The hashtags that the viewer has a dial for, by their rows, and its setting."""
        self.region = epoch.code_of("regions", viewer.region)
        self.language = epoch.code_of("languages", viewer.language)

    def walk(self, rows: Any, first: int, last: int, want: int, source: str) -> int:
        """A source offers rows[first:last] until `want` have passed every filter; how many did."""
        return int(walk(rows, first, last, want, BIT[source], *self.gate))

    @property
    def touched(self) -> Any:
        """The rows that any source has offered so far."""
        return self.gate.touched[: int(self.gate.count[0])]
