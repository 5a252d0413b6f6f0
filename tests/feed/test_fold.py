"""The fold of the log: repetition and disorder do not matter, and what was decided last counts."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from glaswerk.feed.fold import CREATOR_KINDS, KINDS, VIDEO_KINDS, ViewerMemory, is_finish, is_skip
from glaswerk.feed.statistics import HALF_LIFE_MS, UNITS, decayed
from glaswerk.glass import Flag

TIMES = st.integers(min_value=1, max_value=6)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(KINDS)))
    event: dict[str, Any] = {"kind": kind, "at": draw(TIMES), "creator": draw(st.integers(1, 2))}
    if kind in VIDEO_KINDS:
        event["video"] = draw(st.integers(1, 2))
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
