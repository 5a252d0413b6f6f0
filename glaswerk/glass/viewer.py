"""What ranking may know of one person, and how strong a watch is."""

from dataclasses import dataclass, field
from enum import IntFlag
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np

from glaswerk.glass.dials import NEUTRAL, Dials
from glaswerk.glass.errors import WireError
from glaswerk.glass.scale import Ints, frozen
from glaswerk.glass.wire import Reader, Writer


class Flag(IntFlag):
    """What a viewer did with a video beside watching it."""

    NONE = 0
    LIKED = 1
    SAVED = 2
    SHARED = 4
    SKIPPED = 8
    """Left within two seconds."""
    NOT_INTERESTED = 16
    FINISHED = 32


LIKED, SAVED, SHARED = Flag.LIKED, Flag.SAVED, Flag.SHARED
SKIPPED, NOT_INTERESTED, FINISHED = Flag.SKIPPED, Flag.NOT_INTERESTED, Flag.FINISHED
# Plain integers, since an enumeration's operators cost more than all the rest of `finish_strength`.
_LIKED, _SAVED, _SHARED, _FINISHED = int(LIKED), int(SAVED), int(SHARED), int(FINISHED)
_UNWANTED = int(SKIPPED | NOT_INTERESTED)
_ALL_FLAGS = int(LIKED | SAVED | SHARED | SKIPPED | NOT_INTERESTED | FINISHED)


class Watch(NamedTuple):
    """One video that the viewer watched: strength 0..255 as `finish_strength` gives it, at in Unix milliseconds."""

    video: int
    strength: int
    at_ms: int
    flags: int = 0


def finish_strength(watched_ms: int, duration_ms: int, loops: int = 0, flags: int = 0) -> int:
    """How much a watch says for its video, 0..255.

    A whole watch gives 160, a part of one its share; every further loop 16 more (at most 48); a like 32, a save 40, a share 48.
    A skip or "not interested" gives 0, whatever else was done. A video without a duration counts as watched whole.
    """
    if flags & _UNWANTED:
        return 0
    watched = min(max(watched_ms, 0), duration_ms) if duration_ms > 0 else 1
    strength = 160 * watched // max(duration_ms, 1)
    if flags & _FINISHED or loops > 0:
        strength = 160
    strength += min(16 * max(loops, 0), 48)
    strength += 32 * bool(flags & _LIKED) + 40 * bool(flags & _SAVED) + 48 * bool(flags & _SHARED)
    return min(strength, 255)


@dataclass(frozen=True, eq=False)
class Viewer:
    """One viewer at one moment.

    id: negative when signed out. watches: newest first. follows, blocks: creator ids, rising. seen: ids of videos that were
    on the screen, rising, as a tuple or an int64 array; videos among the watches need not be repeated. region, language:
    codes as in the catalogue, or "". profiling: False makes a feed by rules alone (no signal that sums over watches).
    dials: what the viewer asks for. hidden: rising tokens of words, hashtags, creators and sounds that the viewer hides.
    Two viewers are equal when their encodings are. Raises WireError for lists out of order.
    """

    id: int
    watches: tuple[Watch, ...] = ()
    follows: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()
    seen: Any = field(default=(), repr=False)
    region: str = ""
    language: str = ""
    profiling: bool = True
    dials: Dials = NEUTRAL
    hidden: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "seen", frozen(self.seen))
        for name in ("follows", "blocks", "seen", "hidden"):
            values = frozen(getattr(self, name))
            if len(values) > 1 and not bool(np.all(values[1:] > values[:-1])):
                raise WireError(f"{name} of a viewer must rise strictly")

    def encode(self) -> bytes:
        """Canonical bytes: equal viewers give equal bytes."""
        out = Writer()
        out.natural(2)
        out.integer(self.id)
        out.natural(int(self.profiling))
        out.text(self.region)
        out.text(self.language)
        self.dials.write(out)
        out.natural(len(self.watches))
        columns = self.watch_columns
        strengths, flags = columns[:, 1], columns[:, 3]
        if np.any(strengths < 0) or np.any(strengths > 255) or np.any(flags & ~_ALL_FLAGS):
            raise WireError("a watch has a strength above 255 or an unknown flag")
        out.steps(frozen(columns[:, 0]))
        out.raw(strengths.astype(np.uint8).tobytes())
        out.steps(frozen(columns[:, 2]))
        out.raw(flags.astype(np.uint8).tobytes())
        for values in (self.follow_ids, self.block_ids, self.seen, self.hidden_tokens):
            out.rising(values)
        return out.done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` wrote. Raises WireError for anything else."""
        taken = Reader(data)
        if taken.natural() != 2:
            raise WireError("unknown form of a viewer")
        number = taken.integer()
        profiling = taken.natural()
        if profiling > 1:
            raise WireError("profiling must be 0 or 1")
        region, language = taken.text(), taken.text()
        dials = Dials.read(taken)
        count = taken.count()
        videos, strengths = taken.steps(count).tolist(), taken.raw(count)
        times, flags = taken.steps(count).tolist(), taken.raw(count)
        if any(flag & ~_ALL_FLAGS for flag in flags):
            raise WireError("a watch has an unknown flag")
        watches = map(Watch, videos, strengths, times, flags)
        follows, blocks, seen, hidden = taken.rising(), taken.rising(), taken.rising(), taken.rising()
        taken.end()
        return cls(
            number,
            tuple(watches),
            tuple(follows.tolist()),
            tuple(blocks.tolist()),
            seen,
            region,
            language,
            bool(profiling),
            dials,
            tuple(hidden.tolist()),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Viewer) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    @cached_property
    def watch_columns(self) -> Ints:
        """The watches as rows of video, strength, at, flags."""
        numbers = np.fromiter(chain.from_iterable(self.watches), dtype=np.int64, count=4 * len(self.watches))
        return frozen(numbers.reshape(len(self.watches), 4))

    @cached_property
    def follow_ids(self) -> Ints:
        return frozen(self.follows)

    @cached_property
    def block_ids(self) -> Ints:
        return frozen(self.blocks)

    @cached_property
    def hidden_tokens(self) -> Ints:
        return frozen(self.hidden)
