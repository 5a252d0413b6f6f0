"""Who looked at one's data, and where staff ask to."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from glaswerk.cell.ids import decode_id
from glaswerk.cell.records import NotRecorded
from glaswerk.people.access import actions, queries
from glaswerk.people.access.actions import MOST_HOURS, AccessRefused
from glaswerk.people.models import Person, Purpose, Scope


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user


@require_safe
@login_required
def looks(request: HttpRequest) -> HttpResponse:
    """Show a person who of the staff asked to see their data, when and why."""
    return render(request, "people/looks.html", {"looks": queries.looks_at(_person(request))})


@require_safe
@login_required
def proof(request: HttpRequest, public_id: str) -> HttpResponse:
    """Download the proof that the public log has an access, for the person whom it is about and for who asked."""
    try:
        access = queries.proof_for(_person(request), decode_id(public_id))
    except ValueError:
        access = None
    if access is None:
        raise Http404
    name = f"access-{access.public_id}"
    if request.GET.get("what") == "entry":
        text, name, kind = access.record.entry, f"{name}.json", "application/json"
    else:
        text, name, kind = access.proof, f"{name}.tlog-proof", "text/plain; charset=utf-8"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return HttpResponse(text, content_type=kind, headers=headers)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def ask(request: HttpRequest) -> HttpResponse:
    """Ask to see somebody's personal data, as staff; for everybody else there is no such page."""
    staff = _person(request)
    if not staff.is_moderator:
        raise Http404
    errors: dict[str, str] = {}
    status = 200
    if request.method == "POST":
        sent = request.POST
        try:
            actions.request_access(
                staff,
                sent.get("name", ""),
                purpose=sent.get("purpose", ""),
                reason=sent.get("reason", ""),
                scopes=sent.getlist("scopes"),
                hours=int(sent.get("hours", "")) if sent.get("hours", "").isdecimal() and len(sent["hours"]) < 4 else 0,
            )
        except AccessRefused as refused:
            errors, status = {refused.field: refused.message}, 422
        except PermissionDenied:
            raise Http404 from None
        except NotRecorded:
            messages.warning(
                request, _("It is asked for, and opens as soon as the public log has it. Reload in a moment.")
            )
            return redirect("access")
        else:
            messages.success(request, _("The door is open. The person sees that you looked, and why."))
            return redirect("access")
    actions.open_what_waits(staff)
    context = {
        "accesses": [(access, queries.is_open(access)) for access in queries.own_accesses(staff)],
        "purposes": Purpose.choices,
        "scopes": Scope.choices,
        "hours": range(1, MOST_HOURS + 1),
        "sent": request.POST,
        "chosen": request.POST.getlist("scopes"),
        "errors": errors,
    }
    return render(request, "people/access.html", context, status=status)


urlpatterns: list[URLPattern] = [
    path("me/access", looks, name="me_access"),
    path("me/access/<str:public_id>/proof", proof, name="access_proof"),
    path("access", ask, name="access"),
]
