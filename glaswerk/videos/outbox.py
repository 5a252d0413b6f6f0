"""Which jobs follow a change.  Called inside the change's transaction, so that both happen or neither.

The jobs are named here and defined in `jobs.py`, because they call the actions that call this module.
"""

from contextlib import suppress
from functools import partial
from typing import Final

from django.db import transaction
from procrastinate.contrib.django import app

from glaswerk.cell import log
from glaswerk.videos.queue.order import priority_of

ANNOUNCE_PATIENCE_S: Final = 2.0
PROCESS: Final = "videos.process_video"
COMPLETE: Final = "videos.complete_ladder"
ANNOUNCE: Final = "videos.announce_video"
DISCARD: Final = "videos.discard_blobs"
PREPARE: Final = "videos.prepare_source"
# Rendering keeps a core busy for minutes, and nothing short should wait behind it.
RENDER_QUEUE: Final = "render"
# A video plays from its first rendition on, so the others wait behind everybody's first.
LADDER_QUEUE: Final = "ladder"
EVENTS_QUEUE: Final = "events"


def process_later(video_id: int, priority: int | None = None) -> None:
    """Have a video prepared for playback, in its creator's next turn unless it keeps the one that it had."""
    if priority is None:
        priority = priority_of(video_id, RENDER_QUEUE)
    app.configure_task(PROCESS, queue=RENDER_QUEUE, priority=priority).defer(video_id=video_id)


def prepare_later(source_id: int) -> None:
    """Have a draft's source made ready to cut with.  Somebody waits for it at the studio, so it goes before renders."""
    app.configure_task(PREPARE, queue=RENDER_QUEUE, priority=10).defer(source_id=source_id)


def complete_later(video_id: int) -> None:
    """Have the rest of a video's renditions made, and all that belongs to them."""
    app.configure_task(COMPLETE, queue=LADDER_QUEUE).defer(video_id=video_id)


def announce(video_id: int) -> None:
    """Tell the event log that a video, or who may see it, has changed.

    The job makes it certain.  The log is also told as soon as the change is committed, before its author gets an
    answer, so that the very next slate of anybody knows of it.
    """
    app.configure_task(ANNOUNCE, queue=EVENTS_QUEUE).defer(video_id=video_id)
    transaction.on_commit(partial(_announce_now, video_id))


def _announce_now(video_id: int) -> None:
    with suppress(log.LogUnavailable, OSError):
        log.publish_sync("videos", {"video": video_id}, ANNOUNCE_PATIENCE_S)


def discard_later(names: list[str]) -> None:
    """Remove files that nothing refers to any more: `<sha>.<extension>` for blobs, `<sha>` for originals."""
    if names:
        app.configure_task(DISCARD, queue=EVENTS_QUEUE).defer(names=[*names])
