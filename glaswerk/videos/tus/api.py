"""What pages ask about resumable uploads beside the protocol, which `server.py` speaks."""

from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from glaswerk.people.models import Person
from glaswerk.videos.actions import UploadError
from glaswerk.videos.tus import actions, queries

router = Router(tags=["uploads"])


class UploadOut(Schema):
    """One of your resumable uploads."""

    id: str
    state: str = Field(description="open, whole or expired")
    purpose: str = Field(description="video: it becomes a video; source: a draft will use it")
    offset: int = Field(description="How many bytes are safe on the server.")
    length: int
    filename: str
    filetype: str
    caption: str
    visibility: str | None
    video: str | None = Field(description="The video that it became.")
    duplicate_of: str | None = Field(description="Your earlier video that was made from the very same file.")
    created_at: str
    expires_at: str


class UploadsOut(Schema):
    """Your uploads that you can continue or use, the newest first."""

    uploads: list[UploadOut]


@router.get("/uploads", response=UploadsOut)
def own(request: HttpRequest) -> dict[str, Any]:
    """List your unfinished uploads, and finished sources that no draft uses yet."""
    return {"uploads": [queries.upload_card(upload) for upload in queries.own_uploads(_person(request))]}


@router.get("/uploads/{upload_id}/state", response=UploadOut)
def state(request: HttpRequest, upload_id: str) -> dict[str, Any] | HttpResponse:
    """Return how far your upload is and what it became."""
    try:
        upload = actions.finish_if_complete(queries.access_upload(_person(request).pk, upload_id))
    except UploadError as refusal:
        return _problem(refusal)
    return queries.upload_card(upload)


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user


def _problem(refusal: UploadError) -> HttpResponse:
    """Return the problem document (RFC 9457) of a refusal."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.message,
    }
    return HttpResponse(orjson.dumps(body), status=refusal.status, content_type="application/problem+json")
