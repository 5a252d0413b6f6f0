"""Encodes of one picture stream at several qualities, and the bytes that a wanted VMAF costs."""

import json
import math
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

TOOL = imageio_ffmpeg.get_ffmpeg_exe()
_QUIET = ("-hide_banner", "-nostdin", "-y", "-loglevel", "error")

Recipe = Callable[[float], list[str]]
"""The encoder's options at a constant rate factor."""


@dataclass(frozen=True, slots=True)
class Point:
    """One encode."""

    bytes: int
    vmaf: float


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg; raises CalledProcessError."""
    subprocess.run([TOOL, *_QUIET, *map(str, arguments)], check=True, stderr=subprocess.DEVNULL)


def encode(reference: Path, options: list[str], folder: Path) -> Point:
    """Encode a reference and compare the result with it, frame by frame."""
    made, log = folder / "made.mkv", folder / "vmaf.json"
    ffmpeg("-i", reference, "-an", *options, "-f", "matroska", made)
    compared = "[0:v]settb=AVTB,setpts=N,format=yuv420p[a];[1:v]settb=AVTB,setpts=N,format=yuv420p[b];"
    compared += f"[a][b]libvmaf=log_fmt=json:log_path={log}:n_threads=2"
    ffmpeg("-i", made, "-i", reference, "-lavfi", compared, "-f", "null", "-")
    vmaf = json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"]
    return Point(_picture_bytes(made), float(vmaf))


def bytes_at(
    reference: Path, recipe: Recipe, wanted: float, factors: Iterable[float], folder: Path
) -> tuple[int, float]:
    """Return the bytes that a recipe needs for a VMAF, and how far the nearest encode was from it.

    Factors are tried from the finest on until two encodes enclose the wanted value; between them the logarithm of the bytes is
    interpolated, as for Bjøntegaard's measure.
    """
    points: list[Point] = []
    for factor in factors:
        points.append(encode(reference, recipe(factor), folder))
        if points[-1].vmaf <= wanted:
            break
    nearest = min(abs(point.vmaf - wanted) for point in points)
    if len(points) == 1 or points[-1].vmaf > wanted:
        # Not enclosed: the nearest encode speaks for itself, and its distance is told.
        point = min(points, key=lambda each: abs(each.vmaf - wanted))
        return point.bytes, nearest
    better, worse = points[-2], points[-1]
    part = (wanted - worse.vmaf) / max(better.vmaf - worse.vmaf, 1e-9)
    size = math.exp(math.log(worse.bytes) + part * (math.log(better.bytes) - math.log(worse.bytes)))
    return round(size), nearest


def _picture_bytes(path: Path) -> int:
    """The bytes of the packets, without the container's own."""
    import av

    with av.open(str(path)) as container:
        return sum(packet.size for packet in container.demux(video=0))
