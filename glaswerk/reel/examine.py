"""The child of `probe`: reads a video from standard input, prints facts or a failure as JSON.

The parent gives the demuxer and the limits as a JSON object in the first argument. The file arrives as a
descriptor, so that neither this process nor a demuxer has a name to resolve.
"""

import itertools
import json
import os
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition

from glaswerk.reel.content import AUDIO_CODECS, DECODER_WHITELIST, FORMAT_WHITELIST, VIDEO_CODECS
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits

# Frames may be missing at the end of a file that stopped recording abruptly: this much is forgiven.
_FORGIVEN_MS = 500
_FORGIVEN_PART = 10
# A damaged beginning is forgiven for this many packets.
_PACKETS_TO_FIRST_FRAME = 240

# ITU-T H.273 code points that matter to a render; the rest are "unknown" and read by the common default.
_MATRICES = {0: "rgb", 1: "bt709", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc"}
_MATRICES |= {10: "bt2020c"}
_PRIMARIES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 11: "smpte431", 12: "smpte432"}
_TRANSFERS = {1: "bt709", 6: "smpte170m", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12"}
_TRANSFERS |= {16: "smpte2084", 18: "arib-std-b67"}
_HDR = {"smpte2084": "pq", "arib-std-b67": "hlg"}


def main() -> None:
    question = json.loads(sys.argv[1])
    limits = Limits(**question["limits"])
    try:
        answer = _examine(question["container"], question["bytes"], limits)
    except ReelError as error:
        answer = {"failure": error.code.value, "detail": error.detail}
    except MemoryError:
        answer = {"failure": Failure.OUT_OF_MEMORY.value, "detail": "not enough memory to read the file"}
    except av.error.FFmpegError as error:
        code, detail = failure_of(error)
        answer = {"failure": code.value, "detail": detail}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    # Leave without tearing down: a hostile file has had its chance in the demuxer's closing code as well.
    os._exit(0)


def failure_of(error: av.error.FFmpegError) -> tuple[Failure, str]:
    """FFmpeg's words for what went wrong are constants of the library, never content of the file."""
    if isinstance(error, av.error.MemoryError):
        return Failure.OUT_OF_MEMORY, "not enough memory to read the file"
    return Failure.UNDECODABLE, error.strerror or type(error).__name__


@dataclass(slots=True)
class _Track:
    """What the packets of one stream say. Times are in seconds from the container's own zero."""

    first: Fraction | None = None
    last: Fraction | None = None
    end: Fraction | None = None
    packets: int = 0
    starts: list[Fraction] = field(default_factory=list)

    def add(self, packet: Any, longest_ms: int) -> None:
        start = packet.pts if packet.pts is not None else packet.dts
        if start is None or packet.time_base is None:
            return
        at = start * packet.time_base
        end = at + (packet.duration or 0) * packet.time_base
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        self.end = end if self.end is None else max(self.end, end)
        self.packets += 1
        if len(self.starts) < 40_000:
            self.starts.append(at)
        if (self.end - self.first) * 1000 > longest_ms:
            raise ReelError(Failure.TOO_LONG, "the packets go on for longer than allowed")


def _examine(container_name: str, size: int, limits: Limits) -> dict[str, Any]:
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    if container_name == "mov":
        _check_atoms(source, size, limits)
    options = {"codec_whitelist": DECODER_WHITELIST, "format_whitelist": FORMAT_WHITELIST}
    with av.open(source, format=container_name, options=options, metadata_errors="replace") as container:
        assert isinstance(container, InputContainer)
        video = _choose_video(container)
        audio = _choose_audio(container)
        codec = video.codec_context
        _check_frame(codec.width, codec.height, limits)
        declared = [container.duration / 1000] if container.duration else []
        if video.duration and video.time_base:
            declared.append(float(video.duration * video.time_base * 1000))
        if declared and max(declared) > limits.max_duration_ms:
            raise ReelError(Failure.TOO_LONG, f"{max(declared):.0f} ms declared")

        codec.thread_count = 1
        frame, tracks = _read(container, video, audio, limits)
        seen = tracks[video.index]
        if frame is None or seen.first is None or seen.last is None or seen.end is None:
            nothing = "no frame could be decoded" if seen.packets else "the video stream is empty"
            raise ReelError(Failure.UNDECODABLE if seen.packets else Failure.TRUNCATED, nothing)
        _check_frame(frame.width, frame.height, limits)

        average = _frame_rate(seen, video)
        video_end = max(seen.end, seen.last + 1 / average)
        heard = tracks.get(audio.index) if audio else None
        first, end = seen.first, video_end
        if heard and heard.first is not None and heard.end is not None:
            first, end = min(first, heard.first), max(end, heard.end)
        duration_ms = round((end - first) * 1000)
        if declared:
            missing = min(declared) - duration_ms
            if missing > max(_FORGIVEN_MS, min(declared) / _FORGIVEN_PART):
                raise ReelError(Failure.TRUNCATED, f"{duration_ms} of {min(declared):.0f} ms are there")
        if duration_ms > limits.max_duration_ms:
            raise ReelError(Failure.TOO_LONG, f"{duration_ms} ms")
        if duration_ms < limits.min_duration_ms:
            raise ReelError(Failure.TOO_SHORT, f"{duration_ms} ms")

        rotation = (-round(frame.rotation / 90) * 90) % 360
        width, height = _displayed(frame.width, frame.height, codec.sample_aspect_ratio, rotation)
        _check_frame(width, height, limits)
        colours = _colours(frame)
        return {
            "container": container_name,
            "bytes": size,
            "duration_ms": duration_ms,
            "width": width,
            "height": height,
            "rotation": rotation,
            "fps": round(float(average), 3),
            "variable_rate": _is_variable(seen),
            "interlaced": bool(frame.interlaced_frame),
            "video_codec": codec.codec.canonical_name,
            "video_stream": video.index,
            "video_duration_ms": round((video_end - seen.first) * 1000),
            "video_delay_ms": round((seen.first - first) * 1000),
            "coded_width": frame.width,
            "coded_height": frame.height,
            "bit_depth": max((each.bits for each in frame.format.components), default=8),
            "full_range": int(frame.color_range) == 2 or frame.format.name.startswith("yuvj"),
            "hdr": _HDR.get(colours["colour_transfer"]),
            **colours,
            "audio_codec": audio.codec_context.codec.canonical_name if audio else None,
            "audio_stream": audio.index if audio else None,
            "audio_channels": audio.codec_context.channels if audio else 0,
            "audio_sample_rate": audio.codec_context.sample_rate if audio else 0,
            "audio_delay_ms": round((heard.first - first) * 1000) if heard and heard.first is not None else 0,
        }


def _check_atoms(source: Any, size: int, limits: Limits) -> None:
    """Walk the top level of an MP4: a missing index or missing media is known before any decoding."""
    position, has_index = 0, False
    while position + 8 <= size:
        source.seek(position)
        header = source.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        elif length == 0:
            length = size - position
        if length < 8:
            break
        overrun = position + length - size
        has_index = has_index or (kind in (b"moov", b"moof") and overrun <= 0)
        if overrun > 0 and kind in (b"mdat", b"moov") and overrun > length // _FORGIVEN_PART:
            raise ReelError(Failure.TRUNCATED, f"{overrun} bytes are missing at the end")
        if kind == b"moov":
            source.seek(position + (16 if header[:4] == b"\0\0\0\1" else 8))
            _check_movie_header(source.read(40), limits)
        position += length
    source.seek(0)
    if not has_index:
        raise ReelError(Failure.TRUNCATED, "the index of the file is missing")


def _check_movie_header(header: bytes, limits: Limits) -> None:
    """The duration in `mvhd`, the first atom of an index, which FFmpeg does not believe, but players show."""
    if len(header) < 40 or header[4:8] != b"mvhd":
        return
    wide = header[8] == 1
    scale_at = 28 if wide else 20
    width = 8 if wide else 4
    ticks = int.from_bytes(header[scale_at : scale_at + 4], "big")
    duration = header[scale_at + 4 : scale_at + 4 + width]
    # All ones stand for "unknown".
    if ticks and duration != b"\xff" * width:
        seconds = int.from_bytes(duration, "big") / ticks
        if seconds * 1000 > limits.max_duration_ms:
            raise ReelError(Failure.TOO_LONG, f"{seconds:.0f} s declared")


def _choose_video(container: InputContainer) -> Any:
    """The first real video stream: cover pictures of audio files look like one."""
    streams = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
    if not streams:
        raise ReelError(Failure.NO_VIDEO_STREAM, f"{len(container.streams)} streams, none is a video")
    for stream in streams:
        if stream.codec_context is not None and stream.codec_context.codec.canonical_name in VIDEO_CODECS:
            return stream
    _refuse_codec(streams[0])


def _choose_audio(container: InputContainer) -> Any:
    """The first audio stream that can be decoded; phones add a second one for their own players."""
    streams = list(container.streams.audio)
    for stream in streams:
        if stream.codec_context is not None and stream.codec_context.codec.canonical_name in AUDIO_CODECS:
            return stream
    if streams:
        _refuse_codec(streams[0])
    return None


def _refuse_codec(stream: Any) -> None:
    context = stream.codec_context
    if context is not None and str(context.codec_tag) in ("encv", "enca"):
        raise ReelError(Failure.ENCRYPTED, "the media is protected")
    name = context.codec.canonical_name if context is not None else stream.type
    raise ReelError(Failure.UNSUPPORTED_CODEC, name)


def _check_frame(width: int, height: int, limits: Limits) -> None:
    size = f"{width}x{height}"
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise ReelError(Failure.TOO_LARGE_FRAME, size)
    if width == 0 or height == 0:
        raise ReelError(Failure.UNDECODABLE, "the frame size is unknown")
    if min(width, height) < limits.min_side:
        raise ReelError(Failure.TOO_SMALL_FRAME, size)


def _read(container: InputContainer, video: Any, audio: Any, limits: Limits) -> tuple[Any, dict[int, _Track]]:
    """All packets of the two streams, and the first frame."""
    tracks = {each.index: _Track() for each in (video, audio) if each is not None}
    frame, tried = None, 0
    try:
        for packet in container.demux(*(each for each in (video, audio) if each is not None)):
            # What an edit list cuts off is not shown, but what follows may need it to be decoded.
            if packet.size and not packet.is_discard:
                tracks[packet.stream_index].add(packet, limits.max_duration_ms)
            if frame is None and packet.stream_index == video.index and tried < _PACKETS_TO_FIRST_FRAME:
                tried += not packet.is_discard
                try:
                    frame = next(iter(packet.decode()), None)
                except av.error.MemoryError:
                    raise
                except av.error.FFmpegError:
                    continue
                if frame is not None:
                    _check_frame(frame.width, frame.height, limits)
    except av.error.FFmpegError:
        # What came before a damaged place may be enough; whether it is, the durations tell.
        if frame is None:
            raise
    return frame, tracks


def _frame_rate(seen: _Track, video: Any) -> Fraction:
    """Average frames per second. A single frame lasts as long as the container says."""
    assert seen.first is not None
    assert seen.last is not None
    if seen.packets > 1 and seen.last > seen.first:
        return Fraction(seen.packets - 1) / (seen.last - seen.first)
    return Fraction(video.average_rate or video.guessed_rate or 25)


def _is_variable(seen: _Track) -> bool:
    """Whether the gaps between frames differ by more than the rounding of a millisecond clock explains."""
    starts = sorted(seen.starts)
    gaps = sorted(after - before for before, after in itertools.pairwise(starts))
    if len(gaps) < 2:
        return False
    usual = gaps[len(gaps) // 2]
    return any(abs(gap - usual) > max(usual / 4, Fraction(3, 2000)) for gap in gaps)


def _displayed(width: int, height: int, aspect: Fraction | None, rotation: int) -> tuple[int, int]:
    """The size on a screen with square pixels."""
    if aspect and aspect > 0:
        width = max(1, round(width * aspect))
    return (height, width) if rotation in (90, 270) else (width, height)


def _colours(frame: Any) -> dict[str, str]:
    matrix = "rgb" if frame.format.is_rgb else _MATRICES.get(int(frame.colorspace), "unknown")
    return {
        "colour_matrix": matrix,
        "colour_primaries": _PRIMARIES.get(int(frame.color_primaries), "unknown"),
        "colour_transfer": _TRANSFERS.get(int(frame.color_trc), "unknown"),
    }


if __name__ == "__main__":
    main()
