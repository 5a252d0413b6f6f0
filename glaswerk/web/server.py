"""What each Granian worker loads: Django, checked, behind the front door."""

import os
from typing import Any, cast

from django.core.asgi import get_asgi_application
from django.core.checks import run_checks

from glaswerk.cell.process import die_with_parent


def make_app() -> object:
    """Return the front door.  Raises SystemExit where a field declares no data class."""
    die_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "glaswerk.cell.settings")
    # Both sides speak ASGI; Django's annotations only name the message types more narrowly.
    django_application = cast("Any", get_asgi_application())
    errors = run_checks(tags=["data_classes"])
    if errors:
        raise SystemExit("\n".join(str(error) for error in errors))
    from django.conf import settings

    from glaswerk.border.sunset.state import watch
    from glaswerk.web.front import FrontDoor

    watch(settings.CELL)
    return FrontDoor(settings.CELL, django_application)
