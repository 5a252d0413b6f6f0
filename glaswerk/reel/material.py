"""What a draft is cut from: any clip, sound or picture, made into something light that a browser can cut with.

    material = prepare(path, folder)             # raises ReelError, leaves nothing behind
    sound = extract_sound(path, folder)          # of a rendition; raises ReelError

Which of the three a file is, its content decides.  Nothing here is what gets published: a cut is rendered from the
files as they came.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import IO, Final

import numpy as np
from PIL import Image

from glaswerk.reel.content import AUDIO_CODECS, DECODER_WHITELIST, HEAD_BYTES
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.graph import AUDIO_RATE, filter_graph, sound_graph
from glaswerk.reel.ladder import Rung, fit
from glaswerk.reel.limits import Limits
from glaswerk.reel.probe import Probe, open_source, probe
from glaswerk.reel.render import UNFINISHED
from glaswerk.reel.tool import ProgressReading, run_ffmpeg, source_options
from glaswerk.reel.unfinished import unfinished_folder

PEAKS_PER_SECOND: Final = 50
"""How many bytes of `peaks` there are for a second of sound."""

_PROXY: Final = "proxy"
_POSTER: Final = "poster.jpg"
_SAMPLES: Final = "samples"
_SHORT_EDGE: Final = 360
_PICTURE_EDGE: Final = 1440
# A browser that scrubs decodes from the last keyframe on; at two a second it is there at once.
_KEYFRAME_SECONDS: Final = 0.5
_PROXY_BITRATE: Final = 96_000
_SAMPLE_RATE: Final = 8_000

_SOUND_FORMATS: Final = "mp3,aac,wav,ogg,flac,aiff,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
_SOUND_DECODERS: Final = f"{DECODER_WHITELIST},{','.join(sorted(AUDIO_CODECS))}"
_PICTURE_MAGIC: Final = ((b"\x89PNG\r\n\x1a\n", "png_pipe", "png"), (b"\xff\xd8\xff", "jpeg_pipe", "mjpeg"))
# What says of a file that there may be a sound in it where there is no video.
_MAYBE_SOUND: Final = (Failure.NOT_A_VIDEO, Failure.NO_VIDEO_STREAM, Failure.UNSUPPORTED_CONTAINER)

Progress = Callable[[int], None]


class Kind(StrEnum):
    """What a file holds."""

    VIDEO = "video"
    AUDIO = "audio"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What was made of a file.  Milliseconds and pixels, as displayed; a picture has no length, a sound no size.

    `proxy` is an MP4, M4A or JPEG after the kind; `poster` is a JPEG, None for a sound.  `peaks` says how loud it is,
    PEAKS_PER_SECOND bytes a second; it is empty where nothing can be heard.
    """

    kind: Kind
    proxy: Path
    poster: Path | None
    duration_ms: int
    width: int
    height: int
    has_audio: bool
    peaks: bytes


@dataclass(frozen=True, slots=True)
class ExtractedSound:
    """The sound of a video, as an M4A of its own."""

    path: Path
    duration_ms: int
    peaks: bytes


