"""One cell, one process tree: starts the parts in order, watches them, restarts what dies, stops all in order."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Final

import structlog

from glaswerk.cell import nats, postgres
from glaswerk.cell.config import DATA_VARIABLE, Cell, running_facts, status_path
from glaswerk.cell.prepared import is_prepared
from glaswerk.cell.process import spawn

START_TIMEOUT_S: Final = 180.0
STOP_TIMEOUT_S: Final = 15.0
# How long what a killed supervisor left behind may take to end, on a busy machine.
REST_TIMEOUT_S: Final = 60.0
FIRST_DELAY_S: Final = 0.25
LONGEST_DELAY_S: Final = 30.0
# A child that has lived this long starts again with the first delay when it dies.
HEALTHY_AFTER_S: Final = 30.0

Progress = Callable[[str], None]
_logger = structlog.get_logger("glaswerk.supervisor")


class CellBusy(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """Another process holds the data folder."""


class StartFailed(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """A part of the cell did not come up; the message names it and its log file."""


@contextmanager
def locked(cell: Cell) -> Iterator[int]:
    """Hold the data folder's lock, and yield the descriptor of its file.  Raises CellBusy where another holds it.

    The lock is free when nobody has the descriptor any more.  The children inherit it, so that what a killed
    supervisor leaves behind for a moment keeps the next one from starting servers on the same files.
    """
    cell.data.mkdir(parents=True, exist_ok=True)
    with (cell.data / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CellBusy(f"{cell.data} is in use by a running cell") from None
        yield file.fileno()


@contextmanager
def locked_soon(cell: Cell, patience_s: float) -> Iterator[int]:
    """Like `locked`, but wait a while for who holds the lock only for now: a short command, or a killed cell's rest."""
    deadline = time.monotonic() + patience_s
    with ExitStack() as stack:
        while True:
            try:
                descriptor = stack.enter_context(locked(cell))
                break
            except CellBusy:
                if running_facts(cell) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield descriptor


@dataclass
class Part:
    """One child of the cell: how it is started, when it is ready, how it is stopped."""

    name: str
    command: Callable[[], list[str]]
    is_ready: Callable[[], bool] = lambda: True
    environment: Callable[[], dict[str, str]] = dict
    prepare: Callable[[], None] = lambda: None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    nice: int = 0
    child: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    delay_s: float = field(default=FIRST_DELAY_S, init=False)
    restart_at: float = field(default=0.0, init=False)

    def start(self, cell: Cell, lock: int | None) -> None:
        """Start the child, which holds the cell's lock with us."""
        self.prepare()
        environment = {DATA_VARIABLE: str(cell.data), **self.environment()}
        self.child = spawn(
            self.command(),
            log=cell.logs / f"{self.name}.log",
            environment=environment,
            user=self.user,
            stop_signal=self.stop_signal,
            nice=self.nice,
            inherited=() if lock is None else (lock,),
        )
        self.started_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether the child runs."""
        return self.child is not None and self.child.poll() is None

    def stop(self) -> None:
        """Ask the child to stop; kill its whole session when it does not."""
        if self.child is None:
            return
        if self.child.poll() is None:
            self.child.send_signal(self.stop_signal)
            try:
                self.child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                _logger.warning("child killed", child=self.name)
        # Grandchildren share the child's session; whoever is left of it goes now.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        self.child = None


def _part(name: str) -> list[str]:
    # Not by way of the `glaswerk` command: each of these would load all the others' libraries.
    return [sys.executable, "-m", "glaswerk.cli.parts", name]


def servers(cell: Cell) -> list[Part]:
    """Return the embedded servers that this cell needs, in their order; none for the external ones."""
    parts = []
    if not cell.external_database_url:
        parts.append(
            Part(
                "postgres",
                lambda: postgres.command(cell),
                is_ready=lambda: postgres.is_ready(cell),
                prepare=lambda: postgres.prepare(cell),
                user=postgres.system_user(),
                stop_signal=signal.SIGINT,  # PostgreSQL's "fast" shutdown.
            )
        )
    if not cell.external_nats_url:
        parts.append(
            Part(
                "nats",
                lambda: nats.command(cell),
                is_ready=lambda: nats.is_ready(cell),
                environment=lambda: nats.environment(cell),
                prepare=lambda: nats.prepare(cell),
            )
        )
    return parts


def workers(cell: Cell, is_web_ready: Callable[[], bool]) -> list[Part]:
    """Return the cell's own processes.  Where cores are scarce, those whom nobody waits for make room for the web."""
    return [
        Part("projector", lambda: _part("projector")),
        Part("archiver", lambda: _part("archiver"), nice=5),
        Part("epochs", lambda: _part("epochs"), nice=5),
        Part("recorder", lambda: _part("recorder")),
        Part("courier", lambda: _part("courier"), nice=5),
        Part("jobs", lambda: _part("jobs"), nice=5),
        Part("web", lambda: _part("web"), is_ready=is_web_ready),
    ]


