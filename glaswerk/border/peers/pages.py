"""The page about one's own videos elsewhere."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from glaswerk.border.peers.own import own_elsewhere
from glaswerk.cell.blobs import blob_url
from glaswerk.people.models import Person


@require_safe
@login_required
def elsewhere(request: HttpRequest) -> HttpResponse:
    """Show which of one's videos other cells may show, and how often they were watched there."""
    assert isinstance(request.user, Person)
    rows = [
        {
            "id": one.video.public_id,
            "caption": one.video.caption,
            "poster": blob_url(one.video.poster, "jpg"),
            "width": one.video.width,
            "height": one.video.height,
            "plays": one.plays,
            "total": one.total,
        }
        for one in own_elsewhere(request.user)
    ]
    return render(request, "border/elsewhere.html", {"rows": rows, "stays": request.user.stays_in_region})


urlpatterns: list[URLPattern] = [path("me/elsewhere", elsewhere, name="me_elsewhere")]
