"""How events change what is known of a viewer: a fold that repeats and disorder cannot disturb.

Counters are maxima, choices (like, save, follow, block, not interested) are last-writer-wins registers by the event's
own time.  So applying an event twice, or two events in the other order, gives the same state: the projector and every
web worker may apply the log from wherever they stand.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from glaswerk.feed.settings import Settings
from glaswerk.glass import Flag, Watch, finish_strength

SKIP_MS: Final = 2_000
FINISH_SHARE: Final = (19, 20)

# The kinds that say something of a video, and those that say something of its creator.
VIDEO_KINDS: Final = frozenset(
    ("impression", "watch", "like", "unlike", "save", "unsave", "share", "comment", "not_interested", "interested")
)
CREATOR_KINDS: Final = frozenset(("follow", "unfollow", "block", "unblock"))
KINDS: Final = VIDEO_KINDS | CREATOR_KINDS
# The cell itself writes these when somebody changes the settings of their feed; nobody reports them.
SETTING_KINDS: Final = frozenset(("dials", "reset"))
_SWITCHES: Final = {
    "like": ("liked_at", True),
    "unlike": ("liked_at", False),
    "save": ("saved_at", True),
    "unsave": ("saved_at", False),
    "not_interested": ("refused_at", True),
    "interested": ("refused_at", False),
}

_LIKED, _SAVED, _SHARED = int(Flag.LIKED), int(Flag.SAVED), int(Flag.SHARED)
_SKIPPED, _NOT_INTERESTED, _FINISHED = int(Flag.SKIPPED), int(Flag.NOT_INTERESTED), int(Flag.FINISHED)


def _register(current: int, at_ms: int, on: bool) -> int:
    """A last-writer-wins switch in one integer: the time, positive when on; of two at one time, on wins."""
    if at_ms > abs(current) or (at_ms == abs(current) and on):
        return at_ms if on else -at_ms
    return current


@dataclass(slots=True)
class VideoMemory:
    """What one viewer did with one video; times in ms since the Unix epoch, switches as `_register` keeps them.

    `watched_at` is when it was last watched or shared; being on the screen alone moves only `last_at`.
    """

    first_at: int = 0
    last_at: int = 0
    watched: bool = False
    watched_ms: int = 0
    loops: int = 0
    shared: bool = False
    liked_at: int = 0
    saved_at: int = 0
    refused_at: int = 0
    watched_at: int = 0

    def apply(self, event: dict[str, Any]) -> None:
        """Fold one event in."""
        kind, at_ms = event["kind"], event["at"]
        self.first_at = min(self.first_at, at_ms) if self.first_at else at_ms
        self.last_at = max(self.last_at, at_ms)
        if kind == "watch":
            self.watched = True
            self.watched_ms = max(self.watched_ms, event["watched_ms"])
            self.loops = max(self.loops, event["loops"])
            self.watched_at = max(self.watched_at, at_ms)
        elif kind == "share":
            self.shared = True
            self.watched_at = max(self.watched_at, at_ms)
        elif kind in _SWITCHES:
            name, on = _SWITCHES[kind]
            setattr(self, name, _register(getattr(self, name), at_ms, on))

    def flags(self, duration_ms: int, reset_at: int = 0) -> int:
        """The flags of `glaswerk.glass.Watch`, for a video of this duration, of what was done after `reset_at`."""
        # In plain integers: an enumeration's own operators take most of the time of a viewer who is read anew.
        flags = 0
        if self.liked_at > reset_at:
            flags |= _LIKED
        if self.saved_at > reset_at:
            flags |= _SAVED
        if self.refused_at > reset_at:
            flags |= _NOT_INTERESTED
        if self.watched_at > reset_at:
            if self.shared:
                flags |= _SHARED
            if self.watched and is_finish(self.watched_ms, self.loops, duration_ms):
                flags |= _FINISHED
            elif self.watched and is_skip(self.watched_ms, self.loops, duration_ms):
                flags |= _SKIPPED
        return flags

    def as_watch(self, video: int, duration_ms: int, reset_at: int = 0) -> Watch | None:
        """What ranking may know of it; None where the video was on the screen and nothing more.

        What was done up to `reset_at` says nothing.  A video that is watched again afterwards counts with all its
        watching, because only the longest of its watches is kept.
        """
        flags = self.flags(duration_ms, reset_at)
        watched = self.watched and self.watched_at > reset_at
        if not watched and not flags:
            return None
        strength = finish_strength(self.watched_ms if watched else 0, duration_ms, self.loops if watched else 0, flags)
        return Watch(video, strength, self.last_at, flags)


def is_finish(watched_ms: int, loops: int, duration_ms: int) -> bool:
    """Whether a watch reached the end: a whole loop, or all but the last twentieth."""
    part, whole = FINISH_SHARE
    return loops > 0 or (duration_ms > 0 and watched_ms * whole >= duration_ms * part)


def is_skip(watched_ms: int, loops: int, duration_ms: int) -> bool:
    """Whether a watch ended within two seconds, and before the end."""
    return watched_ms < SKIP_MS and not is_finish(watched_ms, loops, duration_ms)


@dataclass(slots=True)
class CreatorMemory:
    """Whether one viewer follows or blocks one creator; switches as `_register` keeps them."""

    follow_at: int = 0
    block_at: int = 0

    def apply(self, event: dict[str, Any]) -> None:
        """Fold one event in."""
        kind, at_ms = event["kind"], event["at"]
        if kind in ("follow", "unfollow"):
            self.follow_at = _register(self.follow_at, at_ms, kind == "follow")
        else:
            self.block_at = _register(self.block_at, at_ms, kind == "block")

    @property
    def follows(self) -> bool:
        """Whether the viewer follows the creator; a block undoes it."""
        return self.follow_at > 0 and not self.blocks

    @property
    def blocks(self) -> bool:
        """Whether the viewer has blocked the creator."""
        return self.block_at > 0


@dataclass(slots=True)
class ViewerMemory:
    """Everything the log says of one viewer."""

    videos: dict[int, VideoMemory] = field(default_factory=dict)
    creators: dict[int, CreatorMemory] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    def apply(self, events: Iterable[dict[str, Any]]) -> None:
        """Fold events in; unknown kinds are those of a later version and say nothing here."""
        for event in events:
            if event["kind"] in CREATOR_KINDS:
                self.creators.setdefault(event["creator"], CreatorMemory()).apply(event)
            elif event["kind"] in VIDEO_KINDS:
                self.videos.setdefault(event["video"], VideoMemory()).apply(event)
            elif event["kind"] in SETTING_KINDS:
                self.settings.apply(event)
