"""`glaswerk demo --cells us,eu`: several whole cells on one machine, each with its part of the demo, following each other."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Final

import typer

from glaswerk.cell.config import CONFIG_NAME, DATA_VARIABLE, PORT_VARIABLE, Cell, ConfigError
from glaswerk.cell.process import die_with_parent
from glaswerk.cli.attach import fail
from glaswerk.cli.demo.share import VARIABLE
from glaswerk.cli.up import web_answers
from glaswerk.people.names import CELL_PATTERN

MOST_CELLS: Final = 4
_FIRST_PORT: Final = 8000
_STOP_TIMEOUT_S: Final = 60.0
# Browsers keep cookies by host and not by port, so that of two cells on one host one would sign the other out.
_HOSTS: Final = ("127.0.0.1", "localhost")
_NAME: Final = re.compile(CELL_PATTERN)
_REGION: Final = re.compile(r"[a-z][a-z0-9-]{0,15}")


@dataclass
class _Neighbour:
    """One of the cells."""

    name: str
    data: Path
    port: int
    host: str
    share: str
    process: "subprocess.Popen[str] | None" = field(default=None)

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key != PORT_VARIABLE}
        return {**kept, DATA_VARIABLE: str(self.data), VARIABLE: self.share}

    def settle(self) -> None:
        """Write the settings of the cell, anew at every start, because the ports may be others."""
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / CONFIG_NAME).write_text(
            "# Written by `glaswerk demo --cells` at every start.\n"
            f'[cell]\ntitle = "Glaswerk {self.name}"\nregion = "{self.name}"\n'
            f'[web]\nport = {self.port}\npublic_url = "http://{self.host}:{self.port}"\n'
        )

    def start(self, words: Sequence[str]) -> None:
        """Start the cell; what it says goes on here, with its name in front."""
        # In a session of its own: a Ctrl-C of the terminal is for us, who stop all of them in order.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "glaswerk", "demo", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        assert self.process.stdout is not None
        threading.Thread(target=_pass_on, args=(self.name, self.process.stdout), daemon=True).start()

    def ask(self, *words: str) -> str:
        """Run a `glaswerk` command on the cell, and return what it prints.  Raises CalledProcessError."""
        command = [sys.executable, "-m", "glaswerk", *words]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout.strip()

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Stop the cell as Ctrl-C does."""
        if self.process is None:
            return
        if self.is_alive:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


def run_cells(cells: str, folder: Path, port: int | None, words: Sequence[str]) -> None:
    """Run the cells that are named, with commas between, until Ctrl-C or until one of them ends."""
    names = [name.strip() for name in cells.split(",")]
    if not 2 <= len(names) <= MOST_CELLS or len(set(names)) != len(names):
        fail(f"--cells takes 2 to {MOST_CELLS} different names with commas between, such as us,eu")
    for name in names:
        if not _REGION.fullmatch(name) or not _NAME.fullmatch(name):
            fail(f"--cells: {name!r} is no name of a region; it has up to 16 of a-z, 0-9 and dashes, such as us")
    first = port or _FIRST_PORT
    neighbours = [
        _Neighbour(name, folder / name, first + number, _HOSTS[number % 2], f"{number}/{len(names)}")
        for number, name in enumerate(names)
    ]
    with _until_told(neighbours) as told:
        for one in neighbours:
            one.settle()
            one.start(words)
        if not _wait_ready(neighbours, told):
            _end(neighbours, told)
        _introduce(neighbours)
        typer.echo("\n" + "\n".join(f"  {one.name}: http://{one.host}:{one.port}" for one in neighbours), err=True)
        typer.echo("  Each shows what the others publish after a while. One Ctrl-C stops all of them.\n", err=True)
        while all(one.is_alive for one in neighbours) and not told.wait(0.5):
            pass
        _end(neighbours, told)


def _end(neighbours: Sequence[_Neighbour], told: threading.Event) -> None:
    if not told.is_set():
        ended = ", ".join(one.name for one in neighbours if not one.is_alive)
        typer.echo(f"glaswerk: {ended} has ended, so all of them are stopped", err=True)
        raise typer.Exit(1)


@contextmanager
def _until_told(neighbours: Sequence[_Neighbour]) -> Iterator[threading.Event]:
    """Yield what is set by SIGINT and SIGTERM; at the end all cells are stopped, side by side."""
    told = threading.Event()

    def tell(number: int, frame: FrameType | None) -> None:
        told.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, tell)
    try:
        yield told
    finally:
        stopping = [threading.Thread(target=one.stop) for one in neighbours]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()


def _wait_ready(neighbours: Sequence[_Neighbour], told: threading.Event) -> bool:
    """Wait until all of them answer; return False where one ends before, or somebody wants to stop."""
    waiting = list(neighbours)
    while waiting:
        if told.wait(0.5) or not all(one.is_alive for one in neighbours):
            return False
        try:
            waiting = [one for one in waiting if not web_answers(Cell(one.data))]
        except ConfigError as error:
            fail(str(error))
    return True


def _introduce(neighbours: Sequence[_Neighbour]) -> None:
    """Have each of them follow all others."""
    keys = {one.name: one.ask("log", "key") for one in neighbours}
    for one in neighbours:
        for other in neighbours:
            if one is not other:
                address = f"http://127.0.0.1:{other.port}"
                _patiently(one, "peer", "add", address, "--key", keys[other.name], "--name", other.name, "--private")


def _patiently(one: _Neighbour, *words: str, tries: int = 20) -> None:
    """Run a command, again where it fails: what is asked may be busy with its start."""
    for number in range(tries):
        try:
            one.ask(*words)
        except subprocess.CalledProcessError as error:
            if number == tries - 1:
                fail(f"{one.name}: {error.stderr.strip()}")
            time.sleep(1)
        else:
            return


def _pass_on(name: str, lines: IO[str]) -> None:
    for line in lines:
        print(f"[{name}] {line}" if line.strip() else "", end="" if line.strip() else "\n", file=sys.stderr, flush=True)
