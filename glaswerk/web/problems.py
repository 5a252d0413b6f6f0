"""Errors of the API, all in one form: RFC 9457 problem details."""

from http import HTTPStatus
from typing import Any, Final

import orjson

MEDIA_TYPE: Final = "application/problem+json"
# Statuses that HTTP itself does not know; 460 is of the tus protocol.
_TITLES: Final = {460: "Checksum Mismatch"}


def problem_body(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> bytes:
    """Return a problem document; `errors` names the fields that are wrong, each as {"field", "message"}."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": _TITLES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return orjson.dumps(body)
