"""Small pictures of a video: a moving preview, and a sheet of stills to find a place by."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits
from glaswerk.reel.tool import own_file_options, run_ffmpeg

_PREVIEW: Final = "preview.webp"
_SHEET: Final = "storyboard.jpg"
_PREVIEW_SECONDS: Final = 3
_PREVIEW_FPS: Final = 6
_PREVIEW_LONG_EDGE: Final = 320
_TILE_LONG_EDGE: Final = 160
_COLUMNS: Final = 8
# At most so many stills, one a second or more seldom.
_MOST_STILLS: Final = 64


@dataclass(frozen=True, slots=True)
class Storyboard:
    """A sheet of stills: `count` of them, row by row in `columns`, each `width` by `height` and `every_ms` after the last."""

    path: Path
    columns: int
    count: int
    width: int
    height: int
    every_ms: int
    duration_ms: int

    def webvtt(self, address: str) -> str:
        """Which part of the sheet at `address` belongs to which time, as players read it."""
        cues = ["WEBVTT"]
        for number in range(self.count):
            start = number * self.every_ms
            end = min(self.duration_ms, start + self.every_ms) if number < self.count - 1 else self.duration_ms
            x, y = number % self.columns * self.width, number // self.columns * self.height
            cues.append(f"{_clock(start)} --> {_clock(end)}\n{address}#xywh={x},{y},{self.width},{self.height}")
        return "\n\n".join(cues) + "\n"


@dataclass(frozen=True, slots=True)
class Stills:
    """Both kinds: `preview` is an animated WebP of the first seconds."""

    preview: Path
    storyboard: Storyboard


def make_stills(rendition: Path, width: int, height: int, duration_ms: int, folder: Path, limits: Limits) -> Stills:
    """Make them of a rendition in one decode, into `folder`, which exists.  Raises ReelError."""
    every_ms = max(1000, math.ceil(duration_ms / _MOST_STILLS / 1000) * 1000)
    count = max(1, math.ceil(duration_ms / every_ms))
    columns = min(_COLUMNS, count)
    preview_size, tile = _within(width, height, _PREVIEW_LONG_EDGE), _within(width, height, _TILE_LONG_EDGE)
    preview, sheet = folder / _PREVIEW, folder / _SHEET
    full = "out_color_matrix=bt601:out_range=pc,format=yuvj420p"
    graph = (
        f"[0:v]split=2[a][b];[a]trim=duration={_PREVIEW_SECONDS},fps={_PREVIEW_FPS},"
        f"scale={preview_size[0]}:{preview_size[1]}:flags=bilinear[preview];"
        f"[b]select='gte(t\\,selected_n*{every_ms / 1000:g})',scale={tile[0]}:{tile[1]}:flags=bilinear:{full},"
        f"tile={columns}x{math.ceil(count / columns)}:nb_frames={count}[sheet]"
    )
    command = [*own_file_options(rendition), "-filter_complex", graph]
    command += ["-map", "[preview]", "-map_metadata", "-1", "-c:v", "libwebp_anim", "-quality", "45"]
    command += ["-compression_level", "2", "-loop", "0", "-flags:v", "+bitexact", "-f", "webp", f"file:{preview}"]
    command += ["-map", "[sheet]", "-map_metadata", "-1", "-frames:v", "1", "-c:v", "mjpeg", "-q:v", "6"]
    command += ["-flags:v", "+bitexact", "-f", "image2", "-update", "1", f"file:{sheet}"]
    run_ffmpeg(command, limits, folder=folder, read=[rendition], in_background=True)
    for path in (preview, sheet):
        if not path.is_file() or path.stat().st_size == 0:
            raise ReelError(Failure.UNDECODABLE, "a still is missing")
    return Stills(preview, Storyboard(sheet, columns, count, *tile, every_ms, duration_ms))


def _within(width: int, height: int, long_edge: int) -> tuple[int, int]:
    scale = min(1.0, long_edge / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _clock(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"
