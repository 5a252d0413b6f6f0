"""The typeface: linked only where it is installed, so that a cell without npm packages looks right too."""

from functools import cache
from typing import Final

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

LATIN: Final = "vendor/inter/inter-latin-wght-normal.woff2"


@cache
def installed(path: str) -> bool:
    """Whether a static file is there. The answer holds for the life of the process, as static files do."""
    return finders.find(path) is not None


@register.simple_tag
def font_links() -> SafeString:
    """Link the font faces, and preload the one that nearly every page needs."""
    if not installed(LATIN):
        return SafeString("")
    return format_html(
        '<link rel="preload" href="{}" as="font" type="font/woff2" crossorigin><link rel="stylesheet" href="{}">',
        static(LATIN),
        reverse("fonts"),
    )
