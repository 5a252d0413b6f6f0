"""Three quick skips of one topic: what is left of it in the next slate.

Each of some viewers gets a slate; the topic is the hashtag that most of its videos carry. The viewer then leaves three videos of it
within two seconds (from the slate, and if it has fewer, the newest others). What the next slate would have been, had the
same videos only passed over the screen, is asked for too: same viewer, same moment, same dice. Nothing of this is remembered.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from glaswerk.glass.ask import Ask
from glaswerk.glass.simulator.contenders import Contender
from glaswerk.glass.simulator.ledger import Board, Ledger
from glaswerk.glass.simulator.run import slate_seed
from glaswerk.glass.simulator.settings import SLATE, Settings
from glaswerk.glass.simulator.world import NOISE_TAGS
from glaswerk.glass.viewer import SKIPPED, Viewer, Watch

ASKED: Final = 200
"""Viewers who are asked at most."""
SKIPS: Final = 3


@dataclass(frozen=True, slots=True)
class Skips:
    """How many slots of the next slates carried the topic: after skips, without them, and in the slates before; of how many."""

    after: int
    without: int
    before: int
    slots: int

    @property
    def ratio(self) -> float | None:
        """Share of the topic after the skips to that without them; None where it was not there anyway."""
        return self.after / self.without if self.without else None

    @property
    def ratio_to_before(self) -> float | None:
        """The same against the slate that was skipped in."""
        return self.after / self.before if self.before else None


def skip_topics(settings: Settings, ledger: Ledger, board: Board, contender: Contender) -> Skips:
    """Ask as many viewers as `ASKED` allows. The contender must have had a look at the board."""
    tags_of = dict(zip(board.catalogue.ids.tolist(), board.catalogue.hashtags, strict=True))
    after = without = before = slots = 0
    for row in range(min(ASKED, settings.viewers)):
        viewer = ledger.viewer(row)
        first, second = (
            Ask(SLATE, board.at_ms + minutes * 60_000, seed=slate_seed(settings.seed, row, board.at_ms, minutes))
            for minutes in (0, 1)
        )
        slate = contender.slate(viewer, first)
        topic = _topic(slate, tags_of)
        if topic is None:
            continue
        hit = [video for video in slate if topic in tags_of[video]][:SKIPS]
        known = {*slate, *viewer.seen.tolist()}
        others = (video for video in reversed(board.catalogue.ids.tolist()) if topic in tags_of[video])
        hit += [video for video in others if video not in known][: SKIPS - len(hit)]
        watched = tuple(Watch(video, 0, first.at_ms + place, int(SKIPPED)) for place, video in enumerate(hit))
        passed = _seen(viewer, [*slate, *hit])
        skipped = replace(passed, watches=(*reversed(watched), *viewer.watches))
        before += _count(slate, topic, tags_of)
        after += _count(contender.slate(skipped, second), topic, tags_of)
        without += _count(contender.slate(passed, second), topic, tags_of)
        slots += SLATE
    return Skips(after, without, before, slots)


def _topic(slate: Sequence[int], tags_of: dict[int, tuple[str, ...]]) -> str | None:
    found = Counter(tag for video in slate for tag in tags_of[video] if tag not in NOISE_TAGS)
    return min(found, key=lambda tag: (-found[tag], tag)) if found else None


def _count(slate: Sequence[int], topic: str, tags_of: dict[int, tuple[str, ...]]) -> int:
    return sum(topic in tags_of[video] for video in slate)


def _seen(viewer: Viewer, videos: list[int]) -> Viewer:
    return replace(viewer, seen=np.array(sorted({*viewer.seen.tolist(), *videos}), dtype=np.int64))
