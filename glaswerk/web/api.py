"""The JSON API: every app's router in one document, every error in one form (RFC 9457 problem details)."""

from typing import Any

import orjson
import structlog
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.renderers import BaseRenderer
from ninja.security import SessionAuth

from glaswerk import __version__
from glaswerk.cell.blobs import StorageError
from glaswerk.cell.rates import RateLimited
from glaswerk.feed.contract import FRONT_DOOR_PATHS
from glaswerk.shop.failures import ShopError
from glaswerk.web.problems import MEDIA_TYPE, problem_body

_logger = structlog.get_logger("glaswerk.web")


class _OrjsonRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data)


class _Api(NinjaAPI):
    """Also describes the operations that the front door answers before Django is asked."""

    def get_openapi_schema(self, *args: Any, **kwargs: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(*args, **kwargs)
        schema["paths"] = {**FRONT_DOOR_PATHS, **schema["paths"]}
        return schema


api = _Api(
    title="Glaswerk",
    version=__version__,
    description="The API that the Glaswerk apps use. Errors are RFC 9457 problem details.",
    renderer=_OrjsonRenderer(),
    auth=SessionAuth(csrf=True),
    urls_namespace="api",
)


def problem(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> HttpResponse:
    """Return a problem document; `errors` names the fields that are wrong."""
    return HttpResponse(problem_body(status, detail, errors), status=status, content_type=MEDIA_TYPE)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError | type[ValidationError]) -> HttpResponse:
    assert isinstance(error, ValidationError)
    errors = [
        {"field": ".".join(str(part) for part in one["loc"][1:]) or str(one["loc"][0]), "message": one["msg"]}
        for one in error.errors
    ]
    return problem(
        422, "The request does not fit: " + "; ".join(f"{e['field']}: {e['message']}" for e in errors), errors
    )


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


@api.exception_handler(StorageError)
def _storage_is_away(request: HttpRequest, error: StorageError | type[StorageError]) -> HttpResponse:
    # The sentence names servers, so it is for the operator.
    _logger.error("the store is away", reason=str(error))
    response = problem(503, "The store of videos does not answer. Nothing was changed; try again in a minute.")
    response.headers["Retry-After"] = "60"
    return response


@api.exception_handler(ShopError)
def _shop_refuses(request: HttpRequest, error: ShopError | type[ShopError]) -> HttpResponse:
    assert isinstance(error, ShopError)
    return problem(error.status, error.message, [{"field": error.field, "message": error.message}])


@api.exception_handler(RateLimited)
def _rate_limited(request: HttpRequest, error: RateLimited | type[RateLimited]) -> HttpResponse:
    assert isinstance(error, RateLimited)
    response = problem(429, str(error))
    response.headers["Retry-After"] = str(error.retry_after)
    return response


for _router in (
    "glaswerk.videos.api.router",
    "glaswerk.videos.tus.api.router",
    "glaswerk.videos.drafts.api.router",
    "glaswerk.videos.sounds.api.router",
    "glaswerk.social.api.router",
    "glaswerk.feed.api.router",
    "glaswerk.money.api.router",
    "glaswerk.shop.api.router",
    "glaswerk.border.peers.api.router",
):
    api.add_router("", _router)
