"""Browser libraries from npm: linked only where they are installed, so that a cell without npm packages works too."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from glaswerk.web.templatetags.fonts import installed

register = template.Library()


@register.simple_tag
def vendor_script(path: str) -> SafeString:
    """Load a library before the page's own modules run; without it they do what they can."""
    return format_html('<script src="{}" defer></script>', static(path)) if installed(path) else SafeString("")
