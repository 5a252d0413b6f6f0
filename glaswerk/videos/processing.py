"""From an upload to a video that plays: who works on it, what happens if that fails, and the step that publishes it.

    uploaded ──► processing ──► ready
        │            │
        └────────────┴────────► failed ──► uploaded (retry)

A video is ready as soon as its first rendition plays; the others follow (`ladders.py`).

Every arrow is an UPDATE that names the state it comes from, so that of two workers one moves and the other sees that
nothing was left to do.  A worker holds an advisory lock of PostgreSQL on its video for as long as it works.  The lock
is released with the worker's connection, also when it is killed: a video in `processing` whose lock is free has been
abandoned, and whoever takes the lock may go on with it.

Cancelling is an arrow as well: it moves to failed first, and then tells the worker, which finds nothing left to do.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog
from django.db import connection, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from glaswerk import reel
from glaswerk.cell import blobs
from glaswerk.cell.ids import encode_id
from glaswerk.cell.keeping import keep_blobs
from glaswerk.videos import looks, outbox
from glaswerk.videos.drafts import rendering
from glaswerk.videos.failures import INTERNAL, CutError
from glaswerk.videos.limits import reel_limits
from glaswerk.videos.models import Asset, Fingerprint, Ladder, Rendition, State, Video
from glaswerk.videos.queue import actions as queue
from glaswerk.videos.queue import stopping, workers
from glaswerk.videos.sounds.extracting import take_sound
from glaswerk.videos.work import work_folder

_PROGRESS_EVERY_S: Final = 0.5
_PATIENCE_STEP_S: Final = 0.1
_UNDERWAY: Final = (State.UPLOADED, State.PROCESSING)
# So long a worker that was told to stop may take to let go of a video that was tried again meanwhile.
_HANDOVER_S: Final = 5.0
_logger = structlog.get_logger("glaswerk.videos")


class _GoneError(Exception):
    """The video was deleted while it was being processed."""


def process(video_id: int) -> None:
    """Probe, render the first rendition, publish and look at one video; afterwards it is ready, failed, gone, or with another worker.

    Safe to run twice, at once or in turn.  Raises only what stops the worker itself, such as a lost database, and
    StorageError while the store of blobs is away.
    """
    with claim(video_id) as claimed:
        if not claimed or not _start(video_id):
            return
        folder = work_folder() / encode_id(video_id)
        workers.begin(video_id)
        try:
            _render_and_publish(video_id, folder)
            looks.look_at(video_id)
            take_sound(video_id)
        except _GoneError:
            _logger.info("video deleted while processing")
        except reel.ReelError as error:
            if error.code is reel.Failure.STOPPED:
                # Who cancelled has moved the video already, and may have it prepared anew by now.
                if stopping.is_leaving():
                    queue.give_back(video_id)
                return
            _logger.warning("video failed", failure=error.code.value, reason=error.detail)
            fail(video_id, error.code.value)
        except CutError as error:
            _logger.warning("video failed", failure=error.code.value, reason=error.detail)
            fail(video_id, error.code.value)
        except OSError as error:
            if isinstance(error, blobs.StorageError) and not isinstance(error, blobs.CorruptBlob):
                # The store may be back soon, so the job is tried again.
                raise
            full = error.errno in (ENOSPC, EDQUOT)
            code = reel.Failure.DISK_FULL if full else reel.Failure.UNREADABLE
            _logger.warning("video failed", failure=code.value)
            fail(video_id, code.value)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            workers.end(video_id)


def fail(video_id: int, code: str = INTERNAL) -> bool:
    """Mark a video under way as failed; return whether it was under way."""
    moved = Video.objects.filter(pk=video_id, state__in=_UNDERWAY).update(state=State.FAILED, failure=code, progress=0)
    return moved == 1


def abandoned_videos() -> list[int]:
    """Return the videos under way that no living worker is at, those that just wait their turn included."""
    underway = Video.objects.filter(state__in=_UNDERWAY).values_list("pk", flat=True)
    claimed = claimed_videos()
    return [video_id for video_id in underway if video_id not in claimed]


def claimed_videos() -> set[int]:
    """Return the videos that living workers are at."""
    # PostgreSQL shows a lock's 64-bit key as two halves.  To try the lock instead would for a moment hold it, and a
    # worker that comes just then would turn away.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT classid::bigint << 32 | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return {row[0] for row in cursor.fetchall()}


@contextmanager
def claim(video_id: int, patience_s: float = 0.0) -> Iterator[bool]:
    """Hold the lock on a video, or on a source of a draft; yields False where another worker holds it for longer than that.

    The lock has a connection of its own, because a pooled one would keep it when it is handed on.
    """
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as own:
        until = time.monotonic() + max(patience_s, _HANDOVER_S)
        while not (taken := _try_lock(own, video_id)) and time.monotonic() < until:
            # Without patience, only what waits for a worker can be about to be let go of.
            if not patience_s and not Video.objects.filter(pk=video_id, state=State.UPLOADED).exists():
                break
            time.sleep(_PATIENCE_STEP_S)
        if taken:
            with stopping.stoppable(own, video_id):
                yield True
        else:
            yield False


def _try_lock(own: psycopg.Connection[Any], video_id: int) -> bool:
    row = own.execute("SELECT pg_try_advisory_lock(%s)", [video_id]).fetchone()
    return bool(row and row[0])


def _start(video_id: int) -> bool:
    moved = Video.objects.filter(pk=video_id, state__in=_UNDERWAY)
    return moved.update(state=State.PROCESSING, progress=0, failure="") == 1


def _render_and_publish(video_id: int, folder: Path) -> None:
    source = Video.objects.filter(pk=video_id).values_list("source", flat=True).first()
    progress: Callable[[int], None] = _Progress(video_id)
    if source == "":
        # Cutting it together is the first half of the work.
        source = rendering.make_original(video_id, work_folder(), _half(progress, 0))
        progress = _half(progress, 50)
    if source is None:
        raise _GoneError
    limits = reel_limits()
    with blobs.local_original(source, work_folder()) as path:
        probe = reel.probe(path, limits)
        first = reel.first_rung(reel.rungs(probe.width, probe.height))
        made = reel.make_renditions(path, probe, folder, progress, limits, ladder=(first,))
        publish(video_id, made, rendering.cover_of(video_id, path, folder))


def _half(progress: Callable[[int], None], first: int) -> Callable[[int], None]:
    """Return a progress that fills half of another one, from its percentage `first` on."""
    return lambda percent: progress(first + percent // 2)


class _Progress:
    """Writes rising percentages to the database, at most twice a second."""

    def __init__(self, video_id: int) -> None:
        self._video_id = video_id
        self._written = 0.0

    def __call__(self, percent: int) -> None:
        now = time.monotonic()
        if now - self._written < _PROGRESS_EVERY_S:
            return
        self._written = now
        # The last percent is publishing.
        moved = Video.objects.filter(pk=self._video_id, state=State.PROCESSING).update(progress=min(percent, 99))
        if not moved:
            raise _GoneError


def publish(video_id: int, made: reel.Renditions, cover: Path | None = None) -> bool:
    """Make a rendered video visible in one transaction; return False where it is no longer in `processing`.

    Its length and size are those of the largest rendition so far.  That the others follow is part of the transaction.  A
    `cover` stands in place of the typical frame.
    """
    assert made.poster is not None
    with transaction.atomic():
        keep_blobs()
        largest = made.renditions[0]
        moved = Video.objects.filter(pk=video_id, state=State.PROCESSING).update(
            state=State.READY,
            progress=100,
            ladder=Ladder.FIRST,
            failure="",
            poster=blobs.store_file(cover or made.poster.path, "jpg"),
            color=made.poster.colour,
            duration_ms=largest.duration_ms,
            width=largest.width,
            height=largest.height,
            # What came from elsewhere was published there before.
            published_at=Coalesce("published_at", timezone.now()),
        )
        if not moved:
            return False
        Rendition.objects.filter(video_id=video_id).delete()
        Rendition.objects.bulk_create(kept_rendition(video_id, each) for each in made.renditions)
        Asset.objects.filter(video_id=video_id).delete()
        Fingerprint.objects.update_or_create(video_id=video_id, defaults={"sound": made.chromaprint, "pictures": b""})
        outbox.complete_later(video_id)
        outbox.announce(video_id)
    return True


def kept_rendition(video_id: int, made: reel.Rendition) -> Rendition:
    """Store the file of a rendition, and return its row, which is not saved yet."""
    return Rendition(
        video_id=video_id,
        blob=blobs.store_file(made.path, "mp4"),
        family=made.family.value,
        width=made.width,
        height=made.height,
        bitrate=made.bitrate,
        size=made.bytes,
        codecs=made.codecs,
    )
