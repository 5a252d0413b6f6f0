"""Which jobs follow a change.  Called inside the change's transaction, so that both happen or neither.

The jobs are named here and defined in `jobs.py`, because they call the actions that call this module.
"""

from typing import Final

from procrastinate.contrib.django import app

PROCESS: Final = "videos.process_video"
ANNOUNCE: Final = "videos.announce_video"
DISCARD: Final = "videos.discard_blobs"
# Rendering keeps a core busy for minutes, and nothing short should wait behind it.
RENDER_QUEUE: Final = "render"
EVENTS_QUEUE: Final = "events"


def process_later(video_id: int) -> None:
    """Have a video prepared for playback."""
    app.configure_task(PROCESS, queue=RENDER_QUEUE).defer(video_id=video_id)


def announce_later(video_id: int) -> None:
    """Tell the event log that a video, or who may see it, has changed."""
    app.configure_task(ANNOUNCE, queue=EVENTS_QUEUE).defer(video_id=video_id)


def discard_later(names: list[str]) -> None:
    """Remove files that nothing refers to any more: `<sha>.<extension>` for blobs, `<sha>` for originals."""
    if names:
        app.configure_task(DISCARD, queue=EVENTS_QUEUE).defer(names=[*names])
