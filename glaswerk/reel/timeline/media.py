"""What a source of a timeline is: a video, a sound or a picture. Found out by a child process that may die of it."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import BinaryIO, Final

from glaswerk.reel.child import PYTHON_LISTS, Confinement, python_command, python_reads, run_confined
from glaswerk.reel.content import DECODER_WHITELIST, FORMAT_WHITELIST, HEAD_BYTES, demuxer_for
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits
from glaswerk.reel.probe import Probe, open_source, probe, read_answer

VIDEO, AUDIO, IMAGE = "video", "audio", "image"
_READER_FILE_BYTES: Final = 1 << 20
# What begins so is read by this demuxer, and by no other.
_PICTURES: Final = ((b"\x89PNG\r\n\x1a\n", "png_pipe"), (b"\xff\xd8\xff", "jpeg_pipe"))
_SOUNDS: Final = ((b"ID3", "mp3"), (b"fLaC", "flac"), (b"OggS", "ogg"))
_PICTURE_DECODERS: Final = "png,mjpeg,webp"
_WHITELISTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("png_pipe", "jpeg_pipe", "webp_pipe"), "png_pipe,jpeg_pipe,webp_pipe"),
    **dict.fromkeys(("mp3", "flac", "ogg", "wav", "aac"), "mp3,flac,ogg,wav,aac"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """The facts about a source that a timeline needs. A picture has no duration, a sound no size.

    `probe` is that of a video; the other fields repeat what it says.
    """

    kind: str
    container: str
    duration_ms: int
    width: int
    height: int
    audio_stream: int | None
    audio_channels: int
    probe: Probe | None = None

    @classmethod
    def of(cls, probe: Probe) -> "Media":
        """A video, from what is known of it already."""
        return cls(
            kind=VIDEO,
            container=probe.container,
            duration_ms=probe.duration_ms,
            width=probe.width,
            height=probe.height,
            audio_stream=probe.audio_stream,
            audio_channels=probe.audio_channels,
            probe=probe,
        )


def inspect(path: str | os.PathLike[str], limits: Limits = Limits()) -> Media:  # noqa: B008  (frozen)
    """Read the facts from a file, whatever it is called. Raises ReelError."""
    try:
        with open_source(path) as handle:
            size = os.fstat(handle.fileno()).st_size
            if size > limits.max_bytes:
                raise ReelError(Failure.TOO_MANY_BYTES, f"{size} bytes")
            head = handle.read(HEAD_BYTES)
            handle.seek(0)
            picture, sound = _picture(head), _sound(head)
            if picture is not None:
                return _examined(handle, IMAGE, picture, limits)
            if sound is not None:
                return _examined(handle, AUDIO, sound, limits)
            container = demuxer_for(head)
            try:
                return Media.of(probe(path, limits))
            except ReelError as error:
                if error.code != Failure.NO_VIDEO_STREAM:
                    raise
            return _examined(handle, AUDIO, container, limits)
    except OSError as error:
        raise ReelError(Failure.UNREADABLE, error.strerror or type(error).__name__) from error


def whitelists(container: str) -> tuple[str, str]:
    """The formats and the decoders that a source in this container may use."""
    decoders = _PICTURE_DECODERS if container.endswith("_pipe") else DECODER_WHITELIST
    return _WHITELISTS.get(container, FORMAT_WHITELIST), decoders


def _picture(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp_pipe"
    return next((name for magic, name in _PICTURES if head.startswith(magic)), None)


def _sound(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    for magic, name in _SOUNDS:
        if head.startswith(magic):
            return name
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[:3] != b"\xff\xd8\xff":
        # An MPEG audio frame; layer 0 is reserved there, and means AAC in ADTS.
        return "mp3" if head[1] & 0x06 else "aac"
    return None


def _examined(handle: BinaryIO, kind: str, container: str, limits: Limits) -> Media:
    formats, decoders = whitelists(container)
    question = {
        "kind": kind,
        "container": container,
        "formats": formats,
        "decoders": decoders,
        "limits": asdict(limits),
    }
    confinement = Confinement(
        memory_bytes=limits.probe_memory_bytes,
        file_bytes=_READER_FILE_BYTES,
        wall_seconds=limits.probe_seconds,
        stall_seconds=limits.probe_seconds,
        list=PYTHON_LISTS,
        read=python_reads(),
    )
    handle.seek(0)
    command = python_command("glaswerk.reel.timeline.examine", json.dumps(question))
    answer = read_answer(run_confined(command, confinement, stdin=handle))
    return Media(kind=kind, container=container, **answer)
