"""Which font draws which character.

Inter comes from npm beside the package, cut up by scripts. What it lacks is looked for among the system's fonts, and then in the one
that comes with Pillow; a character that none of them has is drawn as an empty box.
"""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from PIL import ImageFont

FOLDER: Final = Path(__file__).resolve().parents[3] / "node_modules" / "@fontsource-variable" / "inter" / "files"
_SUBSETS: Final = ("latin", "latin-ext", "cyrillic", "cyrillic-ext", "greek", "greek-ext", "vietnamese")
_SYSTEM: Final = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
_WEIGHT: Final = 700
# More fonts than these are not tried: looking for a character opens them all.
_MOST_FONTS: Final = 48
_TRIED_AT: Final = 32
# Colour fonts made of pictures have this one size.
_STRIKE: Final = 109
# No font has a picture for it, so it shows what a font draws instead of one.
_MISSING: Final = "\U0010fffe"


@dataclass(frozen=True, slots=True)
class Face:
    """One font file; `strike` where it holds pictures of one size."""

    path: str
    strike: bool = False


@lru_cache(maxsize=8)
def own_faces(folder: str = str(FOLDER)) -> tuple[Face, ...]:
    """Our own typeface, by scripts. Files that cannot be opened are left out."""
    paths = [Path(folder) / f"inter-{subset}-wght-normal.woff2" for subset in _SUBSETS]
    return tuple(face for face in (Face(str(path)) for path in paths) if _opened(face, _TRIED_AT) is not None)


@lru_cache(maxsize=2)
def system_faces(places: tuple[Path, ...]) -> tuple[Face, ...]:
    """The system's fonts in the order of preference."""
    suffixes = (".ttf", ".otf", ".ttc")
    found = {path for place in places if place.is_dir() for path in place.rglob("*") if path.suffix in suffixes}
    chosen = sorted(found, key=lambda path: (_preference(path.name), path.name))[:_MOST_FONTS]
    faces = [Face(str(path), "emoji" in path.name.lower()) for path in chosen]
    return tuple(face for face in faces if _opened(face, _TRIED_AT) is not None)


def faces(folder: str = str(FOLDER)) -> Iterator[Face]:
    """All of them, one after the other: the system's are opened only for what our own lacks."""
    yield from own_faces(folder)
    yield from system_faces(_SYSTEM)


def _preference(name: str) -> int:
    """Upright bold sans first, then whatever else may have the character."""
    name = name.lower()
    if "italic" in name or "oblique" in name:
        return 9
    plain = name.startswith(("notosans-", "dejavusans-"))
    return (0 if plain and "bold" in name else 1 if plain else 2 if "emoji" in name else 3 if "bold" in name else 4) + (
        "mono" in name or "condensed" in name
    )


@lru_cache(maxsize=256)
def font(face: Face | None, size: int) -> Any:
    """The font in a size; None stands for the one that comes with Pillow."""
    opened = _opened(face, _STRIKE if face.strike else size) if face is not None else None
    return opened if opened is not None else ImageFont.load_default(size)


def _opened(face: Face, size: int) -> Any:
    try:
        made = ImageFont.truetype(face.path, _STRIKE if face.strike else size)
    except (OSError, ValueError):
        return None
    if face.path.endswith(".woff2"):
        try:
            made.set_variation_by_axes([_WEIGHT])
        except (OSError, NotImplementedError):
            return None
    return made


@lru_cache(maxsize=4096)
def face_for(cluster: str, folder: str = str(FOLDER)) -> Face | None:
    """The first font that has the characters of a cluster. None: none has, or only Pillow's own."""
    character = cluster[0]
    if _is_blank(character):
        return next(faces(folder), None)
    return next((face for face in faces(folder) if _has(face, character)), None)


def _is_blank(character: str) -> bool:
    """Whether nothing is drawn for it in any font. What this Python does not know yet may well be drawn."""
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")


@lru_cache(maxsize=8192)
def _has(face: Face, character: str) -> bool:
    opened = font(face, _TRIED_AT)
    return _drawn(opened, character) not in (_nothing(face), b"")


@lru_cache(maxsize=128)
def _nothing(face: Face) -> bytes:
    return _drawn(font(face, _TRIED_AT), _MISSING)


def _drawn(opened: Any, character: str) -> bytes:
    mask = opened.getmask(character, mode="L")
    return bytes(mask.size[0].to_bytes(4, "big") + bytes(mask)) if mask.size[0] else b""


def clusters(text: str) -> Iterator[str]:
    """The characters as people see them: with their marks, joiners and skin tones."""
    current, joined = "", False
    for character in text:
        joins = unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf")
        joins = joins or 0x1F3FB <= ord(character) <= 0x1F3FF
        if current and not joins and not joined:
            yield current
            current = ""
        current += character
        joined = character == "\u200d"
    if current:
        yield current


def is_drawn_at_all(cluster: str, folder: str = str(FOLDER)) -> bool:
    """Whether any font has it; where not, an empty box is drawn."""
    if face_for(cluster, folder) is not None or _is_blank(cluster[0]):
        return True
    default = ImageFont.load_default(_TRIED_AT)
    return _drawn(default, cluster[0]) not in (_drawn(default, _MISSING), b"")


def available(folder: str | os.PathLike[str] = FOLDER) -> bool:
    """Whether our own typeface is there."""
    return bool(own_faces(str(folder)))
