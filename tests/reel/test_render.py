"""What comes out of a render, looked at from outside, and what is left when it fails: nothing."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from glaswerk import reel
from glaswerk.reel import Failure, Limits, Renditions

from .conftest import Clip

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def source(size: str = "400x300", seconds: float = 1) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}")


def made(path: Path, folder: Path, **limits: Any) -> Renditions:
    return reel.make_renditions(path, reel.probe(path), folder / "made", limits=Limits(**limits))


def look(path: Path) -> dict[str, Any]:
    """What a player finds in a file."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        context = video.codec_context
        sound = container.streams.audio[0].codec_context if container.streams.audio else None
        packets = [each for each in container.demux(video) if each.pts is not None]
        base = video.time_base or Fraction(1)
        return {
            "size": (context.width, context.height),
            "format": context.pix_fmt,
            "profile": context.profile,
            "range": int(context.color_range),
            "matrix": int(context.colorspace),
            "aspect": video.sample_aspect_ratio,
            "keyframes": [round(float(each.pts * base), 2) for each in packets if each.is_keyframe],
            "times": sorted(round(float(each.pts * base), 3) for each in packets),
            "audio": sound and (sound.name, sound.sample_rate, sound.channels),
            "metadata": dict(container.metadata),
            "streams": len(container.streams),
        }


def picture(path: Path, at: int = 0) -> Any:
    """The frame number `at` as RGB rows, an array of height, width, 3."""
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == at:
                return frame.to_ndarray(format="rgb24")
    raise AssertionError("too few frames")


def nothing_left(folder: Path) -> bool:
    return not (folder / "made").exists() and not list(folder.glob(".*"))


