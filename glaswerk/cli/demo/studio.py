"""The creators at work: processes of their own paint the clips, and each is uploaded as soon as it is there."""

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from glaswerk.cell.process import die_with_parent, step_back
from glaswerk.cli.demo.cast import Creator
from glaswerk.cli.demo.clips import Clip
from glaswerk.cli.demo.display import Display
from glaswerk.cli.demo.failure import DemoError
from glaswerk.cli.demo.visitor import Visitor

PAINTING: Final = "painting"
PUBLISHING: Final = "publishing"
_MOST_PAINTERS: Final = 6
_LOOK_EVERY_S: Final = 0.25
_STATE_EVERY_S: Final = 1.0
# The cell prepares uploads in their order, so asking after the oldest few is enough; asking costs it time as well.
_MOST_ASKED_AFTER: Final = 3
_UPLOAD_TRIES: Final = 5
# A clip is prepared within seconds; after so long without an end something is wrong for good.
_LONGEST_PREPARATION_S: Final = 900.0

PaintClip = Callable[[Clip, Path], None]
PaintAvatar = Callable[[Creator, Path], None]
SignUp = Callable[[Creator, Path], Awaitable[Visitor]]


@dataclass(frozen=True, slots=True)
class Order:
    """What one process paints in one go: a topic's avatar and clips, so that it prepares one scene only."""

    creator: Creator
    avatar: Path
    clips: tuple[tuple[Clip, Path], ...]
    paint_clip: PaintClip
    paint_avatar: PaintAvatar


def _enter_painter() -> None:
    # SIGKILL, because a painter has nothing to put in order: an unfinished clip has another name than a finished one.
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The cell's own processes go first, so that uploads are prepared while others are still being painted.
    os.setsid()
    step_back(12)


def _paint(order: Order) -> None:
    """Paint what is missing; what an interrupted fill has painted is used."""
    if not order.avatar.exists():
        part = order.avatar.with_name(f"part-{order.avatar.name}")
        order.paint_avatar(order.creator, part)
        part.replace(order.avatar)
    for clip, path in order.clips:
        if not path.exists():
            order.paint_clip(clip, path)


@contextmanager
def _painters() -> Iterator[ProcessPoolExecutor]:
    """Yield the painting processes; none is left at the end, however it comes."""
    count = max(2, min(os.cpu_count() or 2, _MOST_PAINTERS))
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_enter_painter)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.kill()
        pool.shutdown(wait=True)


class Studio:
    """Paints and publishes clips whose painted files pass through `folder`."""

    def __init__(
        self, folder: Path, paint_clip: PaintClip, paint_avatar: PaintAvatar, sign_up: SignUp, display: Display
    ) -> None:
        """`sign_up(creator, avatar)` returns a creator's way into the cell."""
        self._folder = folder
        self._paint_clip = paint_clip
        self._paint_avatar = paint_avatar
        self._sign_up = sign_up
        self._display = display
        self._asking = asyncio.Semaphore(_MOST_ASKED_AFTER)

    async def publish_all(self, clips: tuple[Clip, ...], signed_in: dict[str, Visitor]) -> None:
        """Publish every clip that is not published yet.

        `signed_in` are the creators that have accounts already, by name.  Raises DemoError, OSError.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        published: dict[str, Any] = {}
        for visitor in signed_in.values():
            published |= await _own_videos(visitor)
        missing = tuple(clip for clip in clips if published.get(clip.caption, {}).get("state") != "ready")
        self._display.add(PAINTING, len(clips))
        self._display.add(PUBLISHING, len(clips))
        if len(missing) < len(clips):
            self._display.advance(PAINTING, len(clips) - len(missing))
            self._display.advance(PUBLISHING, len(clips) - len(missing))
        if missing:
            with _painters() as pool:
                await self._paint_and_publish(missing, pool)

    async def _paint_and_publish(self, clips: tuple[Clip, ...], pool: ProcessPoolExecutor) -> None:
        by_creator: dict[Creator, list[Clip]] = {}
        for clip in clips:
            by_creator.setdefault(clip.creator, []).append(clip)
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            for creator, own in by_creator.items():
                painted = tuple((clip, self._path(clip)) for clip in own)
                order = Order(creator, self._avatar(creator), painted, self._paint_clip, self._paint_avatar)
                group.create_task(_finished(loop.run_in_executor(pool, _paint, order)))
                group.create_task(self._publish_creator(creator, own))

    def _path(self, clip: Clip) -> Path:
        return self._folder / f"{clip.slug}.mp4"

    def _avatar(self, creator: Creator) -> Path:
        return self._folder / f"{creator.name}.jpg"

    async def _publish_creator(self, creator: Creator, clips: list[Clip]) -> None:
        await self._appear(self._avatar(creator))
        visitor = await self._sign_up(creator, self._avatar(creator))
        async with asyncio.TaskGroup() as group:
            for clip in clips:
                await self._appear(self._path(clip))
                self._display.advance(PAINTING)
                # Preparing it takes the cell a while; the next clip need not wait for that.
                group.create_task(self._publish(visitor, clip))

    async def _appear(self, path: Path) -> None:
        while not path.exists():
            self._display.tick()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _publish(self, visitor: Visitor, clip: Clip) -> None:
        video = await self._upload(visitor, clip)
        async with self._asking:
            await _until_ready(visitor, video, clip, self._display)
        self._path(clip).unlink(missing_ok=True)
        self._display.advance(PUBLISHING)

    async def _upload(self, visitor: Visitor, clip: Clip) -> str:
        """Upload a clip unless it is there, and return the video's id.

        An answer that was lost on its way must not make a second video, so each try looks first.
        """
        for number in range(_UPLOAD_TRIES):
            own = (await _own_videos(visitor)).get(clip.caption)
            if own is not None:
                return str(own["id"])
            try:
                return str((await visitor.upload(self._path(clip), clip.caption))["id"])
            except httpx.TransportError:
                await asyncio.sleep(2.0**number)
        raise DemoError(f"The clip {clip.slug} cannot be uploaded: the cell breaks the connection off.")


async def _finished(painting: "asyncio.Future[None]") -> None:
    try:
        await painting
    except BrokenProcessPool:
        raise DemoError("A process that paints clips was killed, perhaps for want of memory.") from None
    except RuntimeError as error:
        raise DemoError(f"A clip cannot be painted: {error}.") from None


async def _own_videos(visitor: Visitor) -> dict[str, Any]:
    """Return a creator's videos by caption."""
    page = await visitor.get("/api/me/videos", limit=100)
    return {video["caption"]: video for video in page["videos"]}


async def _until_ready(visitor: Visitor, video: str, clip: Clip, display: Display) -> None:
    deadline = time.monotonic() + _LONGEST_PREPARATION_S
    retried = False
    while True:
        state = await visitor.get(f"/api/videos/{video}/state")
        if state["state"] == "ready":
            return
        if state["state"] == "failed":
            if retried or not state["retry"]:
                raise DemoError(f"The clip {clip.slug} could not be prepared: {state['failure']}")
            retried = True
            await visitor.post(f"/api/videos/{video}/retry", {})
        if time.monotonic() > deadline:
            raise DemoError(f"The clip {clip.slug} is still not prepared; log/jobs.log in the data folder may say why.")
        display.tick()
        await asyncio.sleep(_STATE_EVERY_S)
