"""What creators and operators do with the queue.  Each action is one transaction and may run beside itself."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from glaswerk import reel
from glaswerk.people.models import Person, Role
from glaswerk.videos import outbox
from glaswerk.videos.models import State, Video
from glaswerk.videos.queue import stopping

_UNDERWAY = (State.UPLOADED, State.PROCESSING)


def check_is_operator(person: Person) -> None:
    """Raise PermissionDenied for who does not run this cell."""
    if person.role != Role.OPERATOR:
        raise PermissionDenied


def cancel_video(person: Person, video: Video) -> bool:
    """End the preparation of a video that waits or is worked on; return whether it did.

    It is for its creator and for operators: PermissionDenied is raised for others.  The video has failed then, its original
    is kept, and it can be tried again.  A worker that is at it hears of it as soon as this is committed.
    """
    if video.creator_id != person.pk:
        check_is_operator(person)
    with transaction.atomic():
        moved = Video.objects.filter(pk=video.pk, state__in=_UNDERWAY).update(
            state=State.FAILED, failure=reel.Failure.STOPPED.value, progress=0
        )
        if moved:
            waiting = ProcrastinateJob.objects.filter(
                status="todo", task_name=outbox.PROCESS, args__video_id=video.pk
            ).values_list("pk", flat=True)
            for job_id in waiting:
                app.job_manager.cancel_job_by_id(job_id, delete_job=True)
            stopping.tell_worker(video.pk)
    video.refresh_from_db(fields=["state", "failure", "progress"])
    return bool(moved)


def retry_any_video(operator: Person, video: Video) -> bool:
    """Prepare anybody's failed video again, as an operator; return whether it had failed.  Raises PermissionDenied."""
    check_is_operator(operator)
    with transaction.atomic():
        failed = Video.objects.filter(pk=video.pk, state=State.FAILED)
        moved = failed.update(state=State.UPLOADED, failure="", progress=0)
        if moved:
            outbox.process_later(video.pk)
    return bool(moved)


def give_back(video_id: int) -> None:
    """Put a video whose worker leaves back into the queue, where it keeps its turn."""
    with transaction.atomic():
        moved = Video.objects.filter(pk=video_id, state=State.PROCESSING).update(state=State.UPLOADED, progress=0)
        if moved:
            jobs = ProcrastinateJob.objects.filter(status="doing", task_name=outbox.PROCESS, args__video_id=video_id)
            outbox.process_later(video_id, jobs.values_list("priority", flat=True).first())
