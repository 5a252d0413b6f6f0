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
from glaswerk.border.actions import erasures, exports, imports
from glaswerk.border.models import Export, ExportState, Import, ImportState
from glaswerk.border.peers import moving

_ERASE: Final = "border.erase_due"
_MAX_ATTEMPTS: Final = 4
# Workers report three times in this time; one that has not is gone.
_STALLED_AFTER: Final = timedelta(seconds=30)
_RETRY: Final = RetryStrategy(max_attempts=_MAX_ATTEMPTS, wait=2, exponential_wait=4)


@app.task(name=outbox.EXPORT, queue=outbox.EXPORT_QUEUE, pass_context=True, retry=_RETRY)
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


@app.task(name=outbox.READ_IMPORT, queue=outbox.QUEUE, pass_context=True, retry=_RETRY)
def read_import(context: JobContext, import_id: int) -> None:
    """Look at an archive, and write down what it holds."""
    if context.job.attempts >= _MAX_ATTEMPTS:
        imports.fail_import(import_id)
        return
    try:
        imports.read_import(import_id)
    except Exception:
        if context.job.attempts + 1 >= _MAX_ATTEMPTS:
            imports.fail_import(import_id)
        raise


@app.task(name=outbox.APPLY_IMPORT, queue=outbox.QUEUE, pass_context=True, retry=_RETRY)
def apply_import(context: JobContext, import_id: int) -> None:
    """Bring in what an archive holds; what was brought before a kill is not brought again."""
    if context.job.attempts >= _MAX_ATTEMPTS:
        imports.fail_import(import_id)
        return
    try:
        imports.apply_import(import_id)
    except Exception:
        if context.job.attempts + 1 >= _MAX_ATTEMPTS:
            imports.fail_import(import_id)
        raise


@app.task(name=outbox.CARRY, queue=outbox.QUEUE, retry=_RETRY)
def carry_followers(person_id: int) -> None:
    """Have the followers of somebody who moved follow the new account."""
    moving.carry_followers(person_id)


@app.periodic(cron="* * * * * */15")
@app.task(name=_ERASE, queue=outbox.QUEUE, queueing_lock=_ERASE, lock="border.erase")
def erase_due(timestamp: int) -> None:
    """Erase who asked for it and did not come back, and what the event log still holds of those who are gone."""
    del timestamp
    erasures.erase_due()
    erasures.finish_erasures()


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
        task_name__in=(outbox.EXPORT, outbox.READ_IMPORT, outbox.APPLY_IMPORT, outbox.CARRY, _ERASE),
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
    for state, task, again in (
        (ImportState.READING, outbox.READ_IMPORT, outbox.read_later),
        (ImportState.APPLYING, outbox.APPLY_IMPORT, outbox.apply_later),
    ):
        found = Import.objects.filter(state=state).values_list("pk", flat=True)
        for import_id in _without_job(found, task, "import_id"):
            again(import_id)


def _without_job(wanted: Iterable[int], task: str, name: str) -> list[int]:
    queued = ProcrastinateJob.objects.filter(status__in=("todo", "doing"), task_name=task)
    with_job = set(queued.values_list(f"args__{name}", flat=True))
    return [each for each in wanted if each not in with_job]
