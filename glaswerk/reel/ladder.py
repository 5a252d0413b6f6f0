"""Which sizes a source gets, in which codes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SHORT_EDGES: Final = (1080, 720, 540, 360)
FIRST_EDGE: Final = 540
"""The first rendition has no more than this: a phone shows it sharp, and it is made several times as fast as the largest."""

# A panorama keeps its shape but not its height: decoders in phones give up on very long lines.
_LONGEST: Final = 4


class Family(StrEnum):
    """How a rendition is encoded. Every browser plays H.264; AV1 takes about half the bytes."""

    H264 = "h264"
    AV1 = "av1"


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition to make: its size in pixels, its code and its rate control."""

    width: int
    height: int
    quality: int
    """The constant rate factor of x264, or of SVT-AV1."""
    max_bitrate: int
    """Bits per second, over a window of two seconds."""
    family: Family = Family.H264

    @property
    def name(self) -> str:
        """What its files are called."""
        short = min(self.width, self.height)
        return str(short) if self.family is Family.H264 else f"{short}-{self.family}"


def rungs(width: int, height: int, families: tuple[Family, ...] = (Family.H264,)) -> tuple[Rung, ...]:
    """The renditions for a source displayed at `width` by `height`: family by family, the largest first.

    Sides are even, never larger than the source's, and keep its shape within one pixel. A source with a short
    edge of 360 or less has one rendition in each family.
    """
    chosen: list[Rung] = []
    for family in families:
        last = 0
        for short_edge in SHORT_EDGES:
            size = fit(width, height, short_edge)
            if min(size) != last:
                chosen.append(_rung(*size, family))
            last = min(size)
    return tuple(chosen)


def first_rung(ladder: tuple[Rung, ...]) -> Rung:
    """The rendition to make before all others: the largest that is quickly made, in the code that plays everywhere."""
    everywhere = [rung for rung in ladder if rung.family is Family.H264]
    small = [rung for rung in everywhere if min(rung.width, rung.height) <= FIRST_EDGE]
    return (small or everywhere[-1:])[0]


def fit(width: int, height: int, short_edge: int) -> tuple[int, int]:
    """The even size of a source when its short edge is brought down to `short_edge` (even) or less."""
    short, long = min(width, height), max(width, height)
    scale = min(1.0, short_edge / short, short_edge * _LONGEST / long)
    return _even(width, scale), _even(height, scale)


def _even(side: int, scale: float) -> int:
    """The nearest even number that is not above the side."""
    return max(2, min(round(side * scale / 2) * 2, side // 2 * 2))


def _rung(width: int, height: int, family: Family) -> Rung:
    # Rates follow the number of pixels: about 6.6 Mbit/s at 1080p, 3.5 at 720p, 1.2 at 360p, as players' buffers expect.
    pixels = width * height
    max_bitrate = max(300_000, round(3_500_000 * (pixels / (1280 * 720)) ** 0.78 / 1000) * 1000)
    is_small = min(width, height) <= SHORT_EDGES[-1]
    if family is Family.AV1:
        return Rung(width, height, 38 if is_small else 35, max_bitrate, family)
    return Rung(width, height, 25 if is_small else 23, max_bitrate, family)
