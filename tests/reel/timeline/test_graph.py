"""The plan is a pure function: the same timeline gives the same words to ffmpeg, none of them a person's."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from glaswerk.reel.timeline import (
    Clip,
    Gap,
    Graph,
    Media,
    Text,
    Timeline,
    TimelineError,
    Track,
    Transition,
    dump,
    graph,
    parse,
)
from glaswerk.reel.timeline.model import MAX_CLIPS, MIN_MS, Crop, Cut, Fit, Layout
from glaswerk.reel.timeline.panes import Pane, panes, seen
from glaswerk.reel.timeline.plan import frame_at

from .made import HOSTILE, clips, everything, timelines, video


def planned(timeline: Timeline, **more: Media) -> Graph:
    return graph(timeline, {name: video() for name in timeline.sources} | more)


def said(plan: Graph) -> str:
    """Everything that ffmpeg is told."""
    return " ".join([plan.video, plan.audio, *plan.arguments, *(word for each in plan.inputs for word in each.options)])


@settings(max_examples=25, deadline=None)
@given(timelines())
def test_the_plan_is_pure_and_adds_up(timeline: Timeline) -> None:
    assume(timeline.duration_ms >= MIN_MS)
    plan = planned(timeline)
    assert plan == planned(timeline)
    assert plan.duration_ms == timeline.duration_ms
    assert plan.frames == frame_at(timeline.duration_ms, timeline.fps)
    assert abs(plan.frames * 1000 - timeline.duration_ms * timeline.fps) * 2 <= 1000
    # Joined pieces: what they last, less what transitions share, is the whole.
    if timeline.layout == Layout.SINGLE and not timeline.overlays:
        lengths = sum(int(each) for each in re.findall(r"trim=end_frame=(\d+)", plan.video))
        shared = sum(
            round(float(each) * timeline.fps) for each in re.findall(r"xfade=[^,]*duration=([\d.]+)", plan.video)
        )
        assert lengths - shared == plan.frames
    # Every label is made once and used once.
    for part in (plan.video, plan.audio):
        labels = re.findall(r"\[(\w+)\]", part)
        assert all(labels.count(each) == 2 for each in labels if each not in ("v", "a")), part


@settings(max_examples=40, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60),
    source=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60),
)
def test_what_a_person_wrote_is_never_told_to_ffmpeg(text: str, source: str) -> None:
    def named(words: str, reference: str) -> Timeline:
        timeline = everything()
        first = timeline.main.items[0]
        assert isinstance(first, Clip)
        main = replace(
            timeline.main, items=(replace(first, source=reference, name=words, id=words), *timeline.main.items[1:])
        )
        overlay = Track(name="overlays", items=(Text(text=words, duration_ms=700, id=words),))
        return replace(timeline, main=main, overlays=(overlay,), name=words)

    # Whatever the words are, ffmpeg is told the very same as with others.
    assert said(planned(named(text, source))) == said(planned(named("x", "source:a")))


def test_hostile_words_are_not_in_the_plan() -> None:
    plan = said(planned(everything()))
    for part in ("movie", "passwd", "pts}", "$(", "漢", HOSTILE[:6]):
        assert part not in plan


def test_a_thousand_undos_end_where_they_began() -> None:
    """Splitting a clip and joining it again, in any order, changes nothing that is seen: the same frames come from the same times."""
    whole = Clip(source="source:a", start_ms=0, duration_ms=3000)
    for cut in (1, 33, 34, 999, 1500, 2967):
        parts = (replace(whole, duration_ms=cut), replace(whole, start_ms=cut, duration_ms=3000 - cut))
        split = planned(Timeline(main=Track(name="main", items=parts)))
        assert split.frames == planned(Timeline(main=Track(name="main", items=(whole,)))).frames == 90
        trims = [int(each) for each in re.findall(r"trim=end_frame=(\d+)", split.video)]
        assert sum(trims) == 90


@settings(max_examples=20, deadline=None)
@given(st.lists(clips(st.sampled_from(["source:a", "source:b"])), min_size=1, max_size=6), st.randoms())
def test_moving_clips_about_and_back_changes_nothing(items: list[Clip], chance: Any) -> None:
    timeline = Timeline(main=Track(name="main", items=tuple(items)))
    assume(timeline.duration_ms >= MIN_MS)
    moved = items[:]
    chance.shuffle(moved)
    other = replace(timeline, main=replace(timeline.main, items=tuple(moved)))
    assert planned(other).frames == planned(timeline).frames
    assert sorted(planned(other).inputs, key=repr) == sorted(planned(timeline).inputs, key=repr)
    back = replace(parse(dump(other)), main=replace(other.main, items=tuple(items)))
    assert dump(back) == dump(timeline) and planned(back) == planned(timeline)


def test_only_what_is_heard_is_opened_for_its_sound() -> None:
    silent = Clip(source="source:a", start_ms=0, duration_ms=500)
    mute = replace(silent, source="source:b", volume=0.0)
    timeline = Timeline(main=Track(name="main", items=(silent, mute)))
    plan = planned(timeline, **{"source:a": video(sound=False)})
    assert plan.audio == "" and len(plan.inputs) == 2 and "-an" not in plan.arguments
    heard = planned(timeline)
    assert len(heard.inputs) == 3 and heard.audio.endswith("[a]")
    assert planned(replace(timeline, main=replace(timeline.main, volume=0.0))).audio == ""


def test_fades_are_no_longer_than_their_clip() -> None:
    clip = Clip(source="source:a", start_ms=0, duration_ms=500, fade_in_ms=400, fade_out_ms=300)
    plan = planned(Timeline(main=Track(name="main", items=(clip,))))
    assert "afade=t=in:st=0.000:d=0.400" in plan.audio and "afade=t=out:st=0.400:d=0.100" in plan.audio


def test_handles_are_used_where_there_are_some() -> None:
    first = Clip(source="source:a", start_ms=1000, duration_ms=1000)
    second = Clip(source="source:b", start_ms=100, duration_ms=1000, speed=2.0)
    plan = planned(Timeline(main=Track(name="main", items=(first, Transition(Cut.WIPE, 200, 100), second))))
    one, two = (each.options for each in plan.inputs if "-an" in each.options)
    assert one[one.index("-ss") + 1] == "1.000" and one[one.index("-t") + 1] == "1.220"
    # Half of what the transition wants before the cut is there: 100 ms of media at double speed are 50 ms.
    assert "-ss" not in two and two[two.index("-t") + 1] == "2.220"
    assert "tpad=start=5:start_mode=clone" in plan.video
    assert plan.frames == 60


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"main": Track(name="main")}, "main", "add a clip"),
        ({"main": Track(name="main", items=(Gap(500),))}, "main", "add a clip"),
        ({"main": Track(name="main", items=(Clip(source="source:a", start_ms=0, duration_ms=199),))}, "main", "at least 200"),
        ({"layout": Layout.PIP}, "partner", "missing"),
        ({"partner": Track(name="partner")}, "metadata.glaswerk.layout", "another layout"),
        ({"main": Track(name="main", items=(Clip(source="source:x", start_ms=0, duration_ms=500),))}, "main[0].media_reference", "source:x is missing"),
        ({"main": Track(name="main", items=(Clip(source="source:a", start_ms=59_000, duration_ms=1000, speed=2.0),))}, "main[0].source_range", "up to 61000 ms"),
        ({"main": Track(name="main", items=(Gap(1), Clip(source="sound:s", start_ms=0, duration_ms=500)))}, "main[1].media_reference", "only a sound"),
        ({"music": (Track(name="music", items=(Clip(source="source:mute", start_ms=0, duration_ms=100),)),)}, "music[0].media_reference", "has no sound"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(change: dict[str, Any], field: str, words: str) -> None:
    main = Track(name="main", items=(Clip(source="source:a", start_ms=0, duration_ms=1000),))
    sound = replace(video(), kind="audio", width=0, height=0)
    media = {"source:a": video(), "sound:s": sound, "source:mute": video(sound=False)}
    with pytest.raises(TimelineError) as caught:
        graph(replace(Timeline(main=main), **change), media)
    assert caught.value.field == field and words in caught.value.message


def test_a_hundred_clips_are_planned() -> None:
    items = tuple(Clip(source="source:a", start_ms=each * 100, duration_ms=100) for each in range(MAX_CLIPS))
    plan = planned(Timeline(main=Track(name="main", items=items)))
    assert plan.frames == 300 and len(plan.inputs) == 200
    with pytest.raises(TimelineError, match="use fewer of them"):
        planned(Timeline(main=Track(name="main", items=items)), **{"source:a": video(60, 3840, 2160)})


@settings(max_examples=25, deadline=None)
@given(timelines(), st.integers(16, 4000), st.integers(16, 4000))
def test_pictures_fit_their_panes(timeline: Timeline, width: int, height: int) -> None:
    own, other = panes(timeline)
    assert (other is None) == (timeline.layout == Layout.SINGLE)
    for pane in filter(None, (own, other)):
        assert not any(each % 2 for each in (pane.x, pane.y, pane.width, pane.height))
        assert pane.x + pane.width <= timeline.width and pane.y + pane.height <= timeline.height
        for clip in (item for item in timeline.main.items if isinstance(item, Clip)):
            view = seen(clip, pane, width, height)
            assert 2 <= view.width <= pane.width and 2 <= view.height <= pane.height
            assert view.crop.x + view.crop.width <= 1.0001 and view.crop.y + view.crop.height <= 1.0001
            if clip.fit == Fit.COVER:
                assert (view.width, view.height) == (pane.width, pane.height)


def test_covering_keeps_the_middle() -> None:
    clip = Clip(source="source:a", start_ms=0, duration_ms=100)
    assert seen(clip, Pane(0, 0, 100, 200), 400, 200).crop == Crop(x=0.375, y=0.0, width=0.25, height=1.0)
    wide = seen(replace(clip, fit=Fit.CONTAIN), Pane(0, 0, 100, 200), 400, 200)
    assert (wide.width, wide.height) == (100, 50)
