"""From a probed source to files that every browser plays, in one run of ffmpeg."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import IO, Final

import imageio_ffmpeg  # type: ignore[import-untyped, unused-ignore]

from glaswerk.reel.child import Confinement, Outcome, run_confined
from glaswerk.reel.content import DECODER_WHITELIST, DEMUXERS, FORMAT_WHITELIST
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.graph import encoder_options, filter_graph, poster_options
from glaswerk.reel.ladder import Rung, rungs
from glaswerk.reel.limits import Limits
from glaswerk.reel.probe import Probe, open_source, review

_UNFINISHED: Final = ".reel-part"
_POSTER: Final = "poster.jpg"
# More than this part of all frames undecodable is not a blemish any more.
_MAX_ERROR_RATE: Final = 0.25
_FORGIVEN_MS: Final = 500
_FORGIVEN_PART: Final = 10

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Rendition:
    """One playable file. Bits per second over all tracks, milliseconds, pixels.

    `codecs` is for a type attribute: `video/mp4; codecs="…"` (RFC 6381).
    """

    path: Path
    width: int
    height: int
    bitrate: int
    bytes: int
    duration_ms: int
    codecs: str
    has_audio: bool


@dataclass(frozen=True, slots=True)
class Poster:
    """A JPEG of a typical frame, in the size of the largest rendition. `colour` is its average, "#rrggbb"."""

    path: Path
    width: int
    height: int
    bytes: int
    colour: str


@dataclass(frozen=True, slots=True)
class Renditions:
    """What a render made: the files lie in `folder`, the largest rendition comes first."""

    folder: Path
    renditions: tuple[Rendition, ...]
    poster: Poster


def make_renditions(
    source: str | os.PathLike[str],
    probe: Probe,
    folder: str | os.PathLike[str],
    progress: Progress | None = None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> Renditions:
    """Render `source`, whose facts are `probe`, into `folder`, which appears whole or not at all.

    The parent of `folder` must exist and is where unfinished work lies meanwhile. A `folder` that exists is
    replaced. `progress` gets rising percentages, and 100 when the files are in place; what it raises stops
    the render and passes on. Raises ReelError. The bytes depend on the source and the version of ffmpeg.
    """
    target = Path(folder)
    report = _Rising(progress)
    report(0)
    try:
        with open_source(source) as handle, _unfinished_folder(target) as part:
            ladder = rungs(probe.width, probe.height)
            names = [f"{min(rung.width, rung.height)}.mp4" for rung in ladder]
            _render(handle, probe, ladder, [part / name for name in names], part / _POSTER, report, limits)
            found = _verified(probe, ladder, part, names, limits)
            _make_durable(part)
            _move_into_place(part, target)
    except OSError as error:
        code = Failure.DISK_FULL if error.errno in (ENOSPC, EDQUOT) else Failure.UNREADABLE
        raise ReelError(code, error.strerror or type(error).__name__) from error
    report(100)
    return _placed(found, target)


class _Rising:
    """Passes on percentages that are news."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._last = -1

    def __call__(self, percent: int) -> None:
        if percent > self._last:
            self._last = percent
            if self._progress is not None:
                self._progress(percent)


def _render(
    source: IO[bytes],
    probe: Probe,
    ladder: Sequence[Rung],
    outputs: Sequence[Path],
    poster: Path,
    report: Callable[[int], None],
    limits: Limits,
) -> None:
    tool = _ffmpeg()
    command = [tool, *_input_options(probe, limits), "-filter_complex", filter_graph(probe, ladder)]
    for number, (rung, output) in enumerate(zip(ladder, outputs, strict=True)):
        command += [*encoder_options(probe, rung, number), f"file:{output}"]
    command += [*poster_options(), f"file:{poster}"]
    confinement = Confinement(
        memory_bytes=limits.memory_bytes,
        file_bytes=limits.output_bytes,
        wall_seconds=limits.wall_seconds,
        stall_seconds=limits.stall_seconds,
        read=(tool,),
        write=(str(poster.parent),),
    )
    reading = _ProgressReading(probe.duration_ms, report)
    outcome = run_confined(command, confinement, stdin=source, on_line=reading)
    if outcome.status != 0:
        raise _failure_of(outcome)


def _ffmpeg() -> str:
    try:
        return os.path.realpath(str(imageio_ffmpeg.get_ffmpeg_exe()))
    except RuntimeError as error:
        raise ReelError(Failure.BROKEN_TOOL, "imageio-ffmpeg has no ffmpeg for this machine") from error


def _input_options(probe: Probe, limits: Limits) -> list[str]:
    """The source comes as standard input and through the one protocol that opens nothing else."""
    if probe.container not in DEMUXERS:
        raise ReelError(Failure.UNSUPPORTED_CONTAINER, "the probe names an unknown container")
    options = ["-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-nostats"]
    options += ["-progress", "pipe:1", "-stats_period", "0.25", "-max_error_rate", str(_MAX_ERROR_RATE)]
    options += ["-f", probe.container, "-protocol_whitelist", "fd", "-format_whitelist", FORMAT_WHITELIST]
    options += ["-codec_whitelist", DECODER_WHITELIST, "-max_pixels:v", str(limits.max_pixels)]
    return [*options, "-t", f"{limits.max_duration_ms / 1000 + 1:.3f}", "-fd", "0", "-i", "fd:"]


