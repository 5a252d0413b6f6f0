"""What a cell has learned of its own viewers, drawn: for every head the curves that took the place of the policy's numbers."""

from typing import Final

from django.utils.translation import gettext

from glaswerk.feed.transparency.meanings import odds
from glaswerk.feed.transparency.plots import Curve, bends
from glaswerk.feed.transparency.sentences import SIGNALS
from glaswerk.glass.learned import LearnedHeads
from glaswerk.glass.names import VIEWER_SIGNALS
from glaswerk.glass.scale import UNIT

# A curve that moves the odds by less than a hundredth says nothing that anybody could see.
_LEAST: Final = 0.01


def learned_curves(heads: LearnedHeads | None) -> dict[str, list[Curve]]:
    """Return the curves of every fitted head by its name, what moves it most first; a head that was not fitted has none."""
    if heads is None:
        return {}
    return {name: _drawn(heads, place) for place, name in enumerate(heads.heads)}


def _drawn(heads: LearnedHeads, head: int) -> list[Curve]:
    heights = heads.heights[head] / UNIT
    moves = heights.max(axis=1) - heights.min(axis=1)
    most = max(float(abs(heights).max()), _LEAST)
    order = sorted(range(len(VIEWER_SIGNALS)), key=lambda signal: (-float(moves[signal]), signal))
    return [
        bends(
            str(SIGNALS[VIEWER_SIGNALS[signal]].sentence),
            gettext("At its weakest: %(least)s. At its strongest: %(most)s.")
            % {"least": odds(float(heights[signal, 0])), "most": odds(float(heights[signal, -1]))},
            list(zip(heads.knots[signal].tolist(), heights[signal].tolist(), strict=True)),
            most,
        )
        for signal in order
        if moves[signal] >= _LEAST
    ]
