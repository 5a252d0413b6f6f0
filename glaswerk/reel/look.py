"""What a video looks like, as 64 bytes: two videos look alike where the sum of the absolute differences is small."""

import json
import os
from dataclasses import asdict
from typing import Final

from glaswerk.reel.child import PYTHON_LISTS, Confinement, python_command, python_reads, run_confined
from glaswerk.reel.content import HEAD_BYTES, demuxer_for
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits
from glaswerk.reel.probe import open_source, read_answer

FEATURES: Final = 64
"""The length of what `look` returns; which byte means what stands in `glaswerk.reel.sight`."""

# A reader writes nothing, but RLIMIT_FSIZE at zero would also end a warning that goes to a file.
_READER_FILE_BYTES: Final = 1 << 20


def look(path: str | os.PathLike[str], limits: Limits = Limits()) -> bytes:  # noqa: B008  (frozen)
    """Look at a few moments of the video at `path`, and return 64 bytes, never all of them zero.

    The same file gives the same bytes: pictures are read as the decoder left them, and all that follows is whole numbers. A child
    process without a network and with few files reads the file; it takes about half a second. Meant for a rendition of
    `make_renditions`, whose frames are upright and in one kind of colours, but reads whatever `probe` reads. Raises ReelError.
    """
    try:
        with open_source(path) as handle:
            container = demuxer_for(handle.read(HEAD_BYTES))
            handle.seek(0)
            question = {"container": container, "limits": asdict(limits)}
            confinement = Confinement(
                memory_bytes=limits.probe_memory_bytes,
                file_bytes=_READER_FILE_BYTES,
                wall_seconds=limits.probe_seconds,
                stall_seconds=limits.probe_seconds,
                list=PYTHON_LISTS,
                read=python_reads(),
            )
            command = python_command("glaswerk.reel.sight", json.dumps(question))
            answer = read_answer(run_confined(command, confinement, stdin=handle))
    except OSError as error:
        raise ReelError(Failure.UNREADABLE, error.strerror or type(error).__name__) from error
    return bytes.fromhex(answer["features"])
