"""The demo reels: the same seed paints the same picture, topics can be told apart, sounds are heard and never clip."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from glaswerk.cli.demo.cast import CREATORS, creator_of, render_avatar
from glaswerk.cli.demo.clips import CLIPS, FPS, render_clip
from glaswerk.cli.demo.scenes import SCENES
from glaswerk.cli.demo.sound import RATE, compose, loudness


@pytest.mark.parametrize("topic", SCENES)
def test_a_seed_paints_the_same_bytes_and_the_loop_closes(topic: str) -> None:
    painter = SCENES[topic](1)
    first = painter(0.3)
    painter(0.8)
    assert first.dtype == np.uint8
    assert first.shape[2] == 3
    assert first.shape[0] / first.shape[1] == 1280 / 720
    assert SCENES[topic](1)(0.3).tobytes() == first.tobytes()
    seam = np.abs(painter(0.0).astype(int) - painter(1.0).astype(int)).mean()
    apart = np.abs(painter(0.0).astype(int) - painter(0.37).astype(int)).mean()
    assert seam < 0.5 < apart


def test_pictures_are_lit_varied_and_unlike_each_other() -> None:
    small = {}
    for topic, paint in SCENES.items():
        frame = paint(0)(0.25)
        assert 25 < frame.mean() < 215, topic
        assert frame.std() > 25, topic
        small[topic] = np.asarray(Image.fromarray(frame).resize((18, 32)), int)
    for a, b in combinations(SCENES, 2):
        assert np.abs(small[a] - small[b]).mean() > 18, (a, b)


def test_the_four_clips_of_a_topic_differ() -> None:
    for topic in ("aurora", "pottery", "galaxy"):
        frames = [SCENES[topic](variant)(0.25).astype(int) for variant in range(4)]
        for a, b in combinations(frames, 2):
            assert np.abs(a - b).mean() > 8, topic


@pytest.mark.parametrize("topic", SCENES)
def test_sound_is_heard_never_clips_and_repeats(topic: str) -> None:
    sound = compose(topic, 0, 2.0)
    assert sound.shape == (2 * RATE, 2)
    assert sound.dtype == np.int16
    level = sound / 32768
    assert -16.5 < loudness(level) < -13.5
    assert np.abs(level).max() < 0.9
    assert not sound[0].any()
    assert not sound[-1].any()
    if topic == "rainynight":
        assert compose(topic, 0, 2.0).tobytes() == sound.tobytes()
        assert compose(topic, 1, 2.0).tobytes() != sound.tobytes()


def test_loudness_reads_a_full_scale_sine_as_the_standard_says() -> None:
    # BS.1770-4: 0 dBFS at 997 Hz in one front channel is -3.01 LUFS.
    t = np.arange(RATE * 2) / RATE
    sine = np.sin(2 * np.pi * 997 * t)
    assert loudness(np.stack([sine, 0 * sine], axis=1)) == pytest.approx(-3.01, abs=0.05)


def test_the_catalogue_has_four_clips_a_topic_and_a_creator_for_each() -> None:
    assert len(CLIPS) == 48
    assert len({clip.slug for clip in CLIPS}) == 48
    assert len(CREATORS) == 12
    assert len({creator.name for creator in CREATORS}) == 12
    for topic in SCENES:
        clips = [clip for clip in CLIPS if clip.topic == topic]
        assert len(clips) == 4
        assert {clip.language for clip in clips} == {"de", "en"}
        assert all(clip.creator is creator_of(topic) for clip in clips)
    for clip in CLIPS:
        assert 4 <= clip.seconds <= 12
        assert clip.hashtags[0] == clip.topic
        assert 2 <= len(clip.hashtags) <= 3
        assert clip.caption.endswith(" ".join(f"#{tag}" for tag in clip.hashtags))


def test_a_clip_renders_to_a_vertical_film_with_sound(tmp_path: Path) -> None:
    clip = replace(next(clip for clip in CLIPS if clip.slug == "rainynight-2"), seconds=1.5)
    target = tmp_path / "clip.mp4"
    render_clip(clip, target, width=180, height=320)
    with av.open(str(target)) as film:
        video, sound = film.streams.video[0], film.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 180, 320)
        assert video.frames == round(clip.seconds * FPS)
        assert (sound.codec_context.name, sound.rate, sound.channels) == ("aac", 48_000, 2)
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_encode_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="could not encode aurora-1"):
        render_clip(CLIPS[4], tmp_path / "missing" / "clip.mp4", width=180, height=320)
    assert list(tmp_path.iterdir()) == []


def test_an_avatar_is_a_square_picture(tmp_path: Path) -> None:
    path = tmp_path / "avatar.png"
    render_avatar(CREATORS[0], path)
    with Image.open(path) as picture:
        assert picture.size == (512, 512)
        assert picture.mode == "RGB"
        assert np.asarray(picture).std() > 25
