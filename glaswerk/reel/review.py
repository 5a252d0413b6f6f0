"""The child of `review`: opens what a render wrote and prints what a player will find, as JSON.

{"outputs": [{"width", "height", "video_ms", "audio_ms" (null without audio), "family", "codecs", "fast_start"}],
 "poster": {"width", "height", "colour" ("#rrggbb")} or null}, or {"failure", "detail"}.
"""

import json
import sys
from pathlib import Path
from typing import Any

import av

from glaswerk.reel.failures import Failure, ReelError

_COLOUR_GRID = 16


def main() -> None:
    question = json.loads(sys.argv[1])
    try:
        answer: dict[str, Any] = {
            "outputs": [_rendition(path) for path in question["outputs"]],
            "poster": _poster(question["poster"]) if question["poster"] else None,
        }
    except ReelError as error:
        answer = {"failure": error.code.value, "detail": error.detail}
    except (OSError, av.error.FFmpegError) as error:
        detail = f"a result is unreadable: {type(error).__name__}"
        answer = {"failure": Failure.UNDECODABLE.value, "detail": detail}
    sys.stdout.write(json.dumps(answer))


def _rendition(path: str) -> dict[str, Any]:
    with av.open(path, format="mov") as container:
        if not container.streams.video:
            raise ReelError(Failure.UNDECODABLE, "a result has no video")
        video = container.streams.video[0]
        context = video.codec_context
        family, codecs = _code(context.codec.canonical_name, context.extradata or b"")
        audio_ms = None
        if container.streams.audio:
            audio = container.streams.audio[0]
            # Object type 0x40 is MPEG-4 audio, 2 its low complexity profile: the only one the encoder writes.
            codecs += ",mp4a.40.2"
            audio_ms = _milliseconds(audio)
        if next(iter(container.decode(video)), None) is None:
            raise ReelError(Failure.UNDECODABLE, "a result has no picture")
        return {
            "width": context.width,
            "height": context.height,
            "video_ms": _milliseconds(video),
            "audio_ms": audio_ms,
            "family": family,
            "codecs": codecs,
            "fast_start": _has_index_first(path),
        }


def _code(name: str, record: bytes) -> tuple[str, str]:
    """The family and the codecs parameter, from the configuration record of the code."""
    if name == "h264" and len(record) >= 4:
        # The avcC record of ISO/IEC 14496-15: version, profile, compatibility, level.
        return name, f"avc1.{record[1:4].hex()}"
    if name == "av1" and len(record) >= 4:
        # The av1C record of the AV1 codec ISO media file format binding: version, profile and level, tier and depth.
        profile, level = record[1] >> 5, record[1] & 31
        tier, depth = "H" if record[2] & 128 else "M", 10 if record[2] & 64 else 8
        return name, f"av01.{profile}.{level:02d}{tier}.{depth:02d}"
    raise ReelError(Failure.UNDECODABLE, "a result is in another code than asked for")


def _milliseconds(stream: Any) -> int:
    return round(float((stream.duration or 0) * stream.time_base * 1000))


def _has_index_first(path: str) -> bool:
    with Path(path).open("rb") as handle:
        while header := handle.read(8):
            if header[4:8] in (b"moov", b"mdat"):
                return header[4:8] == b"moov"
            handle.seek(int.from_bytes(header[:4], "big") - 8, 1)
    return False


def _poster(path: str) -> dict[str, Any]:
    with av.open(path, format="image2", options={"pattern_type": "none"}) as container:
        frame = next(iter(container.decode(container.streams.video[0])))
        small = frame.reformat(width=_COLOUR_GRID, height=_COLOUR_GRID, format="rgb24", interpolation="AREA")
        plane = small.planes[0]
        data, step = bytes(plane), plane.line_size
        rows = [data[row * step : row * step + _COLOUR_GRID * 3] for row in range(_COLOUR_GRID)]
        means = [sum(sum(row[channel::3]) for row in rows) // _COLOUR_GRID**2 for channel in range(3)]
        return {"width": frame.width, "height": frame.height, "colour": "#" + bytes(means).hex()}


if __name__ == "__main__":
    main()
