"""Where unfinished work lies."""

from pathlib import Path

from django.conf import settings


def work_folder() -> Path:
    """Return the folder that holds unfinished renders, on the disk of the uploads."""
    folder: Path = settings.CELL.uploads / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
