"""`glaswerk up` runs a cell in the foreground; `glaswerk status` says what runs."""

import json
import os
import signal
import socket
import time
from contextlib import AbstractContextManager, nullcontext
from http.client import HTTPConnection, HTTPException
from typing import Annotated
from urllib.parse import urlsplit

import typer

from glaswerk.cell.config import (
    DATA_VARIABLE,
    PORT_VARIABLE,
    Cell,
    ConfigError,
    current_cell,
    running_facts,
    status_path,
)
from glaswerk.cell.supervisor import REST_TIMEOUT_S, CellBusy, StartFailed, Supervisor, locked_soon
from glaswerk.cli.attach import fail, is_running

Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port to listen on instead of cell.toml's.")]


def web_answers(cell: Cell) -> bool:
    """Whether the web of this very cell is ready."""
    # Asked many times a second while the machine is busy starting, so with the lightest of clients.
    address = urlsplit(cell.local_url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _check_port(cell: Cell) -> None:
    """Raise StartFailed where somebody listens already: the web's workers share their port, even with another cell."""
    host = cell.config.web.host
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, cell.port))
        except OSError as error:
            place = f"{host}:{cell.port}"
            raise StartFailed(f"cannot listen on {place} ({error.strerror}); --port chooses another") from None


def run_cell(cell: Cell, quiet: bool = False, beside: AbstractContextManager[object] | None = None) -> None:
    """Start the whole cell and watch it until a signal stops it; `beside` is entered for the time of watching."""
    started = time.monotonic()
    say = (lambda text: None) if quiet else (lambda text: typer.echo(f"  {text}", err=True))
    # Until the supervisor watches, a SIGTERM stops the start in order, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with locked_soon(cell, REST_TIMEOUT_S) as lock:
            status_path(cell).unlink(missing_ok=True)
            _check_port(cell)
            supervisor = Supervisor(cell, say, lock)
            try:
                supervisor.start_servers()
                supervisor.start_workers(lambda: web_answers(cell))
                seconds = time.monotonic() - started
                typer.echo(f"{cell.config.cell.title} is ready at {cell.public_url} ({seconds:.1f} s)", err=True)
                with beside or nullcontext():
                    supervisor.watch()
            except KeyboardInterrupt:
                pass
            finally:
                supervisor.stop()
    except (CellBusy, StartFailed, ConfigError) as error:
        fail(str(error))


def up(port: Port = None) -> None:
    """Run the cell until Ctrl-C: servers, web, jobs, event log and epochs."""
    if port is not None:
        os.environ[PORT_VARIABLE] = str(port)
    try:
        cell = current_cell()
    except ConfigError as error:
        fail(str(error))
    os.environ[DATA_VARIABLE] = str(cell.data)
    run_cell(cell)


def status(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Say whether the cell runs, and with which processes; exit status 1 when it does not."""
    try:
        cell = current_cell()
    except ConfigError as error:
        fail(str(error))
    running = is_running(cell)
    facts = {"running": running, "data": str(cell.data), "url": cell.public_url, **running_facts(cell)}
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        typer.echo(
            f"{'running' if running else 'stopped'}: {cell.data}" + (f" at {cell.public_url}" if running else "")
        )
        for name, process in facts.get("children", {}).items():
            typer.echo(f"  {name}: process {process}")
    raise typer.Exit(0 if running else 1)
