"""The simulator: the same figures from the same seed, hidden things stay hidden, and responses follow the documented model."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as cases
from hypothesis import strategies as st
from typer.testing import CliRunner

from glaswerk.cli.app import app
from glaswerk.glass import FINISHED, SKIPPED, Ask, Viewer, default_policy
from glaswerk.glass.simulator import TITLES, Settings, SimulatorError, page_of, simulate
from glaswerk.glass.simulator.audience import Audience
from glaswerk.glass.simulator.chance import gaussian, uniform
from glaswerk.glass.simulator.contenders import Contender, Formula, Mixture, Newest, Popularity, best
from glaswerk.glass.simulator.figures import figures_of
from glaswerk.glass.simulator.glass import Glass
from glaswerk.glass.simulator.ledger import Board, Ledger
from glaswerk.glass.simulator.run import Diary, Simulation
from glaswerk.glass.simulator.settings import DAY_MS, START_MS
from glaswerk.glass.simulator.skips import skip_topics
from glaswerk.glass.simulator.world import TOPICS, World, make_world

TINY = Settings(viewers=40, videos=120, days=1, seed=5, rush_minutes=0)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(TINY)


@pytest.fixture(scope="module")
def warm(world: World) -> Simulation:
    simulation = Simulation(world, Ledger(world), Mixture())
    simulation.days(START_MS, TINY.begin_ms)
    return simulation


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return simulate(Settings(viewers=120, videos=200, days=1, seed=3, rush_minutes=3))


def _session(world: World, viewer: int, slate: list[int]) -> Any:
    audience = Audience(world)
    sittings = audience.sit_down(np.array([viewer]), np.array([TINY.begin_ms]))
    sittings.most_ms[:] = 1e12
    response = audience.watch(sittings, np.array([slate]))
    return sittings, response


def test_luck_depends_on_its_arguments_alone_and_is_spread_evenly() -> None:
    one = uniform(3, 1, np.arange(1000), 7)
    assert np.array_equal(one, uniform(3, 1, np.arange(1000), 7))
    assert np.array_equal(one[::-1], uniform(3, 1, np.arange(1000)[::-1], 7))
    for other in (
        uniform(4, 1, np.arange(1000), 7),
        uniform(3, 2, np.arange(1000), 7),
        uniform(3, 1, np.arange(1000), 8),
    ):
        assert not np.any(one == other)
    many = uniform(0, 0, np.arange(300)[:, None], np.arange(300)[None, :])
    assert abs(many.mean() - 0.5) < 0.005 and many.min() > 0 and many.max() < 1
    normal = gaussian(0, 0, np.arange(300)[:, None], np.arange(300)[None, :])
    assert abs(normal.mean()) < 0.01 and abs(normal.std() - 1) < 0.01


def test_a_world_is_made_by_its_seed_and_says_no_more_of_videos_than_a_cell_would_know(world: World) -> None:
    again, other = make_world(TINY), make_world(dataclasses.replace(TINY, seed=6))
    assert np.array_equal(world.hidden_people.taste, again.hidden_people.taste)
    assert world.clips.hashtags == again.clips.hashtags and world.clips.hashtags != other.clips.hashtags
    assert bool(np.all(np.diff(world.clips.published_at) >= 0)) and bool(np.all(np.diff(world.visits.at_ms) >= 0))
    # Nobody has two sessions in one hour, so that sessions served together are of different people.
    assert len(
        {(int(v), int(at) // 3_600_000) for v, at in zip(world.visits.viewer, world.visits.at_ms, strict=True)}
    ) == len(world.visits.viewer)
    # A hashtag is a hint, not the truth.
    right = [TOPICS[topic] in tags for topic, tags in zip(world.hidden_clips.topic, world.clips.hashtags, strict=True)]
    assert 0.6 < np.mean(right) < 0.9


class _Watched:
    """A contender that keeps everything it was ever handed."""

    name = "watched"

    def __init__(self) -> None:
        self.handed: list[Any] = []
        self._newest = Newest()

    def look(self, board: Board) -> None:
        self.handed.append(board)
        self._newest.look(board)

    def slate(self, viewer: Viewer, ask: Ask) -> list[int]:
        self.handed += [viewer, ask]
        return self._newest.slate(viewer, ask)


def test_no_policy_is_handed_a_hidden_thing(world: World) -> None:
    spy = _Watched()
    Simulation(world, Ledger(world), spy).days(START_MS, START_MS + DAY_MS)
    assert {type(thing) for thing in spy.handed} == {Board, Viewer, Ask}
    hidden = [
        getattr(part, field.name)
        for part in (world.hidden_clips, world.hidden_people)
        for field in dataclasses.fields(part)
    ]
    boards = [thing for thing in spy.handed if isinstance(thing, Board)]
    public = [vars(part) for board in boards for part in (board.catalogue, board.watches)]
    for column in (value for part in public for value in part.values()):
        assert not any(np.shares_memory(column, secret) for secret in hidden if isinstance(column, np.ndarray))


@pytest.mark.parametrize("contender", [Popularity(), Newest(), Formula(), Glass()], ids=lambda one: one.name)
def test_other_tastes_change_no_slate_while_nobody_has_shown_them(
    world: World, warm: Simulation, contender: Contender
) -> None:
    people, clips = world.hidden_people, world.hidden_clips
    other = dataclasses.replace(
        world,
        hidden_people=dataclasses.replace(people, taste=-people.taste, style=-people.style),
        hidden_clips=dataclasses.replace(clips, quality=-clips.quality, appeal=-clips.appeal),
    )
    slates = []
    for lived in (world, other):
        ledger = warm.ledger.copy()
        ledger._world = lived
        contender.look(ledger.board(TINY.begin_ms))
        slates.append([contender.slate(ledger.viewer(row), Ask(10, TINY.begin_ms, seed=row)) for row in range(20)])
    assert slates[0] == slates[1]
    assert all(0 < len(slate) == len(set(slate)) <= 10 for slate in slates[0])


def test_no_policy_shows_what_was_on_the_screen_or_is_not_published(world: World, warm: Simulation) -> None:
    for contender in (Popularity(), Newest(), Formula(), Glass()):
        simulation = Simulation(world, warm.ledger.copy(), contender)
        simulation.days(TINY.begin_ms, TINY.end_ms)
        video, viewer = simulation.diary.column("video"), simulation.diary.column("viewer")
        pairs = set(zip(viewer.tolist(), video.tolist(), strict=True))
        assert len(pairs) == len(video) > 0
        assert bool(np.all(world.clips.published_at[video] <= simulation.diary.column("at_ms")))


def test_responses_are_those_of_the_documented_model(world: World) -> None:
    """One viewer, one clip, by hand."""
    viewer, clip, seed = 3, 17, TINY.seed
    hidden, people, clips = world.hidden_clips, world.hidden_people, world.clips
    day = world.day_of(TINY.begin_ms)
    affinity = float(people.taste[day, viewer] @ hidden.mix[clip] + 0.25 * people.style[viewer] @ hidden.style[clip])
    affinity -= 0.0 if people.speaks[viewer, ("de", "en").index(clips.language[clip])] else 1.5
    affinity += 0.15 * (world.people.region[viewer] == clips.region[clip])
    sittings, response = _session(world, viewer, [clip])
    first = 1 / (1 + np.exp(-(1.2 + 0.8 * affinity + 0.7 * hidden.appeal[clip])))
    stays = bool(uniform(seed, 1, viewer, clip) < first)
    enjoyment = -0.6 + affinity + 0.7 * hidden.quality[clip] + 0.6 * float(gaussian(seed, 5, viewer, clip))
    time_to_leave = 16_000 * np.exp(0.8 * enjoyment) * (-np.log(uniform(seed, 3, viewer, clip))) ** (1 / 0.9)
    duration = int(clips.duration_ms[clip])
    if stays:
        assert response.watched_ms[0, 0] == int(min(max(time_to_leave, 2000), duration))
        assert response.pleasure[0, 0] == pytest.approx(1 / (1 + np.exp(-1.2 * enjoyment)))
    else:
        assert response.watched_ms[0, 0] < 2000 and response.flags[0, 0] & int(SKIPPED)
        assert response.pleasure[0, 0] == 0
    grown = people.expectation[viewer] - response.pleasure[0, 0] + 0.01
    assert sittings.disappointed[0] == pytest.approx(max(0.0, grown))


def test_a_topic_and_a_creator_that_come_again_please_less(world: World) -> None:
    audience = Audience(world)
    sittings = audience.sit_down(np.array([0]), np.array([TINY.begin_ms]))
    sittings.most_ms[:], here = 1e12, np.array([0])
    creators, topic = world.clips.creator, world.hidden_clips.topic
    clip, like = next(
        (one, other)
        for one in range(len(topic))
        for other in range(one)
        if topic[one] == topic[other] and creators[one] != creators[other]
    )
    fresh = audience.affinity(sittings, here, np.array([clip]))
    audience.watch(sittings, np.array([[like]]))
    tired = audience.affinity(sittings, here, np.array([clip]))
    mix = world.hidden_clips.mix
    assert fresh[0] - tired[0] == pytest.approx(0.35 * mix[like] @ mix[clip])
    sittings.recent[0, 0] = creators[clip]
    assert tired[0] - audience.affinity(sittings, here, np.array([clip]))[0] == pytest.approx(0.5)


def test_the_same_clip_gets_the_same_response_at_another_hour_from_the_same_mood(world: World) -> None:
    """Common random numbers: what differs between policies is what they chose."""
    audience = Audience(world)
    slates = np.array([[5], [5]])
    sittings = audience.sit_down(np.array([2, 2]), np.array([TINY.begin_ms, TINY.begin_ms + 3_600_000]))
    response = audience.watch(sittings, slates)
    assert response.watched_ms[0, 0] == response.watched_ms[1, 0] and response.flags[0, 0] == response.flags[1, 0]


def test_bots_do_not_watch_like_people(world: World) -> None:
    busy = make_world(dataclasses.replace(TINY, viewers=400, videos=2000))
    simulation = Simulation(busy, Ledger(busy), Newest())
    simulation.days(START_MS, START_MS + 2 * DAY_MS)
    board = simulation.ledger.board(START_MS + 2 * DAY_MS)
    pumped = np.flatnonzero(busy.hidden_clips.pumped & (busy.clips.published_at < START_MS + DAY_MS))
    assert len(pumped)
    people = np.flatnonzero(~busy.hidden_clips.pumped[: len(board.catalogue)] & (board.catalogue.impressions > 20))

    def rate(rows: Any) -> float:
        return float(board.catalogue.finishes[rows].sum() / board.catalogue.impressions[rows].sum())

    assert rate(pumped) > 2 * rate(people)
    # Each of them counts once for a video, as in a cell.
    bots = set(busy.people.bots.tolist())
    told = [
        (viewer, video)
        for viewer, video in zip(board.watches.viewer.tolist(), board.watches.video.tolist(), strict=True)
        if viewer in bots
    ]
    assert len(told) == len(set(told))
    assert len({viewer for viewer, _ in told}) == len(bots) == 20
    # People who meet such a video do not care for it.
    shown = simulation.diary.column("video")
    flags = simulation.diary.column("flags")
    met = np.isin(shown, pumped)
    assert np.mean(flags[met] & int(FINISHED) != 0) < np.mean(flags[~met] & int(FINISHED) != 0)


def test_figures_are_exact_on_a_diary_of_four_clips(world: World) -> None:
    diary = Diary()
    diary.add(
        video=np.array([0, 1, 2, 3]), viewer=np.array([0, 0, 1, 1]), at_ms=np.full(4, TINY.begin_ms + 5),
        began_ms=np.full(4, TINY.begin_ms), turn=np.zeros(4, dtype=np.int64), slot=np.array([0, 1, 0, 1]),
        flags=np.array([int(FINISHED), int(SKIPPED), int(FINISHED), 0]), pleasure=np.array([1.0, 0.0, 0.5, 0.5]),
        watched_ms=np.array([4000, 1000, 3000, 2000]),
    )  # fmt: skip
    diary.add_sessions(
        viewer=np.array([0, 1]), at_ms=np.full(2, TINY.begin_ms), watched_ms=np.array([5000.0, 5000.0]),
        clips=np.array([2, 2]), pleased=np.array([1.0, 1.0]), gave_up=np.array([True, False]),
    )  # fmt: skip
    figures = figures_of(world, diary)
    assert figures["watch_seconds_per_session"] == 5.0 and figures["clips_per_session"] == 2.0
    assert (figures["finished"], figures["skipped"], figures["liked"]) == (0.5, 0.25, 0.0)
    assert figures["pleasure_per_clip"] == 0.5 and figures["pleasure_by_day"] == [0.5]
    assert figures["gave_up"] == 0.5 and figures["topics_in_ten"] is None
    assert figures["first_shown"] == {
        "videos": 0, "shown": 0, "seconds_median": None, "seconds_95": None, "seconds_worst": None, "seconds": [],
    }  # fmt: skip


def test_skips_are_heeded_by_glass_and_by_nobody_who_does_not_read_them(world: World, warm: Simulation) -> None:
    board = warm.ledger.board(TINY.begin_ms)
    ratios = {}
    for contender in (Popularity(), Formula(), Glass()):
        contender.look(board)
        ratios[contender.name] = skip_topics(TINY, warm.ledger, board, contender).ratio
    assert ratios["popularity"] == 1.0
    glass, formula = ratios["glass"], ratios["formula"]
    assert glass is not None and formula is not None and glass < formula
    # The experiment leaves no trace.
    assert warm.ledger.viewer(0) == warm.ledger.copy().viewer(0)


@cases(max_examples=30, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(1, 20))
def test_peers_show_the_best_of_different_creators(world: World, warm: Simulation, seed: int, limit: int) -> None:
    board = warm.ledger.board(TINY.begin_ms)
    rng = np.random.default_rng(seed)
    scores, open_ = rng.integers(0, 5, len(board.catalogue)).astype(float), rng.random(len(board.catalogue)) < 0.5
    chosen = best(board, scores, open_, limit)
    rows = board.rows(chosen)
    makers = board.catalogue.creator[rows]
    assert bool(np.all(open_[rows])) and len(set(makers.tolist())) == len(chosen)
    assert len(chosen) == min(limit, len(set(board.catalogue.creator[open_].tolist())))
    assert bool(np.all(np.diff(scores[rows]) <= 0))
    left = np.setdiff1d(np.flatnonzero(open_ & ~np.isin(board.catalogue.creator, makers)), rows)
    assert not len(left) or not len(chosen) or scores[left].max() <= scores[rows].min()


def test_a_comparison_gives_every_figure(result: dict[str, Any]) -> None:
    left = {"lightgbm"} if result["left_out"] else set()
    assert set(result["policies"]) == set(TITLES) - left
    for figures in result["policies"].values():
        assert figures["watch_seconds_per_session"] > 0 and 0 < figures["pleasure_per_clip"] < 1
    assert result["policies"]["formula"]["watch_time_ratio"] == 1.0
    assert result["policies"]["mind_reader"]["watch_time_ratio"] > result["policies"]["glass"]["watch_time_ratio"]
    assert result["policies"]["newest"]["three_skips"]["ratio"] in (1.0, None)
    shown = result["policies"]["newest"]["first_shown"]
    assert shown["videos"] == 10 and shown["seconds_median"] is not None


def test_the_same_seed_gives_the_same_figures_and_too_small_a_log_is_said() -> None:
    first, again, other = (simulate(dataclasses.replace(TINY, seed=seed)) for seed in (7, 7, 8))
    assert json.dumps(first) == json.dumps(again) != json.dumps(other)
    assert "glass_learned" not in first["policies"] and first["heads_auc_of_finish"] is None
    assert any("learned" in sentence for sentence in first["left_out"])
    assert "Nothing is learned" in page_of(first)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.charts: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag == "svg":
            self.charts.append(str(given.get("aria-label")))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_one_whole_page_that_loads_nothing(result: dict[str, Any]) -> None:
    page = page_of(result)
    read = _Page()
    read.feed(page)
    assert read.open == [] and read.links == []
    assert len(read.charts) == 6 and all(re.search(r"Glass, learned", chart) for chart in read.charts)
    assert "<script" not in page and "url(" not in page and "http" not in page
    assert f"{result['policies']['glass']['watch_seconds_per_session']:.0f} s" in page


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("viewers", 1),
        ("videos", 19),
        ("days", 0),
        ("days", 61),
        ("seed", -1),
        ("viewers", 20_001),
        ("rush_minutes", 61),
    ],
)
def test_a_world_out_of_range_is_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(SimulatorError, match=f"^{name} must lie between"):
        dataclasses.replace(Settings(), **{name: value})


def test_the_command_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(default_policy().text.replace("[spacing]", "[spacings]"))
    for arguments, said in (
        (["--viewers", "1"], "viewers must lie between 2 and"),
        (["--days", "0"], "days must lie between"),
        (["--policy", str(bad)], "spacing"),
        (["--policy", str(tmp_path / "none.toml")], "none.toml"),
        (["--out", str(tmp_path / "nowhere" / "report.html")], "is not a folder"),
    ):
        done = CliRunner().invoke(app, ["simulate", *arguments])
        assert done.exit_code == 2, arguments
        assert said in done.output and "Traceback" not in done.output


def test_the_command_writes_a_report_and_json(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    arguments = ["--viewers", "30", "--videos", "100", "--days", "1", "--seed", "2", "--out", str(out), "--json"]
    done = CliRunner().invoke(app, ["simulate", *arguments])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["settings"]["viewers"] == 30 and "glass" in told["policies"]
    assert out.read_text().startswith("<!doctype html>")
