"""`glaswerk demo`: the content arrives through the public API, a stopped fill goes on, and the feed learns from it."""

import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from glaswerk.cli.demo.audience import invent_audience, react
from glaswerk.cli.demo.clips import CLIPS
from glaswerk.cli.demo.remarks import remark_about
from glaswerk.cli.demo.wares.shops import SHOPS
from glaswerk.cli.demo.welcome import ACCOUNTS, MERCHANT, PASSWORD, VIEWER
from tests.cells import ROOT, RunningCell, environment, event, free_port, send
from tests.cli.tiny_demo import CLIPS as TINY_CLIPS
from tests.cli.tiny_demo import SELLING, TOPICS

# The fixture starts a cell and fills it twice, which on a crowded machine takes longer than a test may.
pytestmark = pytest.mark.timeout(900)
ALL_TOPICS = tuple(dict.fromkeys(clip.topic for clip in CLIPS))


def test_the_same_seed_invents_the_same_audience_and_another_one_does_not() -> None:
    audience = invent_audience(ALL_TOPICS, 300, 7)
    assert audience == invent_audience(ALL_TOPICS, 300, 7)
    assert audience != invent_audience(ALL_TOPICS, 300, 8)
    assert len({one.name for one in audience}) == 300
    for one in audience:
        loved = [topic for topic, taste in one.tastes.items() if taste >= 0.75]
        assert 1 <= len(loved) <= 3
        assert all(taste <= 0.3 for topic, taste in one.tastes.items() if topic not in loved)
    # Every topic has its lovers, so no clip is left alone.
    assert min(Counter(t for one in audience for t, taste in one.tastes.items() if taste >= 0.75).values()) >= 15


def test_names_are_names_that_a_cell_takes() -> None:
    from glaswerk.people.names import clean_name

    for one in invent_audience(ALL_TOPICS, 300, 7):
        assert clean_name(one.name) == one.name


def test_who_loves_a_topic_finishes_it_and_repeats_carry_the_same_ids() -> None:
    one = invent_audience(TOPICS, 1, 3)[0]
    loved = max(one.tastes, key=lambda topic: one.tastes[topic])
    disliked = min(one.tastes, key=lambda topic: one.tastes[topic])

    def finishes(topic: str) -> int:
        total = 0
        for number in range(400):
            video = {"id": f"v{number}", "hashtags": [topic], "caption": "A caption", "duration_ms": 5_000}
            events, _ = react(one, video, random.Random(number))
            assert [e["kind"] for e in events[:2]] == ["impression", "watch"]
            again, _ = react(one, video, random.Random(number))
            assert [e["id"] for e in again] == [e["id"] for e in events]
            total += events[1]["loops"] > 0
        return total

    assert finishes(loved) > 240
    assert finishes(disliked) < 160


def test_there_are_remarks_on_every_topic_in_both_languages() -> None:
    for topic in ALL_TOPICS:
        for language in ("de", "en"):
            remarks = {remark_about(topic, language, random.Random(seed)) for seed in range(200)}
            assert len(remarks) >= 9
            assert all(0 < len(remark) <= 500 for remark in remarks)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCell]:
    """A cell whose fill was stopped once and then resumed."""
    with RunningCell.started(tmp_path_factory.mktemp("demo") / "data") as cell:
        stopped = _fill(cell, "--stop-after", "2")
        assert stopped.returncode == 1, stopped.stderr
        assert "Stopped" in stopped.stderr
        assert not (cell.data / "demo" / "complete").exists()
        resumed = _fill(cell)
        assert resumed.returncode == 0, resumed.stderr
        yield cell


def _fill(cell: RunningCell, *words: str) -> "subprocess.CompletedProcess[str]":
    variables = {**environment(cell.data), "GLASWERK_PORT": str(cell.port)}
    command = [sys.executable, "-m", "tests.cli.tiny_demo", *words]
    return subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)


def _topic(slot: dict[str, Any]) -> str:
    return str(slot["video"]["hashtags"][0])


def _slate(client: httpx.Client, limit: int) -> dict[str, Any]:
    answer = client.get("/api/feed", params={"limit": limit})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.cell
def test_a_stopped_fill_goes_on_and_makes_nothing_twice(filled: RunningCell) -> None:
    assert (filled.data / "demo" / "complete").exists()
    assert not (filled.data / "demo" / "clips").exists()
    slots = _slate(filled.client(), 50)["slots"]
    assert Counter(slot["video"]["caption"] for slot in slots) == {clip.caption: 1 for clip in TINY_CLIPS}
    assert all(slot["video"]["creator"]["avatar"] for slot in slots)
    people = {person["name"]: person["role"] for person in filled.json("person", "list")}
    # The list names the roles of staff only.
    staff = ("moderator", "operator")
    assert {name: people[name] for name, _, _ in ACCOUNTS} == {
        name: role if role in staff else "" for name, role, _ in ACCOUNTS
    }
    named = {name for name, role, _ in ACCOUNTS if role not in staff}
    named |= {clip.creator.name for clip in TINY_CLIPS} | {shop.owner for shop in SHOPS}
    audience = 12
    assert Counter(people.values()) == {"": len(named) + audience, "moderator": 1, "operator": 1}


