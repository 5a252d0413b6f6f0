"""What each viewer's feed may know of them, in this process's memory and never behind the event log.

Every worker follows the whole log.  A viewer is loaded from the database when first asked for; the row says up to which
sequence the projector had come, and what this worker has read of the log beyond it is folded in on top.  Before a slate
is made, the worker asks for the log's end and waits until it has read that far (`fence`): so whatever any worker has
acknowledged counts in the very next slate.
"""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import numpy as np
import structlog

from glaswerk.cell.batches import Batched
from glaswerk.cell.database import pool
from glaswerk.cell.ids import now_ms
from glaswerk.cell.log import EVENTS, Entry, EventLog, LogUnavailable
from glaswerk.feed.fold import CreatorMemory, VideoMemory, ViewerMemory
from glaswerk.feed.settings import Settings
from glaswerk.glass import Epoch, Viewer, Watch

PROJECTOR: Final = "projector"
MOST_LOADED: Final = 20_000
PROFILE_TTL_MS: Final = 3_000
FENCE_TIMEOUT_S: Final = 5.0
TRIM_EVERY_S: Final = 2.0
# Only this many of a viewer's videos are read back; older ones neither steer the feed nor come again.
MOST_VIDEOS: Final = 5_000
_MOST_AT_ONCE: Final = 32
_logger = structlog.get_logger("glaswerk.viewers")

# One statement, and so one snapshot: the rows and the watermark belong together.
_LOAD: Final = """
SELECT
  v.viewer,
  coalesce((SELECT sequence FROM feed_watermark WHERE stream = %(projector)s), 0),
  (SELECT coalesce(jsonb_agg(jsonb_build_array(video, first_at, last_at, watched, watched_ms, loops, shared, liked_at,
                                               saved_at, refused_at, watched_at)), '[]')
     FROM (SELECT * FROM feed_watch WHERE viewer = v.viewer ORDER BY last_at DESC LIMIT %(most)s) AS newest),
  (SELECT coalesce(jsonb_agg(jsonb_build_array(creator, follow_at, block_at)), '[]')
     FROM feed_relation WHERE viewer = v.viewer),
  (SELECT jsonb_build_array(settings, reset_at) FROM feed_dials WHERE viewer = v.viewer)
FROM unnest(%(viewers)s::bigint[]) AS v (viewer)
"""
# Whoever has blocked this viewer is not shown to them either.
_PROFILE: Final = """
SELECT p.id, p.language, p.profiling,
       (SELECT coalesce(array_agg(blocker_id), '{}') FROM social_block WHERE blocked_id = p.id)
FROM people_person p WHERE p.id = ANY(%(viewers)s)
"""


class Profile(NamedTuple):
    """What an account says of its feed: language, whether it may be personal, and who has blocked this person."""

    language: str
    profiling: bool
    blocked_by: frozenset[int]


class LoadedViewer:
    """One viewer's memory, the account's own choices, and the frozen form of both that ranking takes."""

    __slots__ = ("_by_account", "_frozen", "_frozen_for", "blocked_by", "language", "memory", "profile_at")

    def __init__(self, memory: ViewerMemory) -> None:
        """Wrap a memory; the account's choices are read by the store."""
        self.memory = memory
        self.language = ""
        self._by_account = True
        self.blocked_by: frozenset[int] = frozenset()
        self.profile_at = 0
        self._frozen: Viewer | None = None
        self._frozen_for: tuple[str, str] = ("", "")

    def apply(self, events: Iterable[dict[str, Any]]) -> None:
        """Fold events in; the next `frozen` shows them."""
        self.memory.apply(events)
        self._frozen = None

    def set_profile(self, profile: Profile | None) -> None:
        """Take over the account's choices as they are now; None for an account that is gone changes nothing."""
        self.profile_at = now_ms()
        if profile is not None and profile != (self.language, self._by_account, self.blocked_by):
            self.language, self._by_account, self.blocked_by = profile
            self._frozen = None

    @property
    def profiling(self) -> bool:
        """Whether the feed may be personal: as the viewer has said, else as the account began (protected under 16)."""
        chosen = self.memory.settings.profiling
        return self._by_account if chosen is None else chosen

    def frozen(self, viewer_id: int, epoch: Epoch, region: str, fallback_language: str) -> Viewer:
        """Return what `rank` takes: the latest watches that the epoch knows, relations and what was seen."""
        language = self.language or fallback_language
        if self._frozen is None or self._frozen_for != (epoch.sha256, language):
            self._frozen = self._freeze(viewer_id, epoch, region, language)
            self._frozen_for = (epoch.sha256, language)
        return self._frozen

    def _freeze(self, viewer_id: int, epoch: Epoch, region: str, language: str) -> Viewer:
        durations = epoch.column("duration")
        settings = self.memory.settings
        watches: list[Watch] = []
        newest_first = sorted(self.memory.videos.items(), key=lambda item: (-item[1].last_at, item[0]))
        rows = epoch.rows_of(np.array([video for video, _ in newest_first], dtype=np.int64)).tolist()
        for (video, memory), row in zip(newest_first, rows, strict=True):
            if row >= 0 and (watch := memory.as_watch(video, int(durations[row]), settings.reset_at)) is not None:
                watches.append(watch)
                if len(watches) == epoch.policy.history.watches:
                    break
        among = {watch.video for watch in watches}
        seen = sorted(video for video in self.memory.videos if video not in among)
        follows = sorted(creator for creator, memory in self.memory.creators.items() if memory.follows)
        blocks = {creator for creator, memory in self.memory.creators.items() if memory.blocks} | self.blocked_by
        return Viewer(
            id=viewer_id,
            watches=tuple(watches),
            follows=tuple(creator for creator in follows if creator not in self.blocked_by),
            blocks=tuple(sorted(blocks)),
            seen=np.array(seen, dtype=np.int64),
            region=region,
            language=language,
            profiling=self.profiling,
            dials=settings.dials,
            hidden=settings.hidden_tokens,
        )


