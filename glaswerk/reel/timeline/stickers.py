"""Stickers: shapes drawn from numbers, the same for a render (pixels) and a preview (SVG).

A shape is a list of polygons in a square from 0 to 1, each with a colour, the lowest first. Every one has a white rim, so that it stands
out from any picture.
"""

import math
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw

Point = tuple[float, float]
Polygon = list[Point]
Shape = list[tuple[str, Polygon]]

_RIM: Final = 0.05
_FINER: Final = 4
_ACCENT, _AMBER, _RED, _PAPER = "#12b5a6", "#f5b83d", "#ef4a5b", "#fbfaf7"
_PINK, _BLUE, _GREEN = "#f47fb0", "#3f8cff", "#35b56a"


def _circle(x: float, y: float, radius: float, points: int = 72) -> Polygon:
    turns = (2 * math.pi * each / points for each in range(points))
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


def _star(points: int, outer: float, inner: float, x: float = 0.5, y: float = 0.5) -> Polygon:
    made = []
    for number in range(2 * points):
        turn = math.pi * number / points - math.pi / 2
        radius = inner if number % 2 else outer
        made.append((x + radius * math.cos(turn), y + radius * math.sin(turn)))
    return made


def _heart() -> Shape:
    polygon = []
    for number in range(120):
        turn = 2 * math.pi * number / 120
        x = 16 * math.sin(turn) ** 3
        y = 13 * math.cos(turn) - 5 * math.cos(2 * turn) - 2 * math.cos(3 * turn) - math.cos(4 * turn)
        polygon.append((0.5 + x * 0.026, 0.46 - y * 0.026))
    return [(_RED, polygon)]


def _sparkle() -> Shape:
    polygon = []
    for number in range(96):
        turn = 2 * math.pi * number / 96
        # An astroid: four points, and hollow between them.
        polygon.append((0.5 + 0.42 * math.cos(turn) ** 3, 0.5 + 0.42 * math.sin(turn) ** 3))
    return [(_AMBER, polygon)]


def _flower() -> Shape:
    petals = [_circle(0.5 + 0.22 * math.cos(turn), 0.5 + 0.22 * math.sin(turn), 0.17) for turn in _turns(6)]
    return [*((_PINK, petal) for petal in petals), (_AMBER, _circle(0.5, 0.5, 0.13))]


def _sun() -> Shape:
    return [(_AMBER, _star(12, 0.43, 0.31)), ("#ffd778", _circle(0.5, 0.5, 0.25))]


def _moon() -> Shape:
    outer = [(0.47 + 0.4 * math.cos(turn), 0.5 + 0.4 * math.sin(turn)) for turn in _arc(-0.9, -2 * math.pi + 0.9)]
    inner = [(0.66 + 0.32 * math.cos(turn), 0.5 + 0.32 * math.sin(turn)) for turn in _arc(-2 * math.pi + 1.37, -1.37)]
    return [("#ffd778", outer + inner)]


def _drop() -> Shape:
    round_part = [(0.5 + 0.27 * math.cos(turn), 0.62 + 0.27 * math.sin(turn)) for turn in _arc(-0.5, math.pi + 0.5)]
    return [(_BLUE, [*round_part, (0.5, 0.09)])]


def _bubble() -> Shape:
    oval = [(0.5 + 0.42 * math.cos(turn), 0.44 + 0.32 * math.sin(turn)) for turn in _arc(0, 2 * math.pi)]
    tail = [(0.3, 0.62), (0.52, 0.7), (0.24, 0.9)]
    dots = [_circle(0.32 + 0.18 * each, 0.44, 0.05) for each in range(3)]
    return [(_ACCENT, oval), (_ACCENT, tail), *((_PAPER, dot) for dot in dots)]


def _crown() -> Shape:
    top = [(0.1, 0.3), (0.3, 0.52), (0.5, 0.18), (0.7, 0.52), (0.9, 0.3), (0.82, 0.78), (0.18, 0.78)]
    return [
        (_AMBER, top),
        (_RED, _circle(0.5, 0.64, 0.06)),
        (_BLUE, _circle(0.32, 0.66, 0.045)),
        (_BLUE, _circle(0.68, 0.66, 0.045)),
    ]


def _ring() -> Shape:
    # The hole is cut by going back along the inner circle.
    outer, inner = _circle(0.5, 0.5, 0.42), _circle(0.5, 0.5, 0.3)
    return [(_ACCENT, [*outer, outer[0], inner[0], *reversed(inner)])]


def _turns(count: int) -> list[float]:
    return [2 * math.pi * each / count for each in range(count)]


def _arc(first: float, last: float, points: int = 64) -> list[float]:
    return [first + (last - first) * each / points for each in range(points + 1)]


STICKERS: Final[dict[str, Callable[[], Shape]]] = {
    "arrow": lambda: [
        (_RED, [(0.08, 0.4), (0.54, 0.4), (0.54, 0.2), (0.92, 0.5), (0.54, 0.8), (0.54, 0.6), (0.08, 0.6)])
    ],
    "bolt": lambda: [(_AMBER, [(0.58, 0.06), (0.22, 0.55), (0.46, 0.55), (0.38, 0.94), (0.78, 0.4), (0.53, 0.4)])],
    "bubble": _bubble,
    "burst": lambda: [(_RED, _star(14, 0.44, 0.33)), (_AMBER, _star(14, 0.3, 0.22))],
    "check": lambda: [
        (_GREEN, _circle(0.5, 0.5, 0.42)),
        (_PAPER, [(0.26, 0.52), (0.33, 0.44), (0.45, 0.55), (0.68, 0.3), (0.76, 0.37), (0.46, 0.71)]),
    ],
    "crown": _crown,
    "drop": _drop,
    "flower": _flower,
    "heart": _heart,
    "moon": _moon,
    "ring": _ring,
    "sparkle": _sparkle,
    "star": lambda: [(_AMBER, _star(5, 0.44, 0.19))],
    "sun": _sun,
}
"""By name: what makes the shape."""


def svg(name: str) -> str:
    """The sticker as an SVG document of a unit square."""
    rim = "".join(_path(polygon, f'fill="{_PAPER}" stroke="{_PAPER}"', 2 * _RIM) for _, polygon in STICKERS[name]())
    shape = "".join(_path(polygon, f'fill="{colour}"', 0) for colour, polygon in STICKERS[name]())
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">{rim}{shape}</svg>'


def _path(polygon: Polygon, look: str, width: float) -> str:
    points = " ".join(f"{x:.4f},{y:.4f}" for x, y in polygon)
    stroke = f' stroke-width="{width:g}" stroke-linejoin="round"' if width else ""
    return f'<polygon points="{points}" {look}{stroke}/>'


def picture(name: str, side: int) -> Image.Image:
    """The sticker in `side` x `side` pixels, transparent around it."""
    fine = side * _FINER
    image = Image.new("RGBA", (fine, fine), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    shape = [(colour, [(x * fine, y * fine) for x, y in polygon]) for colour, polygon in STICKERS[name]()]
    for _, polygon in shape:
        pen.polygon(polygon, fill=_PAPER)
        pen.line([*polygon, *polygon[:2]], fill=_PAPER, width=round(2 * _RIM * fine), joint="curve")
    for colour, polygon in shape:
        pen.polygon(polygon, fill=colour)
    return image.resize((side, side), Image.Resampling.LANCZOS)
