from collections import Counter
from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.glass import (
    FINISHED,
    LIKED,
    NOT_INTERESTED,
    SKIPPED,
    Ask,
    Catalogue,
    Dials,
    Epoch,
    Policy,
    Slate,
    Viewer,
    Watch,
    Watches,
    cut_epoch,
    default_policy,
    explain,
    rank,
    token,
)  # fmt: skip
from glaswerk.glass.names import ITEM_SIGNALS, SUMMED_SIGNALS
from glaswerk.glass.selection import choose, explored_slots

from .synthetic import DAY, NOW, make_catalogue, make_epoch, make_watches, shuffled, topic_of


def topics(slate: Slate) -> list[int]:
    return [topic_of(slot.video) for slot in slate.slots]


def videos(slate: Slate) -> list[int]:
    return [slot.video for slot in slate.slots]


# A catalogue in which every filter has something to do.
_BASE = make_catalogue(60)
MIXED = replace(
    _BASE,
    followers_only=np.arange(60) % 4 == 0,
    commercial=(np.arange(60) % 5 == 0) + (np.arange(60) % 10 == 0).astype(np.uint8),
    tokens=[(token(f"word{row % 7}"), token(f"#topic{row % 10}")) for row in range(60)],
    buys=_BASE.likes // 7,
)
WORTH = {
    name: getattr(default_policy().dials, name) for name in ("new", "familiar", "local", "shopping", "long", "topic")
}
HIDDEN = sorted(token(text) for text in ("word3", "#topic4", "nothing"))
EPOCH = Epoch.from_bytes(cut_epoch(MIXED, make_watches(MIXED, 50), default_policy(), NOW))
CREATORS = sorted(set(MIXED.creator.tolist()))
VIDEO = st.sampled_from(MIXED.ids.tolist())
SOME = st.lists(VIDEO, unique=True, max_size=40).map(lambda values: tuple(sorted(values)))
FEW_CREATORS = st.lists(st.sampled_from(CREATORS), unique=True, max_size=6).map(lambda values: tuple(sorted(values)))
WATCH = st.builds(
    Watch,
    st.one_of(VIDEO, st.just(77)),
    st.integers(0, 255),
    st.integers(NOW - 60 * DAY, NOW + DAY),
    st.sampled_from([0, int(LIKED), int(FINISHED), int(SKIPPED), int(NOT_INTERESTED)]),
)
VIEWER = st.builds(
    Viewer,
    id=st.sampled_from([-5, 3, *CREATORS]),
    watches=st.lists(WATCH, max_size=12).map(tuple),
    follows=FEW_CREATORS,
    blocks=FEW_CREATORS,
    seen=SOME,
    region=st.sampled_from(["", "de", "xx"]),
    language=st.sampled_from(["", "de", "en"]),
    profiling=st.booleans(),
    dials=st.builds(
        Dials,
        *[st.integers(-2, 2)] * 5,
        topics=st.dictionaries(
            st.sampled_from(["topic1", "topic2", "everyday", "none"]), st.sampled_from([-2, -1, 1, 2]), max_size=3
        ).map(lambda topics: tuple(sorted(topics.items()))),
    ),
    hidden=st.lists(st.sampled_from(HIDDEN), unique=True).map(lambda values: tuple(sorted(values))),
)
ASK = st.builds(
    Ask,
    limit=st.integers(1, 50),
    at_ms=st.integers(NOW, NOW + 2 * DAY),
    surface=st.sampled_from(
        [
            "for_you",
            "following",
            "hashtag:topic3",
            "hashtag:everyday",
            "hashtag:none",
            f"creator:{CREATORS[0]}",
            "creator:1",
        ]
    ),
    seed=st.integers(-(1 << 63), (1 << 63) - 1),
    withdrawn=SOME,
    again=st.booleans(),
)


