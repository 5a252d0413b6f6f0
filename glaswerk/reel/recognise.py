"""The child of `fingerprint`: reads a video from standard input, prints {"pictures": hex} or a failure.

A picture is taken at every second, or more seldom in a long video, and makes up 36 bytes: its time in tenths of a second (three
bytes, most significant first), its quality, and the 32 bytes of its PDQ.
"""

import json
import os
import sys
from typing import Any

# OpenBLAS, which is loaded with NumPy, reserves memory for as many threads as there are processors, and a child has little.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import av
from av.container import InputContainer

from glaswerk.reel.content import DECODER_WHITELIST, FORMAT_WHITELIST, VIDEO_CODECS
from glaswerk.reel.examine import failure_of
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits
from glaswerk.reel.pdq import brightness, pdq

_EVERY_S = 1.0
_MOST = 60


def main() -> None:
    question = json.loads(sys.argv[1])
    try:
        answer = {"pictures": _pictures(question["container"], Limits(**question["limits"])).hex()}
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


def _pictures(container_name: str, limits: Limits) -> bytes:
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    options = {"codec_whitelist": DECODER_WHITELIST, "format_whitelist": FORMAT_WHITELIST}
    taken = bytearray()
    with av.open(source, format=container_name, options=options, metadata_errors="replace") as container:
        assert isinstance(container, InputContainer)
        if not container.streams.video:
            raise ReelError(Failure.NO_VIDEO_STREAM, "no stream is a video")
        video = container.streams.video[0]
        if video.codec_context is None or video.codec_context.codec.canonical_name not in VIDEO_CODECS:
            raise ReelError(Failure.UNSUPPORTED_CODEC, "the video is in a code that is not read")
        video.codec_context.thread_count = 1
        seconds = (container.duration or 0) / av.time_base
        every = max(_EVERY_S, seconds / _MOST)
        due, count = 0.0, 0
        for frame in container.decode(video):
            if max(frame.width, frame.height) > limits.max_side or frame.width * frame.height > limits.max_pixels:
                raise ReelError(Failure.TOO_LARGE_FRAME, f"{frame.width}x{frame.height}")
            at = frame.time or 0.0
            if at + 0.001 < due:
                continue
            taken += _stamp(frame, at)
            due, count = due + every * max(1, (at - due) // every + 1), count + 1
            if count >= _MOST:
                break
    if not taken:
        raise ReelError(Failure.UNDECODABLE, "no picture could be decoded")
    return bytes(taken)


def _stamp(frame: Any, at: float) -> bytes:
    bits, quality = pdq(brightness(frame.to_ndarray(format="rgb24")))
    return max(0, round(at * 10)).to_bytes(3, "big") + bytes([quality]) + bits


if __name__ == "__main__":
    main()
