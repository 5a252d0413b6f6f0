"""Learning from the event log: what the log says, what a fit makes of it, and what a running cell does with the model."""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks._audience import Audience
from glaswerk.cell.log import Entry
from glaswerk.feed.archiver import Archive
from glaswerk.feed.fold import VideoMemory
from glaswerk.feed.learning.archive import CODE, KINDS, Catalogued, Events, fold, read_events
from glaswerk.feed.learning.fit import Fitted, fit
from glaswerk.feed.learning.slots import Slots, label
from glaswerk.feed.learning.store import model_path
from glaswerk.glass import HEADS, ITEM_SIGNALS, VIEWER_SIGNALS, CoWatch, default_policy
from glaswerk.glass.fitting import SlotSignals
from glaswerk.glass.learned import Learned
from tests.cells import SETTINGS, RunningCell, environment
from tests.feed.theatre import DURATION_MS, Theatre, event

DURATIONS = (0, 1_500, 9_000)
VIDEOS = Catalogued(np.array([11, 12, 13]), np.array(DURATIONS))


def events_of(rows: list[tuple[Any, ...]]) -> Events:
    """Events from (kind, viewer, video, logged_at, watched_ms, loops)."""
    kinds, *numbers = zip(*rows, strict=True) if rows else ((),) * 6
    viewer, video, at, watched, loops = (np.array(column, dtype=np.int64) for column in numbers)
    codes = np.array([CODE[kind] for kind in kinds], dtype=np.int8)
    return Events(codes, viewer, video, at, at, watched.astype(np.int32), loops.astype(np.int32))


def told(kind: str, viewer: int, video: int, at: int, watched_ms: int = 0, loops: int = 0) -> tuple[Any, ...]:
    return kind, viewer, video, at, watched_ms, loops


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([kind for kind in KINDS if kind != "reset"]),
            st.sampled_from([-1, 5]),
            st.sampled_from([11, 12, 13, 99]),
            st.integers(0, 12_000),
            st.integers(0, 2),
        ),
        max_size=12,
    )
)
def test_the_fold_by_columns_is_the_fold_of_the_feed(story: list[tuple[str, int, int, int, int]]) -> None:
    rows = [
        told(kind, viewer, video, 1000 + place, ms, loops)
        for place, (kind, viewer, video, ms, loops) in enumerate(story)
    ]
    memories: dict[tuple[int, int], VideoMemory] = {}
    for kind, viewer, video, at, watched_ms, loops in rows:
        if video in VIDEOS.ids and kind != "follow":
            memory = memories.setdefault((viewer, video), VideoMemory())
            memory.apply({"kind": kind, "at": at, "watched_ms": watched_ms, "loops": loops})
    pairs = fold(events_of(rows), VIDEOS)
    found = {}
    for place, (viewer, row) in enumerate(zip(pairs.viewer.tolist(), pairs.row.tolist(), strict=True)):
        found[viewer, int(VIDEOS.ids[row])] = int(pairs.strength[place])
    expected = {}
    for (viewer, video), memory in memories.items():
        watch = memory.as_watch(video, DURATIONS[video - 11])
        expected[viewer, video] = watch.strength if watch is not None else 0
    assert {pair: strength for pair, strength in found.items() if strength} == {
        pair: strength for pair, strength in expected.items() if strength
    }


def entry(sequence: int, at_ms: int, viewer: int, *events: dict[str, Any]) -> Entry:
    return Entry(sequence, "events", at_ms, [{"viewer": viewer, "slate": None, "events": list(events)}])


def watch(video: int, at: int, kind: str = "watch") -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "kind": kind, "at": at, "video": video, "creator": 8, "watched_ms": 7, "loops": 1}


