"""The pages of creators: upload, one's own videos, and editing one."""

from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_safe

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person, Visibility
from glaswerk.videos import actions, captions, limits, queries
from glaswerk.videos.failures import duration_words
from glaswerk.videos.models import State, Video
from glaswerk.videos.queue import queries as queue
from glaswerk.videos.reuse import Allowance, is_protected

_ICONS: Final = {Visibility.PUBLIC: "globe", Visibility.FOLLOWERS: "people", Visibility.PRIVATE: "lock"}


@require_safe
@login_required
@ensure_csrf_cookie
def upload(request: HttpRequest) -> HttpResponse:
    """Show the upload page; scripts send the file to the API."""
    return render(
        request,
        "videos/upload.html",
        {
            **form_facts(_person(request).default_visibility),
            "max_mb": limits.max_upload_mb(),
            "max_bytes": limits.max_upload_bytes(),
            "max_length": duration_words(limits.max_duration_s()),
            "max_duration_ms": limits.max_duration_s() * 1000,
        },
    )


@require_safe
@login_required
@ensure_csrf_cookie
def own_videos(request: HttpRequest) -> HttpResponse:
    """List the person's own videos in every state, the newest first."""
    try:
        before = decode_id(request.GET["before"]) if "before" in request.GET else None
    except ValueError:
        return redirect("own_videos")
    found = queries.own_videos(_person(request), before, queries.PAGE + 1)
    page = found[: queries.PAGE]
    waits = queue.waits_of(page)
    return render(
        request,
        "videos/own_videos.html",
        {
            "videos": [{**_row(video), **waits.get(video.pk, {})} for video in page],
            "next": page[-1].public_id if len(found) > queries.PAGE else None,
            "is_first_page": before is None,
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show and change the words of one's own video and who may see it."""
    person = _person(request)
    video = queries.access_own_video(person, public_id)
    caption, visibility, error = video.caption, str(video.visibility), None
    allow = Allowance(video.allow_duet, video.allow_stitch, video.allow_sound, video.allow_elsewhere)
    if request.method == "POST":
        caption, visibility = request.POST.get("caption", ""), request.POST.get("visibility", "")
        # A box that is not ticked is not sent at all; the form says by a field of its own that it had boxes.
        ticked = [f"allow_{kind}" in request.POST for kind in ("duet", "stitch", "sound")]
        allow = Allowance(*ticked) if "allow" in request.POST else Allowance()
        if "region" in request.POST and not is_protected(person):
            allow = replace(allow, elsewhere="only_here" not in request.POST)
        try:
            actions.edit_video(person, video, caption=caption, visibility=visibility, allow=allow)
        except actions.UploadError as refusal:
            error = refusal
        else:
            messages.success(request, _("Your changes are saved."))
            return redirect("own_videos")
    facts = {
        **form_facts(visibility),
        "row": _row(video),
        "caption": caption,
        "error": error,
        "allow": None if is_protected(person) else allow,
        "only_here": not allow.elsewhere,
    }
    return render(request, "videos/edit.html", facts, status=422 if error else 200)


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user


def form_facts(chosen: str) -> dict[str, Any]:
    """Return what the fields of the upload and of the edit page need."""
    explanations = {
        Visibility.PUBLIC: _("Anyone, also without an account."),
        Visibility.FOLLOWERS: _("People who follow you."),
        Visibility.PRIVATE: _("Nobody else. You can change that later."),
    }
    return {
        "max_caption": captions.MAX_CAPTION,
        "max_hashtags": captions.MAX_HASHTAGS,
        "choices": [
            {
                "value": each.value,
                "label": each.label,
                "icon": _ICONS[each],
                "explanation": explanations[each],
                "is_chosen": each.value == chosen,
            }
            for each in Visibility
        ],
    }


def _row(video: Video) -> dict[str, Any]:
    """Return what a page shows of one's own video."""
    return {
        **queries.own_card(video),
        "is_underway": video.state in (State.UPLOADED, State.PROCESSING),
        "state_label": State(video.state).label,
        "visibility_label": Visibility(video.visibility).label,
        "visibility_icon": _ICONS[Visibility(video.visibility)],
        "length": f"{video.duration_ms // 60000}:{video.duration_ms // 1000 % 60:02}" if video.duration_ms else "",
        "created": video.created_at,
    }


urlpatterns: list[URLPattern] = [
    path("upload", upload, name="upload"),
    path("me/videos", own_videos, name="own_videos"),
    path("v/<str:public_id>/edit", edit, name="video_edit"),
]
