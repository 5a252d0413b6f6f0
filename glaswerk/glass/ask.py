"""One request for a slate."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from glaswerk.glass.errors import GlassError, WireError
from glaswerk.glass.scale import Ints, frozen
from glaswerk.glass.wire import Reader, Writer

MOST = 50


@dataclass(frozen=True)
class Ask:
    """How many (1..50), when (Unix milliseconds), on which surface, with which seed.

    surface: "for_you", "following", "shop", "hashtag:<tag>" or "creator:<id>". withdrawn: rising ids of videos that were taken away
    since the epoch was cut. again: videos that the viewer has seen may follow the unseen ones, least recently seen first.
    Raises GlassError for anything else.
    """

    limit: int
    at_ms: int
    surface: str = "for_you"
    seed: int = 0
    withdrawn: tuple[int, ...] = ()
    again: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST:
            raise GlassError(f"limit must lie between 1 and {MOST}")
        if not 0 <= self.at_ms < 1 << 53 or not -(1 << 63) <= self.seed < 1 << 63:
            raise GlassError("at_ms or seed is out of range")
        kind, _, argument = self.surface.partition(":")
        if kind in ("for_you", "following", "shop"):
            good = self.surface == kind
        elif kind == "hashtag":
            good = bool(argument)
        else:
            good = kind == "creator" and argument.isascii() and argument.isdigit() and str(int(argument)) == argument
        if not good:
            raise GlassError(f"unknown surface {self.surface!r}")
        if any(later <= earlier for earlier, later in zip(self.withdrawn, self.withdrawn[1:], strict=False)):
            raise GlassError("withdrawn must rise strictly")

    @property
    def kind(self) -> str:
        """The surface without its argument."""
        return self.surface.partition(":")[0]

    @property
    def argument(self) -> str:
        """The hashtag or the creator id of the surface, or ""."""
        return self.surface.partition(":")[2]

    @cached_property
    def withdrawn_ids(self) -> Ints:
        return frozen(self.withdrawn)

    def encode(self) -> bytes:
        """Canonical bytes."""
        out = Writer()
        out.natural(1)
        out.natural(self.limit)
        out.natural(self.at_ms)
        out.text(self.surface)
        out.integer(self.seed)
        out.natural(int(self.again))
        out.rising(np.asarray(self.withdrawn_ids))
        return out.done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` wrote. Raises WireError for anything else."""
        taken = Reader(data)
        if taken.natural() != 1:
            raise WireError("unknown form of an ask")
        limit, at_ms, surface, seed, again = (
            taken.natural(),
            taken.natural(),
            taken.text(),
            taken.integer(),
            taken.natural(),
        )
        withdrawn = tuple(taken.rising().tolist())
        taken.end()
        if again > 1:
            raise WireError("again must be 0 or 1")
        try:
            return cls(limit, at_ms, surface, seed, withdrawn, bool(again))
        except WireError:
            raise
        except GlassError as error:
            raise WireError(str(error)) from error
