"""What a video looks like, told from real files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from glaswerk import reel

from .conftest import Clip

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-an")
SCENE = ("-f", "lavfi", "-i", "mandelbrot=size=180x320:rate=25:start_scale=1.2:end_scale=0.4", "-t", "3")


def distance(one: bytes, other: bytes) -> int:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="session")
def scene(clip: Clip) -> Path:
    return clip("scene.mp4", *SCENE, *H264, "-crf", "18")


def changed(clip: Clip, source: Path, name: str, *arguments: str) -> bytes:
    return reel.look(clip(name, "-i", source, *arguments, *H264))


def test_the_same_file_gives_the_same_bytes(scene: Path) -> None:
    first = reel.look(scene)
    assert len(first) == reel.FEATURES == 64
    assert any(first)
    assert reel.look(scene) == first


def test_what_happens_to_a_clip_on_its_way_matters_less_than_what_it_shows(clip: Clip, scene: Path) -> None:
    original = reel.look(scene)
    encoded = distance(original, changed(clip, scene, "encoded.mp4", "-crf", "34"))
    smaller = distance(original, changed(clip, scene, "smaller.mp4", "-vf", "scale=90:160", "-crf", "28"))
    other_codec = distance(
        original, reel.look(clip("vp9.webm", "-i", scene, "-c:v", "libvpx-vp9", "-cpu-used", "8", "-an"))
    )
    recoloured = distance(original, changed(clip, scene, "recoloured.mp4", "-vf", "hue=h=140", "-crf", "18"))
    mirrored = distance(original, changed(clip, scene, "mirrored.mp4", "-vf", "hflip,vflip", "-crf", "18"))
    another = distance(original, reel.look(clip("bars.mp4", "-f", "lavfi", "-i", "testsrc2=size=180x320:d=3", *H264)))
    assert max(encoded, smaller, other_codec) < min(recoloured, mirrored, another)
    assert recoloured < another
    # A re-encode is beyond doubt the same; another clip is well out of sight.
    assert encoded < 128 and another > 1000, (encoded, smaller, other_codec, recoloured, mirrored, another)


def test_movement_is_seen(clip: Clip) -> None:
    bars = "smptebars=size=96x160:d=2:r=25"
    still = reel.look(clip("still.mp4", "-f", "lavfi", "-i", bars, *H264))
    moving = reel.look(clip("moving.mp4", "-f", "lavfi", "-i", f"{bars},scroll=horizontal=0.02", *H264))
    assert max(still[52:56]) < 10
    assert min(moving[52:56]) > 20


@pytest.mark.parametrize("colour", ["black", "white", "red"])
def test_one_colour_is_known(clip: Clip, colour: str) -> None:
    features = reel.look(clip(f"{colour}.mp4", "-f", "lavfi", "-i", f"color={colour}:size=16x16:d=1", *H264))
    assert any(features)
    # No edges, no movement, no change.
    assert features[40:60] == bytes(20)


def test_one_picture_is_enough(clip: Clip) -> None:
    path = clip("one.mp4", "-f", "lavfi", "-i", "testsrc2=size=96x160", "-frames:v", "1", *H264)
    assert reel.look(path)[52:60] == bytes(8)


def test_bad_files_are_refused(tmp_path: Path, scene: Path, clip: Clip) -> None:
    whole = scene.read_bytes()
    files = {
        "empty": (b"", reel.Failure.EMPTY),
        "words": (b"Dear diary, " * 500, reel.Failure.NOT_A_VIDEO),
        "half": (whole[: len(whole) // 2], reel.Failure.UNDECODABLE),
    }
    for name, (content, code) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(reel.ReelError) as caught:
            reel.look(tmp_path / name)
        assert caught.value.code == code, name
    sound = clip("sound.m4a", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac")
    with pytest.raises(reel.ReelError) as caught:
        reel.look(sound)
    assert caught.value.code == reel.Failure.NO_VIDEO_STREAM
    with pytest.raises(reel.ReelError) as caught:
        reel.look(tmp_path)
    assert caught.value.code == reel.Failure.UNREADABLE


def test_the_number_of_processors_changes_nothing(scene: Path) -> None:
    program = f"from glaswerk import reel; print(reel.look({str(scene)!r}).hex())"
    said = subprocess.run(
        ["taskset", "-c", str(min(os.sched_getaffinity(0))), sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert bytes.fromhex(said.stdout.strip()) == reel.look(scene)


def test_the_pictures_come_from_the_whole_length(clip: Clip) -> None:
    """The last third differs, and is noticed."""
    whole = "color=gray:size=96x160:d=6:r=25"
    ends = f"{whole},drawbox=color=white:t=fill:enable='gt(t,4)'"
    plain = reel.look(clip("gray.mp4", "-f", "lavfi", "-i", whole, *H264))
    other = reel.look(clip("ends.mp4", "-f", "lavfi", "-i", ends, *H264))
    assert plain[56:60] == bytes(4)
    # The largest change, the smallest, the mean and the range.
    assert other[56] > 200 and other[57] == 0 and 0 < other[58] < other[56] and other[59] > 200
