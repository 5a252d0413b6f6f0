"""What is read about resumable uploads.  Somebody else's upload looks like one that never was."""

from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.videos.models import Upload, UploadPurpose, UploadState
from glaswerk.videos.tus.protocol import TusError, parse_metadata

MOST_LISTED = 100


def access_upload(person_id: int, public_id: str) -> Upload:
    """Return a person's own upload.  Raises TusError: 404 where there is none, 410 where it has expired."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise missing() from None
    found = Upload.objects.filter(pk=wanted, owner=person_id).first()
    if found is None:
        raise missing()
    if has_expired(found):
        raise gone()
    return found


def own_uploads(person: Person) -> list[Upload]:
    """Return a person's uploads that can be continued or used, the newest first.

    What has become a video is not among them.
    """
    usable = Q(state=UploadState.OPEN) | Q(state=UploadState.WHOLE, purpose=UploadPurpose.SOURCE)
    found = Upload.objects.filter(usable, owner=person, expires_at__gt=timezone.now())
    return list(found.select_related("video", "duplicate_of").order_by("-pk")[:MOST_LISTED])


def upload_card(upload: Upload) -> dict[str, Any]:
    """Return what its owner may know about an upload."""
    said = parse_metadata(upload.metadata.encode("latin-1"))
    return {
        "id": upload.public_id,
        "state": upload.state,
        "purpose": upload.purpose,
        "offset": upload.offset,
        "length": upload.length,
        "filename": said.filename,
        "filetype": said.filetype,
        "caption": said.caption,
        "visibility": said.visibility,
        "video": upload.video.public_id if upload.video else None,
        "duplicate_of": upload.duplicate_of.public_id if upload.duplicate_of else None,
        "created_at": upload.created_at.isoformat(),
        "expires_at": upload.expires_at.isoformat(),
    }


def has_expired(upload: Upload) -> bool:
    """Whether it is too late to go on."""
    return upload.state == UploadState.EXPIRED or upload.expires_at <= timezone.now()


def missing() -> TusError:
    """Return the refusal of what is not there, or not this person's."""
    return TusError(404, _("This upload does not exist, or it is not yours. Please start it anew."))


def gone() -> TusError:
    """Return the refusal of what was there."""
    return TusError(410, _("This upload has expired and its bytes are gone. Please start it anew."))
