"""The child of `inspect`: reads a sound or a picture from standard input, prints facts or a failure as JSON."""

import json
import os
import sys
from fractions import Fraction
from typing import Any

import av

from glaswerk.reel.content import AUDIO_CODECS
from glaswerk.reel.examine import failure_of
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits


def main() -> None:
    question = json.loads(sys.argv[1])
    limits = Limits(**question["limits"])
    options = {"codec_whitelist": question["decoders"], "format_whitelist": question["formats"]}
    try:
        source = os.fdopen(os.dup(0), "rb", buffering=0)
        with av.open(source, format=question["container"], options=options, metadata_errors="replace") as container:
            read = _picture if question["kind"] == "image" else _sound
            answer: dict[str, Any] = read(container, limits)
    except ReelError as error:
        answer = {"failure": error.code.value, "detail": error.detail}
    except MemoryError:
        answer = {"failure": Failure.OUT_OF_MEMORY.value, "detail": "not enough memory to read the file"}
    except av.error.FFmpegError as error:
        code, detail = failure_of(error)
        answer = {"failure": code.value, "detail": detail}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


def _sound(container: Any, limits: Limits) -> dict[str, Any]:
    """The first sound that can be decoded, as long as its packets last."""
    found = [each for each in container.streams.audio if each.codec_context is not None]
    stream = next((each for each in found if each.codec_context.codec.canonical_name in AUDIO_CODECS), None)
    if stream is None:
        raise ReelError(Failure.UNSUPPORTED_CODEC if found else Failure.NO_VIDEO_STREAM, "no sound that can be read")
    first = end = None
    heard = False
    for packet in container.demux(stream):
        start = packet.pts if packet.pts is not None else packet.dts
        if not packet.size or start is None:
            continue
        at = start * packet.time_base
        first = at if first is None else min(first, at)
        end = max(end or at, at + Fraction(packet.duration or 0) * packet.time_base)
        # Decoding goes on only until something is heard; the rest is measured.
        heard = heard or bool(packet.decode())
        if (end - first) * 1000 > limits.max_duration_ms:
            raise ReelError(Failure.TOO_LONG, "the packets go on for longer than allowed")
    if first is None or end is None or not heard:
        raise ReelError(Failure.UNDECODABLE, "no sound could be decoded")
    context = stream.codec_context
    return {
        "duration_ms": round((end - first) * 1000),
        "width": 0,
        "height": 0,
        "audio_stream": stream.index,
        "audio_channels": context.channels,
    }


def _picture(container: Any, limits: Limits) -> dict[str, Any]:
    """The size of the picture as displayed."""
    stream = container.streams.video[0]
    context = stream.codec_context
    context.thread_count = 1
    if max(context.width, context.height) > limits.max_side or context.width * context.height > limits.max_pixels:
        raise ReelError(Failure.TOO_LARGE_FRAME, f"{context.width}x{context.height}")
    frame = next(iter(container.decode(stream)), None)
    if frame is None:
        raise ReelError(Failure.UNDECODABLE, "no picture could be decoded")
    width, height = frame.width, frame.height
    if min(width, height) < limits.min_side:
        raise ReelError(Failure.TOO_SMALL_FRAME, f"{width}x{height}")
    if round(frame.rotation / 90) % 2:
        width, height = height, width
    return {"duration_ms": 0, "width": width, "height": height, "audio_stream": None, "audio_channels": 0}


if __name__ == "__main__":
    main()
