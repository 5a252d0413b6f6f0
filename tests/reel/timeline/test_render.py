"""Renders looked at from outside: what is seen and heard at which moment, and what is left when one fails: nothing."""

import fcntl
import os
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from glaswerk.reel import Failure, Limits, ReelError
from glaswerk.reel.timeline import (
    Caption,
    Clip,
    Gap,
    Media,
    Sticker,
    Text,
    Timeline,
    TimelineError,
    Track,
    Transition,
    inspect,
    render,
    save_cover,
)
from glaswerk.reel.timeline.model import Backdrop, Crop, Cut, Fit, Layout, TextStyle

from .made import HOSTILE, sequences

RATE = 48_000


@pytest.fixture(scope="session")
def media(sources: dict[str, Path]) -> dict[str, Media]:
    """What is known of the sources, so that not every test finds it out again."""
    return {name: inspect(path) for name, path in sources.items()}


class Seen:
    """A rendered file, decoded: frames as RGB, and the sound of both sides added up."""

    def __init__(self, path: Path) -> None:
        with av.open(str(path)) as container:
            self.frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            stream = container.streams.video[0]
            self.rate = stream.average_rate
            self.length = Fraction(stream.duration or 0) * (stream.time_base or 1)
        self.sound = np.zeros(0)
        with av.open(str(path)) as container:
            if container.streams.audio:
                parts = [frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)]
                self.sound = np.concatenate(parts)

    def colour(self, ms: int, x: float = 0.5, y: float = 0.5) -> tuple[int, ...]:
        frame = self.frames[round(ms * 30 / 1000)]
        height, width = frame.shape[:2]
        row, column = min(height - 3, int(y * height)), min(width - 3, int(x * width))
        return tuple(int(each) for each in frame[row : row + 2, column : column + 2].reshape(-1, 3).mean(axis=0))

    def tone(self, frequency: int, start_ms: int, end_ms: int) -> float:
        """How loud one pitch is between two moments; a full sine has 1."""
        piece = self.sound[start_ms * 48 : end_ms * 48]
        turns = np.exp(-2j * np.pi * frequency * np.arange(len(piece)) / RATE)
        return float(abs((piece * turns).mean()) * 2)


def near(seen: tuple[int, ...], wanted: tuple[int, int, int], by: int = 14) -> bool:
    return max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) <= by


def made(timeline: Timeline, sources: Mapping[str, Path], media: Mapping[str, Media], folder: Path) -> Seen:
    target = folder / "out.mp4"
    used = {name: sources[name] for name in timeline.sources}
    plan = render(timeline, used, target, media=media)
    assert os.listdir(folder) == ["out.mp4"]
    seen = Seen(target)
    assert seen.frames[0].shape == (timeline.height, timeline.width, 3)
    assert len(seen.frames) == plan.frames and seen.rate == timeline.fps
    return seen


def single(*items: Any, **more: Any) -> Timeline:
    return Timeline(**{"width": 96, "height": 160, "main": Track(name="main", items=items), **more})


RED, GREEN, BLUE, YELLOW = (192, 32, 32), (32, 160, 32), (32, 32, 192), (208, 208, 32)