def prepare(
    source: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    progress: Progress | None = None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> Material:
    """Look into `source` and make what a studio needs of it, into `folder`, which appears whole or not at all.

    Raises ReelError.
    """
    path, target = Path(source), Path(folder)
    try:
        with unfinished_folder(target, UNFINISHED) as part:
            made = _prepare(path, part, progress or (lambda percent: None), limits)
            part.rename(target)
    except OSError as error:
        code = Failure.DISK_FULL if error.errno in (ENOSPC, EDQUOT) else Failure.UNREADABLE
        raise ReelError(code, error.strerror or type(error).__name__) from error
    poster = target / made.poster.name if made.poster is not None else None
    return Material(
        kind=made.kind,
        proxy=target / made.proxy.name,
        poster=poster,
        duration_ms=made.duration_ms,
        width=made.width,
        height=made.height,
        has_audio=made.has_audio,
        peaks=made.peaks,
    )


def extract_sound(
    rendition: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> ExtractedSound:
    """Take the sound out of an MP4 of ours, as it is, into the folder, which exists.  Raises ReelError."""
    out, samples = Path(folder) / f"{_PROXY}.m4a", Path(folder) / _SAMPLES
    with open_source(rendition) as handle:
        options = ["-f", "mov", "-protocol_whitelist", "fd", "-format_whitelist", _SOUND_FORMATS]
        options += ["-codec_whitelist", "aac", "-fd", "0", "-i", "fd:"]
        options += ["-map", "0:a:0", "-map_metadata", "-1", "-map_chapters", "-1", "-c:a", "copy"]
        options += ["-movflags", "+faststart", "-f", "mp4", f"file:{out}"]
        options += ["-map", "0:a:0", *_sample_options(samples)]
        _run(handle, options, Path(folder), 0, lambda percent: None, limits)
    peaks, duration_ms = _peaks(samples)
    if duration_ms == 0:
        raise ReelError(Failure.NO_VIDEO_STREAM, "there is no sound in it")
    return ExtractedSound(out, duration_ms, peaks)


def _prepare(path: Path, part: Path, progress: Progress, limits: Limits) -> Material:
    try:
        facts = probe(path, limits)
    except ReelError as error:
        if error.code is Failure.IMAGE:
            return _prepare_picture(path, part, limits)
        if error.code in _MAYBE_SOUND:
            return _prepare_sound(path, part, progress, limits, error)
        raise
    return _prepare_video(path, facts, part, progress, limits)


def _prepare_video(path: Path, facts: Probe, part: Path, progress: Progress, limits: Limits) -> Material:
    width, height = fit(facts.width, facts.height, _SHORT_EDGE)
    proxy, poster, samples = part / f"{_PROXY}.mp4", part / _POSTER, part / _SAMPLES
    rung = Rung(width, height, quality=27, max_bitrate=900_000)
    graph = filter_graph(facts, [rung], alone=False)
    options = ["-map", "[v0]"]
    if facts.has_audio:
        graph += f";{sound_graph(facts, alone=False)};[sound]asplit=2[heard][seen]"
        options += ["-map", "[heard]"]
    options += ["-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn"]
    options += ["-c:v", "libx264", "-preset", "veryfast", "-tune", "fastdecode", "-pix_fmt", "yuv420p"]
    options += ["-crf", str(rung.quality), "-maxrate", str(rung.max_bitrate), "-bufsize", str(2 * rung.max_bitrate)]
    options += ["-force_key_frames", f"expr:gte(t,n_forced*{_KEYFRAME_SECONDS})", "-sc_threshold", "0"]
    options += ["-fps_mode", "vfr", "-enc_time_base:v", "1:90000", "-video_track_timescale", "90000"]
    if facts.has_audio:
        options += ["-c:a", "aac", "-b:a", str(_PROXY_BITRATE), "-ac", "2", "-ar", str(AUDIO_RATE)]
    options += ["-movflags", "+faststart", "-f", "mp4", f"file:{proxy}"]
    options += ["-map", "[poster]", "-map_metadata", "-1", "-frames:v", "1", "-c:v", "mjpeg", "-q:v", "5"]
    options += ["-f", "image2", "-update", "1", f"file:{poster}"]
    if facts.has_audio:
        options += ["-map", "[seen]", *_sample_options(samples)]
    with open_source(path) as handle:
        command = [*source_options(facts, limits), "-filter_complex", graph, *options]
        _run(handle, command, part, facts.duration_ms, progress, limits)
    peaks, _ = _peaks(samples)
    for each in (proxy, poster):
        if not each.is_file() or each.stat().st_size == 0:
            raise ReelError(Failure.UNDECODABLE, "a result is missing")
    return Material(
        kind=Kind.VIDEO,
        proxy=proxy,
        poster=poster,
        duration_ms=facts.duration_ms,
        width=facts.width,
        height=facts.height,
        has_audio=facts.has_audio,
        peaks=peaks,
    )


def _prepare_sound(path: Path, part: Path, progress: Progress, limits: Limits, why_no_video: ReelError) -> Material:
    with open_source(path) as handle:
        demuxer = _sound_demuxer(handle.read(HEAD_BYTES))
        handle.seek(0)
        if demuxer is None:
            raise why_no_video
        if os.fstat(handle.fileno()).st_size > limits.max_bytes:
            raise ReelError(Failure.TOO_MANY_BYTES)
        proxy, samples = part / f"{_PROXY}.m4a", part / _SAMPLES
        options = ["-f", demuxer, "-protocol_whitelist", "fd", "-format_whitelist", _SOUND_FORMATS]
        options += ["-codec_whitelist", _SOUND_DECODERS, "-t", f"{limits.max_duration_ms / 1000 + 1:.3f}"]
        options += ["-fd", "0", "-i", "fd:", "-filter_complex"]
        fold = f"aformat=channel_layouts=stereo,aresample={AUDIO_RATE}:async=1:first_pts=0"
        options += [f"[0:a:0]{fold},asplit=2[heard][seen]", "-map", "[heard]"]
        options += ["-map_metadata", "-1", "-map_chapters", "-1", "-c:a", "aac", "-b:a", "128000", "-ac", "2"]
        options += ["-movflags", "+faststart", "-f", "mp4", f"file:{proxy}"]
        options += ["-map", "[seen]", *_sample_options(samples)]
        _run(handle, options, part, 0, progress, limits)
    peaks, duration_ms = _peaks(samples)
    if duration_ms > limits.max_duration_ms:
        raise ReelError(Failure.TOO_LONG)
    if duration_ms < limits.min_duration_ms:
        raise ReelError(Failure.TOO_SHORT)
    return Material(
        kind=Kind.AUDIO,
        proxy=proxy,
        poster=None,
        duration_ms=duration_ms,
        width=0,
        height=0,
        has_audio=True,
        peaks=peaks,
    )


def _prepare_picture(path: Path, part: Path, limits: Limits) -> Material:
    with open_source(path) as handle:
        head = handle.read(HEAD_BYTES)
        handle.seek(0)
        demuxer, decoder = _picture_demuxer(head)
        if os.fstat(handle.fileno()).st_size > limits.max_bytes:
            raise ReelError(Failure.TOO_MANY_BYTES)
        proxy = part / f"{_PROXY}.jpg"
        edge = f"'min({_PICTURE_EDGE},{{side}})'"
        scale = f"scale=w={edge.format(side='iw')}:h={edge.format(side='ih')}:force_original_aspect_ratio=decrease"
        options = ["-f", demuxer, "-protocol_whitelist", "fd", "-format_whitelist", demuxer]
        options += ["-codec_whitelist", decoder, "-max_pixels:v", str(limits.max_pixels), "-fd", "0", "-i", "fd:"]
        options += ["-map", "0:v:0", "-map_metadata", "-1", "-vf", f"{scale},setsar=1,format=yuvj420p"]
        options += ["-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3", "-f", "image2", "-update", "1", f"file:{proxy}"]
        _run(handle, options, part, 0, lambda percent: None, limits)
    if not proxy.is_file() or proxy.stat().st_size == 0:
        raise ReelError(Failure.UNDECODABLE, "a result is missing")
    with Image.open(proxy, formats=("JPEG",)) as made:
        width, height = made.size
    return Material(
        kind=Kind.IMAGE,
        proxy=proxy,
        poster=proxy,
        duration_ms=0,
        width=width,
        height=height,
        has_audio=False,
        peaks=b"",
    )


def _sound_demuxer(head: bytes) -> str | None:
    """Return the demuxer of a file that may hold sound, by its first bytes, or None."""
    if head[4:8] == b"ftyp":
        return "mov"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:3] == b"ID3":
        return "mp3"
    for magic, name in ((b"OggS", "ogg"), (b"fLaC", "flac")):
        if head.startswith(magic):
            return name
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        # The two layer bits are zero in AAC's frames and in no frame of MPEG audio.
        return "aac" if head[1] & 0x06 == 0 else "mp3"
    return None


def _picture_demuxer(head: bytes) -> tuple[str, str]:
    for magic, demuxer, decoder in _PICTURE_MAGIC:
        if head.startswith(magic):
            return demuxer, decoder
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp_pipe", "webp"
    raise ReelError(Failure.IMAGE, "a kind of picture that is not read")


def _sample_options(out: Path) -> list[str]:
    """Mono samples, few but enough to draw."""
    return ["-ac", "1", "-ar", str(_SAMPLE_RATE), "-c:a", "pcm_s16le", "-f", "s16le", f"file:{out}"]


def _peaks(samples: Path) -> tuple[bytes, int]:
    """Read the samples, remove their file, and return the loudest of every step and the length in milliseconds."""
    if not samples.is_file():
        return b"", 0
    heard = np.fromfile(samples, dtype="<i2")
    samples.unlink()
    step = _SAMPLE_RATE // PEAKS_PER_SECOND
    padded = np.zeros(-(-len(heard) // step) * step, dtype=np.int32)
    padded[: len(heard)] = heard
    loudest = np.abs(padded.reshape(-1, step)).max(axis=1, initial=0)
    return np.minimum(loudest * 255 // 32_767, 255).astype(np.uint8).tobytes(), len(heard) * 1000 // _SAMPLE_RATE


def _run(
    source: IO[bytes], options: Sequence[str], folder: Path, duration_ms: int, progress: Progress, limits: Limits
) -> None:
    reading = ProgressReading(duration_ms or limits.max_duration_ms, progress)
    command = [*ProgressReading.OPTIONS, *options]
    run_ffmpeg(command, limits, folder=folder, source=source, on_line=reading)
