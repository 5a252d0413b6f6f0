"""What every Django answer gets: a content security policy, and the language that its person chose; and the admin its door."""

from collections.abc import Callable, Sequence
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.utils import translation

from glaswerk.people.access.door import reading_as
from glaswerk.people.models import Person

Handler = Callable[[HttpRequest], HttpResponse]

# Everything comes from this origin and nothing is inline; `blob:` and `data:` are for the preview of a chosen file.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
# Where a file may be asked for; a store that delivers by itself is another origin.
_FOR_FILES: Final = ("img-src", "media-src", "connect-src")


def policy(file_origins: Sequence[str]) -> str:
    """Return the policy of a cell whose videos and pictures may come from these origins as well."""
    more = "".join(f" {origin}" for origin in file_origins)
    return "; ".join(f"{part}{more if part.startswith(_FOR_FILES) else ''}" for part in POLICY.split("; "))


def content_security_policy(get_response: Handler) -> Handler:
    """Send the policy with every answer."""
    sent = policy(settings.CELL.config.storage.delivery_origins)

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", sent)
        response.headers.setdefault("Permissions-Policy", "camera=(self), microphone=(self), geolocation=()")
        return response

    return handle


def person_language(get_response: Handler) -> Handler:
    """Let a person's own choice of language win over the browser's."""

    def handle(request: HttpRequest) -> HttpResponse:
        language = getattr(request.user, "language", "")
        if language:
            translation.activate(language)
            request.LANGUAGE_CODE = translation.get_language()
        return get_response(request)

    return handle


def admin_reads_as_staff(get_response: Handler) -> Handler:
    """Let what is encrypted be read below `/admin/` only by staff to whom its person's door is open."""

    def handle(request: HttpRequest) -> HttpResponse:
        if not (request.path.startswith("/admin/") and isinstance(request.user, Person)):
            return get_response(request)
        with reading_as(request.user):
            # What a template has not rendered yet would be rendered outside.
            response = get_response(request)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        return response

    return handle
