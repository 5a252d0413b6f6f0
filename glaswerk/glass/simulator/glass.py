"""Glass itself as a contender: the real `cut_epoch` and `rank`, with a policy text and, if there is one, a learned model."""

from glaswerk.glass.ask import Ask
from glaswerk.glass.cut import cut_epoch
from glaswerk.glass.epoch import Epoch
from glaswerk.glass.learned import Learned
from glaswerk.glass.policy import Policy, default_policy
from glaswerk.glass.ranking import rank
from glaswerk.glass.simulator.ledger import Board
from glaswerk.glass.viewer import Viewer


class Glass:
    """The engine as a cell runs it."""

    def __init__(self, name: str = "glass", policy: Policy | None = None, learned: Learned | None = None) -> None:
        self.name, self._policy, self._learned = name, policy or default_policy(), learned

    def look(self, board: Board) -> None:
        self._epoch = epoch_of(board, self._policy, self._learned)

    def slate(self, viewer: Viewer, ask: Ask) -> list[int]:
        return [slot.video for slot in rank(self._epoch, viewer, ask).slots]


def epoch_of(board: Board, policy: Policy, learned: Learned | None = None) -> Epoch:
    """The epoch that a cell would cut of what is known at this moment."""
    return Epoch.from_bytes(
        cut_epoch(board.catalogue, board.watches, policy, board.at_ms, *((learned,) if learned else ()))
    )
