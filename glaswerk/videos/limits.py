"""What may be uploaded, from the cell's settings."""

from datetime import timedelta
from typing import Final

from django.conf import settings

from glaswerk.reel import Family, Limits

_MIB: Final = 1 << 20
# What a multipart body holds beside the file: the caption, the boundaries and the part headers.
_FORM_BYTES: Final = 64 * 1024


def max_upload_mb() -> int:
    """The largest upload in MiB."""
    limit: int = settings.CELL.config.videos.max_upload_mb
    return limit


def max_upload_bytes() -> int:
    """The largest upload in bytes."""
    return max_upload_mb() * _MIB


def max_request_bytes() -> int:
    """The largest body of an upload request; a server may refuse a longer one before reading it."""
    return max_upload_bytes() + _FORM_BYTES


def max_duration_s() -> int:
    """The longest video in seconds."""
    limit: int = settings.CELL.config.videos.max_duration_s
    return limit


def reel_limits() -> Limits:
    """The same limits as the engine takes them."""
    videos = settings.CELL.config.videos
    return Limits(
        max_bytes=max_upload_bytes(),
        max_duration_ms=max_duration_s() * 1000,
        wall_seconds=videos.job_minutes * 60.0,
        memory_bytes=videos.job_memory_mb * _MIB,
    )


def max_open_uploads() -> int:
    """How many unfinished uploads a person may have."""
    limit: int = settings.CELL.config.videos.max_open_uploads
    return limit


def max_open_mb() -> int:
    """How much a person's unfinished uploads may have together, in MiB."""
    limit: int = settings.CELL.config.videos.max_open_mb
    return limit


def upload_lifetime() -> timedelta:
    """How long an unfinished upload is kept after its last byte."""
    return timedelta(hours=settings.CELL.config.videos.keep_uploads_hours)


def families() -> tuple[Family, ...]:
    """In which codes renditions are made."""
    return (Family.H264, Family.AV1) if settings.CELL.config.videos.av1 else (Family.H264,)
