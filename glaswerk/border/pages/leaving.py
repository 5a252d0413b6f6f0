"""Leaving: a page that says what happens, and the request itself."""

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from glaswerk.border import queries
from glaswerk.border.actions import erasures
from glaswerk.border.failures import RightsError
from glaswerk.border.pages.data import person_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def leave(request: HttpRequest) -> HttpResponse:
    """Say what leaving means; with the name typed as a sign of having read it, do it."""
    person = person_of(request)
    error, status = "", 200
    if request.method == "POST":
        if request.POST.get("name", "").strip().lower().lstrip("@") != person.name:
            error, status = _("Please type your name exactly: %(name)s") % {"name": person.name}, 422
        else:
            try:
                erasures.request_erasure(person)
            except RightsError as refusal:
                error, status = refusal.message, refusal.status
            else:
                logout(request)
                return redirect("me_left")
    context = {
        "person": person,
        "days": settings.CELL.config.rights.erase_days,
        "kept": queries.what_is_kept(),
        "obstacles": queries.obstacles(person),
        "error": error,
    }
    return render(request, "border/leave.html", context, status=status)


@require_safe
def left(request: HttpRequest) -> HttpResponse:
    """Say to somebody who has just asked to be erased how they can come back."""
    return render(request, "border/left.html", {"days": settings.CELL.config.rights.erase_days})


urlpatterns: list[URLPattern] = [
    path("me/leave", leave, name="me_leave"),
    path("left", left, name="me_left"),
]