@given(VIEWER, ASK)
@settings(max_examples=120, deadline=None)
def test_nobody_is_shown_what_they_must_not_see(viewer: Viewer, ask: Ask) -> None:
    slate = rank(EPOCH, viewer, ask)
    shown = videos(slate)
    assert len(shown) == len(set(shown)) <= ask.limit
    sold = [video for video in shown if MIXED.commercial[EPOCH.index_of(video)]]
    if ask.kind in ("for_you", "hashtag"):
        assert len(sold) <= (ask.limit * 13107 * (2 + min(viewer.dials.shopping, 0))) >> 17
    seen = set(viewer.seen.tolist()) | {watch.video for watch in viewer.watches}
    for slot in slate.slots:
        row = EPOCH.index_of(slot.video)
        creator = int(EPOCH.column("creator")[row])
        assert slot.video not in ask.withdrawn
        assert ask.kind not in ("for_you", "following") or not set(viewer.hidden) & set(MIXED.tokens[row])
        assert creator not in viewer.blocks
        assert not MIXED.followers_only[row] or creator in viewer.follows or creator == viewer.id
        assert (slot.video in seen) == ("again" in slot.sources)
        assert ask.again or slot.video not in seen
        assert ask.surface != "for_you" or creator != viewer.id
        assert ask.surface != "following" or creator in viewer.follows
        assert ask.kind != "creator" or creator == int(ask.argument)
        assert ask.kind != "hashtag" or ask.argument in MIXED.hashtags[row]


@given(VIEWER, ASK)
@settings(max_examples=60, deadline=None)
def test_a_slate_is_full_while_anything_may_be_shown(viewer: Viewer, ask: Ask) -> None:
    ask = replace(ask, surface="for_you", limit=50, again=True)
    allowed = [
        row
        for row in range(60)
        if int(MIXED.ids[row]) not in ask.withdrawn
        and not set(viewer.hidden) & set(MIXED.tokens[row])
        and int(MIXED.creator[row]) not in (*viewer.blocks, viewer.id)
        and (not MIXED.followers_only[row] or int(MIXED.creator[row]) in viewer.follows)
    ]
    sold = sum(MIXED.commercial[row] > 0 for row in allowed)
    room = 50 * 13107 * (2 + min(viewer.dials.shopping, 0)) >> 17
    assert len(rank(EPOCH, viewer, ask).slots) == min(50, len(allowed) - max(0, sold - room))


