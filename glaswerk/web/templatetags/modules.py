"""Scripts are modules: everything that one imports is named in the page's head, so that it comes in one go.

Otherwise a browser learns of an import only when it has read the module before it, one journey to the server for each
step of the way.
"""

import posixpath
import re
from functools import cache
from pathlib import Path
from typing import Final

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_IMPORT: Final = re.compile(r"""^(?:import|export)\b[^;]*?["'](\.{1,2}/[^"']+)["'];""", re.MULTILINE)


@cache
def imported(path: str) -> tuple[str, ...]:
    """Return what a module imports, and what those import, each once.  It holds for the life of the process."""
    found: dict[str, None] = {}
    waiting = [path]
    while waiting:
        here = waiting.pop(0)
        place = finders.find(here)
        if place is None:
            continue
        for name in _IMPORT.findall(Path(place).read_text(encoding="utf-8")):
            there = posixpath.normpath(posixpath.join(posixpath.dirname(here), name))
            if there != path and there not in found:
                found[there] = None
                waiting.append(there)
    return tuple(found)


@register.simple_tag
def module_preloads(path: str) -> SafeString:
    """Name a module and everything that it imports, for the browser to load at once."""
    return format_html_join(
        "", '<link rel="modulepreload" href="{}">', ((static(each),) for each in (path, *imported(path)))
    )
