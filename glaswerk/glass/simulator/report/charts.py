"""Charts as inline SVG, drawn in the page's own colours, so that one file serves light and dark.

A chart is 400 units wide whatever the screen; the class of a mark names its policy, and the page's style sheet gives the colour.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 400
_LABELS: Final = 124
_ROW: Final = 30
_PLOT: Final = (54, 14, 290, 190)
"""Left, top, right and bottom of the area of a line chart; names of lines stand right of it."""

Format = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Bar:
    """One row. low, high: an interval around the value, or None. A value of None is said in words: `missing`."""

    key: str
    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    missing: str = "–"


@dataclass(frozen=True, slots=True)
class Line:
    """One line through its points, in the order of x."""

    key: str
    label: str
    points: Sequence[tuple[float, float]]
    stepped: bool = False


def bars(title: str, axis: str, rows: Sequence[Bar], text: Format, marks: Mapping[float, str] | None = None) -> str:
    """Horizontal bars, with values; marks: vertical lines, by value, with what they mean."""
    marks = marks or {}
    known = [row.high if row.high is not None else row.value for row in rows if row.value is not None]
    top = max([*known, *marks, 1e-9]) * 1.04
    left, right = _LABELS, WIDTH - 62
    head = 16 if marks else 4
    bottom = head + _ROW * len(rows)
    ticks = _ticks(0.0, top, 4)

    def x(value: float) -> float:
        return left + (right - left) * value / top

    parts = []
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{head}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 14}" text-anchor="middle">{escape(text(tick))}</text>')  # fmt: skip
    for value, name in marks.items():
        parts.append(f'<line class="mark" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{head}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x(value):.1f}" y="{head - 4}" text-anchor="middle">{escape(name)}</text>')
    for place, row in enumerate(rows):
        middle = head + _ROW * place + _ROW / 2
        parts.append(f'<text class="label" x="{left - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(row.label)}</text>')  # fmt: skip
        if row.value is None:
            parts.append(f'<text class="value" x="{left + 6}" y="{middle + 4:.1f}">{escape(row.missing)}</text>')
            continue
        width = max(x(row.value) - left, 1.0)
        parts.append(f'<rect class="bar {row.key}" x="{left}" y="{middle - 8:.1f}" width="{width:.1f}" height="16" rx="3"/>')  # fmt: skip
        end = x(row.value)
        if row.low is not None and row.high is not None:
            parts.append(f'<path class="spread" d="M{x(row.low):.1f} {middle:.1f}H{x(row.high):.1f}M{x(row.low):.1f} {middle - 4:.1f}v8M{x(row.high):.1f} {middle - 4:.1f}v8"/>')  # fmt: skip
            end = x(row.high)
        parts.append(f'<text class="value" x="{end + 6:.1f}" y="{middle + 4:.1f}">{escape(text(row.value))}</text>')
    parts.append(_axis_name(axis, (left + right) / 2, bottom + 31))
    said = "; ".join(f"{row.label} {row.missing if row.value is None else text(row.value)}" for row in rows)
    return _svg(title, said, bottom + 38, parts)


def lines(
    title: str, axes: tuple[str, str], rows: Sequence[Line], formats: tuple[Format, Format], span: tuple[float, float],
    marks: Mapping[float, str] | None = None, whole: bool = False,
) -> str:  # fmt: skip
    """Lines over x from span[0] to span[1], each named at its end. whole: y runs from 0 to 1, else as far as the points do."""
    left, top, right, bottom = _PLOT
    values = [y for row in rows for _, y in row.points]
    low, high = (0.0, 1.0) if whole or not values else _padded(min(values), max(values))

    def x(value: float) -> float:
        return left + (right - left) * (value - span[0]) / max(span[1] - span[0], 1e-9)

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / max(high - low, 1e-9)

    parts = []
    for tick in _ticks(low, high, 5):
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 5}" y="{y(tick) + 4:.1f}" text-anchor="end">{escape(formats[1](tick))}</text>')  # fmt: skip
    days = span[1] - span[0] <= 10 and span[0] == 1
    parts += [
        f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 15}" text-anchor="middle">{escape(formats[0](tick))}</text>'
        for tick in (range(1, int(span[1]) + 1) if days else _ticks(span[0], span[1], 5))
    ]
    for value, name in (marks or {}).items():
        parts.append(f'<line class="mark" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{top}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x(value):.1f}" y="{top - 4}" text-anchor="middle">{escape(name)}</text>')
    for row in rows:
        if not row.points:
            continue
        path = f"M{x(row.points[0][0]):.1f} {y(row.points[0][1]):.1f}"
        for at, value in row.points[1:]:
            path += f"H{x(at):.1f}V{y(value):.1f}" if row.stepped else f"L{x(at):.1f} {y(value):.1f}"
        parts.append(f'<path class="line {row.key}" d="{path}"/>')
    ended = [(y(row.points[-1][1]), row) for row in rows if row.points]
    for (end, row), place in zip(ended, _apart([end for end, _ in ended], top, bottom), strict=True):
        parts.append(f'<path class="lead {row.key}" d="M{right + 2} {end:.1f}L{right + 9} {place:.1f}"/>')
        parts.append(f'<text class="name {row.key}" x="{right + 12}" y="{place + 4:.1f}">{escape(row.label)}</text>')
    parts.append(_axis_name(axes[0], (left + right) / 2, bottom + 33))
    parts.append(
        f'<text class="axis" transform="translate(10 {(top + bottom) / 2:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(axes[1])}</text>"
    )
    said = "; ".join(f"{row.label} ends at {formats[1](row.points[-1][1])}" for row in rows if row.points)
    return _svg(title, said, bottom + 40, parts)


def _svg(title: str, said: str, height: float, parts: list[str]) -> str:
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {height:.0f}" aria-label="{escape(f"{title}: {said}", quote=True)}">'
        f"{''.join(parts)}</svg>"
    )


def _axis_name(name: str, x: float, y: float) -> str:
    return f'<text class="axis" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(name)}</text>'


def _padded(low: float, high: float) -> tuple[float, float]:
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers between the two, about so many."""
    raw = max(high - low, 1e-12) / about
    size: float = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw)
    return [round(step * number, 10) for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]  # fmt: skip


def _apart(places: list[float], top: float, bottom: float) -> list[float]:
    """The same heights, moved as little as needed so that names 13 units high do not cover each other."""
    gap = 13.0
    order = sorted(range(len(places)), key=lambda place: places[place])
    moved = [places[place] for place in order]
    for _ in range(60):
        for at in range(1, len(moved)):
            lack = gap - (moved[at] - moved[at - 1])
            if lack > 0:
                moved[at - 1] -= lack / 2
                moved[at] += lack / 2
        if moved and moved[0] < top:
            moved = [top + (place - moved[0]) if place == moved[0] else place for place in moved]
        if moved and moved[-1] > bottom:
            moved[-1] = bottom
    result = list(places)
    for place, value in zip(order, moved, strict=True):
        result[place] = value
    return result
