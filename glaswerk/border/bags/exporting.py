"""Making a person's export: one bag with everything that the exporters give, and a page to read it by."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation

from glaswerk import __version__
from glaswerk.border.bags import activity
from glaswerk.border.bags.writing import BagWriter
from glaswerk.border.exporters import EXPORTERS
from glaswerk.cell.blobs import local_blob, local_original
from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.people.rights import Carried

PROFILE: Final = "https://glaswerk.example/bag/1"
"""What `BagIt-Profile-Identifier` says: which layout this is."""
_COLLECTION: Final = (
    f'{{"@context": "{activity.CONTEXT}", "type": "OrderedCollection", "id": "outbox.json", "orderedItems": ',
    ', "totalItems": %d}',
)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A file as the page lists it."""

    title: str
    path: str
    number: int
    kept: str


def write_bag(person: Person, target: Path, progress: Callable[[int], None]) -> None:
    """Write a person's bag; `progress` is told the percentage that is done.  Raises OSError and StorageError."""
    with translation.override(person.language or settings.LANGUAGE_CODE):
        _write(person, target, progress)


def _write(person: Person, target: Path, progress: Callable[[int], None]) -> None:
    files = [each for exporter in EXPORTERS for each in exporter.files(person)]
    categories = [(exporter.app, each) for exporter in EXPORTERS for each in exporter.categories()]
    steps = len(files) + len(categories) + 1
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(min(99, 100 * done // steps))

    name = f"glaswerk-{person.name}-{timezone.localdate().isoformat()}"
    facts = {
        "Source-Organization": " ".join(settings.CELL.config.cell.title.split()),
        "External-Identifier": f"{settings.PUBLIC_URL}/people/{person.public_id}",
        "External-Description": f"Everything that this cell holds about @{person.name}",
        "BagIt-Profile-Identifier": PROFILE,
        "Bag-Software-Agent": f"Glaswerk {__version__}",
    }
    listed: list[tuple[str, list[_Listed]]] = []
    with BagWriter(target, name, facts) as bag:
        for app, each in categories:
            path = f"{app}/{each.name}.json"
            number = bag.add_records(path, each.records(person))
            if not listed or listed[-1][0] != app:
                listed.append((app, []))
            listed[-1][1].append(_Listed(str(each.title), path, number, str(each.kept)))
            step()
        missing = [carried.path for carried in files if not _add(bag, carried, step)]
        bag.add_bytes("actor.json", _json(activity.actor(person)))
        originals = {video: path for video, path in _originals(files) if path not in missing}
        bag.add_records("outbox.json", activity.activities(person, originals), _COLLECTION)
        page = render_to_string(
            "border/bag.html",
            {
                "person": person,
                "cell": settings.CELL.config.cell.title,
                "at": timezone.localtime(),
                "groups": listed,
                "files": [carried.path for carried in files if carried.path not in missing],
                "missing": missing,
                "language": translation.get_language(),
            },
        )
        bag.add_bytes("index.html", page.encode())
        step()


def _add(bag: BagWriter, carried: Carried, step: Callable[[], None]) -> bool:
    """Add a file, and return whether it is there: somebody may delete a video while it is being packed."""
    blob = carried.blob
    try:
        if blob is None:
            bag.add_bytes(carried.path, carried.data)
        elif blob.extension:
            with local_blob(blob.sha, blob.extension, settings.CELL.exports) as path:
                bag.add_file(carried.path, path)
        else:
            with local_original(blob.sha, settings.CELL.exports) as path:
                bag.add_file(carried.path, path)
    except FileNotFoundError:
        return False
    finally:
        step()
    return True


def _originals(files: list[Carried]) -> Iterator[tuple[int, str]]:
    for carried in files:
        if carried.path.startswith("videos/originals/"):
            yield decode_id(Path(carried.path).stem), carried.path


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
