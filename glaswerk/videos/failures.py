"""Why an upload did not become a video, in words that its owner can act on."""

from enum import StrEnum
from typing import Final

from django.utils.translation import gettext as _

from glaswerk.reel import Failure
from glaswerk.videos.limits import max_duration_s, max_upload_mb

# The processing program itself went wrong; the operator finds the reason in the log.
INTERNAL: Final = "internal"


class CutFailure(StrEnum):
    """Why a published draft did not become a video.  The values are stable: they are stored with the video."""

    SOURCE_MISSING = "cut_source_missing"
    WITHDRAWN = "cut_withdrawn"
    INVALID = "cut_invalid"


class CutError(Exception):
    """A cut cannot be rendered; trying again does not help, changing the draft does."""

    def __init__(self, code: CutFailure, detail: str = "") -> None:
        super().__init__(f"{code.value}: {detail}" if detail else code.value)
        self.code = code
        self.detail = detail


def failure_sentence(code: str) -> str:
    """Return what happened and what to do about it, in the active language.  Unknown codes get a general sentence."""
    if code in list(CutFailure):
        return _cut_sentence(CutFailure(code))
    try:
        return _sentence(Failure(code))
    except ValueError:
        return _(
            "Something went wrong on our side while we prepared this video. Your upload is kept: please try again, "
            "and tell the operator if it happens twice."
        )


def is_worth_a_retry(code: str) -> bool:
    """Whether the same file may succeed later, because the cause lay in the machine and not in the file."""
    if code in list(CutFailure):
        return False
    try:
        return Failure(code).is_worth_a_retry
    except ValueError:
        return True


def _cut_sentence(failure: CutFailure) -> str:
    match failure:
        case CutFailure.SOURCE_MISSING:
            return _("A file of this cut is gone. Your draft is kept: please open it, and publish it again.")
        case CutFailure.WITHDRAWN:
            return _(
                "Something in this cut cannot be used any more: it was deleted, or its creator does not allow it now. "
                "Your draft is kept: please open it and remove it."
            )
        case CutFailure.INVALID:
            return _(
                "This cut cannot be made into a video: a clip is longer than its file. Your draft is kept: please open "
                "it and check its clips."
            )


def _sentence(failure: Failure) -> str:
    match failure:
        case Failure.EMPTY:
            return _("The file is empty. Please choose the video again; if it is in a cloud, download it first.")
        case Failure.NOT_A_VIDEO:
            return _("This file is not a video. Please choose an MP4, MOV, WebM or MKV file.")
        case Failure.IMAGE:
            return _("This file is a picture. Please choose a video.")
        case Failure.NO_VIDEO_STREAM:
            return _("This file has no picture, only sound or text. Please choose a file with a video in it.")
        case Failure.TRUNCATED:
            return _("The file ends too early: a part is missing. Please copy or download it again and upload it anew.")
        case Failure.UNDECODABLE:
            return _("The picture in this file is damaged. Please export the video again and upload the new file.")
        case Failure.UNSUPPORTED_CONTAINER:
            return _("We cannot read this kind of file. Please export the video as MP4 and upload that.")
        case Failure.UNSUPPORTED_CODEC:
            return _("We cannot read how this video is encoded. Please export it as MP4 with H.264 and upload that.")
        case Failure.ENCRYPTED:
            return _("This video is copy-protected. Please upload one that you recorded yourself.")
        case Failure.TOO_LARGE_FRAME:
            return _("The picture is too large. Please export the video at 4K (3840 × 2160) or less.")
        case Failure.TOO_SMALL_FRAME:
            return _("The picture is too small. It needs at least 16 pixels on each side.")
        case Failure.TOO_LONG:
            return _("The video is too long. Please cut it to at most %(length)s and upload it again.") % {
                "length": duration_words(max_duration_s())
            }
        case Failure.TOO_SHORT:
            return _("The video is shorter than a blink. Please upload one of at least a fifth of a second.")
        case Failure.TOO_MANY_BYTES:
            return _(
                "The file is too large. Please upload at most %(size)d MiB; exporting at 1080p makes it smaller."
            ) % {"size": max_upload_mb()}
        case Failure.OUTPUT_TOO_LARGE:
            return _("This video becomes too large to deliver. Please cut it shorter and upload it again.")
        case Failure.OUT_OF_MEMORY:
            return _("This video needs more memory than we allow. Please export it at 1080p and upload it again.")
        case Failure.TIMED_OUT:
            return _("This video takes too long to prepare. Please export it shorter or at 1080p and upload it again.")
        case Failure.STOPPED:
            return _("Preparing this video was cancelled. Your upload is kept: please try again whenever you like.")
        case Failure.STALLED | Failure.KILLED:
            return _("Preparing this video was interrupted on our side. Your upload is kept: please try again.")
        case Failure.DISK_FULL:
            return _(
                "There is no room left on this server. Your upload is kept: please tell the operator, and try again "
                "later."
            )
        case Failure.UNREADABLE | Failure.BROKEN_TOOL:
            return _(
                "The server could not read or prepare your upload. Please tell the operator, then try again; if that "
                "fails, upload the file anew."
            )


def duration_words(seconds: int) -> str:
    """Return a length in words: "90 seconds", "10 minutes"."""
    if seconds < 120 or seconds % 60:
        return _("%(count)d seconds") % {"count": seconds}
    return _("%(count)d minutes") % {"count": seconds // 60}
