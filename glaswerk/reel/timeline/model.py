"""What a timeline is, as frozen values. Milliseconds, fractions of the frame, and names from closed sets.

`parse` makes these from a document and has checked them; whoever makes them otherwise is checked when they are rendered, because
that reads what `dump` writes.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MIN_MS: Final = 200
"""What is shorter is no video; a draft may be."""
MAX_MS: Final = 600_000
MAX_SIDE: Final = 2160
MIN_SIDE: Final = 64
MAX_FPS: Final = 60
MAX_CLIPS: Final = 100
"""Clips in one document, over all tracks: each is a decoder of its own while the video is made."""
MAX_OVERLAYS: Final = 100
MAX_CAPTIONS: Final = 500
MAX_TEXT: Final = 500
MAX_LINES: Final = 20
MIN_SPEED: Final = 0.3
MAX_SPEED: Final = 3.0
MAX_TRANSITION_MS: Final = 5_000


class TimelineError(Exception):
    """A document cannot be understood, or not be rendered.

    `field` is the place in the document, `message` an English sentence that says what is wrong and what would be right. Neither holds
    a path of this machine.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Note:
    """Something in a foreign document that was left out: where, and what."""

    field: str
    message: str


class Fit(StrEnum):
    """How a picture of another shape meets its pane."""

    COVER = "cover"
    CONTAIN = "contain"


class Backdrop(StrEnum):
    """What is behind a contained picture: the timeline's background, or the picture itself, blurred."""

    PLAIN = "plain"
    BLUR = "blur"


class Layout(StrEnum):
    """Where the own picture is, and where the partner's."""

    SINGLE = "single"
    DUET_LEFT = "duet_left"
    DUET_TOP = "duet_top"
    PIP = "pip"


class Cut(StrEnum):
    """How one clip becomes the next."""

    DISSOLVE = "dissolve"
    FADE = "fade"
    SLIDE_LEFT = "slide_left"
    SLIDE_UP = "slide_up"
    WIPE = "wipe"
    CIRCLE = "circle"
    ZOOM = "zoom"


class Align(StrEnum):
    """On which side the lines of a text are even."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


class TextStyle(StrEnum):
    """How a text stands out from the picture."""

    PLAIN = "plain"
    BOX = "box"
    OUTLINE = "outline"
    NEON = "neon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """The part of the displayed picture that is used, as fractions of it."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A piece of a source. `duration_ms` is the time in the track; at speed 2 it uses twice as much of the source."""

    source: str
    start_ms: int
    duration_ms: int
    speed: float = 1.0
    volume: float = 1.0
    fade_in_ms: int = 0
    fade_out_ms: int = 0
    look: str = ""
    look_strength: float = 1.0
    fit: Fit = Fit.COVER
    backdrop: Backdrop = Backdrop.PLAIN
    crop: Crop | None = None
    stitched_from: str = ""
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A pause in a track."""

    duration_ms: int


@dataclass(frozen=True, slots=True)
class Transition:
    """Lies over the cut between two clips and takes no time of its own."""

    kind: Cut
    before_ms: int
    after_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Words over the picture. `x` and `y` are the centre, `size` is the em, as a fraction of the frame's height."""

    text: str
    duration_ms: int
    x: float = 0.5
    y: float = 0.5
    size: float = 0.05
    color: str = "#ffffff"
    background: str = ""
    align: Align = Align.CENTER
    style: TextStyle = TextStyle.PLAIN
    rotation: float = 0.0
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticker:
    """A drawn shape over the picture. `size` is the side of its square, as a fraction of the frame's height."""

    sticker: str
    duration_ms: int
    x: float = 0.5
    y: float = 0.5
    size: float = 0.15
    rotation: float = 0.0
    id: str = ""


Item = Clip | Gap | Transition | Text | Sticker


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A sequence: each item begins where the one before it ends. `duck` makes it step back behind voices and clips; `video` is whose
    a partner is."""

    name: str
    items: tuple[Item, ...] = ()
    volume: float = 1.0
    duck: bool = False
    duck_db: float = 12.0
    video: str = ""


@dataclass(frozen=True, slots=True)
class Caption:
    """What is said between two moments."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A whole document. `warnings` says what of a foreign one was left out, and is no part of what it is."""

    main: Track
    name: str = ""
    width: int = 720
    height: int = 1280
    fps: int = 30
    background: str = "#000000"
    layout: Layout = Layout.SINGLE
    partner: Track | None = None
    overlays: tuple[Track, ...] = ()
    music: tuple[Track, ...] = ()
    voice: tuple[Track, ...] = ()
    captions: tuple[Caption, ...] = ()
    burn_captions: bool = False
    cover_ms: int = 0
    warnings: tuple[Note, ...] = field(default=(), compare=False)

    @property
    def duration_ms(self) -> int:
        """The whole lasts as long as its main track."""
        return sum(length(item) for item in self.main.items)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """All of them, from the back of the picture to the front, then the sound."""
        partner = (self.partner,) if self.partner is not None else ()
        return (self.main, *partner, *self.overlays, *self.music, *self.voice)

    @property
    def sources(self) -> tuple[str, ...]:
        """What the clips refer to, each once, in the order of their first use."""
        found = [item.source for track in self.tracks for item in track.items if isinstance(item, Clip)]
        return tuple(dict.fromkeys(found))


def length(item: Item) -> int:
    """The time that an item takes in its track."""
    return 0 if isinstance(item, Transition) else item.duration_ms
