"""When a blob may be removed.

Blobs are shared: two videos with the same bytes have the same one.  So a blob is removed only when no row refers to it,
and between that look and the removal no row may come to refer to it.  Who stores a blob and the row that refers to it
holds the lock shared, and who removes blobs holds it alone.

Removal never waits long for the lock, because whoever wants to store would then wait behind it: it gives way and tries
again.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from glaswerk.cell.blobs import Blob, Store, Stored, current_store
from glaswerk.cell.locks import Lock
from glaswerk.cell.references import all_references, referenced

_LOCK_NOT_AVAILABLE: Final = "55P03"
_WAIT_MS: Final = 1500
_TRIES: Final = 20
# While a batch is looked at and removed, nobody can store.
_BATCH: Final = 200


class Busy(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """Files are stored all the time; nothing was removed.  Try again later."""


def keep_blobs() -> None:
    """Until the end of this transaction, keep every blob that is there or gets stored."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [Lock.COLLECTOR])


def discard(names: list[str], *, tries: int = _TRIES) -> int:
    """Remove those of the blobs that nothing refers to, and return their number.  Safe to run twice.

    `<sha>.<extension>` names a blob, `<sha>` alone an original.  Raises Busy and StorageError, and has then removed some
    of them or none; where somebody waits for the answer, let it try once.
    """
    blobs = [Blob.parse(name) for name in names]
    store = current_store()
    removed = 0
    for start in range(0, len(blobs), _BATCH):
        batch = blobs[start : start + _BATCH]
        with _nobody_stores(tries):
            unused = set(batch) - referenced(batch)
            store.delete(sorted(unused))
        removed += len(unused)
    return removed


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection of garbage found: how many blobs there are, how many were kept, and what was removed."""

    seen: int
    referenced: int
    young: int
    removed: tuple[Blob, ...]
    removed_bytes: int


def collect(grace: timedelta | None = None, *, dry_run: bool = False) -> Collected:
    """Remove every blob that nothing refers to and that was stored longer ago than the grace period.

    What was stored just now may belong to a row that is still being written by somebody who forgot the lock; the grace
    period is a second guard beside the lock, and gives an operator time.  Raises Busy and StorageError; what was removed
    until then stays removed, and another run goes on.  A dry run removes nothing and says what would be.
    """
    if grace is None:
        grace = timedelta(hours=settings.CELL.config.storage.grace_hours)
    limit = timezone.now() - grace
    store = current_store()
    seen = kept = young = size = 0
    removed: list[Blob] = []
    for page in store.pages():
        for start in range(0, len(page), _BATCH):
            batch = page[start : start + _BATCH]
            seen += len(batch)
            # Most of what is stored is in use, and for that nobody needs to wait.
            used = referenced([stored.blob for stored in batch])
            kept += len(used)
            old = [each for each in batch if each.blob not in used and each.written_at < limit]
            young += len(batch) - len(used) - len(old)
            gone = old if dry_run or not old else _remove([each.blob for each in old], store, limit)
            removed += (each.blob for each in gone)
            size += sum(each.size for each in gone)
    return Collected(seen, kept, young, tuple(removed), size)


def _remove(candidates: list[Blob], store: Store, limit: datetime) -> list[Stored]:
    """Remove what still is unused and old, now that nobody can store; return what was removed."""
    with _nobody_stores(_TRIES):
        used = referenced(candidates)
        facts = [store.stat(blob) for blob in candidates if blob not in used]
        # Whoever stored the same bytes again since has given them a new date.
        gone = [each for each in facts if each is not None and each.written_at < limit]
        store.delete([each.blob for each in gone])
    return gone


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of the store found."""

    blobs: int
    bytes: int
    references: int
    missing: tuple[tuple[str, str], ...]
    corrupt: tuple[Blob, ...]
    unreferenced: tuple[Blob, ...]

    @property
    def is_well(self) -> bool:
        """Whether every row finds its blob and every blob that was read is what its name says."""
        return not self.missing and not self.corrupt


def check(*, read: bool = True) -> Checked:
    """Compare the store with the tables, and each blob with its name unless `read` is False.

    What is stored or deleted while the check runs is looked at a second time, so that it is not reported.
    """
    store = current_store()
    found: dict[Blob, int] = {}
    corrupt: list[Blob] = []
    unused: list[Blob] = []
    for page in store.pages():
        names = [stored.blob for stored in page]
        found.update((stored.blob, stored.size) for stored in page)
        unused += sorted(set(names) - referenced(names))
        corrupt += (blob for blob in names if read and not _is_intact(store, blob))
    missing: set[tuple[str, str]] = set()
    references = 0
    for reference in all_references():
        references += 1
        if not any(Blob(reference.sha, extension) in found for extension in reference.extensions):
            missing.add((reference.column, reference.sha))
    missing = _still(store, missing)
    still_unused = [blob for blob in unused if blob not in referenced([blob]) and store.stat(blob)]
    return Checked(
        len(found), sum(found.values()), references, tuple(sorted(missing)), tuple(corrupt), tuple(still_unused)
    )


def _is_intact(store: Store, blob: Blob) -> bool:
    try:
        return store.hash(blob) == blob.sha
    except FileNotFoundError:
        # It was deleted since it was listed.
        return True


def _still(store: Store, missing: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return what is still referred to and still missing at a second look."""
    if not missing:
        return set()
    again = {(each.column, each.sha): each for each in all_references() if (each.column, each.sha) in missing}
    return {
        name
        for name, each in again.items()
        if not any(store.stat(Blob(each.sha, extension)) for extension in each.extensions)
    }


@contextmanager
def _nobody_stores(tries: int) -> Iterator[None]:
    """Hold the lock alone for the length of the block.  Raises Busy where others hold it all the time."""
    for _ in range(tries):
        with transaction.atomic():
            if _lock_alone():
                yield
                return
        time.sleep(random.uniform(0.2, 1.0))  # noqa: S311 - two collectors shall not try in step.
    raise Busy("Files are stored all the time; nothing was removed. Try again later.")


def _lock_alone() -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {_WAIT_MS}")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [Lock.COLLECTOR])
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True
