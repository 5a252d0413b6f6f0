"""The simulation itself: hour by hour, sessions are served and respond, and what they did is known to the next slate.

What is known of the videos (the board, and for Glass the epoch) is renewed every `BOARD_HOURS` in the days, and every
`EPOCH_SECONDS` in the rush, where it takes `EPOCH_DELAY_MS` to come into service. What is known of a viewer is never late.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.ask import Ask
from glaswerk.glass.simulator.audience import Audience, Response, Sittings
from glaswerk.glass.simulator.chance import uniform
from glaswerk.glass.simulator.contenders import Contender
from glaswerk.glass.simulator.ledger import Board, Ledger
from glaswerk.glass.simulator.settings import HOUR_MS, SLATE
from glaswerk.glass.simulator.world import BOT_HOURS, Visits, World
from glaswerk.glass.viewer import Viewer

Ints = NDArray[np.int64]

BOARD_HOURS: Final = 3
EPOCH_SECONDS: Final = 30
EPOCH_DELAY_MS: Final = 3_000
SLATES_AT_MOST: Final = 60
"""Of one session: nobody's patience lasts longer, and a loop should end."""
_BOT, _BOT_LIKE = 201, 203

Progress = Callable[[float], None]


@dataclass(eq=False)
class Diary:
    """What happened under one policy: a row a clip that was on a screen (in `clips`) and a row a session (in `sessions`)."""

    columns: dict[str, list[Any]] = field(default_factory=dict)
    sessions: dict[str, list[Any]] = field(default_factory=dict)
    first_shown: dict[int, int] = field(default_factory=dict)
    """When each video (row) that was published in the rush was first on a screen."""

    def add(self, **columns: Any) -> None:
        for name, values in columns.items():
            self.columns.setdefault(name, []).append(values)

    def add_sessions(self, **columns: Any) -> None:
        for name, values in columns.items():
            self.sessions.setdefault(name, []).append(values)

    def column(self, name: str) -> Any:
        return np.concatenate(self.columns[name]) if self.columns.get(name) else np.zeros(0)

    def session(self, name: str) -> Any:
        return np.concatenate(self.sessions[name]) if self.sessions.get(name) else np.zeros(0)


@dataclass(frozen=True, eq=False)
class Served:
    """One slate that was served and how far it was watched: for the log that models are trained on."""

    board: Board
    viewer: Viewer
    ask: Ask
    videos: Ints
    flags: Ints
    followed: Any


