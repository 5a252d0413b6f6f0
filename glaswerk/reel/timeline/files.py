"""Which files of a folder a document on a disk refers to. Nothing outside of the folder is ever opened."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote

from glaswerk.reel.timeline.model import Clip, Timeline, TimelineError

_REFERENCES: Final = ("source:", "sound:")


def find_files(timeline: Timeline, folder: Path) -> dict[str, Path]:
    """The file of every source, by its reference. `source:ID` is the one file called ID, with any suffix. Raises TimelineError."""
    root = folder.resolve()
    found: dict[str, Path] = {}
    for track in timeline.tracks:
        for number, item in enumerate(track.items):
            if isinstance(item, Clip) and item.source not in found:
                found[item.source] = _file(item.source, root, f"{track.name}[{number}].media_reference")
    return found


def _file(source: str, root: Path, place: str) -> Path:
    if source.startswith(_REFERENCES):
        name = source.partition(":")[2]
        named = sorted(each for each in root.iterdir() if name in (each.name, each.stem)) if root.is_dir() else []
        if len(named) > 1:
            said = ", ".join(each.name for each in named[:5])
            raise TimelineError(place, f"{source} could be {said}; leave only one of them in the folder.")
        candidates = named or [root / name]
    else:
        # Programs differ in whether they escape what they write: the file that is there decides.
        candidates = [path for path in (root / source, root / unquote(source)) if _is_file(path)] or [root / source]
    try:
        path = candidates[0].resolve()
    except (OSError, ValueError):
        path = root / "nothing"
    # Links are followed first, so that none leads out.
    if not path.is_relative_to(root):
        raise TimelineError(
            place, f"{source} lies outside of the folder; put the file below it, or name another folder with --media."
        )
    if not _is_file(path):
        raise TimelineError(
            place, f"{source} is missing; put the file into the folder, or name another folder with --media."
        )
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
