"""The fold of the log: repetition and disorder do not matter, and what was decided last counts."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from glaswerk.feed.fold import CREATOR_KINDS, KINDS, SETTING_KINDS, VIDEO_KINDS, ViewerMemory, is_finish, is_skip
from glaswerk.feed.settings import MOST_HIDDEN, MOST_REGISTERS, Settings, hide_register, topic_register
from glaswerk.feed.statistics import HALF_LIFE_MS, UNITS, decayed
from glaswerk.glass import Dials, Flag, token
from glaswerk.glass.dials import MOST_TOPICS

TIMES = st.integers(min_value=1, max_value=6)
REGISTERS = st.sampled_from(["new", "long", "profiling", "topic:jazz", "topic:folk", "hide:word:spoiler"])


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(KINDS | SETTING_KINDS)))
    event: dict[str, Any] = {"kind": kind, "at": draw(TIMES), "creator": draw(st.integers(1, 2))}
    if kind in VIDEO_KINDS:
        event["video"] = draw(st.integers(1, 2))
    if kind == "dials":
        event["set"] = draw(st.dictionaries(REGISTERS, st.integers(-2, 2), max_size=3))
    if kind == "watch":
        event |= {"watched_ms": draw(st.integers(0, 9000)), "loops": draw(st.integers(0, 3))}
    return event


def folded(*batches: list[dict[str, Any]]) -> ViewerMemory:
    memory = ViewerMemory()
    for batch in batches:
        memory.apply(batch)
    return memory


@given(st.lists(events(), max_size=12), st.randoms(use_true_random=False))
def test_order_does_not_matter(log: list[dict[str, Any]], dice: random.Random) -> None:
    shuffled = dice.sample(log, len(log))
    assert folded(shuffled) == folded(log)


@given(st.lists(events(), max_size=12), st.integers(0, 12))
def test_repetition_does_not_matter(log: list[dict[str, Any]], start: int) -> None:
    assert folded(log, log[start:], log) == folded(log)


@given(st.lists(events(), max_size=12), st.lists(events(), max_size=12))
def test_two_readers_who_meet_agree(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    assert folded(one, other) == folded(other, one)


@given(st.lists(events(), min_size=1, max_size=12))
def test_switches_say_what_was_said_last(log: list[dict[str, Any]]) -> None:
    memory = folded(log)
    switches = {"like": "unlike", "save": "unsave", "not_interested": "interested"}
    names = {"like": "liked_at", "save": "saved_at", "not_interested": "refused_at"}
    for on, off in switches.items():
        for video, state in memory.videos.items():
            told = [(e["at"], e["kind"] == on) for e in log if e.get("video") == video and e["kind"] in (on, off)]
            assert (getattr(state, names[on]) > 0) == (bool(told) and max(told)[1])
    for creator, relation in memory.creators.items():
        for on, off, held in (("follow", "unfollow", relation.follow_at), ("block", "unblock", relation.block_at)):
            told = [(e["at"], e["kind"] == on) for e in log if e["creator"] == creator and e["kind"] in (on, off)]
            assert (held > 0) == (bool(told) and max(told)[1])
    for name in memory.settings.registers:
        assert (
            memory.settings.value(name)
            == max((e["at"], e["set"][name]) for e in log if e["kind"] == "dials" and name in e["set"])[1]
        )
    assert memory.settings.reset_at == max([0, *(e["at"] for e in log if e["kind"] == "reset")])


def test_a_block_undoes_a_follow_until_it_is_lifted() -> None:
    follow = {"kind": "follow", "creator": 1, "at": 1}
    block, unblock = ({"kind": kind, "creator": 1, "at": at} for kind, at in (("block", 2), ("unblock", 3)))
    assert folded([follow]).creators[1].follows
    assert not folded([follow, block]).creators[1].follows
    assert folded([follow, block, unblock]).creators[1].follows


def test_kinds_of_a_later_version_say_nothing() -> None:
    assert folded([{"kind": "teleport", "at": 1, "video": 1}]) == ViewerMemory()
    assert not VIDEO_KINDS & CREATOR_KINDS


@given(st.integers(0, 20_000), st.integers(0, 3), st.integers(0, 20_000))
def test_a_watch_is_never_both_a_finish_and_a_skip(watched_ms: int, loops: int, duration_ms: int) -> None:
    assert not (is_finish(watched_ms, loops, duration_ms) and is_skip(watched_ms, loops, duration_ms))


def test_a_short_video_seen_to_its_end_is_no_skip() -> None:
    memory = folded([{"kind": "watch", "video": 1, "at": 1, "watched_ms": 1500, "loops": 0}]).videos[1]
    assert memory.flags(1500) == Flag.FINISHED
    assert memory.flags(10_000) == Flag.SKIPPED
    assert folded([{"kind": "impression", "video": 1, "at": 1}]).videos[1].as_watch(1, 1500) is None


@given(st.integers(0, 10**9), st.integers(-HALF_LIFE_MS, 400 * HALF_LIFE_MS), st.integers(0, HALF_LIFE_MS))
def test_decay_decays(units: int, elapsed: int, more: int) -> None:
    left = decayed(units, elapsed)
    assert 0 <= left <= units
    assert decayed(units, elapsed + more) <= left


def test_half_is_left_after_a_half_life_and_nothing_in_the_end() -> None:
    assert decayed(100 * UNITS, HALF_LIFE_MS) == 50 * UNITS
    assert decayed(100 * UNITS, 2 * HALF_LIFE_MS) == 25 * UNITS
    assert decayed(100 * UNITS, 40 * HALF_LIFE_MS) == 0


@given(st.lists(events(), max_size=12), st.lists(events(), max_size=12))
def test_settings_are_read_back_as_they_were(log: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    kept = folded(log).settings
    back = Settings.of(kept.stored, kept.reset_at)
    assert back == kept
    for event in more:
        if event["kind"] in SETTING_KINDS:
            back.apply(event)
    assert back == folded(log, more).settings
    assert back.changed_at == max([0, *(e["at"] for e in log + more if e["kind"] == "reset" or e.get("set"))])


@given(st.lists(events(), max_size=12), TIMES)
def test_what_was_done_before_a_reset_says_nothing(log: list[dict[str, Any]], reset_at: int) -> None:
    memory = folded([event for event in log if event["at"] <= reset_at])
    for video, state in memory.videos.items():
        assert state.as_watch(video, 9000, reset_at) is None
        # Being on the screen again brings nothing of it back.
        state.apply({"kind": "impression", "video": video, "at": reset_at + 1})
        assert state.as_watch(video, 9000, reset_at) is None
        state.apply({"kind": "watch", "video": video, "at": reset_at + 1, "watched_ms": 100, "loops": 0})
        assert state.as_watch(video, 9000, reset_at) is not None
    later = [event for event in log if event["at"] > reset_at]
    both = folded([event for event in log if event["at"] <= reset_at and event["kind"] != "watch"], later)
    for video, state in folded(later).videos.items():
        shared = both.videos[video].shared and not state.shared
        if not shared:
            assert both.videos[video].as_watch(video, 9000, reset_at) == state.as_watch(video, 9000)


def test_dials_and_hidden_things_are_what_ranking_takes() -> None:
    settings = Settings()
    told = {"new": 2, "long": -1, topic_register("jazz"): -2, topic_register("folk"): 0, "profiling": 0}
    told |= {hide_register(*one): 1 for one in (("word", "spoiler"), ("hashtag", "kilns"), ("creator", "7"))}
    settings.apply({"kind": "dials", "at": 5, "set": told | {hide_register("sound", "Rain: part 2"): 1}})
    assert settings.dials == Dials(new=2, long=-1, topics=(("jazz", -2),))
    assert settings.profiling is False
    assert Settings().profiling is None
    assert settings.hidden == [("creator", "7"), ("hashtag", "kilns"), ("sound", "Rain: part 2"), ("word", "spoiler")]
    assert settings.hidden_tokens == tuple(
        sorted(token(text) for text in ("@7", "#kilns", "sound:rain: PART 2", "Spoiler"))
    )


def test_settings_stay_within_bounds_and_the_latest_hold() -> None:
    settings = Settings()
    for at in range(1, 1000):
        settings.apply(
            {"kind": "dials", "at": at, "set": {topic_register(f"t{at:04}"): 1, hide_register("word", f"w{at:04}"): 1}}
        )
    assert list(settings.topics) == [f"t{at:04}" for at in range(1000 - MOST_TOPICS, 1000)]
    assert len(settings.dials.topics) == MOST_TOPICS
    assert settings.hidden == [("word", f"w{at:04}") for at in range(1000 - MOST_HIDDEN, 1000)]
    settings = Settings()
    for at in range(1, 2000):
        settings.apply({"kind": "dials", "at": at, "set": {hide_register("word", f"w{at}"): 1, "new": 0}})
        settings.apply({"kind": "dials", "at": at, "set": {hide_register("word", f"w{at - 1}"): 0}})
        assert len(settings.registers) <= MOST_REGISTERS
    assert settings.hidden == [("word", "w1999")]
    assert settings.registers["new"] == (1999, 0)
