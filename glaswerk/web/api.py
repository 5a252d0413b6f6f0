"""The JSON API: every app's router in one document, every error in one form (RFC 9457 problem details)."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.renderers import BaseRenderer
from ninja.security import SessionAuth

import orjson

from glaswerk import __version__
from glaswerk.cell.rates import RateLimited


class _OrjsonRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data)


api = NinjaAPI(
    title="Glaswerk",
    version=__version__,
    description="The API that the Glaswerk apps use. Errors are RFC 9457 problem details.",
    renderer=_OrjsonRenderer(),
    auth=SessionAuth(csrf=True),
    urls_namespace="api",
)


def problem(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> HttpResponse:
    """Return a problem document; `errors` names the fields that are wrong."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return HttpResponse(orjson.dumps(body), status=status, content_type="application/problem+json")


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError | type[ValidationError]) -> HttpResponse:
    assert isinstance(error, ValidationError)
    errors = [
        {"field": ".".join(str(part) for part in one["loc"][1:]) or str(one["loc"][0]), "message": one["msg"]}
        for one in error.errors
    ]
    return problem(422, "The request does not fit: " + "; ".join(f"{e['field']}: {e['message']}" for e in errors), errors)


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError | type[HttpError]) -> HttpResponse:
    assert isinstance(error, HttpError)
    return problem(error.status_code, str(error))


@api.exception_handler(AuthenticationError)
def _unauthenticated(request: HttpRequest, error: object) -> HttpResponse:
    return problem(401, "Please sign in first.")


@api.exception_handler(PermissionDenied)
def _denied(request: HttpRequest, error: object) -> HttpResponse:
    return problem(403, "You may not do this.")


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: object) -> HttpResponse:
    return problem(404, "There is nothing here, or you may not see it.")


@api.exception_handler(RateLimited)
def _rate_limited(request: HttpRequest, error: RateLimited | type[RateLimited]) -> HttpResponse:
    assert isinstance(error, RateLimited)
    response = problem(429, str(error))
    response.headers["Retry-After"] = str(error.retry_after)
    return response


api.add_router("", "glaswerk.social.api.router")


api.add_router("", "glaswerk.videos.api.router")