class ViewerStore:
    """The viewers that this worker has met, kept up with the event log."""

    def __init__(self, log: EventLog, forget_video: Callable[[int], None]) -> None:
        """Make an empty store; `start` begins to follow the log.  `forget_video` is told of every video that changed."""
        self._log = log
        self._forget_video = forget_video
        self._loaded: OrderedDict[int, LoadedViewer] = OrderedDict()
        self._loading: set[int] = set()
        self._loads = Batched(self._load, _MOST_AT_ONCE)
        self._profiles = Batched(self._read_profiles, _MOST_AT_ONCE)
        # What was read of the log beyond the projector, by viewer; the projector's progress trims it.
        self._beyond: defaultdict[int, list[tuple[int, list[dict[str, Any]]]]] = defaultdict(list)
        self.applied = 0
        self._progress = asyncio.Condition()

    async def start(self) -> None:
        """Begin behind the projector, where the database's rows end."""
        self.applied = await self._projected()

    async def follow(self) -> None:
        """Read the log for ever."""
        trimmed = time.monotonic()
        async for batch in self._log.tail(EVENTS, self.applied, idle_s=2.0):
            for entry in batch:
                self._apply(entry)
            async with self._progress:
                self._progress.notify_all()
            # By the clock and not in a quiet moment, because a busy cell has none.
            if time.monotonic() - trimmed > TRIM_EVERY_S:
                await self._trim()
                trimmed = time.monotonic()

    def _apply(self, entry: Entry) -> None:
        if entry.subject == "videos":
            for item in entry.items:
                self._forget_video(item["video"])
        elif entry.subject == "people":
            for item in entry.items:
                self._loaded.pop(item["viewer"], None)
                self._beyond.pop(item["viewer"], None)
        else:
            for item in entry.items:
                viewer, events = item["viewer"], item["events"]
                self._beyond[viewer].append((entry.sequence, events))
                loaded = self._loaded.get(viewer)
                if loaded is not None:
                    loaded.apply(events)
        self.applied = entry.sequence

    async def _projected(self) -> int:
        async with pool().connection() as connection:
            row = await (
                await connection.execute("SELECT sequence FROM feed_watermark WHERE stream = %s", [PROJECTOR])
            ).fetchone()
        return int(row[0]) if row else 0

    async def _trim(self) -> None:
        """Forget what the database holds by now: whoever loads a viewer later reads it there."""
        projected = await self._projected()
        for viewer in list(self._beyond):
            if viewer in self._loading:
                continue  # A load under way may have read an older watermark, and still needs what lies beyond it.
            kept = [(sequence, events) for sequence, events in self._beyond[viewer] if sequence > projected]
            if kept:
                self._beyond[viewer] = kept
            else:
                del self._beyond[viewer]

    async def fence(self) -> None:
        """Wait until everything that was acknowledged before this call is applied.  Raises LogUnavailable."""
        end = await self._log.last_sequence()
        if self.applied >= end:
            return
        try:
            async with asyncio.timeout(FENCE_TIMEOUT_S), self._progress:
                await self._progress.wait_for(lambda: self.applied >= end)
        except TimeoutError:
            raise LogUnavailable("the event log is behind; try again in a moment") from None

    async def get(self, viewer: int) -> LoadedViewer:
        """Return a viewer as of now, with every acknowledged event folded in."""
        await self.fence()
        loaded = self._loaded.get(viewer)
        if loaded is None:
            loaded = (await self._loads.get([viewer]))[viewer]
        else:
            self._loaded.move_to_end(viewer)
        if viewer > 0 and now_ms() - loaded.profile_at > PROFILE_TTL_MS:
            loaded.set_profile((await self._profiles.get([viewer])).get(viewer))
        return loaded

    async def _load(self, viewers: list[int]) -> dict[int, LoadedViewer]:
        # Somebody else's load may have brought a viewer since this one was asked for.
        known = {viewer: loaded for viewer in viewers if (loaded := self._loaded.get(viewer))}
        missing = [viewer for viewer in viewers if viewer not in known]
        profiles = await self._profiles.get([viewer for viewer in missing if viewer > 0])
        self._loading.update(missing)
        try:
            async with pool().connection() as connection:
                facts = {"projector": PROJECTOR, "viewers": missing, "most": MOST_VIDEOS}
                rows = await (await connection.execute(_LOAD, facts)).fetchall()
        finally:
            self._loading.difference_update(missing)
        # From here to the end nothing awaits, so no event can slip in between.
        for viewer, projected, videos, creators, settings in rows:
            memory = ViewerMemory(
                {video: VideoMemory(*facts) for video, *facts in videos},
                {creator: CreatorMemory(*facts) for creator, *facts in creators},
                Settings.of(*settings) if settings else Settings(),
            )
            loaded = known[viewer] = self._loaded[viewer] = LoadedViewer(memory)
            if viewer > 0:
                loaded.set_profile(profiles.get(viewer))
            for sequence, events in self._beyond.get(viewer, ()):
                if sequence > projected:
                    loaded.apply(events)
        while len(self._loaded) > MOST_LOADED:
            self._loaded.popitem(last=False)
        return known

    async def _read_profiles(self, viewers: list[int]) -> dict[int, Profile]:
        async with pool().connection() as connection:
            rows = await (await connection.execute(_PROFILE, {"viewers": viewers})).fetchall()
        return {
            viewer: Profile(language, profiling, frozenset(blockers)) for viewer, language, profiling, blockers in rows
        }
