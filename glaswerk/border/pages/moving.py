"""Moving to another cell: the page where somebody says this cell's half of it, and takes it back."""

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from glaswerk.border import queries
from glaswerk.border.actions import moves
from glaswerk.border.failures import RightsError
from glaswerk.border.models import Peer
from glaswerk.border.pages.data import person_of
from glaswerk.cell.rates import RateLimited, check_rate


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def move(request: HttpRequest) -> HttpResponse:
    """Show how a move stands; say where one goes or comes from, or take that back."""
    person = person_of(request)
    error: RightsError | None = None
    status, sent = 200, QueryDict()
    if request.method == "POST":
        try:
            check_rate(f"write:{person.pk}", settings.CELL.config.limits.writes_per_minute)
            _do(request)
        except RateLimited as refusal:
            messages.error(request, str(refusal))
            return redirect("me_move")
        except RightsError as refusal:
            error, status, sent = refusal, refusal.status, request.POST
        else:
            return redirect("me_move")
    person.refresh_from_db(fields=["moved_to", "moved_at"])
    context = {
        "person": person,
        "half": queries.own_half(person),
        "asked": queries.halves_that_wait(person),
        "peers": Peer.objects.filter(removed_at=None, closed_at=None).order_by("label"),
        "error": error,
        "sent": sent,
    }
    return render(request, "border/move.html", context, status=status)


def _do(request: HttpRequest) -> None:
    person, said = person_of(request), request.POST
    match said.get("act", ""):
        case "withdraw":
            moves.withdraw_half(person)
            messages.success(request, _("Taken back. Other cells are told so."))
        case "go" | "come" as act:
            half = moves.say_half(person, said.get("cell", ""), said.get("name", ""), goes=act == "go")
            if half.done_at is None:
                messages.success(request, _("This cell says so now. The other cell has to say the same."))
            else:
                messages.success(request, _("Both cells have said it. Your followers go along."))
        case _:
            raise RightsError("act", _("Say where you go, or where you come from."))


urlpatterns: list[URLPattern] = [path("me/move", move, name="me_move")]