def test_the_archive_is_read_whole_once_and_in_order(tmp_path: Path) -> None:
    hour = 3_600_000
    archive = Archive(tmp_path)
    for sequence in range(1, 9):
        archive.add(
            entry(sequence, sequence * hour // 3, -sequence, watch(11, 50 + sequence), watch(12, 60 + sequence))
        )
        archive.flush()
    parts = {part: part.read_bytes() for part in tmp_path.rglob("*.parts/*.parquet")}
    archive.join_finished_hours(100 * hour)
    # A kill between the join and the removal leaves both behind.
    for part, content in parts.items():
        part.parent.mkdir(exist_ok=True)
        part.write_bytes(content)
    events = read_events(tmp_path)
    assert events.viewer.tolist() == [-sequence for sequence in range(1, 9) for _ in range(2)]
    assert events.at.tolist() == [at for sequence in range(1, 9) for at in (50 + sequence, 60 + sequence)]
    assert events.logged_at.tolist() == [sequence * hour // 3 for sequence in range(1, 9) for _ in range(2)]
    assert read_events(tmp_path, most=5).at.tolist() == events.at[-5:].tolist()
    assert len(read_events(tmp_path / "nothing")) == 0


def test_a_reset_and_a_broken_file_take_out_what_they_must(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.add(entry(1, 10, 5, watch(11, 100), watch(12, 300)))
    archive.add(entry(2, 11, 6, watch(11, 100)))
    archive.add(entry(3, 12, 5, {"id": "r", "kind": "reset", "at": 200}))
    archive.add(entry(4, 13, 5, {"id": "x", "kind": "a kind of a later version", "at": 200, "video": 11}))
    archive.flush()
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    events = read_events(tmp_path)
    assert list(zip(events.viewer.tolist(), events.video.tolist(), strict=True)) == [(5, 12), (6, 11)]


def slots_of(rows: list[tuple[int, int, list[int]]]) -> Slots:
    """Slots from (at, viewer, videos) of every slate, with signals that say nothing."""
    none = np.zeros(0, dtype=np.int64)

    def signals(size: int) -> SlotSignals:
        bins = np.zeros((size, len(ITEM_SIGNALS)), np.uint8)
        return SlotSignals(bins, np.zeros((size, len(VIEWER_SIGNALS)), np.int64), none, none)

    return Slots.of((at, viewer, np.array(videos), signals(len(videos))) for at, viewer, videos in rows)


def test_a_label_is_what_the_viewer_did_after_the_slate() -> None:
    slots = slots_of([(100, 5, [11, 12, 13]), (200, 5, [12, 99]), (100, 6, [13])])
    events = events_of(
        [
            told("like", 5, 11, 99),
            told("watch", 5, 11, 150, 1_600),
            told("impression", 5, 12, 150),
            told("watch", 5, 13, 160, 1_000),
            told("share", 5, 13, 161),
            told("like", 6, 12, 170),
            told("watch", 6, 13, 210, 0, 2),
            told("follow", 6, 13, 220),
            told("watch", 5, 99, 220, 5_000),
        ]
    )
    rows, done = label(slots, events, VIDEOS)
    found = {
        (int(slots.viewer[slots.owner[row]]), int(slots.at[slots.owner[row]]), int(slots.video[row])): [
            name for name, did in zip(HEADS, did_row, strict=True) if did
        ]
        for row, did_row in zip(rows.tolist(), done.tolist(), strict=True)
    }
    assert found == {
        (5, 100, 11): ["skip"],
        (5, 100, 12): [],
        (5, 100, 13): ["share", "skip"],
        (6, 100, 13): ["finish", "follow"],
    }


@cache
def audience() -> tuple[Audience, Slots]:
    made = Audience.of(800, 600, 40_000)
    return made, made.slots(2_500)


def logged(made: Audience, folder: Path) -> Events:
    made.write_archive(folder)
    return read_events(folder)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Events:
    return logged(audience()[0], tmp_path_factory.mktemp("log"))


@pytest.fixture(scope="module")
def good(log: Events) -> Fitted:
    made, slots = audience()
    return fit(log, made.videos, slots, default_policy(), seed=1)


def test_a_fit_finds_what_counting_does_not_and_says_so(good: Fitted) -> None:
    assert good.refused == ""
    assert good.model is not None
    held, before = good.figures["held_out"], good.figures["in_service"]
    assert before["model"] == ""
    assert held["cowatch"]["recall@20"] > before["cowatch"]["recall@20"]
    assert held["heads"]["finish"]["auc"] > 0.6
    assert held["heads"]["finish"]["log_loss"] < before["heads"]["finish"]["log_loss"]
    assert good.model.heads is not None
    assert "buy" in good.figures["left_to_policy"]
    # The figures travel with the model, and the model with its bytes.
    assert Learned.decode(good.model.encode(), good.model.sha256).facts["held_out"] == held


def test_the_same_log_and_seed_give_the_same_bytes(log: Events, good: Fitted) -> None:
    made, slots = audience()
    again = fit(log, made.videos, slots, default_policy(), seed=1, threads=2)
    assert good.model is not None
    assert again.model is not None
    assert again.model.encode() == good.model.encode()


def test_a_model_that_is_worse_than_the_one_in_service_is_refused(log: Events, good: Fitted) -> None:
    made, slots = audience()
    rng = np.random.default_rng(3)
    # Bots watched at random for most of the time; the last tenth is as it was.
    early = log.logged_at < np.quantile(log.logged_at, 0.9)
    noise = replace(log, video=np.where(early, rng.choice(made.videos.ids, len(log)), log.video))
    worse = fit(noise, made.videos, slots, default_policy(), good.model, seed=1)
    assert worse.refused.startswith(
        "its co-watch filter finds less of what was watched afterwards than what serves now"
    )
    assert str(worse.figures["in_service"]["cowatch"]["recall@20"]) in worse.refused
    assert good.model is not None
    assert worse.figures["in_service"]["model"] == good.model.sha256


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "nothing to learn from: the archive of the event log is empty"),
        ([told("watch", 5, 13, 100, 9_000)], "a co-watch filter needs 500 watches to fit on (0 there)"),
        (
            [told("watch", 5, 13, at, 9_000) for at in range(2_000)],
            "a co-watch filter needs 500 watches to fit on (1 there)",
        ),
        ([told("watch", -viewer, 12, 7, 9_000) for viewer in range(1, 2_000)], "50 later ones of the same viewers"),
    ],
    ids=["nothing", "one event", "one viewer, one video", "all at one moment"],
)
def test_too_little_is_refused_with_what_is_missing(rows: list[tuple[Any, ...]], why: str) -> None:
    fitted = fit(events_of(rows), VIDEOS, slots_of([]), default_policy())
    assert fitted.model is None
    assert why in fitted.refused
    if rows:
        assert "0 videos were on a screen and reported on; heads need 1000" in fitted.refused


