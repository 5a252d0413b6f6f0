"""What a cell comes to know: counts of every video, and of every viewer the watches, follows and what was on the screen.

It follows the cell's own rules: a viewer counts once for a video, a watch within two seconds is a skip, recent counts halve in a day.
"""

from bisect import insort
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.catalogue import Catalogue, Watches
from glaswerk.glass.simulator.audience import Response, Sittings
from glaswerk.glass.simulator.settings import DAY_MS
from glaswerk.glass.simulator.world import World
from glaswerk.glass.viewer import FINISHED, LIKED, SAVED, SHARED, SKIPPED, Viewer, Watch, finish_strength

Ints = NDArray[np.int64]

HISTORY: Final = 200
"""Watches of a viewer that are handed out, as in a cell."""
_COUNTS: Final = ("impressions", "finishes", "likes", "shares", "saves", "follows", "skips", "watch_ms")
_RECENT: Final = ("impressions", "finishes", "likes")


class Board:
    """What everybody may know of the videos at one moment: the catalogue of those published, and who watched what."""

    def __init__(self, at_ms: int, catalogue: Catalogue, watches: Watches) -> None:
        self.at_ms, self.catalogue, self.watches = at_ms, catalogue, watches

    def rows(self, ids: Any) -> Ints:
        """The rows of these videos in the catalogue, whose ids rise; -1 for one that is not in it."""
        wanted = np.asarray(ids, dtype=np.int64)
        known = self.catalogue.ids
        if not len(known):
            return np.full(len(wanted), -1, dtype=np.int64)
        row = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        return np.where(known[row] == wanted, row, -1)


class Ledger:
    """The cell's memory in one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        size = len(world.clips.ids)
        self._count = {name: np.zeros(size, dtype=np.int64) for name in _COUNTS}
        self._recent = {name: np.zeros(size) for name in _RECENT}
        self._recent_at = world.settings.begin_ms - 30 * DAY_MS
        self._watches: list[list[Watch]] = [[] for _ in world.people.ids]
        self._seen: list[list[int]] = [[] for _ in world.people.ids]
        self._follows: list[set[int]] = [set() for _ in world.people.ids]
        self._log: list[tuple[Any, Any, Any, Any]] = []

    def copy(self) -> "Ledger":
        """A memory that goes its own way from here."""
        other = Ledger.__new__(Ledger)
        other._world = self._world
        other._count = {name: column.copy() for name, column in self._count.items()}
        other._recent = {name: column.copy() for name, column in self._recent.items()}
        other._recent_at = self._recent_at
        other._watches = [list(watches) for watches in self._watches]
        other._seen = [list(seen) for seen in self._seen]
        other._follows = [set(follows) for follows in self._follows]
        other._log = list(self._log)
        return other

    def board(self, at_ms: int) -> Board:
        """Everything about the videos published by now."""
        clips = self._world.clips
        self._fade(at_ms)
        size = int(np.searchsorted(clips.published_at, at_ms, side="right"))
        counts: dict[str, Any] = {name: column[:size].copy() for name, column in self._count.items()}
        recent: dict[str, Any] = {
            f"rec_{name}": (256 * column[:size]).astype(np.int64) for name, column in self._recent.items()
        }
        catalogue = Catalogue(
            ids=clips.ids[:size],
            creator=clips.creator[:size],
            published_at=clips.published_at[:size],
            duration_ms=clips.duration_ms[:size],
            region=clips.region[:size],
            language=clips.language[:size],
            followers_only=np.zeros(size, dtype=np.bool_),
            hashtags=clips.hashtags[:size],
            tokens=clips.tokens[:size],
            **counts,
            **recent,
        )
        if not self._log:
            return Board(at_ms, catalogue, Watches.empty())
        columns = [np.concatenate(column) for column in zip(*self._log, strict=True)]
        self._log = [(columns[0], columns[1], columns[2], columns[3])]
        return Board(at_ms, catalogue, Watches(columns[0], columns[1], columns[2].astype(np.uint8), columns[3]))

    def viewer(self, row: int) -> Viewer:
        """What ranking may know of one person at this moment."""
        people = self._world.people
        return Viewer(
            id=int(people.ids[row]),
            watches=tuple(reversed(self._watches[row][-HISTORY:])),
            follows=tuple(sorted(self._follows[row])),
            seen=np.array(self._seen[row], dtype=np.int64),
            region=people.region[row],
            language=people.language[row],
        )

    def note(self, sittings: Sittings, slates: Ints, response: Response) -> None:
        """Write down what came of slates (rows of videos, as in `Audience.watch`)."""
        if not len(slates):
            return
        clips = self._world.clips
        place, slot = np.nonzero(response.shown)
        row, viewer = slates[place, slot], sittings.viewer[place]
        flags, watched = response.flags[place, slot], response.watched_ms[place, slot]
        loops, at = response.loops[place, slot], response.at_ms[place, slot]
        followed = response.followed[place, slot]
        self._add(row, flags, watched + loops * clips.duration_ms[row], int(at.max()) if len(at) else 0)
        np.add.at(self._count["follows"], row[followed], 1)
        strength = np.array(
            [
                finish_strength(*facts)
                for facts in zip(watched.tolist(), clips.duration_ms[row].tolist(), loops.tolist(), flags.tolist(), strict=True)
            ],
            dtype=np.int64,
        )  # fmt: skip
        ids = clips.ids[row]
        people = self._world.people.ids[viewer]
        for who, video, level, when, mark in zip(
            viewer.tolist(), ids.tolist(), strength.tolist(), at.tolist(), flags.tolist(), strict=True
        ):
            self._watches[who].append(Watch(video, level, when, mark))
            insort(self._seen[who], video)
        for who, creator in zip(viewer[followed].tolist(), clips.creator[row[followed]].tolist(), strict=True):
            self._follows[who].add(creator)
        said = strength > 0
        self._log.append((people[said], ids[said], strength[said], at[said]))

    def note_bots(self, bots: Ints, row: Ints, at_ms: Ints, liked: NDArray[np.bool_]) -> None:
        """View-bots watch whole videos: one row each of which bot, which video (row) and when."""
        if not len(row):
            return
        flags = int(FINISHED) + int(LIKED) * liked.astype(np.int64)
        duration = self._world.clips.duration_ms[row].astype(np.int64)
        self._add(row, flags, duration, int(at_ms.max()))
        strength = np.where(liked, 160 + 32, 160)
        self._log.append((bots, self._world.clips.ids[row], strength, at_ms))

    def _add(self, row: Ints, flags: Ints, watch_ms: Ints, at_ms: int) -> None:
        self._fade(at_ms)
        np.add.at(self._count["impressions"], row, 1)
        np.add.at(self._count["watch_ms"], row, watch_ms)
        for name, flag in (("finishes", FINISHED), ("likes", LIKED), ("shares", SHARED), ("saves", SAVED), ("skips", SKIPPED)):  # fmt: skip
            np.add.at(self._count[name], row[flags & int(flag) != 0], 1)
        np.add.at(self._recent["impressions"], row, 1.0)
        np.add.at(self._recent["finishes"], row[flags & int(FINISHED) != 0], 1.0)
        np.add.at(self._recent["likes"], row[flags & int(LIKED) != 0], 1.0)

    def _fade(self, at_ms: int) -> None:
        if at_ms > self._recent_at:
            part = 0.5 ** ((at_ms - self._recent_at) / DAY_MS)
            for column in self._recent.values():
                column *= part
            self._recent_at = at_ms
