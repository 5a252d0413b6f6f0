"""What pages, commands and metrics read about the queue."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone

from glaswerk.videos import outbox
from glaswerk.videos.failures import failure_sentence, is_worth_a_retry
from glaswerk.videos.models import State, Video, Work, Worker
from glaswerk.videos.queue.numbers import GONE_AFTER, LINES

SHOWN: Final = 50
HOURS: Final = 24
# Before that, a percentage says too little about the rest.
_TELLING_PERCENT: Final = 5

_PLACES: Final = """
SELECT video, place FROM (
    SELECT (args ->> 'video_id')::bigint AS video, row_number() OVER (ORDER BY priority DESC, id) AS place
    FROM procrastinate_jobs WHERE queue_name = %s AND status = 'todo'
) AS waiting WHERE video = ANY(%s)
"""

_WAITING: Final = """
SELECT (args ->> 'video_id')::bigint FROM procrastinate_jobs
WHERE queue_name = %s AND status = 'todo' AND args ? 'video_id' ORDER BY priority DESC, id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Line:
    """The numbers of one queue."""

    queue: str
    waiting: int
    later: int
    doing: int
    failed: int
    oldest_s: float


def lines() -> list[Line]:
    """Return the numbers of every queue that has jobs, and of the renders' in any case.  One query."""
    with connection.cursor() as cursor:
        cursor.execute(LINES)
        found = [Line(*row) for row in cursor.fetchall()]
    known = {line.queue for line in found}
    return [*found, *(Line(name, 0, 0, 0, 0, 0.0) for name in (outbox.RENDER_QUEUE,) if name not in known)]


def places(video_ids: Iterable[int]) -> dict[int, int]:
    """Return the places of those of the videos that wait, the next one's being 1.  One query, or none for no videos."""
    wanted = [*video_ids]
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_PLACES, [outbox.RENDER_QUEUE, wanted])
        return dict(cursor.fetchall())


def waits_of(videos: Iterable[Video]) -> dict[int, dict[str, int | None]]:
    """Return, for those of the videos that are under way, the place in the queue or the seconds left.  Two queries at most."""
    underway = {video.pk: video for video in videos if video.state in (State.UPLOADED, State.PROCESSING)}
    if not underway:
        return {}
    found = places(underway)
    started = dict(Work.objects.filter(video__in=underway).values_list("video_id", "started_at"))
    return {
        video.pk: {
            "place": found.get(video.pk),
            "remaining_s": remaining_s(started.get(video.pk), video.progress),
        }
        for video in underway.values()
    }


def remaining_s(started_at: datetime | None, percent: int) -> int | None:
    """Return about how many seconds a preparation still takes, from how long it took so far; None where that is unknown."""
    if started_at is None or not _TELLING_PERCENT <= percent < 100:
        return None
    return max(1, round((timezone.now() - started_at).total_seconds() * (100 - percent) / percent))


def living_workers() -> list[Worker]:
    """Return the processes that work off jobs and were heard of lately, the oldest first."""
    seen = Worker.objects.filter(seen_at__gte=timezone.now() - GONE_AFTER)
    return list(seen.prefetch_related("works__video").order_by("started_at"))


def worker_facts(worker: Worker) -> dict[str, Any]:
    """Return what a command prints of a worker; no query where its works are loaded."""
    return {
        "id": str(worker.pk),
        "machine": worker.machine,
        "process": worker.process,
        "queues": worker.queues,
        "concurrency": worker.concurrency,
        "version": worker.version,
        "started_at": worker.started_at.isoformat(),
        "seen_at": worker.seen_at.isoformat(),
        "leaving": worker.is_leaving,
        "videos": [{"id": work.video.public_id, "progress": work.video.progress} for work in worker.works.all()],
    }


def running() -> list[dict[str, Any]]:
    """Return the videos that are being prepared, the longest first.  One query."""
    found = Work.objects.select_related("video__creator", "worker").order_by("started_at")[:SHOWN]
    return [
        {
            "id": work.video.public_id,
            "creator": work.video.creator.name,
            "progress": work.video.progress,
            "machine": work.worker.machine if work.worker else "",
            "process": work.worker.process if work.worker else None,
            "started_at": work.started_at,
            "remaining_s": remaining_s(work.started_at, work.video.progress),
        }
        for work in found
        if work.video.state == State.PROCESSING
    ]


def waiting() -> list[dict[str, Any]]:
    """Return the videos whose turn comes next, in that order.  Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [outbox.RENDER_QUEUE, SHOWN])
        order = [row[0] for row in cursor.fetchall()]
    found = Video.objects.select_related("creator").in_bulk(order)
    return [
        {
            "place": place,
            "id": found[pk].public_id,
            "creator": found[pk].creator.name,
            "created_at": found[pk].created_at,
        }
        for place, pk in enumerate(order, start=1)
        if pk in found
    ]


def failures() -> list[dict[str, Any]]:
    """Return the videos that failed, the newest first.  One query."""
    found = Video.objects.filter(state=State.FAILED).select_related("creator").order_by("-pk")[:SHOWN]
    return [
        {
            "id": video.public_id,
            "creator": video.creator.name,
            "code": video.failure,
            "sentence": failure_sentence(video.failure),
            "retry": is_worth_a_retry(video.failure),
            "created_at": video.created_at,
        }
        for video in found
    ]


def published_by_hour() -> list[tuple[datetime, int]]:
    """Return how many videos became ready in each of the last hours, the oldest first.  One query."""
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    hours = [now - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
    counted = (
        Video.objects.filter(published_at__gte=hours[0])
        .annotate(hour=TruncHour("published_at"))
        .values("hour")
        .annotate(count=Count("pk"))
    )
    counts = {row["hour"]: row["count"] for row in counted}
    return [(hour, counts.get(timezone.localtime(hour), counts.get(hour, 0))) for hour in hours]
