"""What videos look like: looked at once, after they are published, so that nobody waits for it."""

from typing import Final

import structlog

from glaswerk import reel
from glaswerk.cell import blobs
from glaswerk.videos.models import Rendition, State, Video
from glaswerk.videos.work import work_folder

UNKNOWN: Final = bytes(reel.FEATURES)
"""Stands for a video that cannot be looked at."""

_logger = structlog.get_logger("glaswerk.videos")


def look_at(video_id: int) -> None:
    """Look at a video that plays and keep what it looks like.  Safe to run twice.

    The smallest rendition is looked at, because every video has it in the same colours, upright, and small.  A video that
    cannot be looked at is none the worse for it, so this raises nothing but what a lost database does; where another try
    may help, nothing is kept and `not_looked_at` gives the video again.
    """
    rendition = Rendition.objects.filter(video_id=video_id, video__state=State.READY).order_by("height", "id").first()
    if rendition is None:
        return
    try:
        with blobs.local_blob(rendition.blob, "mp4", work_folder()) as path:
            features = reel.look(path)
    except OSError as error:
        # Where the store is away, or the disk full, another try may help.
        _logger.warning("video not looked at", reason=error.strerror)
        return
    except reel.ReelError as error:
        _logger.warning("video not looked at", failure=error.code.value, reason=error.detail)
        if error.code.is_worth_a_retry:
            return
        features = UNKNOWN
    Video.objects.filter(pk=video_id, features=b"").update(features=features)


def not_looked_at(limit: int) -> list[int]:
    """Return videos that play and were not looked at yet, the newest first: those from before there was looking, and those
    whose worker was killed."""
    waiting = Video.objects.filter(state=State.READY, features=b"").order_by("-published_at")
    return list(waiting.values_list("pk", flat=True)[:limit])
