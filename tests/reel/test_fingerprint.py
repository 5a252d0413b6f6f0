"""Fingerprints: PDQ against the reference's own answers, and what is recognised and what is not."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk import reel
from glaswerk.reel.fingerprint import PICTURE_BYTES, SAME_SOUND_ERRORS, fingerprint, shared_pictures, shared_sound
from glaswerk.reel.pdq import SAME_BITS, brightness, distance, pdq

from .conftest import Clip

# What Meta's C++ (pdqhash 0.2.8) says of the pictures of `waves`.
REFERENCE = {
    (0, 640, 360): "2055965620d497acb514e2a925ebe9c95b0be9cb5f5ee8dc0a8a685d8af56da8",
    (1, 360, 640): "52aae43b4ae2d74c1c5dc70eac75c86e885dcacf1ffef5d480012ac23f951ad0",
    (2, 64, 64): "12aa477fa8d506fddc8a0c48209d9a7d32f007b77c6061827f5fe5878f556585",
    (3, 100, 177): "5f14e5d8df52a5d18d25fa8dc312f988df02ea6fca8a1a0f28041e0f7576ca6c",
    (4, 33, 50): "d7e087402d5d9ac0e00d82bd1df0b3282a8a7f3cd5d1f63b7420751fe961793b",
}


def waves(seed: int, height: int, width: int) -> np.ndarray:
    down, across = np.mgrid[0:height, 0:width]
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for channel in range(3):
        for _ in range(6):
            horizontal, vertical, phase = random.integers(1, 9), random.integers(1, 9), random.random() * 6.28
            picture[..., channel] += np.sin(
                across * horizontal * 6.28 / width + down * vertical * 6.28 / height + phase
            )
    picture = (picture - picture.min()) / (picture.max() - picture.min()) * 255
    return picture.astype(np.uint8)


@pytest.mark.parametrize("picture", REFERENCE)
def test_pdq_is_that_of_the_reference(picture: tuple[int, int, int]) -> None:
    bits, quality = pdq(brightness(waves(*picture)))
    assert (bits.hex(), quality) == (REFERENCE[picture], 100)


def test_nothing_to_see_has_no_quality() -> None:
    assert pdq(np.full((120, 90), 128.0))[1] == 0


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_distance_is_a_distance(one: bytes, other: bytes) -> None:
    assert distance(one, one) == 0
    assert 0 <= distance(one, other) == distance(other, one) <= 256


@pytest.fixture(scope="module")
def original(clip: Clip) -> Path:
    return clip(
        "original.mp4", "-f", "lavfi", "-i", "mandelbrot=size=160x120:rate=5:maxiter=300,trim=duration=8",
        *("-f", "lavfi", "-i", "anoisesrc=duration=8:color=brown:amplitude=0.4:seed=5,tremolo=f=1.7:d=0.9"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"),
    )  # fmt: skip


def sound_of(path: Path, folder: Path) -> bytes:
    return reel.make_renditions(path, reel.probe(path), folder / path.stem).chromaprint


def test_a_smaller_and_shorter_copy_is_recognised(clip: Clip, original: Path, tmp_path: Path) -> None:
    copy = clip(
        "copy.webm", "-ss", "1", "-i", original, "-vf", "scale=112:84", "-c:v", "libvpx", "-crf", "40", "-b:v", "100k",
        *("-deadline", "realtime", "-c:a", "libopus", "-b:a", "32k", "-af", "volume=-9dB"),
    )  # fmt: skip
    other = clip(
        "other.mp4", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=5:duration=8",
        *("-f", "lavfi", "-i", "anoisesrc=duration=8:color=white:amplitude=0.4:seed=9,tremolo=f=0.6:d=0.9"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    )  # fmt: skip
    pictures = {path.stem: fingerprint(path) for path in (original, copy, other)}
    assert len(pictures["original"]) == 8 * PICTURE_BYTES
    assert pictures["original"][:3] == bytes(3)
    assert shared_pictures(pictures["copy"], pictures["original"]) >= 0.8
    assert shared_pictures(pictures["other"], pictures["original"]) == 0
    sounds = {path.stem: sound_of(path, tmp_path) for path in (original, copy, other)}
    assert shared_sound(sounds["copy"], sounds["original"]) >= 1 - SAME_SOUND_ERRORS
    assert shared_sound(sounds["other"], sounds["original"]) < 0.8


def test_too_little_is_no_match() -> None:
    assert shared_sound(b"", b"") == shared_sound(bytes(4 * 23), bytes(4 * 23)) == 0
    assert shared_sound(bytes(4 * 24), bytes(4 * 25)) == 1
    assert shared_pictures(b"", b"") == 0
    dull = bytes(3) + bytes([49]) + bytes(32)
    assert shared_pictures(dull, dull) == 0
    good, near, far = (
        bytes(3) + bytes([50]) + bits for bits in (bytes(32), _with_bits(SAME_BITS), _with_bits(SAME_BITS + 1))
    )
    assert shared_pictures(good + far, near) == 1.0
    assert shared_pictures(good, far) == 0.0


def _with_bits(count: int) -> bytes:
    return ((1 << count) - 1).to_bytes(32, "big")


def test_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("Dear diary")
    with pytest.raises(reel.ReelError) as caught:
        fingerprint(path)
    assert caught.value.code is reel.Failure.NOT_A_VIDEO
