"""Filling a cell with demo content: signing up, painting, publishing, selling, watching.

Every step finds what is done and goes on from there, and the mark that says that all is done is written last; so a fill
that was stopped anywhere is resumed by the next one.
"""

import asyncio
import shutil
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from asgiref.sync import sync_to_async
from PIL import Image
from rich.console import Console

from glaswerk.cell.config import Cell
from glaswerk.cli.demo import accounts
from glaswerk.cli.demo.audience import Audience, Spectator, invent_audience
from glaswerk.cli.demo.cast import Creator, render_avatar
from glaswerk.cli.demo.clips import CLIPS, Clip, render_clip
from glaswerk.cli.demo.display import Display
from glaswerk.cli.demo.share import own_creators, own_share
from glaswerk.cli.demo.studio import PaintAvatar, PaintClip, Studio
from glaswerk.cli.demo.visitor import Visitor, open_client
from glaswerk.cli.demo.wares import market
from glaswerk.cli.demo.wares.goods import Ware
from glaswerk.cli.demo.wares.shops import SHOPS
from glaswerk.cli.demo.welcome import OPERATOR, VIEWER, accounts_mark, content_mark, folder
from glaswerk.people.models import Person
from glaswerk.videos.models import Video

SEED: Final = 20_260_101
_VIEWERS: Final = 300
# The scenes are drawn at 360 to 432 across, so more would show nothing more, and cost the first start time.
_AS_DRAWN: Final = partial(render_clip, width=432, height=768)


def _paint_ware(ware: Ware, number: int) -> Image.Image:
    from glaswerk.cli.demo.wares.stills import paint_still

    return paint_still(ware.shape, ware.topic, ware.look, number)


def _own_clips() -> tuple[Clip, ...]:
    here = own_creators()
    return tuple(clip for clip in CLIPS if clip.creator in here)


@dataclass(frozen=True, slots=True)
class Production:
    """What is shown and to how many; the painting functions are importable, because other processes run them."""

    clips: tuple[Clip, ...] = field(default_factory=_own_clips)
    paint_clip: PaintClip = _AS_DRAWN
    paint_avatar: PaintAvatar = render_avatar
    paint_ware: market.PaintWare = _paint_ware
    viewers: int = field(default_factory=lambda: _VIEWERS // own_share()[1])

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the clips, each once."""
        return tuple(dict.fromkeys(clip.topic for clip in self.clips))

    @property
    def creators(self) -> dict[str, Creator]:
        """The creators of the clips, by name."""
        return {clip.creator.name: clip.creator for clip in self.clips}


class Stopped(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """The fill was asked to stop, and has."""


def is_ours(cell: Cell) -> bool:
    """Whether the demo may put anything into this cell: it did before, or there is no video yet."""
    return folder(cell).exists() or not Video.objects.exists()


def add_accounts(cell: Cell) -> None:
    """Make the printed accounts.  Raises DemoError."""
    accounts.sign_up_accounts()
    folder(cell).mkdir(exist_ok=True)
    accounts_mark(cell).touch()


def fill(cell: Cell, production: Production, console: Console) -> None:
    """Fill a running cell.  Raises DemoError, OSError, and Stopped after SIGTERM or SIGINT."""
    add_accounts(cell)
    spectators = invent_audience(production.topics, production.viewers, SEED)
    viewers = accounts.sign_up_viewers((one.name, one.display_name, one.language) for one in spectators)
    owners = accounts.sign_up_owners((shop.owner, shop.owner_title) for shop in SHOPS)
    known = list(Person.objects.filter(name__in=production.creators))
    sessions = accounts.open_sessions([*viewers.values(), *known])
    with Display(console) as display:
        try:
            _run_until_told(lambda: _perform(cell, production, spectators, sessions, owners, display))
        finally:
            accounts.close_sessions(sessions.values())
    shutil.rmtree(folder(cell) / "clips", ignore_errors=True)
    content_mark(cell).touch()


async def _perform(
    cell: Cell,
    production: Production,
    spectators: list[Spectator],
    sessions: dict[str, str],
    owners: dict[str, Person],
    display: Display,
) -> None:
    async with open_client(cell.local_url) as client:

        async def sign_up(creator: Creator, avatar: Path) -> Visitor:
            person = await sync_to_async(accounts.sign_up_creator)(creator, avatar)
            if creator.name not in sessions:
                sessions[creator.name] = await sync_to_async(accounts.open_session)(person)
            return Visitor(client, sessions[creator.name])

        visitors = {name: Visitor(client, session) for name, session in sessions.items()}
        creators = {name: visitor for name, visitor in visitors.items() if name in production.creators}
        studio = Studio(folder(cell) / "clips", production.paint_clip, production.paint_avatar, sign_up, display)
        named = await sync_to_async(accounts.by_name)(OPERATOR, VIEWER)
        async with asyncio.TaskGroup() as group:
            # The shelves are filled while the clips are painted and prepared, which takes much longer.
            group.create_task(market.open_shops(owners, named[OPERATOR], production.paint_ware, display))
            group.create_task(studio.publish_all(production.clips, creators))
        await sync_to_async(market.show_in_videos)(production.clips)
        await sync_to_async(market.buy_once)(named[VIEWER])
        await Audience(visitors, display, SEED).watch(spectators)


def _run_until_told(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine function until it ends, or until SIGTERM or SIGINT cancels it; then raise Stopped."""
    stopped = False

    async def watched() -> None:
        task = asyncio.create_task(main())

        def stop() -> None:
            nonlocal stopped
            stopped = True
            task.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        await task

    try:
        asyncio.run(watched())
    except asyncio.CancelledError:
        raise Stopped from None
    except BaseExceptionGroup as group:
        if stopped:
            raise Stopped from None
        raise _first(group) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first single error of nested groups: tasks that fail together mostly fail for one reason."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
