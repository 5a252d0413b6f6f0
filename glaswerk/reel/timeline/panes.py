"""Where pictures go: the panes of a layout, and what of a picture is seen in its pane. Whole pixels, even ones."""

from dataclasses import dataclass
from typing import Final

from glaswerk.reel.timeline.model import Clip, Crop, Fit, Layout, Timeline

_SMALL_PART: Final = 3
_EDGE: Final = 0.04


@dataclass(frozen=True, slots=True)
class Pane:
    """A part of the frame, from its upper left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The part of a picture that is used, as fractions of what is displayed, and its size in the pane."""

    crop: Crop
    width: int
    height: int


def panes(timeline: Timeline) -> tuple[Pane, Pane | None]:
    """That of the main track and that of the partner."""
    width, height = timeline.width, timeline.height
    whole = Pane(0, 0, width, height)
    if timeline.layout == Layout.DUET_TOP:
        upper = even(height / 2)
        return Pane(0, 0, width, upper), Pane(0, upper, width, height - upper)
    if timeline.layout == Layout.DUET_LEFT:
        left = even(width / 2)
        high = min(height, even(left * 16 / 9))
        y = even((height - high) / 2, least=0)
        return Pane(0, y, left, high), Pane(left, y, width - left, high)
    if timeline.layout == Layout.PIP:
        small = Pane(even(width * _EDGE), even(height * _EDGE), even(width / _SMALL_PART), even(height / _SMALL_PART))
        return small, whole
    return whole, None


def seen(clip: Clip, pane: Pane, width: int, height: int) -> Seen:
    """What a clip shows of a picture of `width` x `height`."""
    crop = clip.crop or Crop(x=0.0, y=0.0, width=1.0, height=1.0)
    # A picture's own shape after the crop, and the pane's: which of them is wider?
    wide, high = width * crop.width, height * crop.height
    relation = (wide / high) / (pane.width / pane.height)
    if clip.fit == Fit.CONTAIN:
        fit_width = pane.width if relation >= 1 else min(pane.width, even(pane.width * relation))
        fit_height = pane.height if relation <= 1 else min(pane.height, even(pane.height / relation))
        return Seen(crop, fit_width, fit_height)
    part = Crop(
        x=crop.x + crop.width * (1 - 1 / relation) / 2 if relation > 1 else crop.x,
        y=crop.y + crop.height * (1 - relation) / 2 if relation < 1 else crop.y,
        width=crop.width / relation if relation > 1 else crop.width,
        height=crop.height * relation if relation < 1 else crop.height,
    )
    return Seen(part, pane.width, pane.height)


def even(side: float, least: int = 2) -> int:
    """The nearest even number."""
    return max(least, round(side / 2) * 2)