# From here on a whole cell learns.

VISITORS, ROUNDS, TASTES, VIDEOS_HERE = 40, 9, 4, 240


class Lesson:
    """A running cell whose visitors have tastes: each mostly finishes the videos of one taste, and mostly leaves the others."""

    def __init__(self, theatre: Theatre) -> None:
        self.theatre = theatre
        creators = [theatre.creator()[0] for _ in range(8)]
        self.videos = [theatre.video(creators[place % 8], f"taste{place % TASTES}") for place in range(VIDEOS_HERE)]
        self.taste = {video: place % TASTES for place, video in enumerate(self.videos)}
        theatre.wait_for(self.videos)
        self.visitors = [theatre.running.client() for _ in range(VISITORS)]
        self.mood = random.Random(4)
        self.told = 0

    def round(self) -> None:
        """Everybody asks for a slate, and watches it."""
        for place, client in enumerate(self.visitors):
            answer = client.get("/api/feed", params={"limit": 10}).json()
            events = []
            for slot in answer["slots"]:
                video = slot["video"]["id"]
                stays = self.mood.random() < (0.85 if self.taste.get(video) == place % TASTES else 0.15)
                events += [event("impression", video), event("watch", video, watched_ms=DURATION_MS if stays else 800)]
            taken = client.post("/api/events", json={"slate": answer["slate"], "events": events}).json()
            assert taken == {"accepted": len(events), "refused": []}
            self.told += len(events)

    def settled(self) -> None:
        """Wait until all that was told is archived."""
        self.theatre.until(lambda: self.archived() == self.told, 180)

    def archived(self) -> int:
        return len(read_events(self.theatre.cell.archive / "events"))

    def in_service(self) -> tuple[str, str]:
        """The epoch in service and the model that it was cut with."""
        from glaswerk.feed.epochs import epoch_path, newest_epoch

        (sha256,) = self.theatre.rows(
            "SELECT sha256 FROM feed_epochrecord WHERE in_service ORDER BY cut_at DESC LIMIT 1"
        )[0]
        assert epoch_path(self.theatre.cell, sha256).exists()
        return sha256, newest_epoch(self.theatre.cell).learned

    def states(self) -> dict[str, str]:
        return {one["sha256"]: one["state"] for one in self.theatre.running.json("learn", "history")}

    def shows(self) -> None:
        """The cell serves slates, and every one of them can be made again."""
        assert (
            len(httpx.get(f"{self.theatre.running.url}/api/feed", params={"limit": 5}, timeout=30).json()["slots"]) == 5
        )


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lesson]:
    with RunningCell.started(tmp_path_factory.mktemp("learning") / "data", SETTINGS) as running:
        found = Lesson(Theatre(running))
        # Before anything happened there is nothing to learn, and the cell says so.
        refused = running.run("learn", "fit", "--json", check=False)
        assert refused.returncode == 3
        assert json.loads(refused.stdout)["reason"].startswith("nothing")
        for _ in range(ROUNDS):
            found.round()
        found.settled()
        yield found


