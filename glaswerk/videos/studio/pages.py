"""The pages of the studio.  They are empty frames: scripts fill them from the API, which decides who sees which draft."""

from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from glaswerk.people.models import Person
from glaswerk.reel.timeline.looks import LOOKS, table
from glaswerk.reel.timeline.stickers import STICKERS, svg
from glaswerk.videos import limits
from glaswerk.videos.pages import form_facts

# The longest recordings that the camera offers, in seconds; never longer than what this cell takes.
RECORDINGS_S: Final = (15, 60, 180)
# Points along each axis of a look's table for the preview: few enough to load twelve at once, and colours between them
# differ from the renderer's by less than an eye can tell.
TABLE_SIZE: Final = 17
STICKER_TITLES: Final = {
    "arrow": _("Arrow"),
    "bolt": _("Lightning"),
    "bubble": _("Speech bubble"),
    "burst": _("Burst"),
    "check": _("Tick"),
    "crown": _("Crown"),
    "drop": _("Drop"),
    "flower": _("Flower"),
    "heart": _("Heart"),
    "moon": _("Moon"),
    "ring": _("Ring"),
    "sparkle": _("Sparkle"),
    "star": _("Star"),
    "sun": _("Sun"),
}


@require_safe
@login_required
@ensure_csrf_cookie
def create(request: HttpRequest) -> HttpResponse:
    """Show the ways to make a video, and the drafts that wait."""
    return render(request, "studio/create.html", _facts())


@require_safe
@login_required
@ensure_csrf_cookie
def record(request: HttpRequest) -> HttpResponse:
    """Show the camera."""
    longest = limits.max_duration_s()
    lengths = [seconds for seconds in RECORDINGS_S if seconds <= longest] or [longest]
    return render(request, "studio/record.html", {**_facts(), "lengths": lengths})


@require_safe
@login_required
@ensure_csrf_cookie
def editor(request: HttpRequest, draft: str) -> HttpResponse:
    """Show the timeline of a draft; whether there is one is for the API to say."""
    assert isinstance(request.user, Person)
    facts = {**_facts(), **form_facts(request.user.default_visibility), "draft": draft}
    return render(request, "studio/editor.html", facts)


@require_safe
@login_required
@cache_control(private=True, max_age=3600)
def looks(request: HttpRequest) -> JsonResponse:
    """List the looks and the stickers that the renderer has, with their titles in the reader's language."""
    in_german = (get_language() or "").startswith("de")
    return JsonResponse(
        {
            "looks": [
                {
                    "name": name,
                    "title": look.de if in_german else look.en,
                    "table": reverse("studio_look", args=[name]),
                }
                for name, look in LOOKS.items()
            ],
            "stickers": [
                {"name": name, "title": str(STICKER_TITLES[name]), "url": reverse("studio_sticker", args=[name])}
                for name in STICKERS
            ],
        }
    )


@require_safe
@cache_control(public=True, max_age=86400)
def look(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a look's table of colours, three bytes a point, red fastest: the very one that the renderer applies."""
    if name not in LOOKS:
        raise Http404
    return HttpResponse(table(name, 1.0, TABLE_SIZE), content_type="application/octet-stream")


@require_safe
@cache_control(public=True, max_age=86400)
def sticker(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a sticker's shape, with a size of its own, without which some browsers do not draw it on a canvas."""
    if name not in STICKERS:
        raise Http404
    sized = svg(name).replace("<svg ", '<svg width="256" height="256" ', 1)
    return HttpResponse(sized, content_type="image/svg+xml")


def _facts() -> dict[str, object]:
    return {"max_bytes": limits.max_upload_bytes(), "max_mb": limits.max_upload_mb()}


urlpatterns: list[URLPattern] = [
    path("studio", create, name="studio"),
    path("studio/record", record, name="studio_record"),
    path("studio/looks", looks, name="studio_looks"),
    path("studio/looks/<str:name>", look, name="studio_look"),
    path("studio/stickers/<str:name>.svg", sticker, name="studio_sticker"),
    path("studio/<str:draft>", editor, name="studio_editor"),
]
