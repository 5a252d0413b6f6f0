"""From one store of blobs to another: copy everything, then switch the cell over.

A copy that was stopped goes on where it was, because what lies in the new store already is not copied again.  The switch is
one line of `cell.toml`; it waits until nobody can store any more, or the last uploads would be left behind.  The old store
stays as it is, so that there is a way back until somebody removes it.
"""

import os
import re
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from glaswerk.cell.blobs import Blob, store_of
from glaswerk.cell.config import Cell, ConfigError, default_text, parse_config

_SECTION: Final = re.compile(r"^\[storage\][^\S\n]*(#.*)?$", re.MULTILINE)
_ANY_SECTION: Final = re.compile(r"^\[", re.MULTILINE)
_KIND: Final = re.compile(r"^(#[^\S\n]*)?kind[^\S\n]*=[^\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did: how many blobs there are, how many of them it copied, and how many bytes that was."""

    blobs: int
    copied: int
    copied_bytes: int


def copy_blobs(cell: Cell, kind: str, progress: Callable[[int, int], None] = lambda blobs, size: None) -> Moved:
    """Copy every blob that the store of another kind lacks; `progress` is told of each by how many and how large so far.

    Every copy is checked against its name.  Raises StorageError, CorruptBlob for a damaged blob, and ConfigError where
    the settings of that kind are not whole; what was copied until then stays.
    """
    here, there = store_of(cell), store_of(cell, kind)
    there.try_out()
    blobs = copied = size = 0
    with tempfile.TemporaryDirectory(prefix="moving-", dir=_work(cell)) as folder:
        for page in here.pages():
            for stored in page:
                blobs += 1
                present = there.stat(stored.blob)
                if present is None or present.size != stored.size:
                    copy = Path(folder) / "blob"
                    try:
                        here.fetch(stored.blob, copy)
                    except FileNotFoundError:
                        # It was deleted since it was listed.
                        continue
                    there.adopt(copy, stored.blob)
                    copy.unlink()
                    copied += 1
                    size += stored.size
                progress(blobs, size)
    return Moved(blobs, copied, size)


def missing_blobs(cell: Cell, kind: str) -> list[Blob]:
    """Return what the store of another kind still lacks."""
    here, there = store_of(cell), store_of(cell, kind)
    sizes = {stored.blob: stored.size for page in there.pages() for stored in page}
    return sorted(each.blob for page in here.pages() for each in page if sizes.get(each.blob) != each.size)


def switch(cell: Cell, kind: str) -> None:
    """Have the cell use the other store from its next start on.  Raises ConfigError, and then nothing has changed.

    The caller knows that the cell does not run and that nothing is missing over there.
    """
    text = cell.config_path.read_text(encoding="utf-8") if cell.config_path.exists() else default_text()
    changed = with_kind(text, kind)
    if parse_config(changed).storage.kind != kind:
        raise ConfigError(f"{cell.config_path.name} says storage.kind in a way that is not understood; set it by hand.")
    fresh = cell.config_path.with_name(f".{cell.config_path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(changed)
        file.flush()
        os.fsync(file.fileno())
    if cell.config_path.exists():
        fresh.chmod(cell.config_path.stat().st_mode & 0o777)
    fresh.replace(cell.config_path)


def with_kind(text: str, kind: str) -> str:
    """Return a `cell.toml` with another `storage.kind`; every other character stays."""
    line = f'kind = "{kind}"'
    section = _SECTION.search(text)
    if section is None:
        return f"{text.rstrip()}\n\n[storage]\n{line}\n" if text.strip() else f"[storage]\n{line}\n"
    following = _ANY_SECTION.search(text, section.end())
    end = following.start() if following else len(text)
    lines = list(_KIND.finditer(text, section.end(), end))
    # The active line counts; one that shows the default becomes it where there is none.
    found = next((each for each in lines if not each[1]), lines[0] if lines else None)
    if found is None:
        return f"{text[: section.end()]}\n{line}{text[section.end() :]}"
    return text[: found.start()] + line + text[found.end() :]


def _work(cell: Cell) -> Path:
    folder = cell.uploads / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
