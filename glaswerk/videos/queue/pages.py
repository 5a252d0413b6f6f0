"""The operator's page of the queue: what waits, what runs where, what failed; to cancel and to try again."""

from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from glaswerk.people.models import Person
from glaswerk.videos.failures import duration_words
from glaswerk.videos.models import Video
from glaswerk.videos.queries import access_video_to_moderate
from glaswerk.videos.queue import actions, queries

_CHART_WIDTH: Final = 480
_CHART_HEIGHT: Final = 96


@require_safe
@login_required
def jobs(request: HttpRequest) -> HttpResponse:
    """Show the queue."""
    actions.check_is_operator(_person(request))
    return render(
        request,
        "videos/jobs.html",
        {
            "lines": queries.lines(),
            "workers": queries.living_workers(),
            "running": queries.running(),
            "waiting": queries.waiting(),
            "failures": queries.failures(),
            "chart": _chart(),
            "shown": queries.SHOWN,
        },
    )


@require_POST
@login_required
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """End the preparation of anybody's video."""
    video = _video(request, public_id)
    if actions.cancel_video(_person(request), video):
        messages.success(request, _("The preparation is cancelled. Its creator can try again."))
    else:
        messages.info(request, _("There was nothing to cancel: the video is ready or has failed already."))
    return redirect("operate_jobs")


@require_POST
@login_required
def retry(request: HttpRequest, public_id: str) -> HttpResponse:
    """Prepare anybody's failed video again."""
    video = _video(request, public_id)
    if actions.retry_any_video(_person(request), video):
        messages.success(request, _("The video is in the queue again."))
    else:
        messages.info(request, _("There was nothing to try again: the video has not failed."))
    return redirect("operate_jobs")


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user


def _video(request: HttpRequest, public_id: str) -> Video:
    """Return any video for an operator.  Raises PermissionDenied for everybody else, and Http404 where there is none."""
    person = _person(request)
    actions.check_is_operator(person)
    return access_video_to_moderate(person, public_id)


def _chart() -> dict[str, Any]:
    """Return the bars of what became ready by the hour."""
    hours = queries.published_by_hour()
    most = max(1, *(count for _hour, count in hours))
    step = _CHART_WIDTH / len(hours)
    return {
        "width": _CHART_WIDTH,
        "height": _CHART_HEIGHT,
        "total": sum(count for _hour, count in hours),
        "most": most,
        "hours": duration_words(len(hours) * 3600),
        "bars": [
            {
                "x": round(number * step + 1, 1),
                "y": round(_CHART_HEIGHT - height, 1),
                "width": round(step - 2, 1),
                "height": height,
                "hour": hour,
                "count": count,
            }
            for number, (hour, count) in enumerate(hours)
            for height in (round(count / most * (_CHART_HEIGHT - 4), 1),)
        ],
    }


urlpatterns: list[URLPattern] = [
    path("operate/jobs", jobs, name="operate_jobs"),
    path("operate/jobs/<str:public_id>/cancel", cancel, name="operate_cancel"),
    path("operate/jobs/<str:public_id>/retry", retry, name="operate_retry"),
]
