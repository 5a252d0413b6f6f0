"""Looking something up by what a variable holds, which Django's templates cannot."""

from collections.abc import Mapping
from typing import Any

from django import template

register = template.Library()


@register.filter
def item(mapping: Mapping[str, Any], key: str) -> Any:
    """Return what stands under a key, or nothing."""
    return mapping.get(key, "")
