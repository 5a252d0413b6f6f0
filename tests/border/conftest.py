"""A cell folder of its own for every test, and people with something to take along."""

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils import timezone
from PIL import Image

from glaswerk.cell import blobs
from glaswerk.cell.config import Cell
from glaswerk.people.actions import add_person
from glaswerk.people.models import Person
from glaswerk.videos.models import Video
from tests.people.conftest import anna, as_anna

__all__ = ["anna", "as_anna"]

PASSWORD = "drei kleine Wolken"

MakePerson = Callable[..., Person]
MakeVideo = Callable[..., Video]


class CheapArgon2(Argon2PasswordHasher):
    """Argon2 as in a cell, at a cost that a test run can bear."""

    time_cost = 1
    memory_cost = 64
    parallelism = 1


@pytest.fixture(autouse=True)
def cell(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Cell:
    """Let everything go into a folder that is thrown away, and let pages name static files without their hashes."""
    own, cell = Cell(tmp_path_factory.mktemp("folders") / "cell"), Cell(settings.CELL.data)
    own.make_folders()
    # The database and the event log are those of the test process.
    for folder in ("keys", "media", "uploads", "epochs", "archive", "mail", "tlog", "exports"):
        setattr(cell, folder, getattr(own, folder))
    settings.CELL = cell
    settings.PASSWORD_HASHERS = [f"{__name__}.CheapArgon2"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    return cell


@pytest.fixture
def make_person() -> MakePerson:
    """Make a person with a confirmed address, who can sign in."""
    numbers = itertools.count()

    def make(name: str = "", **fields: Any) -> Person:
        name = name or f"person{next(numbers)}"
        return add_person(name, PASSWORD, email=f"{name}@example.org", **fields)

    return make


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """Make a ready video whose original is in the store; `original` are its bytes."""
    numbers = itertools.count()

    def make(creator: Person, original: bytes = b"", **fields: Any) -> Video:
        file = tmp_path / f"original-{next(numbers)}"
        file.write_bytes(original or b"\x00\x00\x00\x18ftypmp42" + file.name.encode())
        whole: dict[str, Any] = {
            "creator": creator,
            "visibility": "public",
            "region": "eu",
            "state": "ready",
            "source": blobs.store_original(file),
            "duration_ms": 5000,
            "width": 720,
            "height": 1280,
            "poster": blobs.store_bytes(file.name.encode(), "jpg"),
            "published_at": timezone.now(),
        }
        return Video.objects.create(**{**whole, **fields})

    return make


def picture() -> io.BytesIO:
    """Return a small picture, as somebody uploads one."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (18, 181, 166)).save(out, "PNG")
    out.seek(0)
    return out