class Simulation:
    """One world under one policy, from a ledger on."""

    def __init__(self, world: World, ledger: Ledger, contender: Contender) -> None:
        self._world, self.ledger, self._contender = world, ledger, contender
        self._audience = Audience(world)
        self.diary = Diary()
        self.shown: list[Served] = []
        self._board: Board | None = None

    def days(
        self, begin_ms: int, end_ms: int, log_from_ms: int | None = None, progress: Progress = lambda done: None
    ) -> None:
        """Serve every session that begins between the two moments; keep whole slates from `log_from_ms` on."""
        visits = self._world.visits
        step = BOARD_HOURS * HOUR_MS
        for now in range(begin_ms, end_ms, step):
            self._bots(now - step, now)
            self._look(now)
            # A viewer opens the app at most once an hour, so sessions of one hour are of different people.
            for hour in range(now, min(now + step, end_ms), HOUR_MS):
                low, high = np.searchsorted(visits.at_ms, (hour, hour + HOUR_MS))
                if high > low:
                    logged = log_from_ms is not None and hour >= log_from_ms
                    self._sessions(visits.viewer[low:high], visits.at_ms[low:high], logged)
            progress((now + step - begin_ms) / (end_ms - begin_ms))

    def rush(self, progress: Progress = lambda done: None) -> None:
        """A thousand slates a minute, each of another session; epochs as often as in a cell."""
        world = self._world
        begin, visits = world.settings.end_ms, world.rush
        if not len(visits.at_ms):
            return
        self._look(begin)
        step = EPOCH_SECONDS * 1000
        length = world.settings.rush_minutes * 60_000
        for now in range(begin, begin + length, step):
            # Until the new epoch is in service the old one answers.
            fresh = self.ledger.board(now)
            self._slates(visits, now, now + EPOCH_DELAY_MS)
            self._take(fresh)
            self._slates(visits, now + EPOCH_DELAY_MS, now + step)
            progress((now + step - begin) / length)

    def _slates(self, visits: Visits, begin_ms: int, end_ms: int) -> None:
        low, high = (int(place) for place in np.searchsorted(visits.at_ms, (begin_ms, end_ms)))
        while low < high:
            # As many at once as are of different people: none of them can change what another is shown.
            viewer = visits.viewer[low:high]
            again = np.ones(len(viewer), dtype=np.bool_)
            again[np.unique(viewer, return_index=True)[1]] = False
            size = int(np.argmax(again)) if again.any() else len(viewer)
            self._single(viewer[:size], visits.at_ms[low : low + size])
            low += size

    def _single(self, viewer: Ints, at_ms: Ints) -> None:
        sittings = self._audience.sit_down(viewer, at_ms)
        slates, _ = self._serve(sittings, np.arange(len(viewer)), 0)
        response = self._audience.watch(sittings, slates)
        self.ledger.note(sittings, slates, response)
        rows, shown_at = slates[response.shown], response.at_ms[response.shown]
        fresh = self._world.clips.published_at[rows] >= self._world.settings.end_ms
        for row, when in zip(rows[fresh].tolist(), shown_at[fresh].tolist(), strict=True):
            self.diary.first_shown[row] = min(when, self.diary.first_shown.get(row, when))

    def _look(self, now_ms: int) -> None:
        self._take(self.ledger.board(now_ms))

    def _take(self, board: Board) -> None:
        self._board = board
        self._contender.look(board)

    def _sessions(self, viewer: Ints, at_ms: Ints, logged: bool) -> None:
        sittings = self._audience.sit_down(viewer, at_ms)
        watched = np.zeros(len(viewer))
        pleased = np.zeros(len(viewer))
        clips = np.zeros(len(viewer), dtype=np.int64)
        for turn in range(SLATES_AT_MOST):
            here = np.flatnonzero(sittings.here)
            if not len(here):
                break
            slates, asked = self._serve(sittings, here, turn)
            response = self._audience.watch(sittings, slates)
            self.ledger.note(sittings, slates, response)
            self._write(sittings, slates, response, turn)
            if logged:
                self._keep(asked, slates, response)
            duration = self._world.clips.duration_ms[slates] * response.loops
            watched += ((response.watched_ms + duration) * response.shown).sum(axis=1)
            pleased += (response.pleasure * response.shown).sum(axis=1)
            clips += response.shown.sum(axis=1)
        self.diary.add_sessions(
            viewer=viewer, at_ms=at_ms, watched_ms=watched, clips=clips, pleased=pleased,
            gave_up=sittings.disappointed > self._world.hidden_people.patience[viewer],
        )  # fmt: skip

    def _serve(self, sittings: Sittings, here: Ints, turn: int) -> tuple[Ints, list[tuple[int, Viewer, Ask]]]:
        """Rows of videos [sessions, SLATE], -1 where there is nothing; and who was asked for, how."""
        slates = np.full((len(sittings.viewer), SLATE), -1, dtype=np.int64)
        asked = []
        ids = self._world.clips.ids
        for place in here.tolist():
            row = int(sittings.viewer[place])
            viewer = self.ledger.viewer(row)
            now = int(sittings.at_ms[place] + sittings.used_ms[place])
            ask = Ask(SLATE, now, seed=slate_seed(self._world.settings.seed, row, int(sittings.at_ms[place]), turn))
            chosen = self._contender.slate(viewer, ask)
            slates[place, : len(chosen)] = np.searchsorted(ids, chosen)
            asked.append((place, viewer, ask))
        return slates, asked

    def _write(self, sittings: Sittings, slates: Ints, response: Response, turn: int) -> None:
        place, slot = np.nonzero(response.shown)
        self.diary.add(
            video=slates[place, slot], viewer=sittings.viewer[place], at_ms=response.at_ms[place, slot],
            began_ms=sittings.at_ms[place], turn=np.full(len(place), turn), slot=slot,
            flags=response.flags[place, slot], pleasure=response.pleasure[place, slot],
            watched_ms=response.watched_ms[place, slot],
        )  # fmt: skip

    def _keep(self, asked: list[tuple[int, Viewer, Ask]], slates: Ints, response: Response) -> None:
        assert self._board is not None
        for place, viewer, ask in asked:
            seen = response.shown[place]
            videos = self._world.clips.ids[slates[place, seen]]
            self.shown.append(
                Served(self._board, viewer, ask, videos, response.flags[place, seen], response.followed[place, seen])
            )

    def _bots(self, begin_ms: int, end_ms: int) -> None:
        """Every bot watches every pumped video once, some time after it was published, and likes every second one."""
        world = self._world
        rows = np.flatnonzero(world.hidden_clips.pumped)
        published = world.clips.published_at[rows]
        rows = rows[(published < end_ms) & (published + BOT_HOURS * HOUR_MS >= begin_ms)]
        bots = world.people.bots
        seed, row, bot = world.settings.seed, np.repeat(rows, len(bots)), np.tile(bots, len(rows))
        at = world.clips.published_at[row] + (BOT_HOURS * HOUR_MS * uniform(seed, _BOT, bot, row)).astype(np.int64)
        now = (at >= begin_ms) & (at < end_ms)
        liked = uniform(seed, _BOT_LIKE, bot, row) < 0.5
        self.ledger.note_bots(bot[now], row[now], at[now], liked[now])


def slate_seed(seed: int, viewer: int, began_ms: int, turn: int) -> int:
    """The ask's seed: of the session and the turn, so that it is the same under every policy."""
    return int(uniform(seed, 205 + 2 * turn, np.array([viewer]), np.array([began_ms]))[0] * (1 << 62))
