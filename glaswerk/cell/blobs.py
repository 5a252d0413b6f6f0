"""The blob store: files named by the SHA-256 of their bytes.

A blob appears under its name whole or not at all: its bytes are written to a file of another name on the same disk,
made durable, and linked to the name last.  So a kill or a power failure at any moment leaves either no blob or a
whole one, and two writers of the same bytes end with one file.  A blob never changes, which lets caches keep it.

Two stores are kept apart.  `media/` holds what may be served; `uploads/originals/` holds what people uploaded, which
is never served, so that no address leads there.
"""

import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings

EXTENSIONS: Final = frozenset({"jpg", "m3u8", "m4a", "m4s", "mp4", "vtt", "webp"})
SHA256: Final = re.compile(r"[0-9a-f]{64}")
_CHUNK: Final = 1 << 20
_INCOMING: Final = ".incoming"


def store_file(path: Path, extension: str) -> str:
    """Store a copy of a file for delivery and return its SHA-256 (hex).  Raises OSError, and then stores nothing."""
    _check_extension(extension)
    with path.open("rb") as source:
        return _store(settings.CELL.media, _chunks(source), f".{extension}")


def store_bytes(data: bytes, extension: str) -> str:
    """Store bytes for delivery and return their SHA-256 (hex).  Raises OSError, and then stores nothing."""
    _check_extension(extension)
    return _store(settings.CELL.media, iter((data,)), f".{extension}")


def store_original(path: Path) -> str:
    """Keep a copy of an uploaded file, out of reach of every address, and return its SHA-256 (hex)."""
    with path.open("rb") as source:
        return _store(_originals(), _chunks(source), "")


def adopt_original(path: Path, sha: str) -> None:
    """Keep a whole and durable file of the uploads' disk as an original, without a second copy of its bytes.

    `sha` is its SHA-256; `path` stays, as a second name of the same bytes, which nobody may write to any more.
    """
    target = _place(_originals(), sha, "")
    incoming = _originals() / _INCOMING
    for folder in (incoming, target.parent):
        folder.mkdir(parents=True, exist_ok=True)
    link = incoming / secrets.token_hex(16)
    os.link(path, link)
    try:
        # Where the same bytes lie already, a disk that corrupted them since is healed.
        link.replace(target)
    finally:
        # Two names of one file are not replaced by each other, and the first then stays.
        link.unlink(missing_ok=True)
    make_durable(_originals())
    make_durable(target.parent)


def blob_path(sha: str, extension: str) -> Path:
    """Return where a blob lies.  Raises ValueError for what cannot be the name of a blob."""
    _check_extension(extension)
    return _place(settings.CELL.media, sha, f".{extension}")


def original_path(sha: str) -> Path:
    """Return where an uploaded file lies.  Raises ValueError for what is no SHA-256."""
    return _place(_originals(), sha, "")


def blob_url(sha: str, extension: str) -> str:
    """Return the address of a blob."""
    _check_extension(extension)
    return f"/media/{sha}.{extension}"


def delete_blob(sha: str, extension: str) -> None:
    """Remove a blob; nothing happens where there is none.  The caller knows that nothing refers to it any more."""
    blob_path(sha, extension).unlink(missing_ok=True)


def delete_original(sha: str) -> None:
    """Remove an uploaded file; nothing happens where there is none."""
    original_path(sha).unlink(missing_ok=True)


def sweep_incoming(older_than_seconds: float) -> int:
    """Remove what killed writers left, and return how many files that were.

    A writer's file is touched by every write, so an age beyond any pause between two writes means that nobody
    writes it any more.
    """
    removed = 0
    limit = time.time() - older_than_seconds
    for root in (settings.CELL.media, _originals()):
        folder = root / _INCOMING
        for path in folder.iterdir() if folder.is_dir() else ():
            try:
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                continue
    return removed


def _originals() -> Path:
    folder: Path = settings.CELL.uploads / "originals"
    return folder


def _check_extension(extension: str) -> None:
    if extension not in EXTENSIONS:
        raise ValueError(f"a blob's extension is one of {', '.join(sorted(EXTENSIONS))}")


def _place(root: Path, sha: str, suffix: str) -> Path:
    if not SHA256.fullmatch(sha):
        raise ValueError("a blob is named by 64 lowercase hexadecimal digits")
    return root / sha[:2] / f"{sha}{suffix}"


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk


def _store(root: Path, chunks: Iterator[bytes], suffix: str) -> str:
    """Hash and copy in one pass, so that the name is that of the very bytes that were written."""
    with _incoming_file(root) as (path, file):
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        sha = digest.hexdigest()
        target = _place(root, sha, suffix)
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            make_durable(root)
        try:
            os.link(path, target)
        except FileExistsError:
            # Somebody stored the same bytes.  A disk that corrupted them since is healed by the fresh copy.
            path.replace(target)
        make_durable(target.parent)
        return sha


@contextmanager
def _incoming_file(root: Path) -> Iterator[tuple[Path, BinaryIO]]:
    folder = root / _INCOMING
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / secrets.token_hex(16)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)


def make_durable(folder: Path) -> None:
    """Return when the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; their own guarantees are then what there is.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