@pytest.mark.cell
def test_the_shops_are_open_and_stand_in_the_clips(filled: RunningCell) -> None:
    client = filled.client()
    found, after = [], None
    while True:
        page = client.get("/api/shop/products", params={"limit": 50, **({"before": after} if after else {})}).json()
        found += page["products"]
        after = page["next"]
        if after is None:
            break
    assert Counter(one["merchant"] for one in found) == {shop.name: 12 for shop in SHOPS}
    assert all(one["pictures"][0]["url"] and one["variants"][0]["price"] for one in found)
    assert len({one["kind"] for one in found}) >= 8
    available = [sum(each["available"] for each in one["variants"]) for one in found]
    assert 0 in available and any(0 < one <= 3 for one in available)
    assert any(each["before"] for one in found for each in one["variants"])
    topics = {slot["video"]["id"]: _topic(slot) for slot in _slate(client, 50)["slots"]}
    tagged = client.get("/api/shop/tagged", params={"videos": ",".join(topics)}).json()["videos"]
    assert [topics[video] for video in tagged] == [SELLING]
    # It was bought once, though the shops were opened twice.
    viewer, merchant = _signed_in(filled, VIEWER), _signed_in(filled, MERCHANT)
    bought = viewer.get("/api/shop/orders").json()["orders"]
    assert {one["merchant"] for one in bought} == {"ton-und-feuer", "nordlicht-drucke"} and len(bought) == 2
    waiting = merchant.get("/api/shop/merchants/ton-und-feuer/orders").json()["orders"]
    assert [one["state"] for one in waiting] == ["paid"]


def _signed_in(cell: RunningCell, name: str) -> httpx.Client:
    client = cell.client()
    client.get("/accounts/login/")
    form = {"login": name, "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    answer = client.post("/accounts/login/", data=form, headers={"Referer": f"{cell.url}/accounts/login/"})
    assert answer.status_code == 302
    return client


@pytest.mark.cell
def test_the_printed_password_opens_the_printed_account(filled: RunningCell) -> None:
    assert _signed_in(filled, "demo").get("/me").status_code == 200


@pytest.mark.cell
def test_the_audience_was_counted(filled: RunningCell) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        slots = _slate(filled.client(), 50)["slots"]
        if sum(slot["video"]["counts"]["likes"] for slot in slots) >= 5:
            return
        time.sleep(0.5)
    raise AssertionError("the audience's likes did not arrive")


@pytest.mark.cell
@pytest.mark.parametrize("topic", TOPICS)
def test_two_finished_clips_of_a_topic_bring_more_of_it_in_the_next_slate(filled: RunningCell, topic: str) -> None:
    with filled.client() as viewer, filled.client() as control:
        before = _slate(viewer, 10)
        _slate(control, 10)
        of_topic = [slot["video"] for slot in before["slots"] if _topic(slot) == topic]
        assert len(of_topic) == 3
        # Both have seen the same: two clips of the topic and one of each other; only the viewer finished the two.
        others = [slot["video"] for slot in before["slots"] if _topic(slot) != topic]
        seen = [*of_topic[:2], others[0]]
        finished = [event("watch", video["id"], watched_ms=2 * video["duration_ms"], loops=2) for video in of_topic[:2]]
        assert send(viewer, *(event("impression", v["id"]) for v in seen), *finished).status_code == 202
        assert send(control, *(event("impression", v["id"]) for v in seen)).status_code == 202
        # The one clip of the topic that is left comes first for who finished two, whatever place it has for the other.
        after, other = _slate(viewer, 6)["slots"], _slate(control, 6)["slots"]
        left = of_topic[2]["id"]
        assert [slot["video"]["id"] for slot in after].index(left) <= 1
        gained = {slot["video"]["id"]: slot["value"] for slot in after}[left]
        assert gained > {slot["video"]["id"]: slot["value"] for slot in other}[left]


def _demo(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "glaswerk", "demo", "--data", str(data), *words]
    return subprocess.run(command, env=environment(data), capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.cell
def test_without_content_there_are_the_accounts_and_the_next_start_is_the_same(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    for _ in range(2):
        command = [sys.executable, "-m", "glaswerk", "demo", "--data", str(data), "--port", str(port), "--no-content"]
        with (tmp_path / "out").open("w+") as out:
            process = subprocess.Popen(command, env=environment(data), stdout=out, stderr=subprocess.STDOUT)
            try:
                deadline = time.monotonic() + 120
                while PASSWORD not in (tmp_path / "out").read_text() and time.monotonic() < deadline:
                    assert process.poll() is None, (tmp_path / "out").read_text()
                    time.sleep(0.1)
                printed = (tmp_path / "out").read_text()
            finally:
                process.send_signal(signal.SIGINT)
                assert process.wait(60) == 0
        assert f"http://127.0.0.1:{port}" in printed
        assert all(name in printed for name, _, _ in ACCOUNTS)
        assert not (data / "demo" / "complete").exists()


def test_a_port_in_use_is_a_sentence_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = _demo(tmp_path / "data", "--port", str(port))
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == f"glaswerk: cannot listen on 127.0.0.1:{port} (Address already in use); --port chooses another"
    )
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_published_password_never_leaves_the_loopback(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "cell.toml").write_text('[web]\nhost = "0.0.0.0"\n')
    done = _demo(data)
    assert done.returncode == 1
    assert "loopback" in done.stderr
    assert not (data / "postgres").exists()
