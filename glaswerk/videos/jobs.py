"""What the videos app does later.  Each job may run twice."""

import shutil
import time
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import ConnectorException

from glaswerk import reel
from glaswerk.cell import blobs, keeping, log
from glaswerk.videos import ladders, looks, outbox, processing
from glaswerk.videos.drafts import preparing
from glaswerk.videos.sounds import extracting
from glaswerk.videos.tus import actions as tus
from glaswerk.videos.work import work_folder

_MAX_ATTEMPTS: Final = 3
# Workers report three times in this time; one that has not is gone.
_STALLED_AFTER: Final = timedelta(seconds=30)
_FORGOTTEN_AFTER_S: Final = 6 * 3600
# Looking goes on in the queue of renders, and no upload should wait longer than this for it.
_LOOKING_S: Final = 10.0
_LOOKED_AT_ONCE: Final = 100
_FEW_FILES: Final = 50
_logger = structlog.get_logger("glaswerk.videos")


@app.task(
    name=outbox.PROCESS,
    queue=outbox.RENDER_QUEUE,
    pass_context=True,
    retry=RetryStrategy(max_attempts=_MAX_ATTEMPTS, wait=2, exponential_wait=4),
)
def process_video(context: JobContext, video_id: int) -> None:
    """Prepare a video for playback.

    A video that took its worker down with it comes back here with an attempt more; before it can do so for ever it
    is given up as failed.
    """
    attempts = context.job.attempts
    if attempts >= _MAX_ATTEMPTS:
        processing.fail(video_id, reel.Failure.KILLED.value)
        return
    try:
        processing.process(video_id)
    except Exception:
        if attempts + 1 >= _MAX_ATTEMPTS:
            processing.fail(video_id)
        raise


@app.task(
    name=outbox.PREPARE,
    queue=outbox.RENDER_QUEUE,
    pass_context=True,
    retry=RetryStrategy(max_attempts=_MAX_ATTEMPTS, wait=2, exponential_wait=4),
)
def prepare_source(context: JobContext, source_id: int) -> None:
    """Make a draft's source ready to cut with; one that takes its workers down with it is given up."""
    attempts = context.job.attempts
    if attempts >= _MAX_ATTEMPTS:
        preparing.fail(source_id, reel.Failure.KILLED.value)
        return
    try:
        preparing.prepare(source_id)
    except Exception:
        if attempts + 1 >= _MAX_ATTEMPTS:
            preparing.fail(source_id)
        raise


@app.task(
    name=outbox.COMPLETE,
    queue=outbox.LADDER_QUEUE,
    pass_context=True,
    retry=RetryStrategy(max_attempts=_MAX_ATTEMPTS, wait=5, exponential_wait=4),
)
def complete_ladder(context: JobContext, video_id: int) -> None:
    """Make the rest of a video's renditions, and all that belongs to them; the video plays all the while.

    Where that does not work, also not again, the video stays as it is: with its first rendition.
    """
    attempts = context.job.attempts
    if attempts >= _MAX_ATTEMPTS:
        ladders.give_up(video_id)
        return
    try:
        ladders.complete(video_id)
    except Exception:
        if attempts + 1 >= _MAX_ATTEMPTS:
            ladders.give_up(video_id)
        raise


@app.task(name=outbox.ANNOUNCE, queue=outbox.EVENTS_QUEUE, retry=RetryStrategy(max_attempts=12, exponential_wait=2))
def announce_video(video_id: int) -> None:
    """Tell the event log that a video has changed; whoever reads it looks the video up as it is then."""
    log.publish_sync("videos", {"video": video_id})


@app.task(name=outbox.DISCARD, queue=outbox.EVENTS_QUEUE, retry=RetryStrategy(max_attempts=5, exponential_wait=4))
def discard_blobs(names: list[str]) -> None:
    """Remove files that nothing refers to any more."""
    keeping.discard(names)


@app.periodic(cron="* * * * * */20")
@app.task(name="videos.resume_abandoned", queue=outbox.EVENTS_QUEUE, queueing_lock="videos.resume_abandoned")
def resume_abandoned(timestamp: int) -> None:
    """Queue again what killed workers left: their jobs, and videos and sources under way that have no job at all."""
    del timestamp
    resume(timezone.now() - _STALLED_AFTER)


@app.periodic(cron="17 * * * *")
@app.task(name="videos.sweep", queue=outbox.EVENTS_QUEUE, queueing_lock="videos.sweep")
def sweep(timestamp: int) -> None:
    """Remove what killed uploads, writers and workers left on the disk."""
    del timestamp
    sweep_files(_FORGOTTEN_AFTER_S)


