"""What a file holds, found out by a child process that may die of it."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Self

from glaswerk.reel.child import PYTHON_LISTS, Confinement, Outcome, python_command, python_reads, run_confined
from glaswerk.reel.content import HEAD_BYTES, demuxer_for
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits

# A reader writes nothing, but RLIMIT_FSIZE at zero would also end a warning that goes to a file.
_READER_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The facts about a source that a render needs. Times are milliseconds, sizes are pixels.

    `width` and `height` are as displayed: after rotation, with square pixels. `rotation` is clockwise: 0, 90,
    180 or 270. `fps` is the average. `duration_ms` is measured from the packets, not believed from the
    header. `video_delay_ms` and `audio_delay_ms` say how much later than the other a stream begins. `hdr` is
    "pq", "hlg" or None. Colour names are FFmpeg's ("bt709", "smpte2084", "unknown").
    """

    container: str
    bytes: int
    duration_ms: int
    width: int
    height: int
    rotation: int
    fps: float
    variable_rate: bool
    interlaced: bool
    video_codec: str
    video_stream: int
    video_duration_ms: int
    video_delay_ms: int
    coded_width: int
    coded_height: int
    bit_depth: int
    full_range: bool
    hdr: str | None
    colour_matrix: str
    colour_primaries: str
    colour_transfer: str
    audio_codec: str | None
    audio_stream: int | None
    audio_channels: int
    audio_sample_rate: int
    audio_delay_ms: int

    @property
    def has_audio(self) -> bool:
        return self.audio_codec is not None

    def to_json(self) -> dict[str, Any]:
        """Plain values, also `has_audio`, for printing and storing."""
        return asdict(self) | {"has_audio": self.has_audio}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})


def probe(path: str | os.PathLike[str], limits: Limits = Limits()) -> Probe:  # noqa: B008  (frozen)
    """Read the facts from the video at `path`, whatever it is called.

    Every packet is read and the first frame decoded, so declared sizes and durations are checked against what
    is there. Takes about 0.3 s plus the time to read the file. Raises ReelError.
    """
    source = Path(path)
    try:
        with open_source(source) as handle:
            status = os.fstat(handle.fileno())
            if status.st_size > limits.max_bytes:
                raise ReelError(Failure.TOO_MANY_BYTES, f"{status.st_size} bytes")
            container = demuxer_for(handle.read(HEAD_BYTES))
            handle.seek(0)
            question = {"container": container, "bytes": status.st_size, "limits": asdict(limits)}
            command = python_command("glaswerk.reel.examine", json.dumps(question))
            outcome = run_confined(command, _confinement(limits), stdin=handle)
    except OSError as error:
        raise ReelError(Failure.UNREADABLE, error.strerror or type(error).__name__) from error
    return Probe.from_json(read_answer(outcome))


def open_source(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading. Raises OSError, and ReelError UNREADABLE for pipes, devices and folders."""
    # Without O_NONBLOCK the opening of a named pipe would wait for somebody to write into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ReelError(Failure.UNREADABLE, "not a regular file")
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "rb")


def review(outputs: list[Path], poster: Path | None, limits: Limits) -> dict[str, Any]:
    """Read back what a render wrote. The answer is described in `glaswerk.reel.review`. Raises ReelError."""
    question = {"outputs": [str(each) for each in outputs], "poster": str(poster) if poster else None}
    command = python_command("glaswerk.reel.review", json.dumps(question))
    confinement = _confinement(limits, *{str(each.parent) for each in outputs})
    return read_answer(run_confined(command, confinement, stdin=subprocess.DEVNULL))


def read_answer(outcome: Outcome) -> dict[str, Any]:
    """The JSON object that a reading child printed. Raises the ReelError that it reported, or UNDECODABLE."""
    try:
        answer: dict[str, Any] = json.loads(outcome.output)
        if "failure" in answer:
            raise ReelError(Failure(answer["failure"]), answer["detail"])
    except ValueError:
        if "MemoryError" in outcome.errors or "Cannot allocate memory" in outcome.errors:
            raise ReelError(Failure.OUT_OF_MEMORY, "not enough memory to read the file") from None
        if "ModuleNotFoundError" in outcome.errors or "ImportError" in outcome.errors:
            raise ReelError(Failure.BROKEN_TOOL, f"{sys.executable} cannot start the reader") from None
        raise ReelError(Failure.UNDECODABLE, f"the reader ended with status {outcome.status}") from None
    return answer


def _confinement(limits: Limits, *readable: str) -> Confinement:
    return Confinement(
        memory_bytes=limits.probe_memory_bytes,
        file_bytes=_READER_FILE_BYTES,
        wall_seconds=limits.probe_seconds,
        stall_seconds=limits.probe_seconds,
        list=PYTHON_LISTS,
        read=(*python_reads(), *readable),
    )
