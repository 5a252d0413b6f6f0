"""What is found out about good files, and how bad ones are refused."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from glaswerk import reel
from glaswerk.reel import Failure, Limits, Probe

from .conftest import Clip

USUAL = Limits()
SOURCE = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=1")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def failure_of(path: Path, limits: Limits = USUAL) -> Failure:
    with pytest.raises(reel.ReelError) as caught:
        reel.probe(path, limits)
    assert str(path) not in str(caught.value)
    return caught.value.code


def test_facts_of_a_plain_clip(plain: Path) -> None:
    found = reel.probe(plain)
    assert (found.container, found.video_codec, found.audio_codec) == ("mov", "h264", "aac")
    assert (found.width, found.height, found.rotation, found.fps) == (400, 300, 0, 25.0)
    assert 2000 <= found.duration_ms <= 2100
    assert found.video_duration_ms == 2000
    assert found.has_audio and found.audio_channels == 1 and found.audio_sample_rate == 44_100
    assert not found.variable_rate and not found.full_range and found.hdr is None and found.bit_depth == 8
    assert Probe.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_the_name_does_not_matter(plain: Path, tmp_path: Path) -> None:
    for name in ("clip.txt", "clip.m3u8", "concat:a|b.png", "-i", "no extension", "ä'\"\n;$(x).mp3"):
        path = tmp_path / name
        path.write_bytes(plain.read_bytes())
        assert reel.probe(path) == reel.probe(plain)


@pytest.mark.parametrize(
    ("name", "arguments", "container"),
    [
        ("a.webm", ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-b:v", "200k"), "matroska"),
        ("a.mkv", ("-c:v", "ffv1"), "matroska"),
        ("a.ts", H264, "mpegts"),
        ("a.avi", ("-c:v", "mpeg4"), "avi"),
        ("a.flv", H264, "flv"),
        ("a.mov", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"), "mov"),
        ("fragmented.mp4", (*H264, "-movflags", "frag_keyframe+empty_moov"), "mov"),
    ],
)
def test_containers_are_known_by_content(
    clip: Clip, tmp_path: Path, name: str, arguments: tuple[str, ...], container: str
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(clip(name, *SOURCE, *arguments).read_bytes())
    found = reel.probe(path)
    assert (found.container, found.width, found.height, found.fps) == (container, 160, 120, 25.0)
    assert 960 <= found.duration_ms <= 1040
    assert not found.has_audio


def test_a_live_recording_without_a_duration(clip: Clip) -> None:
    """What a browser's MediaRecorder writes: a WebM that never learned its length."""
    path = clip("live.webm", *SOURCE, "-c:v", "libvpx", "-deadline", "realtime", "-f", "webm", "-live", "1")
    assert 960 <= reel.probe(path).duration_ms <= 1040


@pytest.mark.parametrize(("turn", "rotation"), [(90, 270), (180, 180), (270, 90)])
def test_rotation_swaps_the_displayed_size(clip: Clip, plain: Path, turn: int, rotation: int) -> None:
    found = reel.probe(clip(f"turn{turn}.mp4", "-display_rotation", str(turn), "-i", plain, "-c", "copy"))
    assert found.rotation == rotation
    assert (found.width, found.height) == ((300, 400) if turn != 180 else (400, 300))
    assert (found.coded_width, found.coded_height) == (400, 300)


def test_pixels_that_are_not_square(clip: Clip) -> None:
    found = reel.probe(clip("wide.mp4", *SOURCE, *H264, "-vf", "setsar=4/3"))
    assert (found.width, found.height) == (213, 120)


def test_variable_rate_is_seen(clip: Clip) -> None:
    path = clip("vfr.mkv", *SOURCE, *H264, "-vf", "select='not(mod(n,7))+gt(n,15)'", "-fps_mode", "vfr")
    assert reel.probe(path).variable_rate


def test_high_dynamic_range_and_full_range(clip: Clip) -> None:
    hdr = reel.probe(clip("hdr.mp4", *SOURCE, *HDR10))
    assert (hdr.hdr, hdr.bit_depth) == ("pq", 10)
    assert (hdr.colour_primaries, hdr.colour_matrix) == ("bt2020", "bt2020nc")
    full = reel.probe(clip("full.mkv", *SOURCE, *FULL_RANGE))
    assert full.full_range and full.hdr is None