class _ProgressReading:
    """Understands the lines of `-progress`, and tells standing still from going on."""

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


_SAID = (
    ("No space left on device", Failure.DISK_FULL),
    ("Disk quota exceeded", Failure.DISK_FULL),
    ("File too large", Failure.OUTPUT_TOO_LARGE),
    ("Cannot allocate memory", Failure.OUT_OF_MEMORY),
    # A thread that has no room for its stack.
    ("Resource temporarily unavailable", Failure.OUT_OF_MEMORY),
    ("error while loading shared libraries", Failure.BROKEN_TOOL),
    ("Exec format error", Failure.BROKEN_TOOL),
    ("Unrecognized option", Failure.BROKEN_TOOL),
    ("Unknown encoder", Failure.BROKEN_TOOL),
    ("No such filter", Failure.BROKEN_TOOL),
)


def _failure_of(outcome: Outcome) -> ReelError:
    """What a failed ffmpeg died of. Its words about the file itself stay out of the detail."""
    for words, code in _SAID:
        if words in outcome.errors:
            return ReelError(code, words)
    return ReelError(Failure.UNDECODABLE, f"ffmpeg ended with status {outcome.status}")


@dataclass(frozen=True, slots=True)
class _Found:
    """The verified results, still by name."""

    renditions: tuple[tuple[str, Rendition], ...]
    poster: Poster


def _verified(probe: Probe, ladder: Sequence[Rung], part: Path, names: Sequence[str], limits: Limits) -> _Found:
    """Read the results back and compare them with what was asked for. Raises ReelError."""
    poster = part / _POSTER
    for path in (*(part / name for name in names), poster):
        if not path.is_file() or path.stat().st_size == 0:
            raise ReelError(Failure.UNDECODABLE, "a result is missing")
    answer = review([part / name for name in names], poster, limits)
    renditions = []
    for rung, name, facts in zip(ladder, names, answer["outputs"], strict=True):
        if (facts["width"], facts["height"]) != (rung.width, rung.height) or not facts["fast_start"]:
            raise ReelError(Failure.UNDECODABLE, "a result has another shape than asked for")
        missing = probe.video_duration_ms - facts["video_ms"]
        if missing > max(_FORGIVEN_MS, probe.video_duration_ms // _FORGIVEN_PART):
            have = f"{facts['video_ms']} of {probe.video_duration_ms} ms could be decoded"
            raise ReelError(Failure.TRUNCATED, have)
        duration_ms = max(facts["video_ms"], facts["audio_ms"] or 0)
        size = (part / name).stat().st_size
        rendition = Rendition(
            path=part / name,
            width=rung.width,
            height=rung.height,
            bitrate=size * 8000 // max(1, duration_ms),
            bytes=size,
            duration_ms=duration_ms,
            codecs=facts["codecs"],
            has_audio=facts["audio_ms"] is not None,
        )
        renditions.append((name, rendition))
    picture = answer["poster"]
    made = Poster(poster, picture["width"], picture["height"], poster.stat().st_size, picture["colour"])
    return _Found(tuple(renditions), made)


def _placed(found: _Found, target: Path) -> Renditions:
    renditions = tuple(
        Rendition(
            path=target / name,
            width=each.width,
            height=each.height,
            bitrate=each.bitrate,
            bytes=each.bytes,
            duration_ms=each.duration_ms,
            codecs=each.codecs,
            has_audio=each.has_audio,
        )
        for name, each in found.renditions
    )
    poster = found.poster
    return Renditions(
        target, renditions, Poster(target / _POSTER, poster.width, poster.height, poster.bytes, poster.colour)
    )


@contextmanager
def _unfinished_folder(target: Path) -> Iterator[Path]:
    """A locked folder beside `target`, gone afterwards unless it was moved.

    What an earlier render of the same target left when it was killed is removed: its lock is free.
    """
    prefix = f".{target.name}."
    for left in target.parent.glob(f"{prefix}*{_UNFINISHED}"):
        if (lock := _lock(left)) is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)
    part = target.parent / f"{prefix}{secrets.token_hex(8)}{_UNFINISHED}"
    part.mkdir(mode=0o750)
    lock = _lock(part)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder, and return the descriptor that holds the lock, or None if another holds it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _make_durable(folder: Path) -> None:
    """Have the files on the disk before their folder gets its name."""
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _move_into_place(part: Path, target: Path) -> None:
    """Rename, replacing what an earlier render left there."""
    if target.exists():
        old = target.parent / f".{target.name}.{secrets.token_hex(8)}{_UNFINISHED}"
        target.rename(old)
        part.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.rename(target)