@given(VIEWER, ASK)
@settings(max_examples=60, deadline=None)
def test_sums_are_exact_at_every_level(viewer: Viewer, ask: Ask) -> None:
    explanation = explain(EPOCH, viewer, ask)
    assert explanation.slate == rank(EPOCH, viewer, ask)
    for why in explanation.slots:
        dials = sum(part.term for part in why.dials)
        assert why.slot.value == sum(head.term for head in why.heads) + dials
        assert why.slot.value == why.base + sum(part.effect for part in why.signals) + dials
        assert len(why.dials) == sum(map(bool, astuple(viewer.dials)[:5])) + len(viewer.dials.topics)
        for dial in why.dials:
            assert 0 <= dial.feature <= 65536
            assert dial.term == dial.setting * WORTH[dial.dial.partition("#")[0] or "topic"] * dial.feature >> 16
        for head in why.heads:
            assert head.log_odds == head.bias + sum(part.log_odds for part in head.contributions)
            assert head.term == head.bias_term + sum(part.term for part in head.contributions)
            for part in head.contributions:
                exact = part.signal in ITEM_SIGNALS
                assert abs(part.term - head.weight * part.log_odds // 256) <= (0 if exact else 8)
        for number, part in enumerate(why.signals):
            assert part.effect == sum(head.contributions[number].term for head in why.heads)
            if part.signal in SUMMED_SIGNALS:
                assert part.amount == sum(watch.amount for watch in part.watches)
                assert viewer.profiling or part.amount == 0
        assert why.creator_term <= 0
        assert why.topic_term <= 0


def whole_numbers(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and whole_numbers(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(whole_numbers(inner) for inner in value)
    return value is None or type(value) in (int, str, bool)


@given(VIEWER, ASK)
@settings(max_examples=20, deadline=None)
def test_an_explanation_is_ready_for_json_without_floats(viewer: Viewer, ask: Ask) -> None:
    explanation = explain(EPOCH, viewer, ask)
    said = explanation.as_dict()
    assert whole_numbers(said)
    assert [slot["video"] for slot in said["slots"]] == videos(explanation.slate)


@given(VIEWER, ASK)
@settings(max_examples=40, deadline=None)
def test_what_was_dropped_says_why(viewer: Viewer, ask: Ask) -> None:
    explanation = explain(EPOCH, viewer, replace(ask, again=False))
    seen = set(viewer.seen.tolist()) | {watch.video for watch in viewer.watches}
    for drop in explanation.dropped:
        row = EPOCH.index_of(drop.video)
        creator = int(MIXED.creator[row])
        assert drop.sources
        first = next(
            name
            for name, holds in (
                ("withdrawn", drop.video in ask.withdrawn),
                ("blocked", creator in viewer.blocks),
                (
                    "followers_only",
                    bool(MIXED.followers_only[row]) and creator not in viewer.follows and creator != viewer.id,
                ),
                ("own", creator == viewer.id and ask.surface == "for_you"),
                (
                    "hidden",
                    ask.kind in ("for_you", "following") and bool(set(viewer.hidden) & set(MIXED.tokens[row])),
                ),
                ("seen", drop.video in seen),
            )
            if holds
        )
        assert drop.filter == first


@given(VIEWER, ASK)
@settings(max_examples=40, deadline=None)
def test_a_slate_replays_from_its_bytes(viewer: Viewer, ask: Ask) -> None:
    first = rank(EPOCH, viewer, ask).encode()
    rank(EPOCH, Viewer(1), Ask(50, NOW))
    assert rank(EPOCH, Viewer.decode(viewer.encode()), Ask.decode(ask.encode())).encode() == first


@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=40),
    st.integers(0, 10**9),
    st.integers(1, 50),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_the_order_of_candidates_does_not_matter(values: list[int], seed: int, limit: int, random: object) -> None:
    epoch = EPOCH

    def chosen(order: np.ndarray) -> list[int]:
        rows = order.astype(np.int64)
        worth = np.array(values, dtype=np.int64)[order]
        # The pool is always drawn from in the order of ids.
        pool = np.argsort(rows)[rows[np.argsort(rows)] % 3 == 0]
        places, *_ = choose(
            rows, worth, pool, epoch.packed.narrow, epoch.column("tag_weight"), limit // 5, limit, seed, 3, 6554, 3, 45875,
            5, 26214,
        )  # fmt: skip
        return rows[places].tolist()

    order = np.arange(len(values))
    straight = chosen(order)
    random.shuffle(order)  # type: ignore[attr-defined]
    assert chosen(order) == straight


def test_spacing_holds_when_there_are_enough_creators(small: Epoch, large: Epoch) -> None:
    for epoch in (small, large):
        for seed in range(20):
            slate = rank(epoch, Viewer(-1, language="de", region="de"), Ask(20, NOW, seed=seed))
            creators = [int(epoch.column("creator")[epoch.index_of(video)]) for video in videos(slate)]
            for place, creator in enumerate(creators):
                assert creator not in creators[max(0, place - 3) : place]


def test_spacing_gives_way_when_nobody_else_is_left() -> None:
    epoch = make_epoch(10, creators=1)
    explanation = explain(epoch, Viewer(-1), Ask(10, NOW))
    assert len(explanation.slots) == 10
    assert [why.within_creator_gap for why in explanation.slots] == [False] + [True] * 9


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 25, 50])
def test_the_exploration_share_holds_for_any_page_size(limit: int) -> None:
    slates = 4000
    filled = sum(int(explored_slots(seed, limit, 6554).sum()) for seed in range(slates))
    assert abs(filled / (slates * limit) - 0.1) < 0.01
    assert all(explored_slots(seed, limit, 6554).sum() >= limit * 6554 >> 16 for seed in range(100))


def test_exploration_reaches_newcomers(large: Epoch) -> None:
    owed = set(large.column("ids")[large.column("exploring")].tolist())
    reached = 0
    for seed in range(100):
        slate = rank(large, Viewer(-1), Ask(10, NOW, seed=seed))
        marked = [slot for slot in slate.slots if "explored" in slot.sources]
        assert len(marked) == 1
        assert all(slot.video in owed for slot in marked)
        reached += sum(slot.video in owed for slot in slate.slots)
    assert reached >= 100


