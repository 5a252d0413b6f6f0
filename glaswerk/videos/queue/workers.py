"""A process that works off jobs: registered while it lives, on this machine or on any other that reaches the database.

Several share the queue.  Told to end, a process takes nothing new, gives what it is at some time to be done, and gives the
rest back; killed, it leaves its jobs to `jobs.resume`.
"""

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, IntegrityError, connection
from django.utils import timezone

from glaswerk import __version__
from glaswerk.videos.models import Work, Worker
from glaswerk.videos.queue import stopping

SEEN_EVERY_S: Final = 5.0
_FORGOTTEN_AFTER: Final = timedelta(hours=1)
# The supervisor kills what has not ended some time after this.
_GIVING_BACK_S: Final = 8.0
_logger = structlog.get_logger("glaswerk.videos")

own_id: uuid.UUID | None = None
"""The row of this process; None in one that is no worker, such as a command that prepares a video by itself."""


@dataclass(frozen=True, slots=True)
class Line:
    """How many jobs of some queues a process does at once."""

    queues: Sequence[str]
    concurrency: int
    name: str = field(default="worker")


async def work(lines: Sequence[Line], grace_s: float) -> None:
    """Work until cancelled; then end within about `grace_s` seconds, with nothing lost."""
    global own_id
    from procrastinate.contrib.django import app as known
    from procrastinate.worker import Worker as Machine

    own_id = uuid.uuid4()
    await sync_to_async(_register)(own_id, lines)
    connector: Any = known.connector
    app = known.with_connector(connector.get_worker_connector())
    ended = False
    async with app.open_async():
        # The library says nothing of the types of what follows.
        machines: list[Any] = [
            Machine(
                app,
                queues=list(line.queues),
                name=line.name,
                concurrency=line.concurrency,
                install_signal_handlers=False,
                delete_jobs="successful",
                shutdown_graceful_timeout=None,
            )
            for line in lines
        ]
        running = [asyncio.create_task(machine.run()) for machine in machines]
        report = asyncio.create_task(_report(own_id))
        try:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            ended = True
        except asyncio.CancelledError:
            pass
        # From here on nothing new is taken.
        for machine in machines:
            machine.stop()
        with contextlib.suppress(DatabaseError):
            await sync_to_async(_leave)(own_id)
        await asyncio.wait(running, timeout=grace_s)
        stopping.leave()
        # What cannot be stopped, and is not done by then, ends with the process and is taken over like a killed one's.
        done, _rest = await asyncio.wait(running, timeout=_GIVING_BACK_S)
        report.cancel()
    with contextlib.suppress(DatabaseError):
        await sync_to_async(_unregister)(own_id)
    if ended:
        # The supervisor, or whoever started it, starts another.
        failure = next((error for one in done if (error := one.exception()) is not None), None)
        raise RuntimeError("the worker ended by itself") from failure


async def _report(worker: uuid.UUID) -> None:
    while True:
        await asyncio.sleep(SEEN_EVERY_S)
        try:
            await sync_to_async(_seen)(worker)
        except DatabaseError as error:
            _logger.warning("the worker could not report", exc_info=error)
            await sync_to_async(connection.close)()


def _register(worker: uuid.UUID, lines: Sequence[Line]) -> None:
    Worker.objects.filter(seen_at__lt=timezone.now() - _FORGOTTEN_AFTER).delete()
    Worker.objects.create(
        pk=worker,
        machine=socket.gethostname()[:255],
        process=os.getpid(),
        queues=[queue for line in lines for queue in line.queues],
        concurrency=sum(line.concurrency for line in lines),
        version=__version__,
    )


def _seen(worker: uuid.UUID) -> None:
    Worker.objects.filter(pk=worker).update(seen_at=timezone.now())


def _leave(worker: uuid.UUID) -> None:
    Worker.objects.filter(pk=worker).update(is_leaving=True, seen_at=timezone.now())


def _unregister(worker: uuid.UUID) -> None:
    Worker.objects.filter(pk=worker).delete()


def begin(video_id: int) -> None:
    """Note that this process is at a video now."""
    known = own_id if own_id is not None and Worker.objects.filter(pk=own_id).exists() else None
    # A video that was deleted just now has no row to refer to; who renders it finds out soon enough.
    with contextlib.suppress(IntegrityError):
        Work.objects.update_or_create(video_id=video_id, defaults={"worker_id": known, "started_at": timezone.now()})


def end(video_id: int) -> None:
    """Note that nobody is at a video any more."""
    Work.objects.filter(video_id=video_id).delete()
