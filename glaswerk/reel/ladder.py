"""Which sizes a source gets."""

from dataclasses import dataclass
from typing import Final

SHORT_EDGES: Final = (720, 360)
# A panorama keeps its shape but not its height: decoders in phones give up on very long lines.
_LONGEST: Final = 4


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition to make: its size in pixels and its rate control."""

    width: int
    height: int
    quality: int
    """x264's constant rate factor."""
    max_bitrate: int
    """Bits per second, over a window of two seconds."""
    audio_bitrate: int
    """Bits per second."""


def rungs(width: int, height: int) -> tuple[Rung, ...]:
    """The renditions for a source displayed at `width` by `height`, the largest first.

    Sides are even, never larger than the source's, and keep its shape within one pixel. A source with a short
    edge of 360 or less has one rendition.
    """
    chosen: list[Rung] = []
    for short_edge in SHORT_EDGES:
        size = fit(width, height, short_edge)
        if not chosen or size != (chosen[-1].width, chosen[-1].height):
            chosen.append(_rung(*size))
    return tuple(chosen)


def fit(width: int, height: int, short_edge: int) -> tuple[int, int]:
    """The even size of a source when its short edge is brought down to `short_edge` (even) or less."""
    short, long = min(width, height), max(width, height)
    scale = min(1.0, short_edge / short, short_edge * _LONGEST / long)
    return _even(width, scale), _even(height, scale)


def _even(side: int, scale: float) -> int:
    """The nearest even number that is not above the side."""
    return max(2, min(round(side * scale / 2) * 2, side // 2 * 2))


def _rung(width: int, height: int) -> Rung:
    # Rates follow the number of pixels: about 3.5 Mbit/s at 720p, 1.2 at 360p, as players' buffers expect.
    pixels = width * height
    max_bitrate = max(300_000, round(3_500_000 * (pixels / (1280 * 720)) ** 0.78 / 1000) * 1000)
    is_small = min(width, height) <= SHORT_EDGES[-1]
    return Rung(width, height, 25 if is_small else 23, max_bitrate, 96_000 if is_small else 128_000)
