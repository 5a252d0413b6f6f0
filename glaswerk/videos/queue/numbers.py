"""The numbers of the queue for Prometheus, read when they are asked for; it knows no Django, as the front door needs."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# A worker reports every few seconds; one that has missed so many of its reports is not counted on.
GONE_AFTER: Final = timedelta(seconds=20)

# `deferred` is when a job was put into the queue; one that was retried waits since then as well.
LINES: Final = """
SELECT job.queue_name,
       count(*) FILTER (WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())),
       count(*) FILTER (WHERE job.status = 'todo' AND job.scheduled_at > now()),
       count(*) FILTER (WHERE job.status = 'doing'),
       count(*) FILTER (WHERE job.status = 'failed'),
       coalesce(extract(epoch FROM now() - min(event.at) FILTER (WHERE job.status = 'todo')), 0)::float
FROM procrastinate_jobs AS job LEFT JOIN procrastinate_events AS event ON event.job_id = job.id AND event.type = 'deferred'
WHERE job.status IN ('todo', 'doing', 'failed')
GROUP BY job.queue_name ORDER BY job.queue_name
"""

LIVING: Final = "SELECT count(*) FROM videos_worker WHERE seen_at >= now() - %s"


class JobNumbers(Collector):
    """A collector of what the two statements above found."""

    def __init__(self, lines: Iterable[Sequence[Any]], workers: int) -> None:
        """Keep rows of LINES, and how many workers live."""
        self._lines = [*lines]
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        jobs = GaugeMetricFamily("glaswerk_jobs", "Jobs by queue and state", labels=["queue", "state"])
        oldest = GaugeMetricFamily("glaswerk_jobs_oldest_seconds", "How long the oldest job waits", labels=["queue"])
        for queue, waiting, later, doing, failed, oldest_s in self._lines:
            for state, number in (("waiting", waiting), ("later", later), ("doing", doing), ("failed", failed)):
                jobs.add_metric([queue, state], number)
            oldest.add_metric([queue], oldest_s)
        yield jobs
        yield oldest
        yield GaugeMetricFamily("glaswerk_workers", "Processes that work off jobs", value=self._workers)
