"""What the pages of the border read.  Each function says how many queries it makes."""

from dataclasses import dataclass
from typing import Any

from glaswerk.border.exporters import EXPORTERS
from glaswerk.border.models import Export
from glaswerk.people.models import Person


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays when somebody is erased, and why."""

    title: str
    why: str


def newest_export(person: Person) -> Export | None:
    """Return the export that the page shows.  One query."""
    return Export.objects.filter(person=person).order_by("-pk").first()


def export_state(export: Export) -> dict[str, Any]:
    """Return how far an export is, for its page.  No query."""
    return {"state": export.state, "progress": export.progress}


def what_is_kept() -> list[Kept]:
    """Return what the law keeps of an erased person, each with the reason.  No query."""
    categories = [each for exporter in EXPORTERS for each in exporter.categories()]
    return [Kept(str(each.title), str(each.kept)) for each in categories if each.kept]


def obstacles(person: Person) -> list[str]:
    """Return what has to be settled before somebody can be erased.  About ten queries."""
    return [sentence for exporter in EXPORTERS for sentence in exporter.obstacles(person)]
