"""`glaswerk up` runs a cell in the foreground; `glaswerk status` says what runs."""

import json
import os
import signal
import time
from typing import Annotated, Any

import httpx
import typer

from glaswerk.cell.config import DATA_VARIABLE, Cell, ConfigError, current_cell
from glaswerk.cell.supervisor import CellBusy, StartFailed, Supervisor, locked, status_path
from glaswerk.cli.attach import fail, is_running

Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port to listen on instead of cell.toml's.")]


def web_answers(cell: Cell) -> bool:
    """Whether the web of this very cell is ready."""
    try:
        return httpx.get(f"http://127.0.0.1:{cell.port}/readyz", timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def run_cell(cell: Cell, quiet: bool = False, after_start: Any = None) -> None:
    """Start the whole cell, call `after_start()` once the web answers, and watch until a signal stops it."""
    started = time.monotonic()
    say = (lambda text: None) if quiet else (lambda text: typer.echo(f"  {text}", err=True))
    # Until the supervisor watches, a SIGTERM stops the start in order, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with locked(cell):
            status_path(cell).unlink(missing_ok=True)
            supervisor = Supervisor(cell, say)
            try:
                supervisor.start_servers()
                supervisor.start_workers(lambda: web_answers(cell))
                seconds = time.monotonic() - started
                typer.echo(f"{cell.config.cell.title} is ready at {cell.public_url} ({seconds:.1f} s)", err=True)
                if after_start is not None:
                    after_start()
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
        os.environ["GLASWERK_PORT"] = str(port)
    try:
        cell = current_cell()
    except ConfigError as error:
        fail(str(error))
    os.environ[DATA_VARIABLE] = str(cell.data)
    run_cell(cell)


def status(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Say whether the cell runs, and with which processes; exit status 1 when it does not."""
    cell = current_cell()
    running = is_running(cell)
    facts = {"running": running, "data": str(cell.data), "url": cell.public_url}
    if running:
        facts |= json.loads(status_path(cell).read_text())
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"{'running' if running else 'stopped'}: {cell.data}" + (f" at {cell.public_url}" if running else ""))
        for name, process in facts.get("children", {}).items():  # type: ignore[attr-defined]
            typer.echo(f"  {name}: process {process}")
    raise typer.Exit(0 if running else 1)