@app.periodic(cron="7-59/10 * * * *")
@app.task(name="videos.sweep_uploads", queue=outbox.EVENTS_QUEUE, queueing_lock="videos.sweep_uploads")
def sweep_uploads(timestamp: int) -> None:
    """End resumable uploads that nobody has continued in time."""
    del timestamp
    tus.sweep_uploads()


@app.periodic(cron="41 3 * * *")
@app.task(name="videos.collect_garbage", queue=outbox.EVENTS_QUEUE, queueing_lock="videos.collect_garbage")
def collect_garbage(timestamp: int) -> None:
    """Remove stored files that nothing refers to and that are past their grace."""
    del timestamp
    collect_if_plausible()


@app.periodic(cron="*/5 * * * *")
@app.task(name="videos.look_at_rest", queue=outbox.RENDER_QUEUE, queueing_lock="videos.look_at_rest")
def look_at_rest(timestamp: int) -> None:
    """Look at videos that nobody has looked at, for a while; the next run goes on."""
    del timestamp
    until = time.monotonic() + _LOOKING_S
    for video_id in looks.not_looked_at(_LOOKED_AT_ONCE):
        if time.monotonic() > until:
            break
        looks.look_at(video_id)


@app.periodic(cron="*/5 * * * *")
@app.task(name="videos.take_sounds", queue=outbox.RENDER_QUEUE, queueing_lock="videos.take_sounds")
def take_sounds(timestamp: int) -> None:
    """Take the sounds out of videos where nobody has, for a while; the next run goes on."""
    del timestamp
    until = time.monotonic() + _LOOKING_S
    for video_id in extracting.without_sound(_LOOKED_AT_ONCE):
        if time.monotonic() > until:
            break
        extracting.take_sound(video_id)


def resume(silent_since: datetime) -> list[int]:
    """Do what `resume_abandoned` says for workers that were last heard of before `silent_since`.

    Returns the videos that got a new job.
    """
    stalled = ProcrastinateJob.objects.filter(
        Q(worker__isnull=True) | Q(worker__last_heartbeat__lt=silent_since),
        status="doing",
        task_name__in=(outbox.PROCESS, outbox.COMPLETE, outbox.PREPARE, outbox.ANNOUNCE, outbox.DISCARD),
    )
    for job_id in stalled.values_list("pk", flat=True):
        try:
            app.job_manager.retry_job_by_id(job_id, retry_at=timezone.now())
        except ConnectorException:
            # It ended between the look and the retry.
            continue
    jobless = _without_job(processing.abandoned_videos(), outbox.PROCESS)
    for video_id in jobless:
        outbox.process_later(video_id)
    preparations = ProcrastinateJob.objects.filter(status__in=("todo", "doing"), task_name=outbox.PREPARE)
    with_job = set(preparations.values_list("args__source_id", flat=True))
    for source_id in preparing.abandoned_sources():
        if source_id not in with_job:
            outbox.prepare_later(source_id)
    for video_id in _without_job(ladders.abandoned_ladders(), outbox.COMPLETE):
        outbox.complete_later(video_id)
    return jobless


def _without_job(videos: list[int], task: str) -> list[int]:
    queued = ProcrastinateJob.objects.filter(status__in=("todo", "doing"), task_name=task)
    with_job = set(queued.values_list("args__video_id", flat=True))
    return [video_id for video_id in videos if video_id not in with_job]


def collect_if_plausible() -> int:
    """Do what `collect_garbage` says, and return how many files were removed.

    Where a large part of all files would go, more likely the database is not the one that belongs to them, such as an
    older dump that is being restored.  Then nothing is removed, and an operator has to look.
    """
    found = keeping.collect(dry_run=True)
    if len(found.removed) > max(_FEW_FILES, found.seen // 5):
        _logger.error(
            "too much garbage to be true; look at it, and run `glaswerk storage gc` if it is",
            reason=f"{len(found.removed)} of {found.seen} files",
        )
        return 0
    removed = keeping.collect()
    _logger.info("garbage collected", reason=f"{len(removed.removed)} of {removed.seen} files")
    return len(removed.removed)


def sweep_files(older_than_s: float) -> None:
    """Do what `sweep` says for files that nobody has written to for so many seconds.

    No render may take longer than an hour, and nobody's upload pauses for longer than that.
    """
    blobs.sweep_incoming(older_than_s)
    limit = time.time() - older_than_s
    left = [*settings.CELL.uploads.glob("*.upload*"), *work_folder().iterdir()]
    for path in left:
        try:
            if path.stat().st_mtime >= limit:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        except FileNotFoundError:
            continue
