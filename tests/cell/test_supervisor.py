"""One cell, one process tree: one at a time, watched, stopped in order, and nothing left behind."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from glaswerk.cell import nats, postgres
from glaswerk.cell.config import Cell
from glaswerk.cell.process import spawn
from glaswerk.cell.supervisor import CellBusy, Part, StartFailed, Supervisor, locked
from tests.cells import PASSWORD, SETTINGS, RunningCell, environment, free_port


def until(condition: Callable[[], Any], seconds: float = 90) -> Any:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet asked for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def tree(pid: int) -> set[int]:
    """Return the process and everything below it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found, waiting = set(), [pid]
    while waiting:
        found.add(one := waiting.pop())
        waiting += children.get(one, ())
    return found


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    fresh = Cell(tmp_path / "cell")
    fresh.make_folders()
    return fresh


def test_the_lock_keeps_a_second_holder_out_and_dies_with_the_first(cell: Cell) -> None:
    program = (
        "import sys, time; from pathlib import Path; from glaswerk.cell.config import Cell;"
        " from glaswerk.cell.supervisor import locked\n"
        "with locked(Cell(Path(sys.argv[1]))): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(cell.data)], env=environment(cell.data), stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(CellBusy, match=str(cell.data)), locked(cell):
        pass
    holder.kill()
    holder.wait()
    with locked(cell):
        pass


def test_the_lock_is_held_until_the_last_child_is_gone(cell: Cell) -> None:
    with locked(cell) as lock:
        child = spawn(["sleep", "600"], log=cell.logs / "sleep.log", inherited=(lock,))
    with pytest.raises(CellBusy), locked(cell):
        pass
    child.kill()
    child.wait()
    with locked(cell):
        pass


def test_a_part_that_ends_at_once_is_reported_with_its_last_words(cell: Cell) -> None:
    supervisor = Supervisor(cell)
    broken = Part("broken", lambda: [sys.executable, "-c", "raise SystemExit('no such luck')"], is_ready=lambda: False)
    with pytest.raises(StartFailed, match="no such luck") as error:
        supervisor.start([broken])
    assert "broken.log" in str(error.value)
    supervisor.stop()


def test_parts_start_in_order_and_stop_in_the_opposite_one(cell: Cell) -> None:
    said: list[str] = []
    supervisor = Supervisor(cell, said.append)
    parts = [Part(name, lambda: ["sleep", "600"]) for name in ("first", "second", "third")]
    supervisor.start(parts)
    pids = [part.child.pid for part in parts if part.child is not None]
    assert len(pids) == 3
    assert all(is_alive(pid) for pid in pids)
    supervisor.stop()
    assert not any(is_alive(pid) for pid in pids)
    assert said == [
        *("starting first", "starting second", "starting third"),
        *("stopping third", "stopping second", "stopping first"),
    ]


def test_a_child_that_does_not_want_to_stop_is_killed_with_its_children(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glaswerk.cell.supervisor.STOP_TIMEOUT_S", 0.5)
    stubborn = Part("stubborn", lambda: ["sh", "-c", "trap '' TERM; sleep 600 & echo ready; wait; wait"])
    supervisor = Supervisor(cell)
    supervisor.start([stubborn])
    until(lambda: "ready" in (cell.logs / "stubborn.log").read_text())
    assert stubborn.child is not None
    pids = tree(stubborn.child.pid)
    assert len(pids) == 2
    supervisor.stop()
    until(lambda: not any(is_alive(pid) for pid in pids), 20)


@pytest.fixture(scope="module")
def own_cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCell]:
    """A running cell that these tests may kill."""
    with RunningCell.started(tmp_path_factory.mktemp("supervised") / "data", from_nothing=True) as running:
        yield running


@pytest.mark.cell
def test_a_second_start_is_refused_and_the_first_goes_on(own_cell: RunningCell) -> None:
    children = own_cell.children()
    done = own_cell.run("up", "--port", str(free_port()), check=False)
    assert done.returncode == 1
    assert "in use by a running cell" in done.stderr
    assert own_cell.children() == children
    own_cell.wait_ready()


@pytest.mark.cell
def test_other_commands_know_the_port_that_was_chosen_at_the_start(own_cell: RunningCell) -> None:
    def told(*words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "glaswerk", *words, "--json"],
            env=environment(own_cell.data),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    status = told("status")
    assert (status["running"], status["url"]) == (True, own_cell.url)
    assert set(status["children"]) == {
        "postgres",
        "nats",
        "projector",
        "archiver",
        "epochs",
        "recorder",
        "courier",
        "jobs",
        "web",
    }
    ports = [finding for finding in told("doctor")["findings"] if finding["check"] == "port"]
    assert [(finding["ok"], str(own_cell.port) in finding["seen"]) for finding in ports] == [(True, True)]


@pytest.mark.cell
def test_after_a_kill_of_the_supervisor_nothing_is_left_and_a_start_at_once_works(own_cell: RunningCell) -> None:
    assert own_cell.process is not None
    whole = tree(own_cell.process.pid)
    assert len(whole) > 8
    # The event log goes first, so that its clients are busy looking for it when they are told to stop.
    os.kill(own_cell.children()["nats"], signal.SIGKILL)
    time.sleep(0.05)
    own_cell.process.kill()
    own_cell.process.wait()
    # The next one waits for the rest of the killed one, in place of starting a second PostgreSQL beside it.
    own_cell.start()
    assert not [pid for pid in whole if is_alive(pid)]
    assert set(own_cell.children()) == {
        "postgres",
        "nats",
        "projector",
        "archiver",
        "epochs",
        "recorder",
        "courier",
        "jobs",
        "web",
    }
    # Both starts together prepared the tables once.
    assert (own_cell.data / "up.log").read_text().count("preparing tables") == 1


@pytest.mark.cell
def test_sigterm_stops_everything_in_order_and_commands_then_start_what_they_need(own_cell: RunningCell) -> None:
    assert own_cell.process is not None
    whole = tree(own_cell.process.pid)
    own_cell.process.send_signal(signal.SIGTERM)
    assert own_cell.process.wait(90) == 0
    assert not [pid for pid in whole if is_alive(pid)]
    stopped = [line for line in (own_cell.data / "up.log").read_text().splitlines() if "stopping" in line]
    order = ["web", "jobs", "courier", "recorder", "epochs", "archiver", "projector", "nats", "postgres"]
    assert stopped[-9:] == [f"  stopping {name}" for name in order]
    assert not (own_cell.data / "run" / "status.json").exists()
    # PostgreSQL was asked, not killed: nothing has to be recovered.
    log = (own_cell.data / "log" / "postgres.log").read_text()
    assert "database system is shut down" in log.splitlines()[-1]
    status = own_cell.run("status", "--json", check=False)
    assert (status.returncode, json.loads(status.stdout)["running"]) == (1, False)
    # Two commands at once on a stopped cell: the second waits for the first, and both do their work.
    names = [f"s{secrets.token_hex(5)}" for _ in range(2)]
    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "glaswerk", "person", "add", name, "--password", PASSWORD, "--json"],
            env=environment(own_cell.data),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for name in names
    ]
    for name, command in zip(names, commands, strict=True):
        out, error = command.communicate(timeout=200)
        assert command.returncode == 0, error
        assert json.loads(out)["name"] == name
    with locked(Cell(own_cell.data)):
        pass
    own_cell.start()
    for name in names:
        own_cell.sign_in(name).close()


