"""The answer to an ask."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from glaswerk.glass.errors import WireError
from glaswerk.glass.names import MARKS, SOURCES
from glaswerk.glass.wire import Reader, Writer

NAMES = (*SOURCES, *MARKS)


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a slate. value: in 2^-16 log-odds, before spacing. sources: who brought the video, then marks."""

    position: int
    video: int
    value: int
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Slate:
    """The hash of the epoch that it was ranked from (hex), and the slots in order."""

    epoch: str
    slots: tuple[Slot, ...]

    def encode(self) -> bytes:
        """Canonical bytes: replaying gives the same ones."""
        out = Writer()
        out.natural(2)
        out.raw(bytes.fromhex(self.epoch))
        out.natural(len(self.slots))
        for slot in self.slots:
            out.natural(slot.video)
            out.integer(slot.value)
            out.natural(sum(1 << NAMES.index(name) for name in slot.sources))
        return out.done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` wrote. Raises WireError for anything else."""
        taken = Reader(data)
        if taken.natural() != 2:
            raise WireError("unknown form of a slate")
        epoch = taken.raw(32).hex()
        slots = []
        for position in range(taken.count()):
            video, value, bits = taken.natural(), taken.integer(), taken.natural()
            if bits >> len(NAMES):
                raise WireError("a slot names an unknown source")
            slots.append(Slot(position, video, value, named(bits)))
        taken.end()
        return cls(epoch, tuple(slots))


@lru_cache(maxsize=1 << 12)
def named(bits: int) -> tuple[str, ...]:
    """The names that the bits of a slot stand for."""
    return tuple(name for place, name in enumerate(NAMES) if bits >> place & 1)
