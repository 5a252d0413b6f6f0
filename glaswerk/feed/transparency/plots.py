"""Small drawings of the policy's rules: curves and stairs, as the numbers of an SVG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 320
HEIGHT: Final = 120
_POINTS: Final = 64


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of a curve that is worth a word: where it is in the picture, and what stands at the axis below it."""

    x: str
    y: str
    label: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A line in a picture of WIDTH by HEIGHT, with the height of its axis, its marks, a title, and what it says in words."""

    title: str
    words: str
    line: str
    area: str
    marks: list[Mark]
    axis: str = str(HEIGHT)
    width: int = WIDTH
    height: int = HEIGHT


def curve(
    title: str,
    words: str,
    function: Callable[[float], float],
    end: float,
    marks: Sequence[tuple[float, str]],
) -> Curve:
    """Draw `function`, whose values are from 0 to 1, from 0 to `end`."""
    steps = [end * step / (_POINTS - 1) for step in range(_POINTS)]
    line = "M" + " L".join(f"{_x(step, end)} {_y(function(step))}" for step in steps)
    return Curve(
        title,
        words,
        line,
        f"{line} L{WIDTH} {HEIGHT} L0 {HEIGHT} Z",
        [Mark(_x(at, end), _y(function(at)), label) for at, label in marks],
    )


def bends(title: str, words: str, points: Sequence[tuple[float, float]], most: float) -> Curve:
    """Draw a line through points that rise in x, around an axis in the middle; `most` is the largest height either way."""
    first, last = points[0][0], points[-1][0]
    middle = HEIGHT / 2
    places = [(_x(x - first, last - first), f"{middle - (middle - 4) * y / most:.1f}") for x, y in points]
    line = "M" + " L".join(f"{x} {y}" for x, y in places)
    return Curve(title, words, line, f"{line} L{WIDTH} {middle:.1f} L0 {middle:.1f} Z", [], f"{middle:.1f}")


def halving(half_life: float) -> Callable[[float], float]:
    """What is left after a time, if half is left after `half_life`."""
    return lambda age: float(2 ** (-age / half_life))


def _x(at: float, end: float) -> str:
    return f"{WIDTH * at / end:.1f}"


def _y(share: float) -> str:
    # A little space above, so that the line is not cut.
    return f"{HEIGHT - (HEIGHT - 4) * share:.1f}"
