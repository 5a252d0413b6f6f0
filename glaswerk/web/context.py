"""What every template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from glaswerk.border.sunset.state import copy


def cell(request: HttpRequest) -> dict[str, Any]:
    """Return the cell's title, region and public address, and where it stands on its way into a sunset."""
    section = settings.CELL.config.cell
    return {
        "cell_title": section.title,
        "cell_region": section.region,
        "public_url": settings.PUBLIC_URL,
        "sunset_stage": copy.stage().value,
        "sunset_plan": copy.plan,
    }
