"""What happens to resumable uploads.  Each action is one transaction and may run beside itself."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell import blobs
from glaswerk.cell.keeping import keep_blobs
from glaswerk.cell.rates import check_rate
from glaswerk.people.models import Person
from glaswerk.videos import limits, outbox
from glaswerk.videos.actions import (
    UploadError,
    check_allowance,
    check_may_publish,
    check_size,
    check_words,
    make_video,
    no_room,
)
from glaswerk.videos.models import Upload, UploadPurpose, UploadState
from glaswerk.videos.queries import earlier_video
from glaswerk.videos.reuse import Allowance
from glaswerk.videos.tus import disk, queries
from glaswerk.videos.tus.protocol import TusError, parse_metadata

# Rendering, the database and the system need room beside the uploads.
_SPARE_BYTES: Final = 256 << 20
# For so long an expired upload is still told apart from one that never was.
_REMEMBERED: Final = timedelta(days=7)
# No writer is silent for so long; a file that old without a row is a stray.
_STRAY_AFTER_S: Final = 3600.0


def create_upload(person_id: int, length: int, metadata: str) -> Upload:
    """Begin an upload of `length` bytes.  Raises UploadError where it could not end well, and RateLimited."""
    check_rate(f"write:{person_id}", settings.CELL.config.limits.writes_per_minute)
    said = parse_metadata(metadata.encode("latin-1"))
    check_size(length)
    if said.purpose == UploadPurpose.VIDEO:
        check_words(said.caption, said.visibility)
    if disk.free_bytes() < length + _SPARE_BYTES:
        raise no_room()
    with transaction.atomic():
        # The person's row is the lock under which the quota is counted, so that two beginnings do not share a place.
        owner = Person.objects.select_for_update().get(pk=person_id)
        if said.purpose == UploadPurpose.VIDEO:
            check_may_publish(owner)
        check_allowance(owner, Allowance(elsewhere=said.elsewhere))
        _check_quota(owner, length)
        return Upload.objects.create(
            owner=owner, purpose=said.purpose, length=length, metadata=metadata, expires_at=_expiry()
        )


def record_offset(upload_id: int, offset: int) -> Upload:
    """Say that the bytes before `offset` are on the disk.  Raises TusError where the upload has ended meanwhile."""
    with transaction.atomic():
        upload = Upload.objects.select_for_update().filter(pk=upload_id).first()
        if upload is None:
            raise queries.missing()
        if upload.state != UploadState.OPEN:
            raise queries.gone()
        upload.offset, upload.expires_at = offset, _expiry()
        upload.save(update_fields=["offset", "expires_at"])
    return upload


def finish_upload(upload_id: int, file: disk.UploadFile) -> Upload:
    """Turn a complete upload into its video, or keep it as a source; the caller holds its file.

    Safe to run again after a kill at any point.  Raises UploadError, and OSError where the disk does not take it.
    """
    sha = file.sha256()
    with transaction.atomic():
        keep_blobs()
        upload = Upload.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=upload_id).first()
        if upload is None:
            raise queries.missing()
        if upload.state != UploadState.OPEN or not upload.is_complete:
            return upload
        blobs.adopt_original(file.path, sha)
        upload.duplicate_of = earlier_video(upload.owner, sha)
        if upload.purpose == UploadPurpose.VIDEO:
            said = parse_metadata(upload.metadata.encode("latin-1"))
            upload.video = make_video(
                upload.owner, sha, said.caption, said.visibility, Allowance(elsewhere=said.elsewhere)
            )
        upload.sha, upload.state, upload.expires_at = sha, UploadState.WHOLE, _expiry()
        upload.save()
    disk.discard(upload_id)
    return upload


def finish_if_complete(upload: Upload) -> Upload:
    """Finish an upload that was killed between its last byte and its end; any other stays as it is."""
    if upload.state != UploadState.OPEN or not upload.is_complete:
        return upload
    file = disk.UploadFile.take(upload.pk)
    if file is None:
        # Somebody is at it.
        return upload
    try:
        if file.size() < upload.length:
            raise queries.gone()
        file.cut(upload.length)
        return finish_upload(upload.pk, file)
    finally:
        file.close()


def terminate_upload(person_id: int, public_id: str) -> None:
    """Forget an upload and its bytes; a video that it has become stays.  Raises TusError."""
    with transaction.atomic():
        upload = queries.access_upload(person_id, public_id)
        deleted, _each = Upload.objects.filter(pk=upload.pk).delete()
        if deleted and upload.sha:
            outbox.discard_later([upload.sha])
    disk.discard(upload.pk)


def claim_upload(person: Person, public_id: str) -> str:
    """Hand a whole source over to the caller's row, and return the SHA-256 of its original.

    Call it in the transaction that stores the SHA-256 somewhere `keeping` looks: the upload is then forgotten, and
    can be claimed once only.  Raises UploadError: 404, 410, or 409 while it is not whole.
    """
    assert transaction.get_connection().in_atomic_block, "the claim and its use are one transaction"
    keep_blobs()
    found = queries.access_upload(person.pk, public_id)
    upload = Upload.objects.select_for_update().filter(pk=found.pk).first()
    if upload is None:
        raise queries.missing()
    if upload.purpose != UploadPurpose.SOURCE:
        raise UploadError(
            "upload", _("This upload becomes a video by itself. Please upload the file as a source."), 409
        )
    if upload.state != UploadState.WHOLE:
        raise UploadError("upload", _("This upload is not complete yet. Please finish it first."), 409)
    upload.delete()
    return upload.sha


def sweep_uploads() -> int:
    """End what has expired, forget what was ended long ago, and remove strays; return how many uploads were ended."""
    now = timezone.now()
    ended = 0
    for upload_id in (
        Upload.objects.filter(expires_at__lte=now).exclude(state=UploadState.EXPIRED).values_list("pk", flat=True)
    ):
        ended += _expire(upload_id)
    Upload.objects.filter(state=UploadState.EXPIRED, expires_at__lt=now - _REMEMBERED).delete()
    open_ids = {each.public_id for each in Upload.objects.filter(state=UploadState.OPEN)}
    for path, public_id in disk.names_older_than(_STRAY_AFTER_S):
        if public_id not in open_ids:
            path.unlink(missing_ok=True)
    return ended


def _expire(upload_id: int) -> bool:
    with transaction.atomic():
        # A chunk that was written meanwhile has moved the date on.
        upload = Upload.objects.select_for_update().filter(pk=upload_id, expires_at__lte=timezone.now()).first()
        if upload is None:
            return False
        sha, upload.sha, upload.state = upload.sha, "", UploadState.EXPIRED
        upload.save(update_fields=["sha", "state"])
        if sha:
            outbox.discard_later([sha])
    disk.discard(upload_id)
    return True


def _check_quota(owner: Person, length: int) -> None:
    underway = Q(state=UploadState.OPEN) | Q(state=UploadState.WHOLE, purpose=UploadPurpose.SOURCE)
    held = Upload.objects.filter(underway, owner=owner, expires_at__gt=timezone.now())
    if held.count() >= limits.max_open_uploads():
        message = _("You have %(count)d unfinished uploads. Please finish or discard one first.")
        raise TusError(429, message % {"count": held.count()}, "file")
    taken = held.aggregate(total=Sum("length"))["total"] or 0
    if taken + length > limits.max_open_mb() << 20:
        message = _("Your unfinished uploads may have %(size)d MiB together. Please finish or discard one first.")
        raise TusError(429, message % {"size": limits.max_open_mb()}, "file")


def _expiry() -> datetime:
    return timezone.now() + limits.upload_lifetime()
