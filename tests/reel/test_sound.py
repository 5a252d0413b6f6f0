"""Loudness and synchrony of what comes out, measured from outside."""

import re
import subprocess
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest

from glaswerk import reel

from .conftest import Clip

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=3")


def loudness(path: Path) -> tuple[float, float]:
    """LUFS and dBTP, by ffmpeg's own meter."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-nostdin",
        "-i",
        str(path),
        "-af",
        "ebur128=peak=true",
        "-f",
        "null",
        "-",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary = said[said.rindex("Summary:") :]
    lufs, peak = re.search(r"I:\s+(-?[\d.]+|-inf) LUFS", summary), re.search(r"Peak:\s+(-?[\d.]+|-inf) dBFS", summary)
    assert lufs and peak
    return float(lufs[1]), float(peak[1])


def rendered(path: Path, folder: Path) -> Path:
    return reel.make_renditions(path, reel.probe(path), folder / "made").renditions[0].path


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("faint", "sine=frequency=440:sample_rate=48000:duration=3,volume=-14dB"),
        ("loud", "anoisesrc=duration=3:color=pink:amplitude=1:seed=1,volume=6dB"),
        # Short bursts over something quieter: one gain would clip them, so the limiter works and what it takes is given back.
        (
            "bursts",
            "anoisesrc=duration=3:color=pink:amplitude=0.5:seed=1,volume='if(lt(mod(t,0.5),0.03),1.5,0.15)':eval=frame",
        ),
    ],
)
def test_everything_is_equally_loud(clip: Clip, tmp_path: Path, name: str, sound: str) -> None:
    path = clip(f"{name}.mkv", *PICTURE, "-f", "lavfi", "-i", sound, *H264, "-c:a", "flac")
    before, _ = loudness(path)
    lufs, peak = loudness(rendered(path, tmp_path))
    assert abs(before + 14) > 2
    assert abs(lufs + 14) <= 1
    assert peak <= -0.5


@pytest.mark.parametrize("gain", [0, -60])
def test_silence_stays_silent(clip: Clip, tmp_path: Path, gain: int) -> None:
    sound = f"sine=duration=3,volume={gain}dB" if gain else "anullsrc=duration=3"
    path = clip(f"silent{gain}.mkv", *PICTURE, "-f", "lavfi", "-i", sound, *H264, "-c:a", "flac")
    with av.open(str(rendered(path, tmp_path))) as container:
        most = max(float(np.abs(frame.to_ndarray()).max()) for frame in container.decode(audio=0))
    assert most < 0.001


def onset(path: Path) -> tuple[float, float]:
    """When the picture turns bright and when the sound begins, in seconds."""
    bright = loud = None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if bright is None and frame.to_ndarray(format="gray").mean() > 128:
                bright = float(frame.time)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples: Any = np.abs(frame.to_ndarray())
            samples = samples / 32768 if samples.dtype.kind == "i" else samples
            over = np.nonzero(samples.max(axis=0) > 0.05)[0]
            if loud is None and len(over):
                loud = float(frame.time) + over[0] / frame.sample_rate
    assert bright is not None and loud is not None
    return bright, loud


@pytest.mark.parametrize(
    ("name", "offset", "options"),
    [
        ("plain.mp4", 0.0, ()),
        ("late.mkv", 0.4, ()),
        ("late.ts", 0.4, ("-muxdelay", "0")),
        ("early.ts", -0.4, ("-muxdelay", "0")),
        ("listed.mov", 0.4, ()),
    ],
)
def test_sound_and_picture_stay_together(
    clip: Clip, tmp_path: Path, name: str, offset: float, options: tuple[str, ...]
) -> None:
    """A flash and a tone at the same moment, in streams of which one begins later than the other."""
    flash = "color=black:size=64x64:rate=25:duration=2,drawbox=color=white:t=fill:enable='gte(t,1)'"
    tone = "sine=frequency=1000:sample_rate=48000:duration=2,volume='if(lt(t,1),0,1)':eval=frame"
    late_sound, late_picture = max(offset, 0), max(-offset, 0)
    path = clip(
        name,
        *("-f", "lavfi", "-itsoffset", str(late_picture), "-i", flash),
        *("-f", "lavfi", "-itsoffset", str(late_sound), "-i", tone),
        *(*H264, "-c:a", "aac", *options),
    )
    expected = offset if name != "plain.mp4" else 0.0
    first = rendered(path, tmp_path)
    bright, loud = onset(first)
    assert abs((loud - bright) - expected) <= 0.06
    # The same in a rendition that takes its sound from the first.
    facts = reel.probe(path)
    more = reel.make_renditions(path, facts, tmp_path / "more", after=first)
    assert more.poster is None
    again = onset(more.renditions[0].path)
    assert abs(again[0] - bright) < 0.001 and abs(again[1] - loud) < 0.001
