"""Endpoints of the feed that Django answers: a viewer's own slates, why they are as they are, and what if."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Field, Query, Router, Schema
from ninja.errors import HttpError, ValidationError
from pydantic import StrictBool

from glaswerk.cell.ids import decode_id, encode_id
from glaswerk.cell.rates import check_rate
from glaswerk.feed import policies
from glaswerk.feed.dials import read_dials
from glaswerk.feed.events import BadEvent
from glaswerk.feed.replay import export
from glaswerk.feed.slates import RecordedSlate, access_slate, slates_of
from glaswerk.feed.visitors import VisitorReader
from glaswerk.feed.why import explain_slate, what_if
from glaswerk.glass import GlassError, Slate
from glaswerk.people.models import Person

router = Router(tags=["feed"])
MOST_LISTED = 200
_AT_ONCE = 100
_GONE = "What this slate was made from is not kept any more."


class WhatIfIn(Schema):
    """Other dials for a slate that you were shown; those that are left out stay as they were."""

    slate: str
    dials: dict[str, Any] = Field(default_factory=dict, description="As in /api/dials; the topics replace all.")
    profiling: StrictBool | None = None


def _viewer(request: HttpRequest) -> int | None:
    """Return who asks, or None for a signed-out client that has never been shown anything."""
    if request.user.is_authenticated:
        return int(request.user.pk)
    return VisitorReader().anonymous(request.COOKIES)


def _person(request: HttpRequest) -> Person | None:
    return request.user if isinstance(request.user, Person) else None


def _check_rate(viewer: int | None) -> None:
    if viewer is not None:
        check_rate(f"slates:{viewer}", settings.CELL.config.limits.feed_per_minute)


def _own_slate(request: HttpRequest, slate_id: str) -> RecordedSlate:
    """Return a slate that whoever asks was shown.  Raises Http404 for every other one."""
    viewer = _viewer(request)
    try:
        slate = decode_id(slate_id)
    except ValueError:
        raise Http404 from None
    if viewer is None:
        raise Http404
    _check_rate(viewer)
    return access_slate(slate, viewer)


@router.get("/slates/{slate_id}/why", auth=None, summary="Why this slate: exact contributions that add up")
def why(request: HttpRequest, slate_id: str) -> dict[str, Any]:
    """Explain every slot of a slate that you were shown.

    Whole numbers in 1/65,536 of log-odds. For each slot: value = base + the sum of the signals' effects + the sum of the
    dials' terms = the sum of the heads' terms + the same; score = value + creator_term + topic_term; a signal with videos
    is the sum of their contributions. `sells` says how near to your history a video is that the shop brought: no part of its
    value, and `bought` is the sum of its parts. `cap` says how many slots may sell something, and how many do; null where
    there is none. Only the viewer who was shown a slate may see it.
    """
    record = _own_slate(request, slate_id)
    try:
        return explain_slate(record, _person(request))
    except (GlassError, OSError):
        raise HttpError(410, _GONE) from None


@router.post("/what-if", auth=None, summary="How a slate would have been with other dials")
def what_if_dials(request: HttpRequest, body: WhatIfIn) -> dict[str, Any]:
    """Rank a slate that you were shown again, with other dials. Nothing is stored, and nothing changes.

    `was` is where a video stood, null where it was not shown; `left` are those that would not have been shown.
    """
    try:
        dials, topics = read_dials(body.dials)
    except BadEvent as error:
        raise ValidationError([{"loc": ("body", *error.field.split(".")), "msg": error.message}]) from None
    record = _own_slate(request, body.slate)
    try:
        return what_if(record, _person(request), dials, topics, body.profiling)
    except (GlassError, OSError):
        raise HttpError(410, _GONE) from None


@router.get("/slates", auth=None, summary="The slates that you were shown, newest first")
def slates(
    request: HttpRequest,
    before: Annotated[str | None, Query(description="Only older ones than this slate.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
) -> dict[str, Any]:
    """List what you were shown: when, by which epoch, and which videos with their values."""
    viewer = _viewer(request)
    _check_rate(viewer)
    try:
        last = None if before is None else decode_id(before)
    except ValueError as error:
        raise ValidationError([{"loc": ("query", "before"), "msg": str(error)}]) from None
    found = slates_of(viewer, last, limit + 1) if viewer is not None else []
    listed = found[:limit]
    return {
        "slates": [_listed(record) for record in listed],
        "next": encode_id(listed[-1].id) if len(found) > limit else None,
    }


def _listed(record: RecordedSlate) -> dict[str, Any]:
    return {
        "id": encode_id(record.id),
        "at": record.at,
        "epoch": record.epoch,
        "slots": [
            {
                "position": slot.position,
                "video": encode_id(slot.video),
                "value": slot.value,
                "sources": list(slot.sources),
            }
            for slot in Slate.decode(record.slate).slots
        ],
    }


@router.get("/slates/all", auth=None, summary="Every slate that you were shown, as a file")
def all_slates(request: HttpRequest) -> StreamingHttpResponse:
    """Download every slate, newest first, one JSON object a line.

    With what the list says, each has the canonical bytes of the viewer, the ask and the slate in hexadecimal, as
    docs/algorithm.md describes them.
    """
    viewer = _viewer(request)
    _check_rate(viewer)
    answer = StreamingHttpResponse(_lines(viewer), content_type="application/x-ndjson")
    answer.headers["Content-Disposition"] = 'attachment; filename="slates.ndjson"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _lines(viewer: int | None) -> AsyncIterator[bytes]:
    before: int | None = None
    while viewer is not None:
        found = await sync_to_async(slates_of)(viewer, before, _AT_ONCE)
        yield b"".join(_line(record) for record in found)
        if len(found) < _AT_ONCE:
            return
        before = found[-1].id


def _line(record: RecordedSlate) -> bytes:
    parts = {name: getattr(record, name).hex() for name in ("viewer_state", "ask", "slate")}
    return orjson.dumps({**_listed(record), **parts}) + b"\n"


@router.get("/policy", auth=None, summary="Every weight and rule of the feed, and how they were changed")
def policy(request: HttpRequest) -> dict[str, Any]:
    """Return the policy in force as the file it is, with the SHA-256 of its text, and the history, newest first.

    `set_by` is the operator who set it, null where it came with a version of Glaswerk.
    """
    return policies.as_json(policies.history())


@router.get("/slates/{slate_id}/bundle", auth=None, summary="All that a slate was made from, for an independent check")
def bundle(request: HttpRequest, slate_id: str) -> HttpResponse:
    """Download the bundle of a slate that you were shown; `tools/verify_slate.py` makes the slate from it again."""
    record = _own_slate(request, slate_id)
    try:
        data = export(record)
    except (GlassError, OSError):
        raise HttpError(410, _GONE) from None
    answer = HttpResponse(data, content_type="application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="{slate_id}.bundle"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
