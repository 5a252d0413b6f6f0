"""The public log as files of this cell's web: `/log/checkpoint` and `/log/tile/…`, for everybody, by their one name each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from glaswerk.tlog import LogError, Reason, Tile, folder_fetch
from glaswerk.tlog.checkpoint import PATH
from glaswerk.tlog.note import LONGEST_NOTE

PREFIX: Final = "/log/"
CHECKPOINT: Final = f"{PREFIX}{PATH}"
# A checkpoint is a matter of seconds; a tile's bytes follow from its name for ever.
_CHECKPOINT: Final = (b"text/plain; charset=utf-8", b"public, max-age=5")
_TILE: Final = (b"application/octet-stream", b"public, max-age=31536000, immutable")


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of the log, and what is said of it."""

    data: bytes
    media_type: bytes
    caching: bytes


def read_log_file(folder: Path, path: str) -> LogFile | None:
    """Return the file that this path of the web names; None for any other spelling, and for what is not there (yet)."""
    place = path.removeprefix(PREFIX)
    try:
        # Only names that a log has ever reach the disk.
        most, said = (LONGEST_NOTE, _CHECKPOINT) if place == PATH else (Tile.parse(place).most_bytes, _TILE)
        return LogFile(folder_fetch(folder)(place, most), *said)
    except LogError as error:
        if error.reason in (Reason.MALFORMED, Reason.OUT_OF_RANGE, Reason.MISSING):
            return None
        raise
