"""When a file may be removed.

Files are shared: two videos with the same bytes have the same blob.  So a file is removed only when no row refers to
it, and between that look and the removal no row may come to refer to it.  Who stores a file and the row that refers
to it holds the lock shared, and who removes files holds it alone.
"""

from typing import Final

from django.db import connection, transaction
from django.db.models import Q

from glaswerk.cell import blobs
from glaswerk.people.models import Person
from glaswerk.videos.models import Asset, CaptionTrack, Rendition, Sound, Source, Upload, UploadPurpose, Video

# An arbitrary key of its own; ids of videos, which are locked too, are never negative.
_LOCK: Final = -7_310_421_884_213


def keep_blobs() -> None:
    """Until the end of this transaction, keep every file that is there or gets stored."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])


def discard(names: list[str]) -> int:
    """Remove those of the files that nothing refers to, and return their number.  Safe to run twice.

    `<sha>.<extension>` names a blob, `<sha>` alone an original.
    """
    removed = 0
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        for name in names:
            sha, _, extension = name.partition(".")
            if _is_used(sha, extension):
                continue
            if extension:
                blobs.delete_blob(sha, extension)
            else:
                blobs.delete_original(sha)
            removed += 1
    return removed


def _is_used(sha: str, extension: str) -> bool:
    match extension:
        case "":
            return (
                Video.objects.filter(source=sha).exists()
                or Source.objects.filter(original=sha).exists()
                or Upload.objects.filter(sha=sha, purpose=UploadPurpose.SOURCE).exists()
            )
        case "mp4":
            return Rendition.objects.filter(blob=sha).exists() or Source.objects.filter(proxy=sha).exists()
        case "m4a":
            return Sound.objects.filter(blob=sha).exists() or Source.objects.filter(proxy=sha).exists()
        case "vtt":
            return CaptionTrack.objects.filter(blob=sha).exists() or Asset.objects.filter(blob=sha).exists()
        case _:
            return (
                Video.objects.filter(poster=sha).exists()
                or Source.objects.filter(Q(poster=sha) | Q(proxy=sha)).exists()
                or Person.objects.filter(avatar=sha).exists()
                or Asset.objects.filter(blob=sha).exists()
            )
