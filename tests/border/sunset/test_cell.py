"""A running cell goes dark without notice: every process knows within moments, a kill changes nothing, and it comes back."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.border.cells.another_cell import AnotherCell, another_cell, ida
from tests.cells import SETTINGS, RunningCell, event, send
from tests.feed.theatre import Theatre

pytestmark = [pytest.mark.cell, pytest.mark.timeout(600)]
SIGNED = ("--basis", "Art. 1 of the Example Act", "--reason", "the law says so", "--signer", "legal department")


@pytest.fixture(scope="module")
def own_cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCell]:
    settings = SETTINGS + "\n[peers]\npoll_seconds = 1\n"
    with RunningCell.started(tmp_path_factory.mktemp("dark") / "data", settings) as cell:
        yield cell


@pytest.fixture
def us(tmp_path: Path) -> Iterator[AnotherCell]:
    with another_cell(tmp_path / "us") as other:
        yield other


def troubles(cell: RunningCell) -> set[str]:
    """What the courier complained of, but for servers that were away."""
    lines = map(json.loads, (cell.data / "log" / "courier.log").read_text().splitlines())
    found = {str(line["exception"]["type"]) for line in lines if "exception" in line}
    return found - {"OperationalError", "AdminShutdown"}


def until(what: Any, seconds: float = 300) -> None:
    """Wait for what comes by itself; how soon is no matter of a test."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_zero_notice_a_kill_and_back(own_cell: RunningCell, us: AnotherCell) -> None:
    theatre = Theatre(own_cell)
    us.say(ida())
    own_cell.run("peer", "add", us.url, "--key", us.key, "--name", "us", "--private")
    until(lambda: theatre.rows("SELECT display_name FROM people_person WHERE name = 'ida@us'"))
    creator, _ = theatre.creator()
    video = theatre.video(creator)
    viewer = theatre.somebody().client
    until(lambda: viewer.get("/api/feed").status_code == 200)
    assert send(viewer, event("impression", video)).status_code == 202
    facts = own_cell.json("sunset", "dark", *SIGNED)
    assert facts["state"] == "dark"

    # Each request may reach another worker.
    until(lambda: all(httpx.get(f"{own_cell.url}/api/feed", trust_env=False).status_code == 503 for _ in range(20)))
    own_cell.run("sunset", "status")
    # It is looked at every second while the cell is lit; whoever was at it just then has ended by now.
    time.sleep(2)
    asked = len(us.asked)
    us.say(ida(display_name="Ida in the dark"))
    writes = [
        ("POST", "/api/events"), ("PUT", "/api/dials"), ("POST", "/api/uploads"), ("POST", "/api/purchases"), ("GET", "/"),
        ("GET", f"/media/{'0' * 64}.mp4"), ("POST", "/me/profile"),
    ]  # fmt: skip
    for method, path in writes:
        answer = viewer.request(method, path, json={"events": []})
        assert answer.status_code == 503 and answer.headers["retry-after"], (method, path)
    refused = own_cell.run("person", "add", "eve", "--password", "a calm long password", check=False)
    assert refused.returncode == 1 and "dark" in refused.stderr

    # Everything is killed, as by a power failure, and the dark is the first thing that the next start knows.
    assert own_cell.process is not None
    os.kill(own_cell.process.pid, signal.SIGKILL)
    own_cell.process.wait()
    own_cell.start()
    assert viewer.get("/").status_code == 503
    assert viewer.get("/transparency/algorithm").status_code == 200
    assert viewer.get("/accounts/login/").status_code in (200, 302)
    assert len(us.asked) == asked
    status = own_cell.json("sunset", "status")
    (mark,) = status["history"][0]["marks"]

    resumed = own_cell.json("sunset", "resume", *SIGNED)
    assert resumed["state"] == "open" and resumed["changed"] == []
    until(lambda: all(viewer.get("/api/feed").status_code == 200 for _ in range(10)))
    assert send(viewer, event("impression", video)).status_code == 202
    name = "SELECT display_name FROM people_person WHERE name = 'ida@us'"
    until(lambda: theatre.rows(name) == [("Ida in the dark",)])
    assert troubles(own_cell) == set()
    # What was acknowledged before the dark has been counted since.
    until(lambda: theatre.rows("SELECT count(*) FROM feed_countedevent")[0][0] >= 2)
    (opened,) = theatre.rows("SELECT facts ->> 'root' FROM cell_record WHERE facts ->> 'state' = 'open'")
    assert opened[0] == mark["root"]
