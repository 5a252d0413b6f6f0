"""Pages that belong to no app: the offline shell, the manifest, the service worker, fonts and words."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import URLPattern, path, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog

from glaswerk.web.templatetags.fonts import installed

# Which letters each file of the typeface holds, as its makers publish them.
FONT_FACES: Final = {
    "inter-latin-wght-normal.woff2": (
        "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+0304,U+0308,U+0329,U+2000-206F,U+20AC,"
        "U+2122,U+2191,U+2193,U+2212,U+2215,U+FEFF,U+FFFD"
    ),
    "inter-latin-ext-wght-normal.woff2": (
        "U+0100-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+0304,U+0308,U+0329,U+1D00-1DBF,U+1E00-1E9F,"
        "U+1EF2-1EFF,U+2020,U+20A0-20AB,U+20AD-20C0,U+2113,U+2C60-2C7F,U+A720-A7FF"
    ),
}
SHELL: Final = (
    "theme.js",
    "tokens.css",
    "base.css",
    "components/controls.css",
    "components/content.css",
    "components/layers.css",
    "icons.svg",
    "page.js",
    "toasts.js",
)
ERROR_PAGE: Final = Path(__file__).parent / "templates" / "500.html"
WORD_PACKAGES: Final = [
    "glaswerk.web",
    "glaswerk.people",
    "glaswerk.videos",
    "glaswerk.social",
    "glaswerk.feed",
    "glaswerk.shop",
    "glaswerk.border",
]


@require_safe
@cache_control(public=True, max_age=86400)
def fonts(request: HttpRequest) -> HttpResponse:
    """Declare the font faces that are installed.

    It is an answer and not a static file, because hashing static files fails when one names a file that is missing.
    """
    faces = [
        f'@font-face{{font-family:"Inter Variable";font-style:normal;font-display:swap;font-weight:100 900;'
        f'src:url("{static(f"vendor/inter/{file}")}") format("woff2");unicode-range:{letters}}}'
        for file, letters in FONT_FACES.items()
        if installed(f"vendor/inter/{file}")
    ]
    return HttpResponse("\n".join(faces), content_type="text/css; charset=utf-8")


@require_safe
@cache_control(public=True, max_age=600)
def words(request: HttpRequest, language: str) -> HttpResponseBase:
    """Give scripts `gettext` and the words of a language; the language is in the address, so caches keep them apart."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    with translation.override(language):
        return JavaScriptCatalog.as_view(packages=WORD_PACKAGES)(request)


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """Describe the app for installing it."""
    sizes = ((192, "any"), (512, "any"), (192, "maskable"), (512, "maskable"))
    return JsonResponse(
        {
            "id": "/",
            "name": settings.CELL.config.cell.title,
            "short_name": settings.CELL.config.cell.title,
            "description": _("Short videos, with a feed that anyone can check."),
            "lang": translation.get_language(),
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "orientation": "any",
            "background_color": "#0c0e12",
            "theme_color": "#0c0e12",
            "icons": [
                {
                    "src": static(f"web/{'maskable' if purpose == 'maskable' else 'icon'}-{size}.png"),
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                    "purpose": purpose,
                }
                for size, purpose in sizes
            ],
            "shortcuts": [
                {"name": _("Create"), "url": "/studio"},
                {"name": _("Discover"), "url": "/discover"},
            ],
        },
        content_type="application/manifest+json",
    )


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """Say that there is no connection; the service worker keeps this page."""
    return render(request, "web/offline.html")


@require_safe
@cache_control(no_cache=True)
def service_worker(request: HttpRequest) -> HttpResponse:
    """Serve the service worker from the root, so that its scope is the whole cell.

    Its text changes whenever a file of the shell or the language does; browsers then install the new one.
    """
    shell = [static(f"web/{name}") for name in SHELL]
    version = sha256(" ".join([*shell, translation.get_language() or ""]).encode()).hexdigest()[:16]
    return render(
        request,
        "web/sw.js",
        {"shell": [reverse("offline"), *shell], "version": version},
        content_type="text/javascript; charset=utf-8",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that something broke, without templates, translations, static files or the database: any may be what broke."""
    body = ERROR_PAGE.read_text(encoding="utf-8")
    style = body[body.index("<style>") + len("<style>") : body.index("</style>")]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    return HttpResponse(body, status=500, headers={"Content-Security-Policy": policy})


urlpatterns: list[URLPattern] = [
    path("fonts.css", fonts, name="fonts"),
    path("words/<str:language>.js", words, name="words"),
    path("manifest.webmanifest", manifest, name="manifest"),
    path("offline", offline, name="offline"),
    path("sw.js", service_worker, name="sw"),
]
