"""Refusals as problem documents (RFC 9457), in the one form that all endpoints of this app answer with."""

from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpResponse

from glaswerk.videos.actions import UploadError


def problem(refusal: UploadError, **more: Any) -> HttpResponse:
    """Return the problem document of a refusal; `more` are members that this kind of refusal has besides."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.message,
        "errors": [{"field": refusal.field, "message": refusal.message}],
        **more,
    }
    return HttpResponse(orjson.dumps(body), status=refusal.status, content_type="application/problem+json")
