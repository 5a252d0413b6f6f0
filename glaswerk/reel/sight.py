"""The child of `look`: reads a video from standard input, prints what it looks like as {"features": hex}, or a failure.

A few moments of the video are looked at, and the averages over them make up 64 bytes:

     0..15  colours: twelve hues, weighted by how colourful a point is, then black, dark, bright and white for the rest of it
    16..27  brightness of three by four fields, against that of the whole picture
    28..39  blueness of two by three fields, then redness of the same
    40..47  edges: the share of each of eight directions
    48..51  edges: how much of them there is, from top to bottom
    52..55  movement: how much of it there is, from top to bottom
    56..59  change from moment to moment: the largest, the smallest, the mean, and that of the whole brightness
    60..63  brightness, contrast, colourfulness, fineness

Shares and amounts are stored as square roots, so that a little of something is told from nothing of it. How far each goes makes the
parts differ by about as much from one video to another, so that none of them drowns the rest.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from math import isqrt
from typing import Any

# OpenBLAS, which is loaded with NumPy, reserves memory for as many threads as there are processors, and a child has little.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from glaswerk.reel.content import DECODER_WHITELIST, FORMAT_WHITELIST, VIDEO_CODECS
from glaswerk.reel.examine import failure_of
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits

_MOMENTS = 6
# The difference of two pictures this far apart is movement.
_MOVEMENT_S = Fraction(12, 100)
# Every picture is brought to this size, whatever its shape: rows and columns of brightness; colour has half of each.
_ROWS, _COLUMNS = 64, 48
_FULLY_COLOURFUL = 48
_FAINT = 8
# An amount of edges, of movement and of change that is as much as counts.
_MOST_EDGES, _MOST_MOVEMENT, _MOST_CHANGE = 96, 48, 96
# What the square roots of shares are multiplied by.
_COLOURS, _DIRECTIONS = 96, 510

Plane = NDArray[np.int64]


def main() -> None:
    question = json.loads(sys.argv[1])
    try:
        answer = {"features": _look(question["container"], Limits(**question["limits"])).hex()}
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


def _look(container_name: str, limits: Limits) -> bytes:
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    options = {"codec_whitelist": DECODER_WHITELIST, "format_whitelist": FORMAT_WHITELIST}
    with av.open(source, format=container_name, options=options, metadata_errors="replace") as container:
        assert isinstance(container, InputContainer)
        if not container.streams.video:
            raise ReelError(Failure.NO_VIDEO_STREAM, "no stream is a video")
        video = container.streams.video[0]
        if video.codec_context is None or video.codec_context.codec.canonical_name not in VIDEO_CODECS:
            raise ReelError(Failure.UNSUPPORTED_CODEC, "the video is in a code that is not read")
        video.codec_context.thread_count = 1
        return _described([_Moment(*pair) for pair in _pairs(container, video, limits)])


def _pairs(container: InputContainer, video: Any, limits: Limits) -> Iterator[tuple[Any, Any]]:
    """For every moment the picture, and the one that comes a little later; near the end, the last for both."""
    base = video.time_base
    start = Fraction(video.start_time or 0) * base
    length = Fraction(video.duration) * base if video.duration else Fraction(container.duration or 0, av.time_base)
    for number in range(_MOMENTS):
        at = start + length * (2 * number + 1) / (2 * _MOMENTS)
        container.seek(int(at / base), stream=video, backward=True)
        first = last = None
        for frame in container.decode(video):
            if max(frame.width, frame.height) > limits.max_side or frame.width * frame.height > limits.max_pixels:
                raise ReelError(Failure.TOO_LARGE_FRAME, f"{frame.width}x{frame.height}")
            last = frame
            time = Fraction(frame.pts or 0) * base
            if first is None and time >= at:
                first = frame
            if time >= at + _MOVEMENT_S:
                break
        if last is None:
            raise ReelError(Failure.UNDECODABLE, "no picture could be decoded")
        yield _planes(last if first is None else first), _planes(last)


def _planes(frame: Any) -> tuple[Plane, Plane, Plane]:
    """Brightness, blueness and redness of a picture, in its final size."""
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    whole = (
        np.frombuffer(each, np.uint8).reshape(each.height, each.line_size)[:, : each.width] for each in frame.planes
    )
    y, u, v = whole
    return _shrunk(y, _ROWS, _COLUMNS), _shrunk(u, _ROWS // 2, _COLUMNS // 2), _shrunk(v, _ROWS // 2, _COLUMNS // 2)


def _shrunk(plane: NDArray[Any], rows: int, columns: int) -> Plane:
    """The means of rows x columns fields, rounded down; a picture that is smaller is first repeated."""
    height, width = plane.shape
    plane = plane.repeat(-(-rows // height), axis=0).repeat(-(-columns // width), axis=1)
    height, width = plane.shape
    down, across = np.arange(rows) * height // rows, np.arange(columns) * width // columns
    sums = np.add.reduceat(np.add.reduceat(plane.astype(np.int64), down, axis=0), across, axis=1)
    return sums // np.outer(np.diff(down, append=height), np.diff(across, append=width))


class _Moment:
    """What is measured in one picture and the one a little later."""

    def __init__(self, now: tuple[Plane, Plane, Plane], later: tuple[Plane, Plane, Plane]) -> None:
        self.brightness, blue, red = now
        self.blue, self.red = blue - 128, red - 128
        self.hues, self.colourful = _hues(_shrunk(self.brightness, *blue.shape), self.blue, self.red)
        self.directions, self.edges = _edges(self.brightness)
        self.movement = _bands(np.abs(later[0] - self.brightness), 4)
        y = self.brightness
        self.fine = int(np.abs(y[:, 1:] - y[:, :-1]).sum() + np.abs(y[1:] - y[:-1]).sum())
        self.coarse = int(np.abs(y[:, 4:] - y[:, :-4]).sum() + np.abs(y[4:] - y[:-4]).sum())


def _hues(brightness: Plane, blue: Plane, red: Plane) -> tuple[Plane, int]:
    """[16]: how much there is of twelve hues and of black, dark, bright and white; and how colourful it is, per point."""
    colourful = np.minimum(np.maximum(np.abs(blue), np.abs(red)), _FULLY_COLOURFUL)
    # No whole numbers lie on a border of these sectors, so that the last bit of an angle does not matter.
    hue = np.floor((np.degrees(np.arctan2(red, blue)) + 367) / 30).astype(np.int64) % 12
    shade = np.clip((brightness - 16) * 4 // 220, 0, 3) + 12
    amounts = np.zeros(16, dtype=np.int64)
    np.add.at(amounts, hue, colourful)
    np.add.at(amounts, shade, _FULLY_COLOURFUL - colourful)
    return amounts, int(colourful.sum()) // colourful.size


def _edges(brightness: Plane) -> tuple[Plane, Plane]:
    """[8]: how much there is of eight directions, faint edges left out; [4]: edges per point from top to bottom, in 1/16."""
    across = brightness[1:-1, 2:] - brightness[1:-1, :-2]
    down = brightness[2:, 1:-1] - brightness[:-2, 1:-1]
    strength = np.abs(across) + np.abs(down)
    strength[strength < _FAINT] = 0
    direction = np.floor((np.degrees(np.arctan2(down, across)) + 371.25) / 22.5).astype(np.int64) % 8
    amounts = np.zeros(8, dtype=np.int64)
    np.add.at(amounts, direction, strength)
    return amounts, _bands(strength, 4)


def _bands(plane: Plane, count: int) -> Plane:
    """[count]: the means of as many bands from top to bottom, in 1/16."""
    parts = np.array_split(plane, count)
    return np.array([int(part.sum()) * 16 // part.size for part in parts], dtype=np.int64)


def _described(moments: list[_Moment]) -> bytes:
    """The 64 bytes."""
    count = len(moments)
    brightness = _sum(each.brightness for each in moments) // count
    level = int(brightness.sum()) // brightness.size
    fields = np.clip(_shrunk(brightness, 4, 3) - level + 128, 0, 255)
    blue = _shrunk(_sum(each.blue for each in moments) // count, 3, 2) + 128
    red = _shrunk(_sum(each.red for each in moments) // count, 3, 2) + 128
    changes = [_mean(np.abs(after.brightness - before.brightness)) for before, after in pairwise(moments)]
    levels = [_mean(each.brightness) for each in moments]
    variance = sum(int(((each.brightness - level) ** 2).sum()) for each in moments) // (count * brightness.size)
    fine, coarse = sum(each.fine for each in moments), sum(each.coarse for each in moments)
    return bytes(
        [
            *_shares(_sum(each.hues for each in moments), _COLOURS),
            *fields.ravel().tolist(),
            *blue.ravel().tolist(),
            *red.ravel().tolist(),
            *_shares(_sum(each.directions for each in moments), _DIRECTIONS),
            *(_amount(each, _MOST_EDGES) for each in _sum(each.edges for each in moments) // count),
            *(_amount(each, _MOST_MOVEMENT) for each in _sum(each.movement for each in moments) // count),
            _amount(max(changes), _MOST_CHANGE),
            _amount(min(changes), _MOST_CHANGE),
            _amount(sum(changes) // len(changes), _MOST_CHANGE),
            _amount(max(levels) - min(levels), _MOST_CHANGE),
            level,
            min(255, 3 * isqrt(variance)),
            sum(each.colourful for each in moments) * 255 // (count * _FULLY_COLOURFUL),
            min(255, 255 * fine // max(1, coarse)),
        ]
    )


def _sum(planes: Iterable[Plane]) -> Plane:
    total: Plane = np.stack(list(planes)).sum(axis=0)
    return total


def _shares(amounts: Plane, most: int) -> list[int]:
    """`most` times the square root of every amount's part of the whole, at most 255."""
    whole = max(1, int(amounts.sum()))
    return [min(255, isqrt(most * most * int(amount) // whole)) for amount in amounts]


def _amount(value: Any, most: int) -> int:
    """255 times the square root of a value in 1/16, as a part of the most that counts."""
    return isqrt(255 * 255 * min(int(value), 16 * most) // (16 * most))


def _mean(plane: Plane) -> int:
    """In 1/16."""
    return int(plane.sum()) * 16 // plane.size


if __name__ == "__main__":
    main()
