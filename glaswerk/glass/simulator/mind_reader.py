"""What a policy that reads minds would reach: not a contender but a yardstick, and the only one that is handed hidden things."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.ask import Ask
from glaswerk.glass.simulator.audience import TOPIC_COST, TOPIC_FADE
from glaswerk.glass.simulator.contenders import unseen
from glaswerk.glass.simulator.ledger import Board
from glaswerk.glass.simulator.world import LANGUAGES, REGIONS, World
from glaswerk.glass.viewer import Viewer

_CLOSEST: Final = 200


class MindReader:
    """Shows what will please most, one clip after the other, with the boredom that it causes itself reckoned in."""

    name = "mind_reader"

    def __init__(self, world: World) -> None:
        self._world = world
        people, hidden = world.people, world.hidden_people
        self._row = {int(viewer): row for row, viewer in enumerate(people.ids)}
        self._speech = np.array([LANGUAGES.index(name) for name in world.clips.language])
        self._region = np.array([REGIONS.index(name) for name in world.clips.region])
        self._home = np.array([REGIONS.index(name) for name in people.region])
        self._foreign = -1.5 * ~hidden.speaks

    def look(self, board: Board) -> None:
        self._board = board

    def slate(self, viewer: Viewer, ask: Ask) -> list[int]:
        world, row, size = self._world, self._row[viewer.id], len(self._board.catalogue)
        hidden, people = world.hidden_clips, world.hidden_people
        taste = people.taste[world.day_of(ask.at_ms), row]
        worth = hidden.mix[:size] @ taste + 0.25 * hidden.style[:size] @ people.style[row] + 0.7 * hidden.quality[:size]
        worth += self._foreign[row, self._speech[:size]] + 0.15 * (self._region[:size] == self._home[row])
        worth[~unseen(self._board, viewer)] = -np.inf
        most = min(_CLOSEST, size)
        close = np.argpartition(-worth, most - 1)[:most]
        close = close[worth[close] > -np.inf]
        return self._spaced(close, worth[close], ask.limit)

    def _spaced(self, close: NDArray[np.int64], worth: NDArray[np.float64], limit: int) -> list[int]:
        mix, creator = self._world.hidden_clips.mix[close], self._world.clips.creator[close]
        bored = np.zeros(mix.shape[1])
        chosen: list[int] = []
        for _ in range(min(limit, len(close))):
            place = int(np.argmax(worth - TOPIC_COST * mix @ bored))
            if worth[place] == -np.inf:
                break
            chosen.append(int(self._board.catalogue.ids[close[place]]))
            bored = TOPIC_FADE * bored + mix[place]
            worth[creator == creator[place]] = -np.inf
        return chosen
