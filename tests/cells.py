"""Whole cells for tests: started, used and killed as an operator would."""

import atexit
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a calm long password"
# Tests ask more in a minute than a person would.
SETTINGS = """
[feed]
epoch_seconds = 5
[limits]
feed_per_minute = 100000
events_per_minute = 100000
new_viewers_per_minute = 100000
writes_per_minute = 100000
[shop]
hooks_to_private = true
"""


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def web_answers(port: int) -> bool:
    """Whether a cell on this port is ready, asked with the lightest of clients."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def environment(data: Path) -> dict[str, str]:
    """Return the environment of a command that acts on this data folder and on nothing else."""
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "NATS_URL", "DJANGO_SETTINGS_MODULE")}
    return {**kept, "GLASWERK_DATA": str(data), "PYTHONPATH": str(ROOT)}


@cache
def _prepared() -> Path:
    """Return the data folder of a cell whose servers ran once and which holds nothing; one for this process."""
    folder = tempfile.mkdtemp(prefix="glaswerk-prepared-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    data = Path(folder) / "data"
    program = "from glaswerk.cli.attach import attached_cell\nwith attached_cell(): pass"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(data), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return data


def _copy_prepared(data: Path) -> None:
    data.parent.mkdir(parents=True, exist_ok=True)
    # PostgreSQL's files belong to another user where root runs the tests, and `cp -a` keeps that.
    subprocess.run(["cp", "-a", str(_prepared()), str(data)], check=True)
    # Every cell keeps to its port of NATS, and these run side by side.
    (data / "run" / "nats.port").unlink()


class RunningCell:
    """A `glaswerk up` of its own."""

    def __init__(self, data: Path, port: int) -> None:
        """Name the data folder and the port; `start` runs it."""
        self.data = data
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def started(cls, data: Path, settings: str = SETTINGS, from_nothing: bool = False) -> Iterator["RunningCell"]:
        """Start a cell, and stop it at the end.  Unless it shall start from nothing, its tables are there already."""
        if from_nothing:
            data.mkdir(parents=True)
        else:
            _copy_prepared(data)
        (data / "cell.toml").write_text(settings)
        cell = cls(data, free_port())
        cell.start()
        try:
            yield cell
        finally:
            cell.stop()

    def start(self) -> None:
        """Run `glaswerk up` and wait until it answers."""
        command = [sys.executable, "-m", "glaswerk", "up", "--port", str(self.port)]
        with (self.data / "up.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment(self.data), stdout=log, stderr=log)
        self.wait_ready()

    def wait_ready(self, seconds: float = 200) -> None:
        """Wait until the cell serves slates."""
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the cell does not come up:\n{(self.data / 'up.log').read_text()[-3000:]}")
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        try:
            # The file comes last, when the supervisor begins to watch; a killed one's may still lie there.
            status = json.loads((self.data / "run" / "status.json").read_text())
            if self.process is None or status["pid"] != self.process.pid:
                return False
        except FileNotFoundError:
            return False
        return web_answers(self.port)

    def stop(self) -> None:
        """Stop the cell as Ctrl-C does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
        self.process = None

    def children(self) -> dict[str, int]:
        """Return the process ids of the cell's children by name."""
        return dict(json.loads((self.data / "run" / "status.json").read_text())["children"])

    def run(self, *words: str, check: bool = True, input: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a `glaswerk` command on this cell."""
        done = subprocess.run(
            [sys.executable, "-m", "glaswerk", *words],
            env={**environment(self.data), "GLASWERK_PORT": str(self.port)},
            capture_output=True,
            text=True,
            input=input,
            check=False,
            timeout=200,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"glaswerk {' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *words: str) -> Any:
        """Run a command with --json and return what it printed."""
        return json.loads(self.run(*words, "--json").stdout)

    def client(self) -> httpx.Client:
        """Return a client that keeps cookies, signed out."""
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def person(self, role: str = "viewer", name: str | None = None) -> tuple[str, httpx.Client]:
        """Add a person and return their name and a client that is signed in."""
        name = name or f"p{secrets.token_hex(6)}"
        self.run("person", "add", name, "--password", PASSWORD, "--role", role)
        return name, self.sign_in(name)

    def sign_in(self, name: str) -> httpx.Client:
        """Return a client that is signed in through the sign-in page."""
        client = self.client()
        client.get("/accounts/login/")
        form = {"login": name, "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        answer = client.post("/accounts/login/", data=form, headers={"Referer": f"{self.url}/accounts/login/"})
        assert answer.status_code == 302, answer.text[:500]
        return client


def event(kind: str, video: str | None = None, **facts: Any) -> dict[str, Any]:
    """Return an event as a client reports it."""
    body = {"id": str(uuid.uuid4()), "kind": kind, "at": datetime.now(UTC).isoformat(), **facts}
    return {**body, "video": video} if video is not None else body


def send(client: httpx.Client, *events: dict[str, Any], slate: str | None = None) -> httpx.Response:
    """Report events."""
    return client.post("/api/events", json={"slate": slate, "events": list(events)})
