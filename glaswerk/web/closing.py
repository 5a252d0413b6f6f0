"""What Django's side answers while the cell is read-only or dark; the front door answers for the lean paths itself."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from glaswerk.border.sunset import gate
from glaswerk.border.sunset.state import copy
from glaswerk.web.problems import MEDIA_TYPE, problem_body

Handler = Callable[[HttpRequest], HttpResponse]
_EXPORTS: Final = "me_data"


def close_by_plan(get_response: Handler) -> Handler:
    """Refuse what the sunset's plan closes, before any view is asked."""

    def handle(request: HttpRequest) -> HttpResponse:
        status = gate.refusal(copy.stage(), request.method or "GET", request.path)
        return get_response(request) if not status else _refused(request, status)

    return handle


def _refused(request: HttpRequest, status: int) -> HttpResponse:
    if request.path.startswith("/api/") or not request.accepts("text/html"):
        response = HttpResponse(problem_body(status, closed_words(status)), status=status, content_type=MEDIA_TYPE)
    else:
        plan = copy.plan
        response = render(
            request,
            "border/closed.html",
            {"is_dark": status == gate.AWAY, "dark_at": plan.dark_at, "exports_url": _exports_url()},
            status=status,
        )
    response.headers["Cache-Control"] = "no-store"
    if status == gate.AWAY:
        response.headers["Retry-After"] = str(gate.RETRY_AFTER_S)
    return response


def closed_words(status: int) -> str:
    """Why a request is refused, and what is possible all the same."""
    if status == gate.LOCKED:
        return _(
            "This cell can only be read now. Your data can still be taken away, orders cancelled and accounts deleted."
        )
    return _("This cell is switched off. Sign in to take a copy of your data away; the public log stays open.")


def _exports_url() -> str:
    try:
        return reverse(_EXPORTS)
    except NoReverseMatch:
        return ""
