"""The operator's page of the sunset: where the cell stands, every act with its form, and the history."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from glaswerk.border.sunset import actions, queries
from glaswerk.border.sunset.failures import SunsetRefused
from glaswerk.border.sunset.plan import Stage
from glaswerk.border.sunset.state import copy
from glaswerk.people.models import Person
from glaswerk.videos.queue.actions import check_is_operator

_TEXTS: Final = ("basis", "reason", "signer")
# Which acts the page offers, by the stage.
_OFFERED: Final = {
    Stage.OPEN: ("plan", "readonly", "dark"),
    Stage.NOTICE: ("extend", "readonly", "dark", "resume"),
    Stage.READONLY: ("extend", "dark", "resume"),
    Stage.DARK: ("resume",),
    Stage.CARVED: (),
}


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sunset(request: HttpRequest) -> HttpResponse:
    """Show where the cell stands, and do what its operator decides."""
    assert isinstance(request.user, Person)
    check_is_operator(request.user)
    error: SunsetRefused | None = None
    if request.method == "POST":
        try:
            _act(request, request.user)
        except SunsetRefused as refused:
            error = refused
        else:
            return redirect("operate_sunset")
    stage = queries.stage_now()
    return render(
        request,
        "border/sunset.html",
        {
            "stage": stage.value,
            "plan": copy.plan,
            "offered": _OFFERED[stage],
            "waiting": actions.waiting(),
            "history": queries.history(),
            "error": error,
            "values": request.POST,
            "now": timezone.now(),
        },
        status=422 if error else 200,
    )


def _act(request: HttpRequest, person: Person) -> None:
    """Do what the form asks for.  Raises SunsetRefused and PermissionDenied."""
    basis, reason, signer = (request.POST.get(name, "").strip() for name in _TEXTS)
    signed = actions.Signed(basis, reason, signer, person)
    refund = request.POST.get("refund") == "on"
    acts: dict[str, Callable[[], Any]] = {
        "plan": lambda: actions.plan(signed, _needed(request, "dark_at"), _time(request, "readonly_at")),
        "extend": lambda: actions.extend(signed, _needed(request, "dark_at")),
        "readonly": lambda: actions.make_readonly(signed, _time(request, "readonly_at"), refund),
        "dark": lambda: actions.make_dark(signed, _time(request, "dark_at"), refund),
        "resume": lambda: actions.resume(signed, request.POST.get("despite") == "on"),
    }
    act = acts.get(request.POST.get("act", ""))
    if act is None:
        raise SunsetRefused("act", _("Choose one of the acts."))
    for name, text in zip(_TEXTS, (basis, reason, signer), strict=True):
        if not text:
            raise SunsetRefused(name, _("Please fill this in; it stands in the public log."))
    act()
    messages.success(request, _("Done. The public log says so."))


def _needed(request: HttpRequest, name: str) -> datetime:
    found = _time(request, name)
    if found is None:
        raise SunsetRefused(name, _("Choose a date and a time."))
    return found


def _time(request: HttpRequest, name: str) -> datetime | None:
    text = request.POST.get(name, "").strip()
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise SunsetRefused(name, _("Choose a date and a time."))
    return found if timezone.is_aware(found) else timezone.make_aware(found)


urlpatterns: list[URLPattern] = [path("operate/sunset", sunset, name="operate_sunset")]