@pytest.mark.cell
def test_existing_servers_are_used_through_the_same_code(tmp_path: Path) -> None:
    host = Cell(tmp_path / "host")
    host.make_folders()
    outside = Supervisor(host)
    try:
        from glaswerk.cell.supervisor import servers

        outside.start(servers(host))
        with psycopg.connect(postgres.maintenance_url(host), autocommit=True) as connection:
            connection.execute("CREATE DATABASE elsewhere")
        database = f"postgresql://{postgres.SUPERUSER}@/elsewhere?host={postgres.socket_folder(host)}"
        events = nats.nats_url(host).replace("nats://", f"nats://{nats.token(host)}@")
        guest = RunningCell(tmp_path / "guest", free_port())
        guest.data.mkdir()
        (guest.data / "cell.toml").write_text(
            f"{SETTINGS}\n[services]\ndatabase_url = '{database}'\nnats_url = '{events}'\n"
        )
        guest.start()
        try:
            assert set(guest.children()) == {"projector", "archiver", "epochs", "recorder", "courier", "jobs", "web"}
            assert not (guest.data / "postgres").exists()
            assert not (guest.data / "nats").exists()
            name, client = guest.person()
            assert client.get("/api/feed").status_code == 200
            with psycopg.connect(database) as connection:
                found = connection.execute("SELECT count(*) FROM people_person WHERE name = %s", [name]).fetchone()
            assert found == (1,)
            findings = {one["check"]: one for one in guest.json("doctor")["findings"]}
            assert findings["database"] == {
                "check": "database",
                "ok": True,
                "seen": "external",
                "remedy": findings["database"]["remedy"],
            }
            assert findings["event log"]["ok"]
        finally:
            guest.stop()
        # The guest's end is not the servers'.
        assert postgres.is_ready(host)
        assert nats.is_ready(host)
    finally:
        outside.stop()


def test_a_wrong_setting_stops_the_start_with_its_name(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "cell.toml").write_text("[web]\nprot = 1\n")
    for words in (("up",), ("doctor",), ("status",)):
        done = subprocess.run(
            [sys.executable, "-m", "glaswerk", *words],
            env=environment(data),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, words
        assert "web.prot" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr, words
    assert [path.name for path in data.iterdir()] == ["cell.toml"]