def learned(lesson: Lesson) -> str:
    """The model in service, which is fitted where there is none yet."""
    served = lesson.in_service()[1]
    return served or str(lesson.theatre.running.json("learn", "fit", "--force")["model"])


def test_a_cell_learns_serves_what_it_learned_and_can_go_back(lesson: Lesson) -> None:
    running = lesson.theatre.running
    assert lesson.in_service()[1] == ""
    answer = running.json("learn", "fit")
    assert answer["state"] == "in_service", answer
    figures = answer["figures"]
    assert figures["held_out"]["heads"]["finish"]["auc"] > 0.6
    assert lesson.in_service()[1] == answer["model"]
    assert model_path(lesson.theatre.cell, answer["model"]).exists()
    lesson.shows()
    again = running.json("learn", "fit")
    assert (again["state"], again["model"], again["epoch"]) == ("unchanged", answer["model"], "")
    back = running.json("learn", "rollback", "--reason", "just to see")
    assert back["model"] == ""
    assert lesson.in_service()[1] == ""
    assert lesson.states()[answer["model"]] == "rolled_back"
    # What was rolled back does not come again by itself, but by name.
    refused = running.run("learn", "fit", "--json", check=False)
    assert refused.returncode == 3
    assert json.loads(refused.stdout)["reason"] == "this very model was rolled back: just to see"
    assert lesson.in_service()[1] == ""
    assert running.json("learn", "rollback", answer["model"][:10])["model"] == answer["model"]
    assert lesson.in_service()[1] == answer["model"]
    unknown = running.run("learn", "rollback", "0000", check=False)
    assert unknown.returncode == 1
    assert "learn history" in unknown.stderr
    lesson.shows()
    audit = running.json("feed", "audit", "--sample", "60")
    assert audit["checked"] == audit["identical"] == 60


def test_a_worse_model_is_refused_and_nothing_changes(lesson: Lesson) -> None:
    learned(lesson)
    before = lesson.in_service()[1]
    # So that the fit makes another model than before, one more round is watched.
    lesson.round()
    lesson.settled()
    # One that has seen all that it is measured by: whatever is fitted honestly is worse.
    pairs = fold(read_events(lesson.theatre.cell.archive / "events"), catalogued(lesson))
    videos = catalogued(lesson)
    finished = pairs.strength >= 128
    people, person = np.unique(pairs.viewer[finished], return_inverse=True)
    from scipy import sparse

    seen = sparse.csr_matrix(
        (np.full(len(person), 160), (person, pairs.row[finished])), shape=(len(people), len(videos.ids))
    )
    oracle = Learned.of(videos.ids, CoWatch(64).fit(seen), None, {"oracle": True})
    oracle = replace(oracle, heads=Learned.decode(model_path(lesson.theatre.cell, before).read_bytes()).heads)
    path = model_path(lesson.theatre.cell, oracle.sha256)
    path.write_bytes(oracle.encode())
    with lesson.theatre.db() as connection, connection.transaction():
        connection.execute("UPDATE feed_learnedmodel SET state = 'retired' WHERE state = 'in_service'")
        connection.execute(
            "INSERT INTO feed_learnedmodel (sha256, fitted_at, figures, state, reason)"
            " VALUES (%s, now(), '{}', 'in_service', '')",
            [oracle.sha256],
        )
    lesson.theatre.running.run("feed", "cut")
    assert lesson.in_service()[1] == oracle.sha256
    answer = lesson.theatre.running.run("learn", "fit", "--json", check=False)
    told_us = json.loads(answer.stdout)
    assert (answer.returncode, told_us["state"], told_us["epoch"]) == (3, "refused", ""), told_us
    assert re.search("serves? now", told_us["reason"])
    assert lesson.states()[told_us["model"]] == "refused"
    assert lesson.in_service()[1] == oracle.sha256
    assert not model_path(lesson.theatre.cell, told_us["model"]).exists()
    assert lesson.theatre.running.json("learn", "rollback")["model"] == before