class Supervisor:
    """Runs the parts of one cell.  Use it inside `locked`; only the main thread may call it."""

    def __init__(self, cell: Cell, progress: Progress = lambda text: None, lock: int | None = None) -> None:
        """Make a supervisor that starts nothing yet; `lock` is the descriptor that `locked` yields."""
        self.cell = cell
        self._lock = lock
        self.parts: list[Part] = []
        self._progress = progress
        self._stop = threading.Event()

    def start_servers(self) -> None:
        """Start the embedded servers, and bring the database's tables up to this version."""
        self.cell.make_folders()
        self.start(servers(self.cell))
        postgres.ensure_database(self.cell)
        if is_prepared(self.cell):
            return
        self._progress("preparing tables and pages")
        log = self.cell.logs / "prepare.log"
        child = spawn(_part("prepare"), log=log, environment={DATA_VARIABLE: str(self.cell.data)})
        if child.wait() != 0:
            raise StartFailed(f"the preparation failed:\n{_last_lines(log)}\nThe whole of it is in {log}")

    def start_workers(self, is_web_ready: Callable[[], bool]) -> None:
        """Start the cell's own processes and wait for the web to answer."""
        self.start(workers(self.cell, is_web_ready))

    def start(self, parts: list[Part]) -> None:
        """Start parts one after the other, each when the one before is ready.  Raises StartFailed."""
        for part in parts:
            self._progress(f"starting {part.name}")
            self.parts.append(part)
            part.start(self.cell, self._lock)
            deadline = time.monotonic() + START_TIMEOUT_S
            while not part.is_ready():
                if not part.is_alive or time.monotonic() > deadline:
                    log = self.cell.logs / f"{part.name}.log"
                    raise StartFailed(f"{part.name} does not start:\n{_last_lines(log)}\nThe whole of it is in {log}")
                time.sleep(0.05)

    def watch(self) -> None:
        """Restart what dies, with growing delays, until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._write_status()
        while not self._stop.wait(0.1):
            for part in self.parts:
                if not part.is_alive:
                    self._revive(part)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _revive(self, part: Part) -> None:
        now = time.monotonic()
        if part.child is not None:
            if now - part.started_at > HEALTHY_AFTER_S:
                part.delay_s = FIRST_DELAY_S
            _logger.warning("child died", child=part.name, code=part.child.returncode, delay_s=part.delay_s)
            part.stop()
            part.restart_at = now + part.delay_s
            part.delay_s = min(2 * part.delay_s, LONGEST_DELAY_S)
            self._write_status()
        if now >= part.restart_at:
            try:
                part.start(self.cell, self._lock)
            except OSError as error:
                _logger.error("child does not start", child=part.name, exc_info=error)
                part.restart_at = now + part.delay_s
            self._write_status()

    def stop(self) -> None:
        """Stop all parts, the last started first."""
        for part in reversed(self.parts):
            self._progress(f"stopping {part.name}")
            part.stop()
        self.parts.clear()
        status_path(self.cell).unlink(missing_ok=True)

    def _write_status(self) -> None:
        status = {
            "pid": os.getpid(),
            "port": self.cell.port,
            "children": {part.name: part.child.pid for part in self.parts if part.child is not None},
        }
        path = status_path(self.cell)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(status))
        fresh.replace(path)


def _last_lines(path: Path, count: int = 12) -> str:
    file: IO[bytes]
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8192))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
