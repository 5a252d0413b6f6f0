"""Messages: everything that one cell says to another, and nothing else can be said.

Each is a frozen model with exact fields, and has one spelling: JSON without spaces, keys in order, UTF-8, at most 16 kB.
`parse_message` takes exactly what `encode` writes, so a key that stands twice, a number with a point, an escape or a
space more makes another hash and is refused.  What a message says is public: its author chose to publish it beyond the
cell that it is from.  Texts are plain, and every length and number has a bound.
"""

import hashlib
import unicodedata
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic import model_validator as whole

from glaswerk.people.names import NAME_PATTERN_COMPILED

MOST_BYTES: Final = 16 << 10
# Of one message of counts: as many as fit whatever the numbers are.
MOST_COUNTED: Final = 400
LARGEST_NUMBER: Final = (1 << 53) - 1
# Embeddings, overrides and isolates can turn the words around them against what they say.
_TURNING: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_UNSEEN: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


class MessageRefused(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """This is no message; it says which field, and what it takes."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}" if field else detail)
        self.field = field
        self.detail = detail


def plain(text: str, most: int, *, lines: bool = False) -> str:
    """Return a text as a message may hold it: NFC, nothing unseen, and no more of it than fits."""
    unified = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    kept = "".join(letter for letter in unified if _is_seen(letter, lines))
    # A cut may leave a mark alone that composes with what comes before it, so the form is looked at again.
    return unicodedata.normalize("NFC", kept[:most]).strip()


def _is_seen(letter: str, lines: bool) -> bool:
    return (lines and letter == "\n") or (letter not in _TURNING and unicodedata.category(letter) not in _UNSEEN)


def _check_text(lines: bool) -> AfterValidator:
    def check(text: str) -> str:
        if not all(_is_seen(letter, lines) for letter in text):
            raise ValueError("holds a character that cannot be seen")
        if unicodedata.normalize("NFC", text) != text or text != text.strip():
            raise ValueError("is not in its plain form: Unicode's NFC, nothing blank around it")
        return text

    return AfterValidator(check)


def _ascending(values: tuple[str, ...]) -> tuple[str, ...]:
    if list(values) != sorted(set(values)):
        raise ValueError("is not in order, or names something twice")
    return values


def _is_name(text: str) -> str:
    if not NAME_PATTERN_COMPILED.fullmatch(text):
        raise ValueError("is no name")
    return text


def _is_day(text: str) -> str:
    date.fromisoformat(text)
    return text


_Id = Annotated[str, StringConstraints(pattern=r"^[0-7][0-9a-hjkmnp-tv-z]{12}$")]
_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[str, AfterValidator(_is_name)]
_Whole = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
_Line = _check_text(lines=False)
_Lines = _check_text(lines=True)
_Language = Annotated[str, StringConstraints(pattern=r"^([a-z]{2,3}(-[a-z]{2})?)?$", max_length=5)]
_Region = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,15}$")]
_Origin = Annotated[str, StringConstraints(pattern=r"^[!-*,-~]{1,255}$")]
_Address = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]{1,480}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class File(_Part):
    """A file that belongs to a message, named by the SHA-256 of its bytes."""

    sha256: _Hash
    bytes: Annotated[int, Field(ge=1, le=1 << 40)]


class Media(File):
    """The file that a video is made of."""

    width: Annotated[int, Field(ge=1, le=16384)]
    height: Annotated[int, Field(ge=1, le=16384)]
    duration_ms: Annotated[int, Field(ge=1, le=86_400_000)]


class Track(File):
    """What is said in a video, as WebVTT."""

    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[a-z]{2})?$", max_length=5)]


class _Message(_Part):
    v: Literal[1] = 1

    def encode(self) -> bytes:
        """The bytes of the message.  Raises MessageRefused where they are too many."""
        data = orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        if len(data) > MOST_BYTES:
            raise MessageRefused("", f"a message has at most {MOST_BYTES} bytes, and this one has {len(data)}")
        return data

    @property
    def files(self) -> tuple[File, ...]:
        """The files that belong to it."""
        return ()


class Profile(_Message):
    """Somebody who publishes."""

    type: Literal["profile"] = "profile"
    id: _Id
    name: _Name
    display_name: Annotated[str, Field(max_length=50), _Line]
    bio: Annotated[str, Field(max_length=160), _Lines]
    avatar: File | None

    @property
    def files(self) -> tuple[File, ...]:
        """The picture."""
        return (self.avatar,) if self.avatar else ()


class Video(_Message):
    """A video, whoever made it, and what others may make of it."""

    type: Literal["video"] = "video"
    id: _Id
    by: _Id
    # The name stands here too, because the message about this person may be another one by the time that this is read.
    by_name: _Name
    caption: Annotated[str, Field(max_length=2200), _Lines]
    language: _Language
    region: _Region
    allow: Annotated[tuple[Literal["duet", "sound", "stitch"], ...], AfterValidator(_ascending)]
    sound_title: Annotated[str, Field(max_length=80), _Line]
    published_at: _Whole
    media: Media
    captions: Annotated[tuple[Track, ...], Field(max_length=32)]

    @whole(mode="after")
    def _names_each_language_once(self) -> Self:
        _ascending(tuple(track.language for track in self.captions))
        return self

    @property
    def files(self) -> tuple[File, ...]:
        """The video's file first, then its captions."""
        return (self.media, *self.captions)


class Offer(_Message):
    """Something that is sold in the cell that says so, and is seen in these videos.  Prices are in minor units."""

    type: Literal["offer"] = "offer"
    id: _Id
    title: Annotated[str, Field(min_length=1, max_length=200), _Line]
    vendor: Annotated[str, Field(max_length=100), _Line]
    seller: Annotated[str, Field(min_length=1, max_length=80), _Line]
    url: _Address
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    minor: Annotated[int, Field(ge=1, le=10_000_000_000)]
    picture: File | None
    videos: Annotated[tuple[_Id, ...], Field(min_length=1, max_length=64), AfterValidator(_ascending)]

    @property
    def files(self) -> tuple[File, ...]:
        """The picture."""
        return (self.picture,) if self.picture else ()


class Tombstone(_Message):
    """What is not public beyond its cell any more: whoever holds a copy removes it."""

    type: Literal["tombstone"] = "tombstone"
    id: _Id
    # Of a move it is the account of the cell that says so.
    of: Literal["profile", "video", "offer", "move"]


class Counts(_Message):
    """How often a day's videos of one cell were watched in the cell that says so: noisy, and 0 below the floor."""

    type: Literal["counts"] = "counts"
    day: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_is_day)]
    # The log of the cell that the videos are at home in.
    home: _Origin
    part: Annotated[int, Field(ge=1, le=1_000_000)]
    parts: Annotated[int, Field(ge=1, le=1_000_000)]
    # Thousandths, because a message has whole numbers only.
    epsilon_milli: Annotated[int, Field(ge=1, le=1_000_000)]
    floor: _Whole
    videos: Annotated[tuple[_Id, ...], Field(min_length=1, max_length=MOST_COUNTED), AfterValidator(_ascending)]
    plays: Annotated[tuple[_Whole, ...], Field(max_length=MOST_COUNTED)]

    @whole(mode="after")
    def _counts_each_video(self) -> Self:
        if len(self.plays) != len(self.videos) or self.part > self.parts:
            raise ValueError("has one number for each video, and no part beyond the last")
        return self


