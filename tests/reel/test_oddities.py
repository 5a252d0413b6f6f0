"""What phones, cameras, editors and screen recorders really write, each made by ffmpeg here: all of it comes out right."""

from pathlib import Path
from typing import Any

import av
import pytest

from glaswerk import reel

from .conftest import Clip

FAST = ("-preset", "ultrafast")
H264 = ("-c:v", "libx264", *FAST, "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac")
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=1")
HDR = "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc={}:colorspace=bt2020nc"
HEVC = ("-c:v", "libx265", *FAST, "-x265-params", "log-level=none", "-tag:v", "hvc1")
HALVES = "color=red:size=96x64:rate=25:duration=1,drawbox=w=48:color=blue:t=fill"


def bars(size: str = "96x64", seconds: float = 1, rate: int = 25) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}")


def gps(*more: str) -> tuple[str, ...]:
    return (
        *(
            "-metadata",
            "location=+52.5200+013.4050/",
            "-metadata",
            "com.apple.quicktime.location.ISO6709=+52.52+013.40/",
        ),
        *("-metadata", "make=SecretPhone", "-metadata", "comment=Secret place", "-metadata:s:v", "title=Secret title"),
        *more,
    )


# By name: the arguments for ffmpeg, the size that comes out, its length in milliseconds, and whether there is sound.
ODD: dict[str, tuple[tuple[str, ...], tuple[int, int], int, bool]] = {
    "variable-rate.mp4": ((*bars(), *H264, "-vf", "select='not(mod(n,7))+gt(n,12)'", "-fps_mode", "vfr"), (96, 64), 1000, False),
    "pq.mp4": ((*bars(), "-vf", HDR.format("smpte2084"), *HEVC), (96, 64), 1000, False),
    "hlg.mov": ((*bars(), *TONE, "-vf", HDR.format("arib-std-b67"), *HEVC, *AAC), (96, 64), 1000, True),
    "odd-size.mkv": ((*bars("101x77"), "-c:v", "ffv1", "-pix_fmt", "yuv444p"), (100, 76), 1000, False),
    "mono.mp4": ((*bars(), *TONE, *H264, *AAC, "-ac", "1"), (96, 64), 1000, True),
    "surround.mov": ((*bars(), *TONE, *H264, *AAC, "-ac", "6"), (96, 64), 1000, True),
    "full-range.mkv": ((*bars(), "-vf", "scale=out_range=pc,format=yuvj420p", "-c:v", "libx264", *FAST), (96, 64), 1000, False),
    "studio.mov": ((*bars(), "-c:v", "prores", "-pix_fmt", "yuv422p10le", *TONE[:0]), (96, 64), 1000, False),
    "ten-bit.mp4": ((*bars(), "-c:v", "libx264", *FAST, "-pix_fmt", "yuv420p10le"), (96, 64), 1000, False),
    "tiny.mp4": ((*bars("16x16"), *H264), (16, 16), 1000, False),
    "single-frame.mp4": ((*bars(rate=2), *H264, "-frames:v", "1"), (96, 64), 500, False),
    "long-group.mp4": ((*bars(seconds=5), *H264, "-g", "9999", "-sc_threshold", "0"), (96, 64), 5000, False),
    # The edit list shows what lies after time zero.
    "negative-start.mp4": ((*bars(), *TONE, *H264, "-bf", "3", *AAC, "-output_ts_offset", "-0.3", "-avoid_negative_ts", "disabled"), (96, 64), 700, True),
    "short-sound.mkv": ((*bars(seconds=2), *TONE, *H264, *AAC), (96, 64), 2000, True),
    "long-sound.mkv": ((*bars(), "-f", "lavfi", "-i", "sine=duration=2", *H264, *AAC), (96, 64), 2000, True),
    "open-group.ts": ((*bars(seconds=2), *TONE, *H264, "-bf", "3", "-x264-params", "open-gop=1:keyint=12", *AAC), (96, 64), 2000, True),
    "interlaced.ts": ((*bars("96x64", rate=50), "-vf", "interlace", "-c:v", "mpeg2video", "-flags", "+ildct+ilme"), (96, 64), 1000, False),
    "anamorphic.mp4": ((*bars(), *H264, "-vf", "setsar=4/3"), (128, 64), 1000, False),
    "alpha.webm": ((*bars(), "-vf", "format=rgba,colorchannelmixer=aa=0.5,format=yuva420p", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"), (96, 64), 1000, False),
    "vp9.webm": ((*bars(), *TONE, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"), (96, 64), 1000, True),
    "av1.mp4": ((*bars(), "-c:v", "libsvtav1", "-preset", "13", "-svtav1-params", "lp=1"), (96, 64), 1000, False),
    "motion-jpeg.avi": ((*bars(), *TONE, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"), (96, 64), 1000, True),
    "old-camera.avi": ((*bars(), *TONE, "-c:v", "mpeg4", "-c:a", "mp3"), (96, 64), 1000, True),
    "fragmented.mp4": ((*bars(), *TONE, *H264, *AAC, "-movflags", "frag_keyframe+empty_moov"), (96, 64), 1000, True),
    "located.mov": ((*bars(), *TONE, *H264, *AAC, *gps("-movflags", "use_metadata_tags")), (96, 64), 1000, True),
}  # fmt: skip


def rendered(path: Path, folder: Path) -> tuple[reel.Probe, reel.Renditions]:
    probe = reel.probe(path)
    return probe, reel.make_renditions(path, probe, folder / "made")


def check(made: reel.Renditions, size: tuple[int, int], length: int, has_audio: bool) -> None:
    (rendition,) = made.renditions
    assert (rendition.width, rendition.height, rendition.has_audio) == (*size, has_audio)
    assert abs(rendition.duration_ms - length) <= 160
    with av.open(str(rendition.path)) as container:
        frames: list[Any] = list(container.decode(video=0))
        first = frames[0]
        assert (first.format.name, int(first.color_range), int(first.colorspace)) == ("yuv420p", 1, 1)
        times = [frame.pts for frame in frames]
        assert times == sorted(set(times))
        assert 10 < first.to_ndarray(format="rgb24").mean() < 245
    content = rendition.path.read_bytes() + (made.poster.path.read_bytes() if made.poster else b"")
    assert not any(word in content for word in (b"Secret", b"52.52", b"ISO6709", b"title"))


@pytest.mark.parametrize("name", ODD)
def test_comes_out_right(clip: Clip, tmp_path: Path, name: str) -> None:
    arguments, size, length, has_audio = ODD[name]
    path = clip(name, *arguments)
    if name == "located.mov":
        assert b"SecretPhone" in path.read_bytes() and b"52.52" in path.read_bytes()
    check(rendered(path, tmp_path)[1], size, length, has_audio)


def test_an_edit_list_cuts_the_beginning(clip: Clip, tmp_path: Path) -> None:
    """What a phone's own editor writes: the picture before the cut is still in the file, and not to be seen."""
    whole = clip("whole.mp4", *bars(seconds=3), *TONE, *H264, "-g", "250")
    cut = clip("cut.mp4", "-ss", "1", "-i", whole, "-map", "0:v", "-c", "copy")
    probe, made = rendered(cut, tmp_path)
    assert abs(made.renditions[0].duration_ms - 2000) <= 160
    assert probe.video_codec == "h264"


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_every_rotation(clip: Clip, tmp_path: Path, turn: int) -> None:
    halves = clip("halves.mp4", "-f", "lavfi", "-i", HALVES, *H264)
    turned = clip(f"turned-{turn}.mp4", "-display_rotation", str(turn), "-i", halves, "-c", "copy")
    _, made = rendered(turned, tmp_path)
    with av.open(str(made.renditions[0].path)) as container:
        rows = next(container.decode(video=0)).to_ndarray(format="rgb24")
    # The matrix turns against the clock: after 90 degrees the blue left half is at the bottom.
    blue = {90: rows[-10, 32], 180: rows[32, -10], 270: rows[10, 32]}[turn]
    assert blue[2] > 200 > 60 > blue[0]
