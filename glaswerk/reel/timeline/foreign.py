"""What is made of the documents of other editors: which of their tracks and files are ours."""

from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from glaswerk.reel.timeline.model import MAX_FPS, Clip, Note, Track, length
from glaswerk.reel.timeline.place import Place

_MOST_SOUNDS: Final = 8


def track_name(kind: str, found: dict[str, Track]) -> str | None:
    """The name that the next track of this kind gets here, or None if there is no room for it."""
    if kind == "Video":
        return None if "main" in found else "main"
    number = sum(name.startswith("music") for name in found) + 1
    return None if number > _MOST_SOUNDS else "music" if number == 1 else f"music-{number}"


def drop_sound_of_clips(found: dict[str, Track], notes: list[Note]) -> None:
    """Editors lay the sound of a clip beside it; here a clip brings its own."""
    heard = set(_placed(found["main"])) if "main" in found else set()
    for name in [name for name in found if name.startswith("music")]:
        clips = list(_placed(found[name]))
        if clips and all(each in heard for each in clips):
            del found[name]
            notes.append(
                Note("tracks", f"The audio track {name} is the sound of the clips, which bring it themselves.")
            )
    # What is left moves up, so that the names have no holes.
    for number, name in enumerate(sorted(each for each in found if each.startswith("music")), start=1):
        track = found.pop(name)
        own = "music" if number == 1 else f"music-{number}"
        found[own] = Track(name=own, items=track.items, volume=track.volume)


def source_name(url: str) -> str | None:
    """The name of a file, whatever folder it was in and whatever system wrote the path; None for what is no file."""
    parts = urlsplit(url) if "://" in url else None
    if parts is not None and parts.scheme != "file":
        return None
    path = unquote(parts.path) if parts is not None else url
    name = PureWindowsPath(PurePosixPath(path).name).name
    if not name or name in (".", "..") or any(ord(each) < 32 for each in name):
        return None
    plain = PurePosixPath(url)
    # A relative path below the document is as good as our own.
    is_below = (
        parts is None and not plain.is_absolute() and ".." not in plain.parts and ":" not in url and "\\" not in url
    )
    return url if is_below else name


def frame_rate(root: Place) -> int:
    """That of the first clip which has a whole one that is possible here, else 30."""
    for track in root["tracks"]["children"].each() if root["tracks"] else ():
        for item in track["children"].each() if track.object().get("children") else ():
            source_range = item.object().get("source_range")
            rate = source_range["duration"]["rate"] if source_range else 0
            if track.object().get("kind") == "Video" and 10 <= rate <= MAX_FPS and rate == int(rate):
                return int(rate)
    return 30


def own_range(place: Place) -> Place:
    """The length of a nested composition: the longest of what it holds, as far as that is written down."""
    children: list[Any] = place.object().get("children") or []
    for child in children:
        if isinstance(child, dict) and child.get("source_range"):
            return Place(child["source_range"], f"{place.path}.source_range")
    return Place(None, f"{place.path}.source_range")


def _placed(track: Track) -> list[tuple[str, int, int, int]]:
    now, placed = 0, []
    for item in track.items:
        if isinstance(item, Clip):
            placed.append((item.source, item.start_ms, now, item.duration_ms))
        now += length(item)
    return placed