def catalogued(lesson: Lesson) -> Catalogued:
    rows = np.array(lesson.theatre.rows("SELECT id, duration_ms FROM videos_video ORDER BY id"), dtype=np.int64)
    return Catalogued(rows[:, 0].copy(), rows[:, 1].copy())


def test_a_fit_that_is_killed_changes_nothing(lesson: Lesson) -> None:
    learned(lesson)
    before, states = lesson.in_service()[1], lesson.states()
    child = subprocess.Popen(
        [sys.executable, "-m", "glaswerk", "learn", "fit", "--force"],
        env={**environment(lesson.theatre.cell.data), "GLASWERK_PORT": str(lesson.theatre.running.port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith("co-watch filter"):
            break
    child.send_signal(signal.SIGSTOP)
    # Meanwhile nobody else may fit.
    busy = lesson.theatre.running.run("learn", "fit", check=False)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert busy.returncode == 1
    assert "another fit of this cell is running" in busy.stderr
    assert lesson.states() == states
    lesson.theatre.running.run("feed", "cut")
    assert lesson.in_service()[1] == before
    lesson.theatre.until(lambda: lesson.theatre.running.run("learn", "fit", check=False).returncode in (0, 3))


def test_an_altered_or_truncated_model_file_is_refused_and_the_last_good_one_serves(lesson: Lesson) -> None:
    good = learned(lesson)
    path = model_path(lesson.theatre.cell, good)
    whole = path.read_bytes()
    other = replace(Learned.decode(whole), facts={"another": 1})
    model_path(lesson.theatre.cell, other.sha256).write_bytes(other.encode())
    with lesson.theatre.db() as connection:
        connection.execute(
            "INSERT INTO feed_learnedmodel (sha256, fitted_at, figures, state, reason)"
            " VALUES (%s, now() - interval '1 day', '{}', 'retired', '')",
            [other.sha256],
        )
    altered = bytearray(whole)
    altered[len(whole) // 2] ^= 1
    try:
        for bad in (bytes(altered), whole[: len(whole) // 2], b""):
            path.write_bytes(bad)
            lesson.theatre.running.run("feed", "cut")
            served = lesson.in_service()[1]
            assert served in lesson.states()
            assert served not in (good, "")
        # Without any good one the policy's own rules serve.
        for sha256 in lesson.states():
            if sha256:
                with contextlib.suppress(FileNotFoundError):
                    os.truncate(model_path(lesson.theatre.cell, sha256), 10)
        lesson.theatre.running.run("feed", "cut")
        assert lesson.in_service()[1] == ""
        lesson.shows()
    finally:
        path.write_bytes(whole)
    lesson.theatre.running.run("feed", "cut")
    assert lesson.in_service()[1] == good


def test_the_cell_learns_by_itself_when_it_is_due(lesson: Lesson) -> None:
    from glaswerk.feed.learning import schedule

    with lesson.theatre.db() as connection:
        connection.execute("UPDATE feed_learnedmodel SET fitted_at = fitted_at - interval '2 days'")
    assert asyncio.run(asyncio.to_thread(schedule._is_due, lesson.theatre.cell, 24))
    latest = lesson.theatre.running.json("learn", "history")[0]["fitted_at"]
    deadline = time.monotonic() + 240
    while lesson.theatre.running.json("learn", "history")[0]["fitted_at"] == latest:
        assert time.monotonic() < deadline, (lesson.theatre.cell.logs / "epochs.log").read_text()[-2000:]
        time.sleep(2)
    assert not schedule._is_due(lesson.theatre.cell, 24)
