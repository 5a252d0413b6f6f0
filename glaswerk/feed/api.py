"""Endpoints of the feed that Django answers: why a slate is as it is."""

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router

from glaswerk.cell.ids import decode_id
from glaswerk.feed.visitors import VisitorReader
from glaswerk.feed.why import access_slate, explain_slate

router = Router(tags=["feed"])


@router.get("/slates/{slate_id}/why", auth=None, summary="Why this slate: exact contributions that add up")
def why(request: HttpRequest, slate_id: str) -> dict[str, Any]:
    """Explain every slot of a slate that you were shown.

    Whole numbers in 1/65,536 of log-odds. For each slot: value = base + the sum of the signals' effects = the sum of the
    heads' terms; score = value + creator_term + topic_term; a signal with videos is the sum of their contributions.
    Only the viewer who was shown a slate may see it.
    """
    try:
        slate = decode_id(slate_id)
    except ValueError:
        raise Http404 from None
    if request.user.is_authenticated:
        viewer: int | None = request.user.pk
    else:
        viewer = VisitorReader().anonymous(request.COOKIES)
    if viewer is None:
        raise Http404
    return explain_slate(access_slate(slate, viewer))
