"""The blob store: files named by the SHA-256 of their bytes, in a folder of this machine or in an S3-compatible store.

A blob appears under its name whole or not at all, and is durable before anybody may refer to it.  It never changes, which
lets caches keep it.  What may be served and what people uploaded are kept apart: originals are never served, so no
address leads to them.

Whoever stores a blob and the row that refers to it does both in one transaction that called `keeping.keep_blobs` first.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from glaswerk.cell.blobs.local import LocalStore, make_durable
from glaswerk.cell.blobs.names import EXTENSIONS, SHA256, TYPES, Blob
from glaswerk.cell.blobs.signing import Verdict, check_signature, signed_url
from glaswerk.cell.blobs.store import CorruptBlob, OpenBlob, StorageError, Store, Stored
from glaswerk.cell.config import Cell, StorageSection

__all__ = [
    "EXTENSIONS",
    "SHA256",
    "TYPES",
    "Blob",
    "CorruptBlob",
    "OpenBlob",
    "StorageError",
    "Store",
    "Stored",
    "Verdict",
    "adopt_original",
    "blob_path",
    "blob_url",
    "check_signature",
    "current_store",
    "delete_blob",
    "delete_original",
    "local_blob",
    "local_original",
    "make_durable",
    "original_path",
    "signed_url",
    "store_bytes",
    "store_file",
    "store_of",
    "store_original",
    "sweep_incoming",
]


def current_store() -> Store:
    """Return the store of this cell.  Raises StorageError where its settings or credentials cannot be used."""
    return store_of(settings.CELL)


def store_of(cell: Cell, kind: str | None = None) -> Store:
    """Return a cell's store, or the one of another kind that its settings describe as well.

    Raises StorageError, and ConfigError where the settings for that kind are not whole.
    """
    section = cell.config.storage
    if kind is not None and kind != section.kind:
        section = section.of_kind(kind)
    return _store(cell.media, cell.uploads / "originals", cell.keys, section)


def store_file(path: Path, extension: str) -> str:
    """Store a copy of a file for delivery and return its SHA-256 (hex).  Raises OSError, and then stores nothing."""
    return _served(path, extension)


def store_bytes(data: bytes, extension: str) -> str:
    """Store bytes for delivery and return their SHA-256 (hex).  Raises OSError, and then stores nothing."""
    return _served(data, extension)


def store_original(path: Path) -> str:
    """Keep a copy of an uploaded file, out of reach of every address, and return its SHA-256 (hex)."""
    return current_store().put(path, "").sha


def adopt_original(path: Path, sha: str) -> None:
    """Keep a whole and durable file as an original, on the same disk without a second copy of its bytes.

    `sha` is its SHA-256; `path` stays, as a second name of the same bytes, which nobody may write to any more.
    """
    current_store().adopt(path, Blob(sha))


@contextmanager
def local_blob(sha: str, extension: str, folder: Path) -> Iterator[Path]:
    """Yield a file of this machine that holds a blob: the blob itself, or a copy in the folder for as long as the block.

    Nobody may write to it.  Raises FileNotFoundError, CorruptBlob, and OSError where the folder cannot take a copy.
    """
    with _local(Blob(sha, extension), folder) as path:
        yield path


@contextmanager
def local_original(sha: str, folder: Path) -> Iterator[Path]:
    """Yield a file of this machine that holds an uploaded file; see `local_blob`."""
    with _local(Blob(sha), folder) as path:
        yield path


def blob_path(sha: str, extension: str) -> Path:
    """Return where a blob lies on this machine.  Raises ValueError for what cannot be the name of a blob.

    A store elsewhere has no such place, and StorageError says so: read through `local_blob`, which works with both.
    """
    return _path(Blob(sha, extension))


def original_path(sha: str) -> Path:
    """Return where an uploaded file lies on this machine; see `blob_path`, and read through `local_original`."""
    return _path(Blob(sha))


def blob_url(sha: str, extension: str) -> str:
    """Return the address of a blob."""
    return f"/media/{_with_extension(sha, extension)}"


def delete_blob(sha: str, extension: str) -> None:
    """Remove a blob; nothing happens where there is none.  The caller knows that nothing refers to it any more."""
    current_store().delete([_with_extension(sha, extension)])


def delete_original(sha: str) -> None:
    """Remove an uploaded file; nothing happens where there is none."""
    current_store().delete([Blob(sha)])


def sweep_incoming(older_than_seconds: float) -> int:
    """Remove what killed writers left, and return how many files that were."""
    return current_store().sweep(older_than_seconds)


@lru_cache(maxsize=16)
def _store(media: Path, originals: Path, keys: Path, section: StorageSection) -> Store:
    if section.kind == "local":
        return LocalStore(media, originals)
    # The library is loaded only where it is used.
    from glaswerk.cell.blobs.s3 import S3Store

    return S3Store(section, keys)


def _served(source: Path | bytes, extension: str) -> str:
    if extension not in EXTENSIONS:
        raise ValueError(f"a blob's extension is one of {', '.join(sorted(EXTENSIONS))}")
    return current_store().put(source, extension).sha


def _with_extension(sha: str, extension: str) -> Blob:
    if not extension:
        raise ValueError(f"a blob's extension is one of {', '.join(sorted(EXTENSIONS))}")
    return Blob(sha, extension)


def _path(blob: Blob) -> Path:
    path = current_store().local_path(blob)
    if path is None:
        raise StorageError("The blobs are not on this machine. Read them through local_blob or local_original.")
    return path


@contextmanager
def _local(blob: Blob, folder: Path) -> Iterator[Path]:
    store = current_store()
    path = store.local_path(blob)
    if path is not None:
        yield path
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetched-", dir=folder) as own:
        copy = Path(own) / str(blob)
        store.fetch(blob, copy)
        yield copy