def test_a_first_video_is_shown_to_somebody() -> None:
    base = make_catalogue(2000, creators=100)
    count = {name: getattr(base, name).copy() for name in ("impressions", "finishes", "likes", "shares", "follows", "skips", "rec_impressions", "rec_finishes", "rec_likes")}  # fmt: skip
    for column in count.values():
        column[77] = 0
    creator = base.creator.copy()
    creator[77] = 999_999
    published = base.published_at.copy()
    published[77] = NOW - 1000
    catalogue = replace(base, creator=creator, published_at=published, **count)
    epoch = Epoch.from_bytes(cut_epoch(catalogue, Watches.empty(), default_policy(), NOW))
    new = int(catalogue.ids[77])
    shown = [seed for seed in range(300) if new in videos(rank(epoch, Viewer(-1 - seed), Ask(10, NOW, seed=seed)))]
    assert shown


@pytest.mark.parametrize("size", [60, 10_000])
def test_two_finishes_bring_more_of_a_topic_at_once(size: int, small: Epoch, large: Epoch) -> None:
    epoch = small if size == 60 else large
    before, after = [], []
    for topic in range(10):
        clips = [video for video in epoch.column("ids").tolist() if topic_of(video) == topic][:2]
        watches = tuple(Watch(clip, 160, NOW - 5000, FINISHED) for clip in clips)
        neutral = Viewer(-1, seen=tuple(clips))
        for seed in range(5):
            ask = Ask(10, NOW, seed=seed)
            before.append(topics(rank(epoch, neutral, ask)).count(topic))
            after.append(topics(rank(epoch, Viewer(-1, watches=watches), ask)).count(topic))
    assert min(after) >= 2
    assert sum(after) >= 2 * sum(before) > 0


@pytest.mark.parametrize("size", [60, 10_000])
def test_three_skips_bring_less_of_a_topic_at_once(size: int, small: Epoch, large: Epoch) -> None:
    epoch = small if size == 60 else large
    before, after = 0, 0
    for topic in range(10):
        clips = [video for video in epoch.column("ids").tolist() if topic_of(video) == topic][:3]
        watches = tuple(Watch(clip, 0, NOW - 5000, SKIPPED) for clip in clips)
        for seed in range(5):
            ask = Ask(10, NOW, seed=seed)
            before += topics(rank(epoch, Viewer(-1), ask)).count(topic)
            after += topics(rank(epoch, Viewer(-1, watches=watches), ask)).count(topic)
    assert before >= 40
    assert after <= before // 4


def test_a_new_viewer_gets_many_topics(small: Epoch, large: Epoch) -> None:
    for epoch in (small, large):
        for seed in range(10):
            found = Counter(topics(rank(epoch, Viewer(-1), Ask(10, NOW, seed=seed))))
            assert len(found) >= 6
            assert max(found.values()) <= 3


def test_not_interested_pushes_away_more_than_a_skip(small: Epoch) -> None:
    clip = small.column("ids").tolist()[0]
    ask = Ask(50, NOW)

    def amount(flag: int) -> int:
        explanation = explain(small, Viewer(-1, watches=(Watch(clip, 0, NOW, flag),)), ask)
        return min(part.amount for why in explanation.slots for part in why.signals if part.signal == "topic")

    assert amount(NOT_INTERESTED) < amount(SKIPPED) < 0 == amount(0)


def test_an_older_watch_never_pulls_more(small: Epoch) -> None:
    clip = small.column("ids").tolist()[0]
    pulls = []
    for days in range(0, 200, 10):
        explanation = explain(small, Viewer(-1, watches=(Watch(clip, 255, NOW - days * DAY, LIKED),)), Ask(50, NOW))
        pulls.append(max(part.amount for why in explanation.slots for part in why.signals if part.signal == "topic"))
    assert pulls == sorted(pulls, reverse=True)
    assert pulls[0] > pulls[-1] == 0 or pulls[-1] < pulls[0] // 50


def test_without_profiling_watches_only_hide_what_was_seen(large: Epoch) -> None:
    clips = large.column("ids").tolist()[:20]
    watches = tuple(Watch(clip, 255, NOW - 5000, LIKED) for clip in clips)
    ask = Ask(20, NOW, seed=4)
    plain = rank(large, Viewer(-1, seen=tuple(clips), profiling=False), ask)
    assert rank(large, Viewer(-1, watches=watches, profiling=False), ask) == plain
    assert rank(large, Viewer(-1, watches=watches), ask) != plain


