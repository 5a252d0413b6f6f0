"""The policies that are compared. Each sees a `Board` and a `Viewer`, which is what a cell knows, and answers with ids of videos.

Popularity, newest first and the formula look at every video the viewer has not seen; that is more than their models in the field
do, whose lists are re-made by the hour. None of the peers shows a creator twice in a slate.
"""

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.ask import Ask
from glaswerk.glass.simulator.ledger import Board
from glaswerk.glass.simulator.settings import DAY_MS
from glaswerk.glass.viewer import Viewer

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TAGS: Final = 5


class Contender(Protocol):
    """One policy. `look` hands it what is known of the videos from now on; `slate` asks for at most ask.limit of them."""

    @property
    def name(self) -> str: ...

    def look(self, board: Board) -> None: ...

    def slate(self, viewer: Viewer, ask: Ask) -> list[int]: ...


def unseen(board: Board, viewer: Viewer) -> NDArray[np.bool_]:
    """[videos]: whether the viewer has not had it on the screen."""
    open_ = np.ones(len(board.catalogue), dtype=np.bool_)
    rows = board.rows(viewer.seen)
    open_[rows[rows >= 0]] = False
    return open_


def best(board: Board, scores: Floats, open_: NDArray[np.bool_], limit: int) -> list[int]:
    """The ids of the highest scores, no creator twice; ties go to the newer video."""
    worth = np.where(open_, scores, -np.inf)
    most = min(len(worth), 12 * limit)
    if not most:
        return []
    # Enough for a slate in all but odd cases; those look at everything.
    for count in dict.fromkeys((most, len(worth))):
        rows = np.argpartition(-worth, count - 1)[:count]
        rows = rows[np.lexsort((-rows, -worth[rows]))]
        chosen: list[int] = []
        makers: set[int] = set()
        for row in rows[worth[rows] > -np.inf].tolist():
            maker = int(board.catalogue.creator[row])
            if maker not in makers:
                makers.add(maker)
                chosen.append(int(board.catalogue.ids[row]))
                if len(chosen) == limit:
                    return chosen
    return chosen


class Popularity:
    """What was finished and liked lately, a like counting three times, everywhere alike; halved in a day."""

    name = "popularity"

    def look(self, board: Board) -> None:
        self._board = board
        self._scores = (board.catalogue.rec_finishes + 3 * board.catalogue.rec_likes).astype(np.float64)

    def slate(self, viewer: Viewer, ask: Ask) -> list[int]:
        return best(self._board, self._scores, unseen(self._board, viewer), ask.limit)


class Newest:
    """The newest first."""

    name = "newest"

    def look(self, board: Board) -> None:
        self._board = board
        self._scores = board.catalogue.published_at.astype(np.float64)

    def slate(self, viewer: Viewer, ask: Ask) -> list[int]:
        return best(self._board, self._scores, unseen(self._board, viewer), ask.limit)


class Formula:
    """A hand-weighted sum: 0.25 freshness + 0.35 engagement + 0.30 affinity + 0.10 trust, each between 0 and 1.

    freshness: halves in a day. engagement: (finishes + 2 likes + 2 saves + 3 shares) / (impressions + 10), against its 95th
    percentile. affinity: the mean over the video's hashtags of how much of the viewer's watching went to each, against the
    viewer's favourite; 0.4 of it for the creator (watched, or followed: all of it). trust: half the age of the account up to 30
    days, half how many follow its videos' creator, by rank.
    """

    name = "formula"

    def look(self, board: Board) -> None:
        self._board = board
        known = board.catalogue
        names = sorted({tag for tags in known.hashtags for tag in tags})
        place = {name: row for row, name in enumerate(names)}
        self._tags = np.full((len(known), TAGS), len(names), dtype=np.int64)
        for row, tags in enumerate(known.hashtags):
            for at, tag in enumerate(tags[:TAGS]):
                self._tags[row, at] = place[tag]
        self._named = np.maximum((self._tags < len(names)).sum(axis=1), 1)
        self._kinds = len(names)
        self._makers, self._maker = np.unique(known.creator, return_inverse=True)
        acts = known.finishes + 2 * known.likes + 2 * known.saves + 3 * known.shares
        rate = acts / (known.impressions + 10.0)
        top = float(np.quantile(rate, 0.95)) if len(rate) else 0.0
        engagement = np.minimum(rate / top, 1.0) if top > 0 else np.zeros(len(rate))
        first = np.full(len(self._makers), np.iinfo(np.int64).max)
        np.minimum.at(first, self._maker, known.published_at)
        followers = np.bincount(self._maker, weights=known.follows, minlength=len(self._makers))
        rank = np.searchsorted(np.sort(followers), followers, side="left") / max(len(followers), 1)
        trust = 0.5 * np.minimum((board.at_ms - first) / (30 * DAY_MS), 1.0) + 0.5 * rank
        self._fixed = 0.35 * engagement + 0.10 * trust[self._maker]

    def slate(self, viewer: Viewer, ask: Ask) -> list[int]:
        known = self._board.catalogue
        fresh = 0.5 ** ((ask.at_ms - known.published_at) / DAY_MS)
        scores = self._fixed + 0.25 * np.minimum(fresh, 1.0) + 0.30 * self._affinity(viewer)
        return best(self._board, scores, unseen(self._board, viewer), ask.limit)

    def _affinity(self, viewer: Viewer) -> Floats:
        columns = viewer.watch_columns
        rows = self._board.rows(columns[:, 0])
        strength = columns[rows >= 0, 1] / 255.0
        rows = rows[rows >= 0]
        tags = np.bincount(self._tags[rows].ravel(), weights=np.repeat(strength, TAGS), minlength=self._kinds + 1)
        tags[self._kinds] = 0.0
        makers = np.bincount(self._maker[rows], weights=strength, minlength=len(self._makers))
        topic = tags[self._tags].sum(axis=1) / self._named / max(float(tags.max()), 1e-9)
        creator = makers / max(float(makers.max(initial=0.0)), 1e-9)
        creator[np.isin(self._makers, viewer.follow_ids)] = 1.0
        result: Floats = 0.6 * topic + 0.4 * creator[self._maker]
        return result


class Chance:
    """Any videos, by the ask's seed."""

    name = "random"

    def look(self, board: Board) -> None:
        self._board = board

    def slate(self, viewer: Viewer, ask: Ask) -> list[int]:
        scores = np.random.default_rng(ask.seed & 0xFFFFFFFF).random(len(self._board.catalogue))
        return best(self._board, scores, unseen(self._board, viewer), ask.limit)


class Mixture:
    """The feed of the warm-up: each slate comes from one of several policies, by the ask's seed, so that the log favours none."""

    name = "mixture"

    def __init__(self) -> None:
        self._parts: tuple[Contender, ...] = (Popularity(), Newest(), Formula(), Chance())

    def look(self, board: Board) -> None:
        for part in self._parts:
            part.look(board)

    def slate(self, viewer: Viewer, ask: Ask) -> list[int]:
        return self._parts[(ask.seed >> 40) % len(self._parts)].slate(viewer, ask)