HDR10 = (
    *("-vf", "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"),
    *("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=none:hdr10=1"),
)
FULL_RANGE = ("-vf", "scale=out_range=pc,format=yuvj420p", "-c:v", "libx264", "-preset", "ultrafast")


def test_refused_by_content(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    for content, code in (
        (b"", Failure.EMPTY),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", Failure.NOT_A_VIDEO),
        (b"\x89PNG\r\n\x1a\n", Failure.IMAGE),
        (os.urandom(5000).replace(b"G", b"x"), Failure.NOT_A_VIDEO),
    ):
        path.write_bytes(content)
        assert failure_of(path) is code


def test_a_playlist_behind_a_video_signature(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isommp41\n#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    assert failure_of(path) in (Failure.TRUNCATED, Failure.UNDECODABLE)


def test_not_a_file(tmp_path: Path) -> None:
    assert failure_of(tmp_path) is Failure.UNREADABLE
    assert failure_of(tmp_path / "missing.mp4") is Failure.UNREADABLE
    os.mkfifo(tmp_path / "pipe")
    assert failure_of(tmp_path / "pipe") is Failure.UNREADABLE


def test_sound_without_a_picture(clip: Clip, tmp_path: Path) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=1")
    assert failure_of(clip("sound.m4a", *sound, "-c:a", "aac")) is Failure.NO_VIDEO_STREAM
    cover = clip("cover.png", *SOURCE, "-frames:v", "1")
    pictured = clip(
        "cover.mp4", *sound, "-i", cover, "-map", "0", "-map", "1", "-c:a", "aac", "-c:v", "mjpeg",
        *("-pix_fmt", "yuvj420p", "-disposition:v", "attached_pic"),
    )  # fmt: skip
    assert failure_of(pictured) is Failure.NO_VIDEO_STREAM


def test_no_streams_at_all(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "nothing.mp4"
    path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08moov" + b"\0\0\0\x08mdat")
    assert failure_of(path) in (Failure.NO_VIDEO_STREAM, Failure.UNDECODABLE)


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.85])
def test_cut_off_with_the_index_at_the_front(plain: Path, tmp_path: Path, part: float) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(plain.read_bytes()[: int(plain.stat().st_size * part)])
    assert failure_of(path) is Failure.TRUNCATED


def test_cut_off_with_the_index_at_the_end(clip: Clip, plain: Path, tmp_path: Path) -> None:
    whole = clip("tail.mp4", "-i", plain, "-c", "copy").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) * 9 // 10])
    assert failure_of(path) is Failure.TRUNCATED


