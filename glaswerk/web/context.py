"""What every template knows."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from glaswerk.border.sunset.state import copy
from glaswerk.people.models import Person
from glaswerk.shop.queries.inbox import unread


def cell(request: HttpRequest) -> dict[str, Any]:
    """Return the cell's title, region and public address, how much whoever is signed in has not read,
    and where it stands on its way into a sunset.

    What is unread is a function, so that only a template that asks for it costs a query, and costs it once.
    """
    section = settings.CELL.config.cell

    @cache
    def unread_notices() -> int:
        viewer = getattr(request, "user", None)
        return unread(viewer) if isinstance(viewer, Person) else 0

    return {
        "cell_title": section.title,
        "cell_region": section.region,
        "public_url": settings.PUBLIC_URL,
        "unread_notices": unread_notices,
        "sunset_stage": copy.stage().value,
        "sunset_plan": copy.plan,
    }
