"""From a probed source to files that every browser plays: one decode of the picture, one of the sound."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import IO, Final

from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.graph import encoder_options, file_options, filter_graph, poster_graph, poster_options, sound_options
from glaswerk.reel.ladder import Family, Rung, rungs
from glaswerk.reel.limits import Limits
from glaswerk.reel.probe import Probe, open_source, review
from glaswerk.reel.sound import Sound, listen
from glaswerk.reel.tool import ProgressReading, own_file_options, run_ffmpeg, source_options
from glaswerk.reel.unfinished import make_durable, unfinished_folder

UNFINISHED: Final = ".reel-part"
_POSTER: Final = "poster.jpg"
_SOUND: Final = "sound.m4a"
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
    family: Family


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
    """What a render made: the files lie in `folder`, the largest rendition comes first.

    `poster` is None where none was asked for, and `chromaprint` is empty where the sound came from an earlier rendition.
    """

    folder: Path
    renditions: tuple[Rendition, ...]
    poster: Poster | None
    chromaprint: bytes
    lufs: float | None
    """How loud the source was."""


def make_renditions(
    source: str | os.PathLike[str],
    probe: Probe,
    folder: str | os.PathLike[str],
    progress: Progress | None = None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    *,
    ladder: Sequence[Rung] = (),
    after: Path | None = None,
    in_background: bool = False,
) -> Renditions:
    """Render `source`, whose facts are `probe`, into `folder`, which appears whole or not at all.

    `ladder` is the part of the source's ladder to make now, all of it where nothing is said.  `after` is a rendition
    that an earlier call has made of the same source: then its sound is taken as it is, and there is no new poster.
    The parent of `folder` must exist and is where unfinished work lies meanwhile. A `folder` that exists is
    replaced. `progress` gets rising percentages, and 100 when the files are in place; what it raises stops
    the render and passes on. Raises ReelError. The bytes depend on the source and the version of ffmpeg.
    """
    target = Path(folder)
    report = _Rising(progress)
    report(0)
    wanted = tuple(ladder) or rungs(probe.width, probe.height)
    try:
        with open_source(source) as handle, unfinished_folder(target, UNFINISHED) as part:
            run = _Run(handle, probe, wanted, part, limits, in_background)
            sound = run.listen() if after is None and probe.audio_stream is not None else None
            run.render(sound, after, report)
            found = _verified(run, with_poster=after is None)
            for name in _PASSING:
                (part / name).unlink(missing_ok=True)
            # The files before their folder gets its name.
            for path in (*part.iterdir(), part):
                make_durable(path)
            _move_into_place(part, target)
    except OSError as error:
        code = Failure.DISK_FULL if error.errno in (ENOSPC, EDQUOT) else Failure.UNREADABLE
        raise ReelError(code, error.strerror or type(error).__name__) from error
    report(100)
    made = _placed(found, target)
    return replace(made, chromaprint=sound.chromaprint, lufs=sound.lufs) if sound else made


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


@dataclass(frozen=True, slots=True)
class _Run:
    """One render, in its unfinished folder."""

    source: IO[bytes]
    probe: Probe
    ladder: Sequence[Rung]
    folder: Path
    limits: Limits
    in_background: bool

    def output(self, rung: Rung) -> Path:
        return self.folder / f"{rung.name}.mp4"

    def listen(self) -> Sound:
        sound = listen(self.source, self.probe, self.folder, self.limits, in_background=self.in_background)
        self.source.seek(0)
        return sound

    def render(self, sound: Sound | None, after: Path | None, report: Callable[[int], None]) -> None:
        """Make all files, with the sound as it was heard, or that of an earlier rendition, or none."""
        command = [*ProgressReading.OPTIONS, *source_options(self.probe, self.limits)]
        # Sound that is copied and a picture that is long in coming wait for each other in ffmpeg: then the poster comes later.
        with_poster = after is None and len(self.ladder) == 1
        graph = filter_graph(self.probe, self.ladder, with_poster=with_poster)
        heard: list[str] = []
        read: list[Path] = []
        if after is not None:
            command += own_file_options(after)
            read.append(after)
            heard = ["-map", "1:a?", "-c:a", "copy"]
        elif sound is not None and len(self.ladder) == 1:
            command += own_file_options(sound.path, "wav")
            graph += f";[1:a]{sound.filters}[a]"
            heard = ["-map", "[a]", *sound_options()]
        elif sound is not None:
            # Encoded once for all renditions, which costs as much as a small rendition does.
            command += own_file_options(self._encode(sound))
            heard = ["-map", "1:a", "-c:a", "copy"]
        command += ["-filter_complex", graph]
        for number, rung in enumerate(self.ladder):
            command += [*encoder_options(rung, number), *heard, *file_options(), f"file:{self.output(rung)}"]
        poster = [*poster_options(), f"file:{self.folder / _POSTER}"]
        if with_poster:
            command += poster
        reading = ProgressReading(self.probe.duration_ms, report)
        self._ffmpeg(command, read=read, source=self.source, on_line=reading)
        if after is None and not with_poster:
            largest = own_file_options(self.output(self.ladder[0]))
            self._ffmpeg([*largest, "-filter_complex", poster_graph("0:v"), *poster])

    def _encode(self, sound: Sound) -> Path:
        path = self.folder / _SOUND
        command = [*own_file_options(sound.path, "wav"), "-filter_complex", f"[0:a]{sound.filters}[a]"]
        self._ffmpeg([*command, "-map", "[a]", *sound_options(), *file_options(), f"file:{path}"])
        return path

    def _ffmpeg(
        self,
        command: Sequence[str],
        read: Sequence[Path] = (),
        source: IO[bytes] | int = subprocess.DEVNULL,
        on_line: Callable[[bytes], bool] | None = None,
    ) -> None:
        run_ffmpeg(
            command,
            self.limits,
            folder=self.folder,
            read=read,
            source=source,
            on_line=on_line,
            in_background=self.in_background,
        )


_PASSING: Final = ("sound.wav", _SOUND)


@dataclass(frozen=True, slots=True)
class _Found:
    """The verified results, still in the unfinished folder."""

    renditions: tuple[Rendition, ...]
    poster: Poster | None


def _verified(run: _Run, *, with_poster: bool) -> _Found:
    """Read the results back and compare them with what was asked for. Raises ReelError."""
    probe, outputs = run.probe, [run.output(rung) for rung in run.ladder]
    poster = run.folder / _POSTER if with_poster else None
    for path in (*outputs, *((poster,) if poster else ())):
        if not path.is_file() or path.stat().st_size == 0:
            raise ReelError(Failure.UNDECODABLE, "a result is missing")
    answer = review(outputs, poster, run.limits)
    renditions = []
    for rung, path, facts in zip(run.ladder, outputs, answer["outputs"], strict=True):
        asked = (rung.width, rung.height, rung.family.value)
        if (facts["width"], facts["height"], facts["family"]) != asked or not facts["fast_start"]:
            raise ReelError(Failure.UNDECODABLE, "a result has another shape than asked for")
        missing = probe.video_duration_ms - facts["video_ms"]
        if missing > max(_FORGIVEN_MS, probe.video_duration_ms // _FORGIVEN_PART):
            have = f"{facts['video_ms']} of {probe.video_duration_ms} ms could be decoded"
            raise ReelError(Failure.TRUNCATED, have)
        duration_ms = max(facts["video_ms"], facts["audio_ms"] or 0)
        size = path.stat().st_size
        rendition = Rendition(
            path=path,
            width=rung.width,
            height=rung.height,
            bitrate=size * 8000 // max(1, duration_ms),
            bytes=size,
            duration_ms=duration_ms,
            codecs=facts["codecs"],
            has_audio=facts["audio_ms"] is not None,
            family=rung.family,
        )
        renditions.append(rendition)
    made = None
    if poster:
        picture = answer["poster"]
        made = Poster(poster, picture["width"], picture["height"], poster.stat().st_size, picture["colour"])
    return _Found(tuple(renditions), made)


def _placed(found: _Found, target: Path) -> Renditions:
    renditions = tuple(replace(each, path=target / each.path.name) for each in found.renditions)
    poster = replace(found.poster, path=target / _POSTER) if found.poster else None
    return Renditions(target, renditions, poster, b"", None)


def _move_into_place(part: Path, target: Path) -> None:
    """Rename, replacing what an earlier render left there."""
    if target.exists():
        old = target.parent / f".{target.name}.{secrets.token_hex(8)}{UNFINISHED}"
        target.rename(old)
        part.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.rename(target)
