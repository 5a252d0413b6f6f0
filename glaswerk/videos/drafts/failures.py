"""Why something could not become part of a draft, in words that its owner can act on."""

from django.utils.translation import gettext as _

from glaswerk.reel import Failure
from glaswerk.videos.actions import UploadError
from glaswerk.videos.failures import failure_sentence


class VersionConflict(UploadError):  # noqa: N818 - it says what happened, not that something broke.
    """The draft was changed elsewhere since the version that this change began with."""

    def __init__(self) -> None:
        super().__init__(
            "version",
            _("This draft was changed on another device meanwhile. Take that version, or keep yours as a copy."),
            409,
        )


def source_sentence(code: str) -> str:
    """Return why a file cannot be cut with, in the active language."""
    match code:
        case Failure.NOT_A_VIDEO | Failure.NO_VIDEO_STREAM | Failure.UNSUPPORTED_CONTAINER | Failure.UNSUPPORTED_CODEC:
            return _(
                "We cannot read this file. Please choose a video, a sound (MP3, M4A, WAV, OGG, FLAC) or a picture."
            )
        case Failure.IMAGE:
            return _("We cannot read this kind of picture. Please choose a JPEG, PNG or WebP file.")
        case Failure.UNDECODABLE | Failure.TRUNCATED:
            return _("This file is damaged or not complete. Please export it again and add the new file.")
        case _:
            return failure_sentence(code)
