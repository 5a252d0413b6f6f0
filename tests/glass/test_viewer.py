from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.glass import (
    FINISHED,
    LIKED,
    NOT_INTERESTED,
    SAVED,
    SHARED,
    SKIPPED,
    Ask,
    Dials,
    GlassError,
    Slate,
    Slot,
    Viewer,
    Watch,
    WireError,
    caption_tokens,
    finish_strength,
    token,
)  # fmt: skip

ID = st.integers(1, (1 << 63) - 1)
RISING = st.lists(ID, unique=True, max_size=30).map(lambda values: tuple(sorted(values)))
TOKENS = st.lists(st.integers(-(1 << 63), (1 << 63) - 1), unique=True, max_size=30).map(
    lambda values: tuple(sorted(values))
)
WATCH = st.builds(Watch, ID, st.integers(0, 255), st.integers(0, 1 << 45), st.integers(0, 63))
VIEWER = st.builds(
    Viewer,
    id=st.integers(-(1 << 63), (1 << 63) - 1),
    watches=st.lists(WATCH, max_size=20).map(tuple),
    follows=RISING,
    blocks=RISING,
    seen=RISING,
    region=st.text(max_size=5),
    language=st.text(max_size=5),
    profiling=st.booleans(),
    dials=st.builds(
        Dials,
        *[st.integers(-2, 2)] * 5,
        topics=st.dictionaries(st.text(min_size=1, max_size=5), st.sampled_from([-2, -1, 1, 2]), max_size=4).map(
            lambda topics: tuple(sorted(topics.items()))
        ),
    ),
    hidden=TOKENS,
)
ASK = st.builds(
    Ask,
    limit=st.integers(1, 50),
    at_ms=st.integers(0, (1 << 53) - 1),
    surface=st.sampled_from(["for_you", "following", "hashtag:brot", "hashtag:a:b", "creator:7"]),
    seed=st.integers(-(1 << 63), (1 << 63) - 1),
    withdrawn=RISING,
    again=st.booleans(),
)
SLATE = st.lists(
    st.tuples(ID, st.integers(-(1 << 40), 1 << 40), st.sampled_from([("fresh",), ("following", "topic", "explored")]))
).map(lambda slots: Slate("ab" * 32, tuple(Slot(position, *slot) for position, slot in enumerate(slots))))


@given(VIEWER)
def test_a_viewer_comes_back(viewer: Viewer) -> None:
    data = viewer.encode()
    back = Viewer.decode(data)
    assert back == viewer
    assert (back.watches, back.follows, back.seen.tolist()) == (viewer.watches, viewer.follows, viewer.seen.tolist())
    assert (back.dials, back.hidden, back.encode()) == (viewer.dials, viewer.hidden, data)


@given(ASK)
def test_an_ask_comes_back(ask: Ask) -> None:
    assert Ask.decode(ask.encode()) == ask


@given(SLATE)
def test_a_slate_comes_back(slate: Slate) -> None:
    assert Slate.decode(slate.encode()) == slate


@given(st.sampled_from([Viewer, Ask, Slate]), st.binary(max_size=80))
def test_any_other_bytes_are_refused_or_canonical(kind: type, data: bytes) -> None:
    try:
        value = kind.decode(data)
    except GlassError:
        return
    assert value.encode() == data


@given(VIEWER, ASK, SLATE, st.data())
def test_an_altered_byte_never_reads_as_the_same(viewer: Viewer, ask: Ask, slate: Slate, data: st.DataObject) -> None:
    for value in (viewer, ask, slate):
        raw = bytearray(value.encode())
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] ^= 1 << data.draw(st.integers(0, 7))
        try:
            other = type(value).decode(bytes(raw))
        except GlassError:
            continue
        assert other != value
        assert other.encode() == bytes(raw)


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(WireError, match="left over"):
        Viewer.decode(Viewer(1).encode() + b"\0")


def test_lists_out_of_order_are_refused() -> None:
    with pytest.raises(WireError, match="seen of a viewer must rise strictly"):
        Viewer(1, seen=(3, 2))
    with pytest.raises(WireError, match="follows"):
        Viewer(1, follows=(2, 2))
    with pytest.raises(GlassError, match="withdrawn"):
        Ask(1, 1, withdrawn=(2, 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"new": 3},
        {"long": -3},
        {"shopping": True},
        {"local": 1.0},
        {"topics": (("a", 0),)},
        {"topics": (("a", 3),)},
        {"topics": (("", 1),)},
        {"topics": (("b", 1), ("a", 1))},
        {"topics": (("a", 1), ("a", 2))},
        {"topics": tuple((f"{number:02}", 1) for number in range(21))},
    ],
)
def test_dials_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        Dials(**wrong)


def test_tokens_do_not_mind_case_or_how_an_accent_is_typed() -> None:
    assert token("brot") == 4601275422838000315
    assert token("Stra\u00dfe") == token("STRASSE")
    assert token("caf\u00e9") == token("CAFE\u0301")
    assert token("#brot") != token("brot")
    words = ("brot", "frisch", "rezept", "3x")
    assert caption_tokens("Brot, frisch! #Brot_rezept 3x") == tuple(sorted(map(token, words)))
    assert caption_tokens("...") == ()
    marked = "\u0939\u093f\u0928\u094d\u0926\u0940"
    assert caption_tokens(marked) == (token(marked),)


def test_seen_is_kept_apart_from_the_callers_array() -> None:
    mine = np.array([1, 2, 3])
    viewer = Viewer(1, seen=mine)
    mine[0] = 2
    assert viewer.seen.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "surface", ["", "foryou", "hashtag:", "creator:", "creator:x", "creator:-1", "creator:01", "for_you:1"]
)
def test_unknown_surfaces_are_refused(surface: str) -> None:
    with pytest.raises(GlassError, match="unknown surface"):
        Ask(1, 1, surface)


@pytest.mark.parametrize("limit", [0, 51, -1])
def test_limits_out_of_range_are_refused(limit: int) -> None:
    with pytest.raises(GlassError, match="limit"):
        Ask(limit, 1)


@pytest.mark.parametrize(
    ("arguments", "strength"),
    [
        ((0, 8000), 0),
        ((4000, 8000), 80),
        ((8000, 8000), 160),
        ((9000, 8000), 160),
        ((8000, 8000, 1), 176),
        ((8000, 8000, 9), 208),
        ((8000, 8000, 0, FINISHED | LIKED), 192),
        ((2000, 8000, 0, LIKED), 72),
        ((8000, 8000, 3, LIKED | SAVED | SHARED), 255),
        ((1500, 8000, 0, SKIPPED), 0),
        ((8000, 8000, 2, LIKED | NOT_INTERESTED), 0),
        ((100, 0), 160),
        ((-5, 8000), 0),
    ],
)
def test_strength_of_a_watch(arguments: tuple[int, ...], strength: int) -> None:
    assert finish_strength(*arguments) == strength


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 9), st.integers(0, 7))
def test_watching_more_never_says_less(watched: int, more: int, duration: int, loops: int, flags: int) -> None:
    assert (
        0
        <= finish_strength(watched, duration, loops, flags)
        <= finish_strength(watched + more, duration, loops + 1, flags)
        <= 255
    )
