"""The ffmpeg that renders: where it is, how it is confined, and what its failures mean."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

import imageio_ffmpeg  # type: ignore[import-untyped, unused-ignore]

from glaswerk.reel.child import Confinement, Outcome, run_confined
from glaswerk.reel.content import DECODER_WHITELIST, DEMUXERS, FORMAT_WHITELIST
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits
from glaswerk.reel.probe import Probe

# More than this part of all frames undecodable is not a blemish any more.
_MAX_ERROR_RATE: Final = 0.25
_QUIET: Final = ["-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-nostats"]
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
    ("Exec format error", Failure.BROKEN_TOOL),
    ("Unrecognized option", Failure.BROKEN_TOOL),
    ("Unknown encoder", Failure.BROKEN_TOOL),
    ("No such filter", Failure.BROKEN_TOOL),
)


def run_ffmpeg(
    arguments: Sequence[str],
    limits: Limits,
    *,
    folder: Path,
    read: Sequence[Path] = (),
    source: IO[bytes] | int = subprocess.DEVNULL,
    on_line: Callable[[bytes], bool] | None = None,
    in_background: bool = False,
) -> bytes:
    """Run ffmpeg, which may read `source` (as standard input) and `read`, and write into `folder`; return what it prints.

    Raises ReelError where it fails.
    """
    tool = _ffmpeg()
    confinement = Confinement(
        memory_bytes=limits.memory_bytes,
        file_bytes=limits.output_bytes,
        wall_seconds=limits.wall_seconds,
        stall_seconds=limits.stall_seconds,
        nice=19 if in_background else 5,
        read=(tool, *(str(each) for each in read)),
        write=(str(folder),),
    )
    outcome = run_confined([tool, *_QUIET, *arguments], confinement, stdin=source, on_line=on_line)
    if outcome.status != 0:
        raise _failure_of(outcome)
    return outcome.output


def source_options(probe: Probe, limits: Limits) -> list[str]:
    """The source comes as standard input and through the one protocol that opens nothing else."""
    if probe.container not in DEMUXERS:
        raise ReelError(Failure.UNSUPPORTED_CONTAINER, "the probe names an unknown container")
    options = ["-max_error_rate", str(_MAX_ERROR_RATE)]
    options += ["-f", probe.container, "-protocol_whitelist", "fd", "-format_whitelist", FORMAT_WHITELIST]
    options += ["-codec_whitelist", DECODER_WHITELIST, "-max_pixels:v", str(limits.max_pixels)]
    return [*options, "-t", f"{limits.max_duration_ms / 1000 + 1:.3f}", "-fd", "0", "-i", "fd:"]


def own_file_options(path: Path, form: str = "mov") -> list[str]:
    """A file that an earlier run of ours wrote."""
    return ["-f", form, "-protocol_whitelist", "file", "-i", f"file:{path}"]


class ProgressReading:
    """Understands the lines of `-progress`, and tells standing still from going on."""

    OPTIONS: Final = ("-progress", "pipe:1", "-stats_period", "0.25")

    def __init__(self, duration_ms: int, report: Callable[[int], None]) -> None:
        self._duration_us = max(1, duration_ms * 1000)
        self._report = report
        self._seen: dict[bytes, bytes] = {}

    def __call__(self, line: bytes) -> bool:
        name, _, value = line.partition(b"=")
        if name not in (b"frame", b"out_time_us", b"total_size"):
            return False
        advanced = self._seen.get(name) != value
        self._seen[name] = value
        if name == b"out_time_us" and value.lstrip(b"-").isdigit():
            self._report(min(99, max(0, int(value) * 100 // self._duration_us)))
        return advanced


def _ffmpeg() -> str:
    try:
        return os.path.realpath(str(imageio_ffmpeg.get_ffmpeg_exe()))
    except RuntimeError as error:
        raise ReelError(Failure.BROKEN_TOOL, "imageio-ffmpeg has no ffmpeg for this machine") from error


def _failure_of(outcome: Outcome) -> ReelError:
    """What a failed ffmpeg died of. Its words about the file itself stay out of the detail."""
    for words, code in _SAID:
        if words in outcome.errors:
            return ReelError(code, words)
    return ReelError(Failure.UNDECODABLE, f"ffmpeg ended with status {outcome.status}")
