"""Icons: one sprite, drawn for this project in 24-pixel strokes."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """Draw the icon `name`; it is hidden from screen readers, so its control needs a name of its own."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        classes,
        static("web/icons.svg"),
        name,
    )