def test_following_is_newest_first(large: Epoch) -> None:
    creators = tuple(large.column("creators")[:3].tolist())
    slate = rank(large, Viewer(1, follows=creators), Ask(50, NOW, "following"))
    column = large.column("creator")
    rows = [row for row in range(large.size) if int(column[row]) in creators]
    rows.sort(key=lambda row: (-int(large.column("published")[row]), row))
    assert videos(slate) == large.column("ids")[rows[:50]].tolist()
    assert rank(large, Viewer(1), Ask(50, NOW, "following")).slots == ()


def test_following_digs_below_what_was_seen(large: Epoch) -> None:
    creator = int(large.column("creators")[0])
    rows = sorted(
        np.flatnonzero(large.column("creator") == creator).tolist(),
        key=lambda row: -int(large.column("published")[row]),
    )
    seen = tuple(sorted(large.column("ids")[rows[:-1]].tolist()))
    slate = rank(large, Viewer(1, follows=(creator,), seen=seen), Ask(10, NOW, "following"))
    assert videos(slate) == [int(large.column("ids")[rows[-1]])]


def test_again_brings_back_what_was_seen_longest_ago(small: Epoch) -> None:
    ids = small.column("ids").tolist()
    watches = tuple(Watch(video, 100, NOW - place * 1000) for place, video in enumerate(ids[:58]))
    viewer = Viewer(-1, watches=watches, seen=(ids[58],))
    assert videos(rank(small, viewer, Ask(10, NOW))) == [ids[59]]
    slate = rank(small, viewer, Ask(5, NOW, again=True))
    assert videos(slate) == [ids[59], ids[58], ids[57], ids[56], ids[55]]
    assert ["again" in slot.sources for slot in slate.slots] == [False, True, True, True, True]


def test_a_viewer_who_has_seen_everything(large: Epoch) -> None:
    viewer = Viewer(-1, seen=large.column("ids"))
    assert rank(large, viewer, Ask(50, NOW)).slots == ()
    assert len(rank(large, viewer, Ask(50, NOW, again=True)).slots) == 50


def test_the_last_unseen_video_is_found(large: Epoch) -> None:
    ids = large.column("ids").tolist()
    left = ids.pop(4321)
    assert videos(rank(large, Viewer(-1, seen=tuple(ids)), Ask(10, NOW))) == [left]


def test_under_the_watch_rule_impressions_may_return() -> None:
    policy = Policy.parse(default_policy().text.replace('rule = "impression"', 'rule = "watch"'))
    epoch = make_epoch(10, policy=policy)
    ids = epoch.column("ids").tolist()
    viewer = Viewer(-1, seen=tuple(ids), watches=(Watch(ids[0], 9, NOW),))
    assert sorted(videos(rank(epoch, viewer, Ask(50, NOW)))) == ids[1:]


def test_no_videos_and_one() -> None:
    none = Epoch.from_bytes(cut_epoch(Catalogue.empty(), Watches.empty(), default_policy(), NOW))
    one = Epoch.from_bytes(cut_epoch(shuffled(_BASE, np.array([0])), Watches.empty(), default_policy(), NOW))
    viewer = Viewer(3, (Watch(1, 2, 3),), (1, 7919), (2,), (5,), "de", "de")
    for surface in ("for_you", "following", "hashtag:topic0", "creator:7919"):
        for again in (False, True):
            assert rank(none, viewer, Ask(10, NOW, surface, again=again)).slots == ()
    assert videos(rank(one, viewer, Ask(10, NOW))) == [1_000_003]


def test_clocks_that_go_backwards_are_harmless(small: Epoch) -> None:
    ids = small.column("ids").tolist()
    viewer = Viewer(
        -1, watches=(Watch(ids[0], 255, NOW + DAY), Watch(ids[1], 255, NOW - DAY), Watch(ids[2], 255, NOW + 9 * DAY))
    )
    assert len(rank(small, viewer, Ask(10, 0)).slots) == 10


def test_threads_do_not_change_a_byte(large: Epoch) -> None:
    from concurrent.futures import ThreadPoolExecutor

    ids = large.column("ids").tolist()

    def one(number: int) -> bytes:
        viewer = Viewer(-1, watches=tuple(Watch(video, 200, NOW - 1000) for video in ids[number : number + 30]))
        return rank(large, viewer, Ask(10, NOW, seed=number)).encode()

    alone = [one(number) for number in range(60)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(60))) == alone