def test_cut_off_matroska(clip: Clip, plain: Path, tmp_path: Path) -> None:
    whole = clip("whole.mkv", "-i", plain, "-c", "copy").read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole[: len(whole) // 2])
    assert failure_of(path) is Failure.TRUNCATED


def test_frames_of_twenty_thousand_pixels(clip: Clip, plain: Path, tmp_path: Path) -> None:
    real = clip("huge.mkv", "-f", "lavfi", "-i", "color=size=20000x64:rate=5:duration=1", "-c:v", "ffv1")
    assert failure_of(real) is Failure.TOO_LARGE_FRAME
    # The same said only by the index: the sample description and the track header of a small video.
    lie = plain.read_bytes().replace((400).to_bytes(2, "big") + (300).to_bytes(2, "big"), b"\x4e\x20\x4e\x20")
    path = tmp_path / "lie.mp4"
    path.write_bytes(lie)
    assert failure_of(path, Limits(max_pixels=400 * 300 - 1)) is Failure.TOO_LARGE_FRAME


def test_frames_that_grow_inside_the_stream(clip: Clip, tmp_path: Path) -> None:
    """A small video whose pictures say 20,000 by 20,000."""
    content = clip("small.mkv", *SOURCE, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p").read_bytes()
    small, large = (b"\xff\xc0\x00\x11\x08" + size for size in (b"\x00\x78\x00\xa0", b"\x4e\x20\x4e\x20"))
    assert small in content
    path = tmp_path / "grows.mkv"
    path.write_bytes(content.replace(small, large))
    assert failure_of(path) in (Failure.TOO_LARGE_FRAME, Failure.UNDECODABLE)


def test_pixels_so_long_that_nothing_is_left_of_the_frame(clip: Clip) -> None:
    assert failure_of(clip("sliver.mkv", *SOURCE, *H264, "-vf", "setsar=1/100")) is Failure.TOO_SMALL_FRAME
    assert failure_of(clip("stretch.mkv", *SOURCE, *H264, "-vf", "setsar=100")) is Failure.TOO_LARGE_FRAME


def test_ten_hours(clip: Clip, plain: Path, tmp_path: Path) -> None:
    real = clip("slow.mkv", "-f", "lavfi", "-i", "color=size=64x64:rate=1/3600:duration=36000", *H264)
    assert failure_of(real) is Failure.TOO_LONG
    # A header that says ten hours over two seconds of media.
    content = bytearray(plain.read_bytes())
    at = content.index(b"mvhd") + 4 + 12
    ticks = int.from_bytes(content[at : at + 4], "big")
    content[at + 4 : at + 8] = (36_000 * ticks).to_bytes(4, "big")
    path = tmp_path / "claims.mp4"
    path.write_bytes(content)
    assert failure_of(path) is Failure.TOO_LONG


def test_limits_are_inclusive(plain: Path) -> None:
    size = plain.stat().st_size
    length = reel.probe(plain).duration_ms
    exact = {"max_bytes": size, "max_duration_ms": length, "min_duration_ms": length}
    assert reel.probe(plain, Limits(**exact, max_side=400, min_side=300)).duration_ms == length
    assert failure_of(plain, Limits(max_bytes=size - 1)) is Failure.TOO_MANY_BYTES
    assert failure_of(plain, Limits(max_duration_ms=length - 100)) is Failure.TOO_LONG
    assert failure_of(plain, Limits(min_duration_ms=length + 1)) is Failure.TOO_SHORT
    assert failure_of(plain, Limits(max_side=399)) is Failure.TOO_LARGE_FRAME
    assert failure_of(plain, Limits(min_side=301)) is Failure.TOO_SMALL_FRAME


def test_a_codec_that_browsers_never_upload(clip: Clip) -> None:
    assert failure_of(clip("odd.avi", *SOURCE, "-c:v", "huffyuv")) is Failure.UNSUPPORTED_CODEC


def test_damaged_bytes_never_escape_the_error(plain: Path, clip: Clip, tmp_path: Path) -> None:
    """Every damage ends as facts or as the one error; nothing else is raised and nothing hangs."""
    for source in (plain, clip("whole.mkv", "-i", plain, "-c", "copy")):
        content = source.read_bytes()
        for start in range(0, 2000, 400):
            damaged = bytearray(content)
            damaged[start + 40 : start + 60] = b"\xff" * 20
            path = tmp_path / "damaged"
            path.write_bytes(damaged)
            try:
                reel.probe(path)
            except reel.ReelError as error:
                assert error.code in Failure


def test_too_little_memory_is_an_answer(plain: Path) -> None:
    little = Limits(probe_memory_bytes=40 << 20)
    assert failure_of(plain, little) in (Failure.OUT_OF_MEMORY, Failure.BROKEN_TOOL)


def test_the_reader_opens_no_file_and_no_address() -> None:
    """The confinement itself: what the reader's process may not do."""
    from glaswerk.reel.child import Confinement, python_reads, run_confined

    program = (
        "import socket, sys\n"
        "try: open('/etc/hostname').read(); print('file')\n"
        "except OSError: print('no file')\n"
        "s = socket.socket(); s.settimeout(2)\n"
        "try: s.connect(('127.0.0.1', int(sys.argv[1]))); print('address')\n"
        "except OSError: print('no address')\n"
    )
    import socket
    import sys

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        confinement = Confinement(
            memory_bytes=1 << 30, file_bytes=0, wall_seconds=20, stall_seconds=20, read=python_reads()
        )
        outcome = run_confined([sys.executable, "-I", "-S", "-c", program, port], confinement)
    assert outcome.status == 0, outcome.errors
    seen = outcome.output.split(b"\n")
    assert seen[0] == (b"no file" if has_landlock() else b"file")
    assert seen[1] == (b"no address" if has_namespaces() else b"address")


def has_landlock() -> bool:
    import ctypes

    return ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1


def has_namespaces() -> bool:
    for flags in (["-n"], ["-U", "-n"]):
        if subprocess.run(["unshare", *flags, "true"], capture_output=True).returncode == 0:
            return True
    return False
