"""The parts of a plan, and the counting in frames and samples that picture and sound have in common."""

from dataclasses import dataclass
from typing import Final

from glaswerk.reel.timeline.model import Item, Sticker, Text, Track, Transition, length

RATE: Final = 48_000
SAMPLES_PER_MS: Final = RATE // 1000


@dataclass(frozen=True, slots=True)
class Input:
    """What ffmpeg opens: a source by its reference, or a drawing by its name (`source` is then ""). Options go before `-i`."""

    source: str
    options: tuple[str, ...]
    drawing: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture to be drawn before: its file's name, and the text or the sticker on it, or nothing.

    With a `canvas` it is drawn in the middle of one of that size, else it is as large as what is on it.
    """

    name: str
    item: Text | Sticker | None
    canvas: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of colours to be written before."""

    name: str
    look: str
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Everything that a render does: what it opens, what it draws before, the two filter graphs, and how it encodes.

    `video` ends in [v], `audio` in [a]; `audio` is "" where nothing is to be heard.
    """

    inputs: tuple[Input, ...]
    drawings: tuple[Drawing, ...]
    tables: tuple[Table, ...]
    video: str
    audio: str
    arguments: tuple[str, ...]
    width: int
    height: int
    frames: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Piece:
    """An item of a track with its place in time, and how far transitions reach beyond its two ends. Milliseconds."""

    number: int
    item: Item
    start_ms: int
    end_ms: int
    before_ms: int = 0
    after_ms: int = 0
    joined: Transition | None = None
    """The transition that leads to it."""


def pieces(track: Track) -> list[Piece]:
    """The items of a track that take time."""
    found: list[Piece] = []
    now = 0
    for number, item in enumerate(track.items):
        if isinstance(item, Transition):
            continue
        leading = track.items[number - 1] if number else None
        following = track.items[number + 1] if number + 1 < len(track.items) else None
        joined = leading if isinstance(leading, Transition) else None
        end = now + length(item)
        before = joined.before_ms if joined is not None else 0
        after = following.after_ms if isinstance(following, Transition) else 0
        found.append(Piece(number, item, now, end, before, after, joined))
        now = end
    return found


def frame_at(milliseconds: int, fps: int) -> int:
    """The number of the first frame that is not before a moment, to the nearest half."""
    return (milliseconds * fps * 2 + 1000) // 2000
