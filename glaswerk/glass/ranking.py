"""The feed as a function: rank(epoch, viewer, ask) -> slate. The composition stands here, in the order a request meets it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from glaswerk.glass.ask import Ask
from glaswerk.glass.desk import Desk
from glaswerk.glass.epoch import Epoch
from glaswerk.glass.filters import FIRST_FILTER, VERDICT
from glaswerk.glass.history import read_history
from glaswerk.glass.names import FILTERS, MARKS, SOURCES
from glaswerk.glass.scale import Ints
from glaswerk.glass.selection import Selection, commercial_room, longest_ago, newest, select
from glaswerk.glass.signals import measure, weigh
from glaswerk.glass.slate import Slate, Slot, named
from glaswerk.glass.sources import (
    CoWatched,
    Exploring,
    Following,
    Fresh,
    OfCreator,
    OfHashtag,
    Promoted,
    Shoppable,
    Similar,
    Source,
    Topics,
    Trending,
)
from glaswerk.glass.viewer import Viewer


@dataclass(frozen=True)
class Surface:
    """Which sources a surface has, and whether it is ordered by value or by time."""

    sources: tuple[Source, ...]
    order: str


SURFACES: Final = {
    "for_you": Surface(
        (
            Following(),
            CoWatched(),
            Similar(),
            Topics(),
            Trending(),
            Fresh(),
            Shoppable(),
            Promoted(),
            Exploring(),
        ),
        "value",
    ),
    "following": Surface((Following(whole=True),), "newest"),
    "shop": Surface((Shoppable(whole=True),), "value"),
    "hashtag": Surface((OfHashtag(),), "value"),
    "creator": Surface((OfCreator(),), "newest"),
}

SOURCE_BITS: Final = (1 << len(SOURCES)) - 1
EXPLORED: Final = 1 << len(SOURCES) + MARKS.index("explored")
AGAIN: Final = 1 << len(SOURCES) + MARKS.index("again")


class Ranking:
    """One request worked through; `rank` keeps its slate, `explain` asks it for more."""

    def __init__(self, epoch: Epoch, viewer: Viewer, ask: Ask) -> None:
        self.surface = SURFACES[ask.kind]
        self.desk = desk = Desk(epoch, viewer, ask)
        read_history(desk)
        for source in self.surface.sources:
            source.offer(desk)
        desk.walk()
        self.rows, self.values, self.dropped = weigh(desk, desk.touched, judged=True)
        if self.surface.order == "value":
            self.selection = select(desk, self.rows, self.values, ask.limit)
        else:
            self.selection = newest(desk, self.rows, ask.limit)
        self.again: Ints = np.empty(0, dtype=np.int64)
        if ask.again and len(self.selection.places) < ask.limit:
            self._append_seen(ask.limit - len(self.selection.places))

    def _append_seen(self, room: int) -> None:
        """Fill what is left of the slate with what the viewer has seen."""
        desk = self.desk
        seen = self.dropped[verdicts(desk, self.dropped) == FIRST_FILTER + FILTERS.index("seen")]
        _, values, _ = weigh(desk, seen, judged=False)
        sold = room
        if self.surface.order == "value":
            shown = self.rows[self.selection.places]
            sold = commercial_room(desk, desk.ask.limit) - int(np.count_nonzero(desk.column("commercial")[shown]))
        more = longest_ago(desk, seen, values, room, sold)
        offset = len(self.rows)
        self.again = seen
        self.rows = np.concatenate([self.rows, seen])
        self.values = np.concatenate([self.values, values])
        first = self.selection
        self.selection = Selection(
            np.concatenate([first.places, more.places + offset]),
            np.concatenate([first.creator_terms, more.creator_terms]),
            np.concatenate([first.topic_terms, more.topic_terms]),
            np.concatenate([first.explored, more.explored]),
        )

    @cached_property
    def signals(self) -> Ints:
        """[candidates, viewer signals] in 2^-16, to be asked for before the thread ranks anything else."""
        return measure(self.desk, self.rows)

    def slate(self) -> Slate:
        """The slots in order."""
        unseen = len(self.rows) - len(self.again)
        places = self.selection.places
        rows = self.rows[places]
        bits = (
            (self.desk.gate.marks[rows] & SOURCE_BITS) + EXPLORED * self.selection.explored + AGAIN * (places >= unseen)
        )
        videos = self.desk.column("ids")[rows].tolist()
        values = self.values[places].tolist()
        slots = (
            Slot(position, video, worth, named(mark))
            for position, (video, worth, mark) in enumerate(zip(videos, values, bits.tolist(), strict=True))
        )
        return Slate(self.desk.epoch.sha256, tuple(slots))


def verdicts(desk: Desk, rows: Ints) -> Ints:
    """What became of videos that were offered: PASSED, or FIRST_FILTER plus the place of the filter that dropped it."""
    found: Ints = desk.gate.marks[rows] >> VERDICT & 255
    return found


def rank(epoch: Epoch, viewer: Viewer, ask: Ask) -> Slate:
    """The slate of this viewer for this ask: a pure function of its three arguments, in integers throughout."""
    return Ranking(epoch, viewer, ask).slate()