def test_clips_transitions_texts_and_sounds(sources: dict[str, Path], media: dict[str, Media], tmp_path: Path) -> None:
    timeline = single(
        Clip(source="source:red", start_ms=200, duration_ms=800),
        Transition(Cut.DISSOLVE, 200, 200),
        Clip(source="source:green", start_ms=0, duration_ms=800),
        Gap(400),
        Clip(source="source:blue", start_ms=1000, duration_ms=500, volume=0.25),
        Clip(source="source:picture", start_ms=0, duration_ms=500),
        background="#405060",
        overlays=(
            Track(
                name="overlays",
                items=(
                    Gap(100),
                    Text(
                        text="■■■■",
                        duration_ms=300,
                        y=0.25,
                        size=0.2,
                        color="#ffffff",
                        style=TextStyle.BOX,
                        background="#102030",
                    ),
                    Gap(300),
                    Sticker(sticker="heart", duration_ms=400, x=0.25, y=0.75, size=0.2),
                ),
            ),
            Track(name="overlays-2", items=(Text(text=HOSTILE, duration_ms=3000, y=0.95, size=0.02),)),
        ),
        music=(
            Track(
                name="music",
                duck=True,
                duck_db=20,
                items=(Gap(1000), Clip(source="sound:tone", start_ms=0, duration_ms=1800)),
            ),
        ),
        voice=(Track(name="voice", items=(Gap(2300), Clip(source="source:said", start_ms=0, duration_ms=500))),),
    )
    percents: list[int] = []
    target = tmp_path / "out.mp4"
    plan = render(timeline, sources, target, percents.append, media=media)
    assert percents == sorted(set(percents)) and percents[0] == 0 and percents[-1] == 100
    assert os.listdir(tmp_path) == ["out.mp4"]
    seen = Seen(target)
    assert (plan.frames, len(seen.frames)) == (90, 90) and seen.length == 3
    # What is seen: each clip in its turn, and in the middle of the dissolve as much of one as of the other.
    assert near(seen.colour(500), RED) and near(seen.colour(1100), GREEN)
    middle = tuple((a + b) // 2 for a, b in zip(RED, GREEN, strict=True))
    assert near(seen.colour(800), middle, 24)  # type: ignore[arg-type]
    assert near(seen.colour(1800), (64, 80, 96)) and near(seen.colour(2300), BLUE) and near(seen.colour(2800), YELLOW)
    # The text is there from 100 to 400 ms, on its box, and the heart from 700 to 1100.
    assert near(seen.colour(0, 0.5, 0.25), RED) and near(seen.colour(420, 0.5, 0.25), RED)
    box = seen.frames[6][20:60].reshape(-1, 3).astype(int)
    assert (box.min(axis=1) > 200).sum() > 100 and (abs(box - (16, 32, 48)).max(axis=1) < 20).sum() > 100
    assert near(seen.colour(900, 0.25, 0.75), (239, 74, 91), 30) and near(seen.colour(1150, 0.25, 0.75), GREEN)
    # The cover is the frame of its moment, and after the end the last one.
    for moment, colour in ((1100, GREEN), (99_000, YELLOW)):
        save_cover(target, moment, tmp_path / "cover.jpg")
        with Image.open(tmp_path / "cover.jpg") as cover:
            assert cover.format == "JPEG" and cover.size == (96, 160)
            assert near(cover.convert("RGB").getpixel((48, 80)), colour)  # type: ignore[arg-type]
    assert sorted(os.listdir(tmp_path)) == ["cover.jpg", "out.mp4"]
    # What is heard: the clips' tones, crossed; silence in the gap; a quarter of the blue one; the voice at its time.
    assert seen.tone(440, 100, 500) > 0.3 and seen.tone(880, 100, 500) < 0.02
    assert seen.tone(440, 1100, 1500) < 0.02 and seen.tone(880, 1100, 1500) > 0.3
    assert 0.1 < seen.tone(440, 700, 900) < 0.5 and 0.1 < seen.tone(880, 700, 900) < 0.5
    assert seen.tone(880, 1650, 1950) < 0.01
    quarter = seen.tone(1760, 2050, 2250) / seen.tone(880, 1100, 1500)
    assert 0.2 < quarter < 0.3
    assert seen.tone(600, 2350, 2500) > 0.2 and seen.tone(600, 2050, 2250) < 0.01
    assert seen.tone(3000, 1050, 1950) > 0.02 and seen.tone(3000, 100, 900) < 0.01


@pytest.mark.parametrize("decibels", [6, 20])
def test_music_steps_back_as_far_as_was_asked_for(
    decibels: int, sources: dict[str, Path], media: dict[str, Media], tmp_path: Path
) -> None:
    music = Track(
        name="music", duck=True, duck_db=decibels, items=(Clip(source="sound:tone", start_ms=0, duration_ms=2000),)
    )
    timeline = single(Clip(source="source:red", start_ms=0, duration_ms=700), Gap(1300), music=(music,))
    seen = made(timeline, sources, media, tmp_path)
    behind, free = seen.tone(3000, 300, 650), seen.tone(3000, 1700, 1950)
    # A mono sound is spread over two sides: half a full sine, by the root of two.
    assert free > 0.3
    assert abs(20 * np.log10(free / behind) - decibels) < 2.5


def test_speed_changes_time_and_keeps_the_pitch(
    sources: dict[str, Path], media: dict[str, Media], tmp_path: Path
) -> None:
    timeline = single(
        Clip(source="source:ramp", start_ms=200, duration_ms=600, speed=3.0),
        Clip(source="source:red", start_ms=0, duration_ms=1000, speed=2.0),
        Clip(source="source:red", start_ms=0, duration_ms=1000, speed=0.3),
    )
    seen = made(timeline, sources, media, tmp_path)
    assert len(seen.frames) == 78
    # The ramp goes up by 100 steps a second; at triple speed by 300, from 0.2 s on.
    light = [int(frame[80, 48, 0]) for frame in seen.frames[:18]]
    assert light == sorted(light)
    grown = (light[15] - light[0]) * 219 / 255
    assert abs(grown - 150) < 15
    for start, end in ((700, 1500), (1700, 2500)):
        assert (
            seen.tone(440, start, end) > 0.2 and seen.tone(880, start, end) < 0.05 and seen.tone(132, start, end) < 0.05
        )


def test_looks_fits_crops_and_turned_pictures(
    sources: dict[str, Path], media: dict[str, Media], tmp_path: Path
) -> None:
    whole = Crop(x=0.25, y=0.25, width=0.5, height=0.5)
    timeline = single(
        Clip(source="source:red", start_ms=0, duration_ms=200, look="noir"),
        Clip(source="source:red", start_ms=0, duration_ms=200, look="noir", look_strength=0.5),
        Clip(source="source:turned", start_ms=0, duration_ms=200, fit=Fit.CONTAIN),
        Clip(source="source:picture", start_ms=0, duration_ms=200, fit=Fit.CONTAIN, backdrop=Backdrop.BLUR),
        Clip(source="source:picture", start_ms=0, duration_ms=200, fit=Fit.CONTAIN, crop=whole),
        background="#405060",
    )
    seen = made(timeline, sources, media, tmp_path)
    grey, half = seen.colour(100), seen.colour(300)
    assert max(grey) - min(grey) <= 6
    assert near(half, tuple((a + b) // 2 for a, b in zip(grey, RED, strict=True)), 12)  # type: ignore[arg-type]
    # Lying on its side it was wider than high; as displayed it is 64 x 96, and fills the width of 96 x 160 with 144 rows.
    assert near(seen.colour(500, 0.5, 0.5), (48, 96, 192)) and near(seen.colour(500, 0.02, 0.5), (48, 96, 192))
    assert near(seen.colour(500, 0.5, 0.01), (64, 80, 96)) and near(seen.colour(500, 0.5, 0.98), (64, 80, 96))
    assert near(seen.colour(700, 0.5, 0.02), YELLOW, 20)
    assert near(seen.colour(900, 0.5, 0.02), (64, 80, 96)) and near(seen.colour(900), YELLOW)


def test_a_browsers_recording_and_an_hdr_video(
    sources: dict[str, Path], media: dict[str, Media], tmp_path: Path
) -> None:
    timeline = single(
        Clip(source="source:recorded", start_ms=1000, duration_ms=300),
        Clip(source="source:recorded", start_ms=300, duration_ms=200),
        Clip(source="source:hdr", start_ms=0, duration_ms=200),
    )
    seen = made(timeline, sources, media, tmp_path)
    # The ramp says what time it is in the source: there is no index, and still each clip begins where it should.
    times = [(int(frame[80, 48, 0]) * 219 / 255) * 10 for frame in seen.frames[:15]]
    wanted = [1000 + each * 1000 / 30 for each in range(9)] + [300 + each * 1000 / 30 for each in range(6)]
    assert max(abs(a - b) for a, b in zip(times, wanted, strict=True)) < 45
    # Code 148 of 255 is about as bright as a sheet of paper in HDR, and so it is here.
    grey = seen.colour(600)
    assert max(grey) - min(grey) <= 6 and min(grey) > 190


@pytest.mark.parametrize("layout", [Layout.DUET_LEFT, Layout.DUET_TOP, Layout.PIP])
def test_two_pictures_beside_each_other(
    layout: Layout, sources: dict[str, Path], media: dict[str, Media], tmp_path: Path
) -> None:
    timeline = single(
        Clip(source="source:red", start_ms=0, duration_ms=600),
        layout=layout,
        partner=Track(name="partner", volume=0.5, items=(Clip(source="source:green", start_ms=0, duration_ms=300),)),
        background="#405060",
    )
    seen = made(timeline, sources, media, tmp_path)
    own, other, around = {
        Layout.DUET_LEFT: ((0.25, 0.5), (0.75, 0.5), (0.5, 0.05)),
        Layout.DUET_TOP: ((0.5, 0.25), (0.5, 0.75), None),
        Layout.PIP: ((0.2, 0.2), (0.8, 0.8), None),
    }[layout]
    # The partner's picture stands still where it has ended; its sound is over.
    for ms in (100, 500):
        assert near(seen.colour(ms, *own), RED) and near(seen.colour(ms, *other), GREEN)
        assert around is None or near(seen.colour(ms, *around), (64, 80, 96))
    assert seen.tone(440, 50, 550) > 0.3
    assert seen.tone(880, 50, 280) > 0.15 and seen.tone(880, 350, 580) < 0.02


def test_captions_are_drawn_where_that_is_wanted(
    sources: dict[str, Path], media: dict[str, Media], tmp_path: Path
) -> None:
    captions = (Caption(100, 300, "■■■■■■■"), Caption(300, 500, HOSTILE[:30]), Caption(700, 800, "■■■■■■■"))
    timeline = single(
        Clip(source="source:ramp", start_ms=0, duration_ms=1000), captions=captions, burn_captions=True, height=320
    )
    seen = made(timeline, sources, media, tmp_path)
    plain = made(replace(timeline, burn_captions=False), sources, media, tmp_path)
    assert len(seen.sound) == 0
    differs = [
        bool((abs(one.astype(int) - other.astype(int))[230:300].max(axis=2) > 60).sum() > 20)
        for one, other in zip(seen.frames, plain.frames, strict=True)
    ]
    assert [number for number, each in enumerate(differs) if each] == [*range(3, 15), *range(21, 24)]


@settings(
    max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_small_timeline_renders_to_its_length(
    data: Any, sources: dict[str, Path], media: dict[str, Media], tmp_path: Path
) -> None:
    items = data.draw(sequences(st.sampled_from(["source:red", "source:ramp", "source:picture", "source:turned"])))
    short = tuple(
        replace(item, start_ms=item.start_ms % 500, duration_ms=200) if isinstance(item, Clip) else item
        for item in items
    )
    short = tuple(Gap(1 + item.duration_ms % 300) if isinstance(item, Gap) else item for item in short)
    timeline = single(*short, width=64, height=64)
    assert timeline.duration_ms >= 200
    seen = made(timeline, sources, media, tmp_path)
    assert abs(float(seen.length) * 1000 - timeline.duration_ms) <= 17
    assert len(seen.sound) == 0 or abs(len(seen.sound) / 48 - timeline.duration_ms) < 45


def nothing_changed(folder: Path) -> bool:
    return os.listdir(folder) == ["out.mp4"] and (folder / "out.mp4").read_bytes() == b"before"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"before")
    return target


def test_what_cannot_be_rendered_leaves_what_was_there(
    sources: dict[str, Path], media: dict[str, Media], before: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    red = Clip(source="source:red", start_ms=0, duration_ms=500)
    broken = tmp_path_factory.mktemp("broken") / "broken.mp4"
    broken.write_bytes(sources["source:red"].read_bytes()[:-2000])
    gone = broken.with_name("gone.mp4")
    with pytest.raises(TimelineError) as caught:
        render(single(red), {}, before, media={})
    assert caught.value.field == "main[0].media_reference" and "missing" in caught.value.message
    with pytest.raises(TimelineError, match="missing"):
        render(single(red), {"red": gone}, before)
    with pytest.raises(TimelineError) as caught:
        render(single(replace(red, start_ms=1800)), sources, before, media=media)
    assert caught.value.field == "main[0].source_range" and "up to 2300 ms" in caught.value.message
    with pytest.raises(ReelError) as failed:
        render(single(red), {"red": broken}, before)
    assert failed.value.code == Failure.TRUNCATED
    # The facts said that there was a video, and then there is none: the child fails, and so does the render.
    with pytest.raises(ReelError):
        render(single(red), {"red": Path(__file__)}, before, media=media)
    with pytest.raises(ReelError) as failed:
        render(single(red), sources, before, media=media, limits=Limits(output_bytes=1000))
    assert failed.value.code == Failure.OUTPUT_TOO_LARGE

    def stop(percent: int) -> None:
        if percent:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(single(red), sources, before, stop, media=media)
    assert nothing_changed(before.parent)


def test_what_a_killed_render_left_is_cleared_away_but_not_what_is_in_work(
    sources: dict[str, Path], media: dict[str, Media], tmp_path: Path
) -> None:
    left, working = (tmp_path / f".out.mp4.{name}.timeline-part" for name in ("left", "working"))
    for folder in (left, working):
        folder.mkdir()
        (folder / "timeline.mp4").write_bytes(b"half")
    descriptor = os.open(working, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        red = Clip(source="source:red", start_ms=0, duration_ms=200)
        render(single(red, width=64, height=64), sources, tmp_path / "out.mp4", media=media)
    finally:
        os.close(descriptor)
    assert sorted(os.listdir(tmp_path)) == [".out.mp4.working.timeline-part", "out.mp4"]
