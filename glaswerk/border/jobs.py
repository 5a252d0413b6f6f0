"""What the border does later.  Each job may run twice."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import ConnectorException

from glaswerk.border import outbox
from glaswerk.border.actions import exports
from glaswerk.border.models import Export, ExportState

_MAX_ATTEMPTS: Final = 4
# Workers report three times in this time; one that has not is gone.
_STALLED_AFTER: Final = timedelta(seconds=30)
_RETRY: Final = RetryStrategy(max_attempts=_MAX_ATTEMPTS, wait=2, exponential_wait=4)


@app.task(name=outbox.EXPORT, queue=outbox.QUEUE, pass_context=True, retry=_RETRY)
def make_export(context: JobContext, export_id: int) -> None:
    """Make an export; one that takes its worker down with it again and again is given up."""
    if context.job.attempts >= _MAX_ATTEMPTS:
        exports.fail_export(export_id)
        return
    try:
        exports.make_export(export_id)
    except Exception:
        if context.job.attempts + 1 >= _MAX_ATTEMPTS:
            exports.fail_export(export_id)
        raise


@app.periodic(cron="23 * * * *")
@app.task(name="border.sweep", queue=outbox.QUEUE, queueing_lock="border.sweep")
def sweep(timestamp: int) -> None:
    """Delete exports that have waited long enough."""
    del timestamp
    exports.sweep_exports()


@app.periodic(cron="* * * * * */20")
@app.task(name="border.resume_abandoned", queue=outbox.QUEUE, queueing_lock="border.resume_abandoned")
def resume_abandoned(timestamp: int) -> None:
    """Queue again what killed workers left."""
    del timestamp
    resume(timezone.now() - _STALLED_AFTER)


def resume(silent_since: datetime) -> None:
    """Do what `resume_abandoned` says for workers that were last heard of before `silent_since`."""
    stalled = ProcrastinateJob.objects.filter(
        Q(worker__isnull=True) | Q(worker__last_heartbeat__lt=silent_since),
        status="doing",
        task_name__in=(outbox.EXPORT,),
    )
    for job_id in stalled.values_list("pk", flat=True):
        try:
            app.job_manager.retry_job_by_id(job_id, retry_at=timezone.now())
        except ConnectorException:
            # It ended between the look and the retry.
            continue
    waiting = Export.objects.filter(state__in=(ExportState.WAITING, ExportState.RUNNING))
    for export_id in _without_job(waiting.values_list("pk", flat=True), outbox.EXPORT, "export_id"):
        outbox.export_later(export_id)


def _without_job(wanted: Iterable[int], task: str, name: str) -> list[int]:
    queued = ProcrastinateJob.objects.filter(status__in=("todo", "doing"), task_name=task)
    with_job = set(queued.values_list(f"args__{name}", flat=True))
    return [each for each in wanted if each not in with_job]
