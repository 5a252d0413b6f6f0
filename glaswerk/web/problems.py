"""Errors of the API, all in one form: RFC 9457 problem details."""

from http import HTTPStatus
from typing import Any, Final

import orjson

MEDIA_TYPE: Final = "application/problem+json"


def problem_body(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> bytes:
    """Return a problem document; `errors` names the fields that are wrong, each as {"field", "message"}."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return orjson.dumps(body)
