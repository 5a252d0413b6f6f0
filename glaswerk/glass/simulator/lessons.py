"""What can be learned from the log of the warm-up: the same rows for the additive heads of Glass and for LightGBM.

A row is a video that was on a screen, with the bins and signals that `rank` would have had for it, and what the viewer did.
LightGBM is a package of its own; where it is not installed its part is left out.
"""

import importlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.ask import Ask
from glaswerk.glass.fitting import Shown, auc, fit_heads, head_log_odds, slot_signals
from glaswerk.glass.learned import Learned
from glaswerk.glass.names import HEADS
from glaswerk.glass.policy import Policy, default_policy
from glaswerk.glass.ranking import Ranking
from glaswerk.glass.simulator.contenders import best
from glaswerk.glass.simulator.glass import epoch_of
from glaswerk.glass.simulator.ledger import Board
from glaswerk.glass.simulator.run import Served
from glaswerk.glass.viewer import FINISHED, LIKED, SAVED, SHARED, SKIPPED, Viewer

Ints = NDArray[np.int64]

FINISH: Final = HEADS.index("finish")
HELD_OUT: Final = 0.25
"""The last share of the log, in the order of time, that heads are measured on."""
_FLAGS: Final = {"finish": FINISHED, "like": LIKED, "share": SHARED, "skip": SKIPPED}
_TREES: Final = {
    "num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 50, "lambda_l2": 1.0,
    "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbose": -1,
}  # fmt: skip
_ROUNDS: Final = 60


@dataclass(frozen=True, eq=False)
class Log:
    """Rows in the order of time. shown: bins, signals and what was done. grade: 0 skipped, 1 looked at, 2 finished, 3 and liked,
    saved or shared. slates: how many rows each slate has."""

    shown: Shown
    grade: Ints
    slates: Ints

    @property
    def table(self) -> NDArray[np.float64]:
        """[rows, signals]: bins, then the viewer's signals in log-odds."""
        return _table(self.shown.bins, self.shown.signals)


def read_log(records: list[Served], policy: Policy) -> Log:
    """Rank each slate again, over the epoch of its moment, to see what was known of each of its videos."""
    bins, signals, done, grade, slates = [], [], [], [], []
    epoch, board = None, None
    for record in records:
        if epoch is None or record.board is not board:
            board, epoch = record.board, epoch_of(record.board, policy)
        if not len(record.videos):
            continue
        known = slot_signals(epoch, record.viewer, record.ask, record.videos)
        flags = record.flags
        acts = np.zeros((len(flags), len(HEADS)), dtype=np.bool_)
        for name, flag in _FLAGS.items():
            acts[:, HEADS.index(name)] = flags & int(flag) != 0
        acts[:, HEADS.index("follow")] = record.followed
        liked = flags & int(LIKED | SAVED | SHARED) != 0
        finished, skipped = flags & int(FINISHED) != 0, flags & int(SKIPPED) != 0
        bins.append(known.bins)
        signals.append(known.signals)
        done.append(acts)
        grade.append(np.where(skipped, 0, 1) + finished + liked)
        slates.append(len(flags))
    return Log(
        Shown(np.concatenate(bins), np.concatenate(signals), np.concatenate(done)),
        np.concatenate(grade).astype(np.int64),
        np.array(slates, dtype=np.int64),
    )


def learn(log: Log, seed: int) -> Learned:
    """What a cell learns in a night: the heads. (Co-watching is counted when an epoch is cut.)"""
    return Learned.of(np.zeros(0, dtype=np.int64), None, fit_heads(log.shown, seed=seed), {})


def has_lightgbm() -> bool:
    """Whether the peer can be had: its package needs the system's OpenMP library."""
    try:
        importlib.import_module("lightgbm")
    except (ImportError, OSError):
        return False
    return True


class Ranker:
    """A LightGBM ranker (LambdaRank) over the candidates and the signals that Glass has, trained on the same log."""

    name = "lightgbm"

    def __init__(self, log: Log, seed: int, policy: Policy | None = None) -> None:
        lightgbm = importlib.import_module("lightgbm")
        self._policy = policy or default_policy()
        rows = lightgbm.Dataset(log.table, label=log.grade, group=log.slates)
        self._model = lightgbm.train({**_TREES, "objective": "lambdarank", "seed": seed}, rows, _ROUNDS)

    def look(self, board: Board) -> None:
        self._board = board
        self._epoch = epoch_of(board, self._policy)

    def slate(self, viewer: Viewer, ask: Ask) -> list[int]:
        ranking = Ranking(self._epoch, viewer, ask)
        table = _table(self._epoch.column("bins")[ranking.rows], ranking.signals)
        scores = np.full(len(self._board.catalogue), -np.inf)
        if len(table):
            scores[ranking.rows] = self._model.predict(table, num_threads=1)
        return best(self._board, scores, scores > -np.inf, ask.limit)


def compare_heads(log: Log, seed: int, policy: Policy) -> dict[str, float]:
    """AUC of finishing on the last quarter of the log, of models fitted on the rest: additive heads, LightGBM, the policy's own."""
    slates = int(len(log.slates) * (1 - HELD_OUT))
    cut = int(log.slates[:slates].sum())
    before, after = log.shown.part(slice(0, cut)), log.shown.part(slice(cut, None))
    done = after.done[:, FINISH]
    figures = {}
    heads = fit_heads(before, seed=seed).over(policy)
    figures["additive"] = auc(head_log_odds(heads, after)[:, FINISH], done)
    prior = Learned.of(np.zeros(0, dtype=np.int64), None, None, {}).heads_for(policy)
    figures["policy"] = auc(head_log_odds(prior, after)[:, FINISH], done)
    if has_lightgbm():
        lightgbm = importlib.import_module("lightgbm")
        rows = lightgbm.Dataset(log.table[:cut], label=before.done[:, FINISH].astype(np.int64))
        model = lightgbm.train({**_TREES, "objective": "binary", "seed": seed}, rows, 2 * _ROUNDS)
        figures["lightgbm"] = auc(model.predict(log.table[cut:], num_threads=1), done)
        figures["ratio"] = figures["additive"] / figures["lightgbm"]
    return {name: round(value, 4) for name, value in figures.items()}


def _table(bins: Any, signals: Any) -> NDArray[np.float64]:
    return np.concatenate([bins.astype(np.float64), signals / 65536.0], axis=1)