class Notice(_Message):
    """What is going to happen to the cell that says so.  Times are milliseconds since 1970, 0 for none."""

    type: Literal["notice"] = "notice"
    state: Literal["open", "notice", "readonly", "dark", "carved"]
    at: _Whole
    until: _Whole
    # The public key of the log that goes on where this one ends, or nothing.
    successor: Annotated[str, StringConstraints(pattern=r"^([!-~]{1,400})?$")]


class Move(_Message):
    """Somebody lives in another cell from now on: half of a pointer, which counts once both cells have said the same.

    The same are `id`, `home`, `to_id` and `to`; each cell names the accounts, and says when, as it knows it.
    """

    type: Literal["move"] = "move"
    id: _Id
    name: _Name
    home: _Origin
    to: _Origin
    to_id: _Id
    to_name: _Name
    # Milliseconds since 1970; a half that is said anew is later than the one before.
    at: _Whole


Message = Profile | Video | Offer | Tombstone | Counts | Notice | Move
KINDS: Final = ("profile", "video", "offer", "tombstone", "counts", "notice", "move")
_ADAPTER: Final[TypeAdapter[Message]] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def parse_message(data: bytes) -> Message:
    """Read a message.  Raises MessageRefused for anything that `encode` would not have written."""
    if len(data) > MOST_BYTES:
        raise MessageRefused("", f"a message has at most {MOST_BYTES} bytes")
    try:
        message = _ADAPTER.validate_json(data)
        spelling = message.encode()
    except ValidationError as error:
        problem: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = [str(step) for step in problem["loc"] if step not in KINDS]
        raise MessageRefused(".".join(place), problem["msg"]) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise MessageRefused("", f"this cannot be read: {error}") from None
    if spelling != data:
        raise MessageRefused("", "this has another spelling: no spaces, keys in order and once, plain UTF-8")
    return message


def hash_of(data: bytes) -> str:
    """The name under which the log knows a message or a file."""
    return hashlib.sha256(data).hexdigest()
