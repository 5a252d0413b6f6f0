"""What a viewer asks of their own feed: more or less of something, as whole numbers from -2 to 2."""

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Final, Self

from glaswerk.glass.errors import WireError
from glaswerk.glass.wire import Reader, Writer

MOST: Final = 2
MOST_TOPICS: Final = 20


@dataclass(frozen=True, slots=True)
class Dials:
    """-2 much less, 0 as the policy has it, 2 much more. topics: (hashtag, setting) by rising hashtag, none of them 0, 20 at most.

    new: lately published. familiar: by whom you follow or watch. local: from your region. shopping: shoppable or promoted.
    long: the longer the more. Raises WireError for anything else.
    """

    new: int = 0
    familiar: int = 0
    local: int = 0
    shopping: int = 0
    long: int = 0
    topics: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        for name in NAMES:
            _check(name, getattr(self, name))
        if len(self.topics) > MOST_TOPICS:
            raise WireError(f"more than {MOST_TOPICS} topics have a dial")
        for hashtag, setting in self.topics:
            _check(f"the topic {hashtag!r}", setting)
            if not hashtag or setting == 0:
                raise WireError("a topic of a dial must have a name and must not be 0")
        named = [hashtag for hashtag, _ in self.topics]
        if any(later <= earlier for earlier, later in pairwise(named)):
            raise WireError("the topics of the dials must rise strictly")

    def write(self, out: Writer) -> None:
        """The canonical bytes, as a part of a viewer."""
        for name in NAMES:
            out.integer(getattr(self, name))
        out.natural(len(self.topics))
        for hashtag, setting in self.topics:
            out.text(hashtag)
            out.integer(setting)

    @classmethod
    def read(cls, taken: Reader) -> Self:
        """What `write` wrote. Raises WireError for anything else."""
        settings = {name: taken.integer() for name in NAMES}
        topics = tuple((taken.text(), taken.integer()) for _ in range(taken.count()))
        return cls(topics=topics, **settings)


NAMES: Final = tuple(field.name for field in fields(Dials) if field.name != "topics")


def _check(name: str, setting: object) -> None:
    if type(setting) is not int or not -MOST <= setting <= MOST:
        raise WireError(f"the dial of {name} must be a whole number from -{MOST} to {MOST}")


NEUTRAL: Final = Dials()
"""All of them in the middle: the feed as the policy makes it."""
