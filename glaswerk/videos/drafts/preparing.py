"""From an uploaded file to a source that a studio can cut with.

    uploaded ──► processing ──► ready
                     │
                     └────────► failed

As with videos, every arrow is an UPDATE that names the state it comes from, and a worker holds an advisory lock on its
source, which is released when the worker is killed.
"""

import shutil
import time
from errno import EDQUOT, ENOSPC
from typing import Final

import structlog
from django.db import transaction

from glaswerk import reel
from glaswerk.cell import blobs
from glaswerk.cell.ids import encode_id
from glaswerk.cell.keeping import keep_blobs
from glaswerk.reel import material
from glaswerk.videos import outbox
from glaswerk.videos.failures import INTERNAL
from glaswerk.videos.limits import reel_limits
from glaswerk.videos.models import Source, SourceState
from glaswerk.videos.processing import claim, claimed_videos
from glaswerk.videos.work import work_folder

_PROGRESS_EVERY_S: Final = 0.5
_UNDERWAY: Final = (SourceState.UPLOADED, SourceState.PROCESSING)
_EXTENSIONS: Final = {material.Kind.VIDEO: "mp4", material.Kind.AUDIO: "m4a", material.Kind.IMAGE: "jpg"}
_logger = structlog.get_logger("glaswerk.videos")


class _GoneError(Exception):
    """The source was deleted while it was being prepared."""


def prepare(source_id: int) -> None:
    """Look into one source and make its proxy; afterwards it is ready, failed, gone, or with another worker.

    Safe to run twice, at once or in turn.  Raises only what stops the worker itself.
    """
    with claim(source_id) as claimed:
        moved = claimed and Source.objects.filter(pk=source_id, state__in=_UNDERWAY).update(
            state=SourceState.PROCESSING, progress=0
        )
        if not moved:
            return
        folder = work_folder() / encode_id(source_id)
        try:
            original = Source.objects.values_list("original", flat=True).get(pk=source_id)
            with blobs.local_original(original, work_folder()) as path:
                made = material.prepare(path, folder, _Progress(source_id), reel_limits())
            _keep(source_id, made)
        except (_GoneError, Source.DoesNotExist):
            _logger.info("source deleted while it was prepared")
        except reel.ReelError as error:
            if error.code is reel.Failure.STOPPED:
                # Its worker leaves, and another one goes on.
                give_back(source_id)
                return
            _logger.warning("source failed", failure=error.code.value, reason=error.detail)
            fail(source_id, error.code.value)
        except OSError as error:
            if isinstance(error, blobs.StorageError) and not isinstance(error, blobs.CorruptBlob):
                # The store may be back soon, so the job is tried again.
                raise
            full = error.errno in (ENOSPC, EDQUOT)
            fail(source_id, (reel.Failure.DISK_FULL if full else reel.Failure.UNREADABLE).value)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def fail(source_id: int, code: str = INTERNAL) -> None:
    """Mark a source under way as failed."""
    Source.objects.filter(pk=source_id, state__in=_UNDERWAY).update(state=SourceState.FAILED, failure=code, progress=0)


def give_back(source_id: int) -> None:
    """Put a source whose worker leaves back into the queue."""
    with transaction.atomic():
        moved = Source.objects.filter(pk=source_id, state=SourceState.PROCESSING)
        if moved.update(state=SourceState.UPLOADED, progress=0):
            outbox.prepare_later(source_id)


def abandoned_sources() -> list[int]:
    """Return the sources under way that no living worker is at, those that just wait their turn included."""
    underway = Source.objects.filter(state__in=_UNDERWAY).values_list("pk", flat=True)
    claimed = claimed_videos()
    return [source_id for source_id in underway if source_id not in claimed]


def _keep(source_id: int, made: material.Material) -> None:
    with transaction.atomic():
        keep_blobs()
        proxy = blobs.store_file(made.proxy, _EXTENSIONS[made.kind])
        poster = blobs.store_file(made.poster, "jpg") if made.poster is not None else ""
        moved = Source.objects.filter(pk=source_id, state=SourceState.PROCESSING).update(
            state=SourceState.READY,
            progress=100,
            failure="",
            kind=made.kind.value,
            proxy=proxy,
            poster=poster,
            duration_ms=made.duration_ms,
            width=made.width,
            height=made.height,
            has_audio=made.has_audio,
            peaks=made.peaks,
        )
        if not moved:
            # Nobody refers to what was just stored; the lock above keeps it until this transaction has ended.
            names = [f"{proxy}.{_EXTENSIONS[made.kind]}", *([f"{poster}.jpg"] if poster else [])]
            outbox.discard_later(names)


class _Progress:
    """Writes rising percentages to the database, at most twice a second."""

    def __init__(self, source_id: int) -> None:
        self._source_id = source_id
        self._written = 0.0

    def __call__(self, percent: int) -> None:
        now = time.monotonic()
        if now - self._written < _PROGRESS_EVERY_S:
            return
        self._written = now
        moved = Source.objects.filter(pk=self._source_id, state=SourceState.PROCESSING)
        if not moved.update(progress=min(percent, 99)):
            raise _GoneError
