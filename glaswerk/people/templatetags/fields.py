"""Form fields as our pages show them."""

from django import template
from django.forms import BoundField

register = template.Library()


@register.filter
def without_placeholder(field: BoundField) -> BoundField:
    """Drop a placeholder that only repeats the label: it vanishes as soon as somebody types."""
    field.field.widget.attrs.pop("placeholder", None)
    return field