def test_a_plain_clip(plain: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    result = reel.make_renditions(plain, reel.probe(plain), tmp_path / "made", seen.append)
    assert [each.name for each in sorted((tmp_path / "made").iterdir())] == ["300.mp4", "poster.jpg"]
    assert os.listdir(tmp_path) == ["made"]
    (rendition,) = result.renditions
    assert rendition.path == tmp_path / "made" / "300.mp4"
    assert (rendition.width, rendition.height, rendition.has_audio) == (400, 300, True)
    assert rendition.bytes == rendition.path.stat().st_size
    assert abs(rendition.duration_ms - 2000) <= 50
    assert rendition.codecs.startswith("avc1.64") and rendition.codecs.endswith(",mp4a.40.2")
    found = look(rendition.path)
    assert found["size"] == (400, 300) and found["format"] == "yuv420p" and found["profile"] == "High"
    assert found["range"] == 1 and found["matrix"] == 1 and found["aspect"] == 1
    assert found["audio"] == ("aac", 48_000, 2)
    assert len(found["times"]) == 50
    content = rendition.path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert b"Secret" not in content and b"13.4050" not in content
    assert (result.poster.width, result.poster.height) == (400, 300)
    assert result.poster.path.read_bytes().startswith(b"\xff\xd8\xff")
    assert len(result.poster.colour) == 7 and int(result.poster.colour[1:], 16) > 0
    assert seen[0] == 0 and seen[-1] == 100 and seen == sorted(set(seen))


def test_the_same_bytes_again(plain: Path, tmp_path: Path) -> None:
    first = made(plain, tmp_path)
    contents = [each.path.read_bytes() for each in (*first.renditions, first.poster)]
    again = made(plain, tmp_path)
    assert [each.path.read_bytes() for each in (*again.renditions, again.poster)] == contents
    assert os.listdir(tmp_path) == ["made"]


def test_all_sizes_have_their_keyframes_together(clip: Clip, tmp_path: Path) -> None:
    result = made(clip("large.mp4", *source("1100x1956", 4.2), *H264), tmp_path)
    found = [look(each.path) for each in result.renditions]
    assert [each["size"] for each in found] == [(1080, 1920), (720, 1280), (540, 960), (360, 640)]
    for each in found:
        assert each["keyframes"] == [0, 2, 4]
        assert each["times"] == found[0]["times"]
        assert each["streams"] == 1
    assert not any(each.has_audio for each in result.renditions)
    assert result.poster and (result.poster.width, result.poster.height) == (1080, 1920)


def test_rotation_is_applied(clip: Clip, plain: Path, tmp_path: Path) -> None:
    halves = clip(
        "halves.mp4", "-f", "lavfi",
        *("-i", "color=red:size=200x100:rate=25:duration=1,drawbox=w=100:color=blue:t=fill", *H264),
    )  # fmt: skip
    turned = clip("halves-turned.mp4", "-display_rotation", "-90", "-i", halves, "-c", "copy")
    (rendition,) = made(turned, tmp_path).renditions
    assert (rendition.width, rendition.height) == (100, 200)
    rows = picture(rendition.path)
    # Turned clockwise, the blue left half is at the top.
    assert rows[20, 50, 2] > 200 > 60 > rows[20, 50, 0]
    assert rows[180, 50, 0] > 200 > 60 > rows[180, 50, 2]


def test_odd_sizes_lose_a_pixel(clip: Clip, tmp_path: Path) -> None:
    path = clip("odd.mkv", *source("101x77"), "-c:v", "ffv1", "-pix_fmt", "yuv444p")
    (rendition,) = made(path, tmp_path).renditions
    assert (rendition.width, rendition.height) == (100, 76)


def test_times_of_a_variable_rate_are_kept(clip: Clip, tmp_path: Path) -> None:
    gaps = ("-vf", "select='not(mod(n,7))+gt(n,30)'", "-fps_mode", "vfr")
    path = clip("vfr.mkv", *source(seconds=2), *H264, *gaps)
    (rendition,) = made(path, tmp_path).renditions
    wanted, found = look(path)["times"], look(rendition.path)["times"]
    assert len(found) == len(wanted)
    assert all(abs(a - b) <= 0.002 for a, b in zip(found, wanted, strict=True))


def test_no_more_than_sixty_frames_a_second(clip: Clip, tmp_path: Path) -> None:
    path = clip("fast.mp4", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=120:duration=1", *H264)
    (rendition,) = made(path, tmp_path).renditions
    assert len(look(rendition.path)["times"]) == 60


@pytest.mark.parametrize("layout", ["mono", "5.1", "7.1"])
def test_every_layout_becomes_stereo(clip: Clip, tmp_path: Path, layout: str) -> None:
    sound = ("-f", "lavfi", "-i", f"anoisesrc=duration=1:amplitude=0.2,aformat=channel_layouts={layout}")
    path = clip(f"{layout}.mkv", *source("64x64"), *sound, *H264, "-c:a", "flac")
    (rendition,) = made(path, tmp_path).renditions
    assert look(rendition.path)["audio"] == ("aac", 48_000, 2)


def test_full_range_keeps_its_greys(clip: Clip, tmp_path: Path) -> None:
    grey = ("-f", "lavfi", "-i", "color=0x404040:size=160x120:rate=25:duration=1")
    path = clip("grey.mkv", *grey, "-vf", "scale=out_range=pc,format=yuvj420p", "-c:v", "libx264")
    result = made(path, tmp_path)
    with av.open(str(result.renditions[0].path)) as container:
        # A full-range luma of 64 is 16 + 219 * 64 / 255 in video range.
        assert abs(int(next(container.decode(video=0)).to_ndarray()[60, 80]) - 71) <= 1
    assert all(abs(value - 0x40) <= 4 for value in bytes.fromhex(result.poster.colour[1:]))


def test_standard_definition_colours_are_converted(clip: Clip, tmp_path: Path) -> None:
    """Green is where BT.601 and BT.709 differ the most."""
    green = ("-f", "lavfi", "-i", "color=0x00c000:size=160x120:rate=25:duration=1")
    path = clip("green.mp4", *green, "-vf", "scale=out_color_matrix=bt601,format=yuv420p", "-c:v", "libx264")
    result = made(path, tmp_path)
    poster = bytes.fromhex(result.poster.colour[1:])
    assert abs(poster[1] - 0xC0) <= 5 and poster[0] <= 8 and poster[2] <= 8
    with av.open(str(result.renditions[0].path)) as container:
        frame = next(container.decode(video=0))
        # BT.709 video range: luma of (0, 192, 0) is 16 + 219 * 0.7152 * 192 / 255.
        assert abs(int(frame.to_ndarray()[60, 80]) - 134) <= 3


def test_high_dynamic_range_is_brought_down(clip: Clip, tmp_path: Path) -> None:
    path = clip(
        "hdr.mp4", *source("160x120"),
        *("-pix_fmt", "yuv420p10le", "-vf"),
        "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc",
        *("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
    )  # fmt: skip
    (rendition,) = made(path, tmp_path).renditions
    found = look(rendition.path)
    assert (found["format"], found["range"], found["matrix"]) == ("yuv420p", 1, 1)
    assert 20 < picture(rendition.path).mean() < 235


def test_a_poster_that_is_not_the_black_beginning(clip: Clip, tmp_path: Path) -> None:
    path = clip("fade.mp4", *source("160x120", 2), *H264, "-vf", "fade=in:d=0.8")
    assert sum(bytes.fromhex(made(path, tmp_path).poster.colour[1:])) > 150


def test_a_few_damaged_frames_are_forgiven(clip: Clip, plain: Path, tmp_path: Path) -> None:
    content = bytearray(plain.read_bytes())
    at = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    content[at : at + 600] = bytes(range(200)) * 3
    path = tmp_path / "scratched.mp4"
    path.write_bytes(content)
    assert abs(made(path, tmp_path).renditions[0].duration_ms - 2000) <= 100


def test_media_that_does_not_decode_to_its_end(plain: Path, tmp_path: Path) -> None:
    """An interrupted copy that reserved its space: all bytes are there, the second half is nothing."""
    content = bytearray(plain.read_bytes())
    half = len(content) // 2
    content[half:] = bytes(len(content) - half)
    path = tmp_path / "hollow.mp4"
    path.write_bytes(content)
    with pytest.raises(reel.ReelError) as caught:
        made(path, tmp_path)
    assert caught.value.code in (Failure.TRUNCATED, Failure.UNDECODABLE)
    assert nothing_left(tmp_path)


def test_a_source_cut_off_after_its_probe(plain: Path, tmp_path: Path) -> None:
    facts = reel.probe(plain)
    path = tmp_path / "cut.mp4"
    path.write_bytes(plain.read_bytes()[: plain.stat().st_size // 2])
    with pytest.raises(reel.ReelError) as caught:
        reel.make_renditions(path, facts, tmp_path / "made")
    assert caught.value.code is Failure.TRUNCATED
    assert nothing_left(tmp_path)
    path.write_bytes(plain.read_bytes())
    assert reel.make_renditions(path, facts, tmp_path / "made").renditions[0].has_audio


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"wall_seconds": 0.05}, Failure.TIMED_OUT),
        ({"stall_seconds": 0.01}, Failure.STALLED),
        ({"output_bytes": 4096}, Failure.OUTPUT_TOO_LARGE),
        ({"memory_bytes": 256 << 20}, Failure.OUT_OF_MEMORY),
    ],
)
def test_limits_end_a_render(clip: Clip, tmp_path: Path, limits: dict[str, Any], code: Failure) -> None:
    path = clip("long.mp4", *source("640x480", 20), *H264)
    with pytest.raises(reel.ReelError) as caught:
        made(path, tmp_path, **limits)
    assert caught.value.code is code
    assert nothing_left(tmp_path)


def ffmpeg_children() -> list[int]:
    """The ffmpeg processes that this process started."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            try:
                name = os.path.basename(os.readlink(f"/proc/{child}/exe"))
            except OSError:
                continue
            if name.startswith("ffmpeg"):
                found.append(int(child))
    return found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_ffmpeg_killed_or_hanging(clip: Clip, tmp_path: Path, how: signal.Signals) -> None:
    path = clip("long.mp4", *source("640x480", 20), *H264)
    hit: list[int] = []

    def strike() -> None:
        for _ in range(1000):
            if children := ffmpeg_children():
                hit.extend(children)
                os.kill(children[0], how)
                return
            time.sleep(0.01)

    thread = threading.Thread(target=strike)
    thread.start()
    with pytest.raises(reel.ReelError) as caught:
        made(path, tmp_path, stall_seconds=1.5)
    thread.join()
    assert caught.value.code is (Failure.KILLED if how == signal.SIGKILL else Failure.STALLED)
    assert caught.value.code.is_worth_a_retry
    assert nothing_left(tmp_path)
    assert hit and not Path(f"/proc/{hit[0]}").exists()


def test_a_caller_that_changes_its_mind(clip: Clip, tmp_path: Path) -> None:
    path = clip("long.mp4", *source("640x480", 20), *H264)

    def stop(percent: int) -> None:
        if percent > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reel.make_renditions(path, reel.probe(path), tmp_path / "made", stop)
    assert nothing_left(tmp_path)
    assert ffmpeg_children() == []


def test_a_caller_that_is_killed(clip: Clip, plain: Path, tmp_path: Path) -> None:
    """ffmpeg dies with it, and the next render of the same target clears up."""
    path = clip("long.mp4", *source("640x480", 20), *H264)
    program = (
        "import sys; from glaswerk import reel; path, folder = sys.argv[1:]\n"
        "reel.make_renditions(path, reel.probe(path), folder, lambda percent: print(percent, flush=True))\n"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", program, str(path), str(tmp_path / "made")], stdout=subprocess.PIPE
    )
    assert caller.stdout is not None
    assert caller.stdout.readline() == b"0\n"
    assert int(caller.stdout.readline()) > 0
    (child,) = Path(f"/proc/{caller.pid}/task/{caller.pid}/children").read_text().split()
    caller.kill()
    caller.wait()
    for _ in range(200):
        if not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes():
            break
        time.sleep(0.01)
    else:
        raise AssertionError("ffmpeg outlived its caller")
    assert len(list(tmp_path.glob(".*"))) == 1
    made(plain, tmp_path)
    assert os.listdir(tmp_path) == ["made"]


def test_disk_full(plain: Path, tmp_path: Path) -> None:
    """On a file system of 64 KiB, in a mount namespace of its own."""
    small = tmp_path / "small"
    small.mkdir()
    program = (
        "import os, sys; from glaswerk import reel; path, folder = sys.argv[1:]\n"
        "try: reel.make_renditions(path, reel.probe(path), folder + '/made')\n"
        "except reel.ReelError as error: print(error.code.value, os.listdir(folder))\n"
    )
    script = 'mount -t tmpfs -o size=64k none "$1" && exec "$2" -c "$3" "$4" "$1"'
    namespace = ["-m"] if os.geteuid() == 0 else ["-r", "-m"]
    answer = subprocess.run(
        ["unshare", *namespace, "sh", "-c", script, "sh", str(small), sys.executable, program, str(plain)],
        capture_output=True,
        text=True,
    )
    assert answer.stdout == "disk_full []\n", answer.stderr


def test_an_earlier_result_survives_a_failure(plain: Path, tmp_path: Path) -> None:
    before = made(plain, tmp_path)
    content = before.renditions[0].path.read_bytes()
    with pytest.raises(reel.ReelError):
        made(plain, tmp_path, output_bytes=4096)
    assert before.renditions[0].path.read_bytes() == content


def test_a_probe_that_lies(plain: Path, tmp_path: Path) -> None:
    """Facts come from a database by then: a container outside the list is refused before anything runs."""
    with pytest.raises(reel.ReelError) as caught:
        reel.make_renditions(plain, replace(reel.probe(plain), container="hls"), tmp_path / "made")
    assert caught.value.code is Failure.UNSUPPORTED_CONTAINER
    assert nothing_left(tmp_path)
    shutil.rmtree(tmp_path)
    with pytest.raises(reel.ReelError) as caught:
        reel.make_renditions(plain, reel.probe(plain), tmp_path / "made")
    assert caught.value.code is Failure.UNREADABLE
