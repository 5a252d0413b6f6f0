"""`glaswerk demo`: a whole cell with demo content, in the foreground."""

import ipaddress
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final, Self

import typer
from rich.console import Console

from glaswerk.cell.config import DATA_VARIABLE, PORT_VARIABLE, Cell, ConfigError, current_cell
from glaswerk.cell.process import die_with_parent
from glaswerk.cli.attach import fail, setup_django
from glaswerk.cli.demo.failure import DemoError
from glaswerk.cli.demo.share import printed_creator
from glaswerk.cli.demo.welcome import accounts_mark, content_mark, welcome, welcome_without_demo
from glaswerk.cli.demo_cells import run_cells
from glaswerk.cli.up import Port, run_cell

_STOP_TIMEOUT_S: Final = 20.0
_NO_CONTENT: Final = "--no-content"


def demo(
    port: Port = None,
    data: Annotated[Path | None, typer.Option("--data", help="The demo's data folder.")] = None,
    no_content: Annotated[bool, typer.Option(_NO_CONTENT, help="Only the accounts, no clips and no audience.")] = False,
    cells: Annotated[
        str, typer.Option("--cells", help="Several cells that follow each other, such as us,eu, on ports in a row.")
    ] = "",
) -> None:
    """Run a cell with demo content until Ctrl-C; the first start makes the content."""
    if data is not None:
        os.environ[DATA_VARIABLE] = str(data.absolute())
    if cells:
        run_cells(cells, current_cell().data / "cells", port, [_NO_CONTENT] if no_content else [])
        return
    if port is not None:
        os.environ[PORT_VARIABLE] = str(port)
    try:
        cell = current_cell()
    except ConfigError as error:
        fail(str(error))
    os.environ[DATA_VARIABLE] = str(cell.data)
    if not _listens_on_loopback(cell):
        fail(
            "the demo's password is printed for everybody to read, so it runs on the loopback only."
            ' Set web.host = "127.0.0.1" in cell.toml, or use `glaswerk up`.'
        )
    filling = Filling(cell, no_content)
    run_cell(cell, beside=filling)
    if filling.has_failed:
        raise typer.Exit(1)


def _listens_on_loopback(cell: Cell) -> bool:
    host = cell.config.web.host
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Filling:
    """The process that fills a cell while the supervisor watches over it; a context around the watching.

    Where nothing is to be done there is no process, and the welcome is printed at once.  When the process fails, the
    cell is stopped as by Ctrl-C, because a demo without its content is of no use to anybody.
    """

    def __init__(self, cell: Cell, no_content: bool) -> None:
        """Start nothing yet."""
        self._cell = cell
        self._no_content = no_content
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = False
        self.has_failed = False

    def __enter__(self) -> Self:
        mark = accounts_mark(self._cell) if self._no_content else content_mark(self._cell)
        if mark.exists():
            welcome(self._cell, Console(), printed_creator().name)
        else:
            command = [sys.executable, "-m", "glaswerk.cli.demo", *([_NO_CONTENT] if self._no_content else [])]
            # In a session of its own, because a Ctrl-C of the terminal is for the supervisor, which stops all in order.
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
            threading.Thread(target=self._wait, args=(self._process,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_stopping = True
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        if process.wait() != 0 and not self._is_stopping:
            self.has_failed = True
            os.kill(os.getpid(), signal.SIGINT)


def demo_content(no_content: Annotated[bool, typer.Option(_NO_CONTENT)] = False) -> None:
    """Fill the running cell; `glaswerk demo` starts this."""
    die_with_parent()
    setup_django()
    from django.db import Error as DatabaseError

    from glaswerk.cli.demo import stage

    cell = current_cell()
    errors = Console(stderr=True)
    try:
        if not stage.is_ours(cell):
            welcome_without_demo(cell, Console())
            return
        if no_content:
            stage.add_accounts(cell)
        else:
            stage.fill(cell, stage.Production(), errors)
    except stage.Stopped:
        errors.print("  The demo content is incomplete; the next `glaswerk demo` goes on from here.", soft_wrap=True)
        raise typer.Exit(1) from None
    except (DemoError, OSError, DatabaseError) as error:
        errors.print(
            f"glaswerk: the demo content is incomplete. {error}", highlight=False, markup=False, soft_wrap=True
        )
        errors.print("  Start it again to go on from here.")
        raise typer.Exit(1) from None
    welcome(cell, Console(), printed_creator().name)
