"""The ffmpeg that the package brings, and what it died of when it failed."""

import os
from typing import Final

import imageio_ffmpeg  # type: ignore[import-untyped, unused-ignore]

from glaswerk.reel.child import Outcome
from glaswerk.reel.failures import Failure, ReelError

_SAID: Final = (
    ("No space left on device", Failure.DISK_FULL),
    ("Disk quota exceeded", Failure.DISK_FULL),
    ("File too large", Failure.OUTPUT_TOO_LARGE),
    ("Cannot allocate memory", Failure.OUT_OF_MEMORY),
    # What x264 says.
    ("malloc of size", Failure.OUT_OF_MEMORY),
    # A thread that has no room for its stack.
    ("Resource temporarily unavailable", Failure.OUT_OF_MEMORY),
    ("error while loading shared libraries", Failure.BROKEN_TOOL),
    ("Unrecognized option", Failure.BROKEN_TOOL),
    ("Unknown encoder", Failure.BROKEN_TOOL),
    ("No such filter", Failure.BROKEN_TOOL),
)


def failure_of(outcome: Outcome) -> ReelError:
    """What a failed ffmpeg died of. Its words about the files themselves stay out of the detail."""
    for said, code in _SAID:
        if said in outcome.errors:
            return ReelError(code, said)
    return ReelError(Failure.UNDECODABLE, f"ffmpeg ended with status {outcome.status}")


def ffmpeg() -> str:
    try:
        return os.path.realpath(str(imageio_ffmpeg.get_ffmpeg_exe()))
    except RuntimeError as error:
        raise ReelError(Failure.BROKEN_TOOL, "imageio-ffmpeg has no ffmpeg for this machine") from error
