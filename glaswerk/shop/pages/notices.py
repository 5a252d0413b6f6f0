"""What the shop has told somebody: a list, with a mark at what is not read."""

from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from glaswerk.shop.actions.inbox import read_all, read_notice
from glaswerk.shop.api.identity import person_of
from glaswerk.shop.queries import inbox as queries

_ROWS: Final = 60


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def notices(request: HttpRequest) -> HttpResponse:
    """Show what one was told, and have read all of it."""
    person = person_of(request)
    if request.method == "POST":
        read_all(person)
        return redirect("notices")
    rows = [queries.line_of(one) for one in queries.notices_of(person)[:_ROWS]]
    return render(request, "shop/notices.html", {"rows": rows, "has_unread": any(row.is_unread for row in rows)})


@never_cache
@require_safe
@login_required
def notice(request: HttpRequest, public_id: str) -> HttpResponse:
    """Lead to what a notice is about; it is read by that."""
    return redirect(queries.address_of(read_notice(person_of(request), public_id)))


urlpatterns: list[URLPattern] = [
    path("notices", notices, name="notices"),
    path("notices/<str:public_id>", notice, name="notice"),
]
