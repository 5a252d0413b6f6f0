"""The page of a person's own data: take it along, bring it, or leave."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from glaswerk.border import queries
from glaswerk.border.actions import exports
from glaswerk.border.failures import RightsError
from glaswerk.people.models import Person
from glaswerk.videos.limits import max_upload_mb

_PIECE: Final = 1 << 20
_FROM: Final = re.compile(r"bytes=(\d{1,18})-")


def person_of(request: HttpRequest) -> Person:
    """Return who is signed in."""
    assert isinstance(request.user, Person)
    return request.user


def show(request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
    """Render the page, with whatever a refusal has to say."""
    person = person_of(request)
    context = {
        "export": queries.newest_export(person),
        "imports": queries.newest_imports(person),
        "most_mb": max_upload_mb(),
        **more,
    }
    return render(request, "border/data.html", context, status=status)


@require_safe
@never_cache
@login_required
def data(request: HttpRequest) -> HttpResponse:
    """Show what somebody can do with their data."""
    return show(request)


@require_POST
@login_required
def begin_export(request: HttpRequest) -> HttpResponse:
    """Have an export made."""
    try:
        exports.begin_export(person_of(request))
    except RightsError as error:
        return show(request, error.status, export_error=error.message)
    messages.success(request, _("Your export is being made. You may leave this page."))
    return redirect("me_data")


@require_safe
@never_cache
@login_required
def export_state(request: HttpRequest, public_id: str) -> JsonResponse:
    """Say how far an export is."""
    return JsonResponse(queries.export_state(exports.access_export(person_of(request), public_id)))


@require_safe
@never_cache
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def download(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ask once more who is there, and lead to the file by an address that opens it for a few minutes."""
    export = exports.access_export(person_of(request), public_id)
    return redirect(f"{reverse('me_export_file', args=[public_id])}?key={exports.key_of(export)}")


@require_safe
@never_cache
@login_required
def export_file(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Send the file of an export, from a byte on where a download goes on after it broke off."""
    try:
        export = exports.open_export(person_of(request), public_id, request.GET.get("key", ""))
    except RightsError as error:
        return show(request, error.status, export_error=error.message)
    size = export.path.stat().st_size
    asked = _FROM.fullmatch(request.headers.get("Range", ""))
    first = int(asked[1]) if asked and 0 < int(asked[1]) < size else 0
    answer: HttpResponseBase
    if request.method == "HEAD":
        answer = HttpResponse(content_type="application/zip")
    else:
        answer = StreamingHttpResponse(_pieces(export.path, first), content_type="application/zip")
    if first:
        answer.status_code = 206
        answer.headers["Content-Range"] = f"bytes {first}-{size - 1}/{size}"
    answer.headers["Content-Length"] = str(size - first)
    answer.headers["Accept-Ranges"] = "bytes"
    name = f"glaswerk-{person_of(request).name}.zip"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


async def _pieces(file: Path, first: int) -> AsyncIterator[bytes]:
    # Django would collect a plain iterator in memory before sending it, and exports have gigabytes.
    opened = await asyncio.to_thread(file.open, "rb")
    try:
        await asyncio.to_thread(opened.seek, first)
        while piece := await asyncio.to_thread(opened.read, _PIECE):
            yield piece
    finally:
        await asyncio.to_thread(opened.close)


urlpatterns: list[URLPattern] = [
    path("me/data", data, name="me_data"),
    path("me/data/exports", begin_export, name="me_exports"),
    path("me/data/exports/<str:public_id>", export_state, name="me_export"),
    path("me/data/exports/<str:public_id>/download", download, name="me_export_download"),
    path("me/data/exports/<str:public_id>/file", export_file, name="me_export_file"),
]
