"""The pages of imports: bring an archive, look at what it holds, and see what became of it."""

from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from glaswerk.border import queries
from glaswerk.border.actions import imports
from glaswerk.border.failures import RightsError
from glaswerk.border.pages.data import person_of, show
from glaswerk.videos.actions import UploadError

_ROWS: Final = 100


@require_POST
@login_required
def begin(request: HttpRequest) -> HttpResponse:
    """Have a finished upload looked at."""
    try:
        begun = imports.begin_import(person_of(request), request.POST.get("upload", ""))
    except (RightsError, UploadError) as error:
        return show(request, error.status, import_error=error.message)
    return redirect("me_import", begun.public_id)


@require_safe
@never_cache
@login_required
def one(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show what an archive holds, or what became of it."""
    return _page(request, public_id)


@require_safe
@never_cache
@login_required
def state(request: HttpRequest, public_id: str) -> JsonResponse:
    """Say how far an import is."""
    return JsonResponse(queries.import_state(imports.access_import(person_of(request), public_id)))


@require_POST
@login_required
def choose(request: HttpRequest, public_id: str) -> HttpResponse:
    """Bring in the chosen kinds of things."""
    try:
        imports.choose(person_of(request), public_id, request.POST.getlist("kinds"))
    except RightsError as error:
        return _page(request, public_id, error.status, error=error.message)
    return redirect("me_import", public_id)


@require_POST
@login_required
def drop(request: HttpRequest, public_id: str) -> HttpResponse:
    """Bring nothing."""
    imports.drop_import(person_of(request), public_id)
    messages.success(request, _("Nothing was brought, and the archive is deleted here."))
    return redirect("me_data")


def _page(request: HttpRequest, public_id: str, status: int = 200, **more: Any) -> HttpResponse:
    found = imports.access_import(person_of(request), public_id)
    kind, outcome = request.GET.get("kind", ""), request.GET.get("outcome", "")
    context = {
        "import": found,
        "progress": queries.import_state(found)["progress"],
        "groups": queries.import_groups(found),
        "rows": queries.import_rows(found, kind, outcome, _ROWS),
        "most": _ROWS,
        **more,
    }
    return render(request, "border/import.html", context, status=status)


urlpatterns: list[URLPattern] = [
    path("me/data/imports", begin, name="me_imports"),
    path("me/data/imports/<str:public_id>", one, name="me_import"),
    path("me/data/imports/<str:public_id>/state", state, name="me_import_state"),
    path("me/data/imports/<str:public_id>/choose", choose, name="me_import_choose"),
    path("me/data/imports/<str:public_id>/drop", drop, name="me_import_drop"),
]
