"""Django without what buying does not need: the same views and the same checks, behind four middlewares in place of eleven.

Who buys is waited for by others, so these few requests come in by a shorter way.  They keep everything that protects:
the session is read anew each time, forged requests are refused by the API itself, and the headers are those of every
other answer.  They have no messages, and their session is not written.
"""

from io import BytesIO
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers

from glaswerk.people.sessions import person_of_session
from glaswerk.web.middleware import Handler, content_security_policy

# What is answered like this: buying, step by step.
PATHS: Final = frozenset(("/api/cart/lines", "/api/shop/quotes", "/api/purchases"))
# As many as there are connections to the database, so that none waits for one with work in its hands.
THREADS: Final = 8

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


def who_asks(get_response: Handler) -> Handler:
    """Find out the person and the language, as Django's session, locale and authentication do together."""

    def handle(request: HttpRequest) -> HttpResponse:
        # Raises for a host that is not ours.
        request.get_host()
        person = person_of_session(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))
        request.user = person if person is not None else AnonymousUser()
        chosen = person.language if person is not None else ""
        translation.activate(chosen or translation.get_language_from_request(request))
        request.LANGUAGE_CODE = translation.get_language()
        response = get_response(request)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        response.headers.setdefault("Content-Language", translation.get_language())
        return response

    return handle


class LeanDjango(BaseHandler):
    """A second way into Django, for threads of its own."""

    def __init__(self) -> None:
        """Put the few middlewares together."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        # The stubs do not know the step from the middlewares to the view.
        whole: Any = self
        chain: Any = convert_exception_to_response(whole._get_response)
        for make in (who_asks, XFrameOptionsMiddleware, content_security_policy, SecurityMiddleware):
            chain = convert_exception_to_response(make(chain))
        self._middleware_chain = chain

    def answer(self, scope: dict[str, Any], body: bytes) -> Answer:
        """Return status, headers and body of the answer to a request.  It takes as long as the database does."""
        try:
            request = ASGIRequest(scope, BytesIO(body))
        except UnicodeDecodeError:
            return 400, [(b"content-length", b"0")], b""
        try:
            response: Any = self.get_response(request)
            headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
            headers += [(b"set-cookie", one.OutputString().encode("ascii")) for one in response.cookies.values()]
            headers.append((b"content-length", str(len(response.content)).encode()))
            return response.status_code, headers, response.content
        finally:
            close_old_connections()
