"""How well heads foretell what viewers do."""

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from glaswerk.glass.fitting.shown import Shown
from glaswerk.glass.heads import Heads, curve
from glaswerk.glass.names import HEADS
from glaswerk.glass.scale import UNIT, Ints


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _add_up(bins: Any, signals: Any, bias: Any, table: Any, knots: Any, heights: Any, slopes: Any, out: Any) -> None:
    for row in range(len(bins)):
        for head in range(len(bias)):
            total = bias[head]
            for place in range(bins.shape[1]):
                total += table[head, place, bins[row, place]]
            for place in range(signals.shape[1]):
                total += curve(knots[place], heights[head, place], slopes[head, place], signals[row, place])
            out[row, head] = total


def head_log_odds(heads: Heads, shown: Shown) -> Ints:
    """[rows, heads]: the log-odds of every head in 2^-16, added up as the engine does."""
    out = np.empty((len(shown), len(HEADS)), dtype=np.int64)
    tables = (heads.bias, heads.table, heads.knots, heads.heights, heads.slopes)
    _add_up(np.ascontiguousarray(shown.bins), np.ascontiguousarray(shown.signals), *tables, out)
    return out


def auc(scores: NDArray[Any], done: NDArray[np.bool_]) -> float:
    """The chance that a row where it was done scores above one where it was not; ties count a half. 0.5 where there is no pair."""
    yes = int(done.sum())
    no = len(done) - yes
    if not yes or not no:
        return 0.5
    ranks = stats.rankdata(scores)
    return float((ranks[done].sum() - yes * (yes + 1) / 2) / (yes * no))


def measure_heads(heads: Heads, shown: Shown) -> dict[str, dict[str, float]]:
    """For each head that somebody acted on: AUC, log-loss, how many rows, and how many times it was done."""
    log_odds = head_log_odds(heads, shown)
    figures = {}
    for place, name in enumerate(HEADS):
        done = shown.done[:, place]
        if done.any():
            x = log_odds[:, place] / UNIT
            loss = float(np.mean(np.logaddexp(0, x) - x * done))
            figures[name] = {
                "auc": round(auc(log_odds[:, place], done), 5),
                "log_loss": round(loss, 6),
                "shown": len(done),
                "done": int(done.sum()),
            }
    return figures
