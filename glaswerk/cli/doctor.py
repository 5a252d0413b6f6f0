"""`glaswerk doctor`: checks an installation, and says what to do about what it finds."""

import asyncio
import importlib.metadata
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import psycopg
import typer

from glaswerk.cell import nats, postgres
from glaswerk.cell.config import Cell, ConfigError, current_cell
from glaswerk.cell.log import EventLog, LogUnavailable
from glaswerk.cli.attach import is_running

LEAST_FREE_BYTES: Final = 2 << 30
OLDEST_PYTHON: Final = (3, 11)


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: whether it is well, what was seen, and what to do where it is not."""

    check: str
    ok: bool
    seen: str
    remedy: str = ""


def _python(cell: Cell) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info >= OLDEST_PYTHON, version, "Install Python 3.11 or newer.")


def _packages(cell: Cell) -> Finding:
    lock = Path(__file__).resolve().parents[2] / "requirements.lock"
    if not lock.exists():
        return Finding("packages", True, "no lock file beside the package")
    wrong = []
    for line in lock.read_text().splitlines():
        if line[:1].isalnum() and "==" in line:
            name, version = line.split(" ")[0].split("==")
            try:
                installed = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                installed = "missing"
            if installed != version and ";" not in line:
                wrong.append(f"{name} {installed} instead of {version}")
    return Finding(
        "packages", not wrong, ", ".join(wrong) or "as locked", "Run ./run again; it installs what is locked."
    )


def _program(name: str, command: list[str]) -> Finding:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        first = (done.stdout or done.stderr).splitlines()[:1]
        return Finding(
            name, done.returncode == 0, first[0] if first else "no answer", "Remove .venv and run ./run again."
        )
    except OSError as error:
        return Finding(name, False, str(error), "Remove .venv and run ./run again.")


def _ffmpeg(cell: Cell) -> Finding:
    import imageio_ffmpeg

    return _program("ffmpeg", [imageio_ffmpeg.get_ffmpeg_exe(), "-version"])


def _postgres(cell: Cell) -> Finding:
    if cell.external_database_url:
        reachable = postgres.is_ready(cell)
        return Finding(
            "database", reachable, "external", "Check DATABASE_URL or services.database_url, and the server."
        )
    return _program("database", [str(postgres.binary("postgres")), "--version"])


def _event_log(cell: Cell) -> Finding:
    if cell.external_nats_url:
        remedy = "Check NATS_URL or services.nats_url, and the server with its JetStream."
        return Finding("event log", asyncio.run(_answers(cell)), "external", remedy)
    return _program("event log", [str(nats.binary()), "--version"])


async def _answers(cell: Cell) -> bool:
    try:
        log = await EventLog.connect(cell)
    except LogUnavailable:
        return False
    await log.close()
    return True


def _folder(cell: Cell) -> Finding:
    existing = next(path for path in (cell.data, *cell.data.parents) if path.exists())
    writable = os.access(existing, os.W_OK)
    return Finding("data folder", writable, str(cell.data), "Choose a folder that you may write to with --data.")


def _space(cell: Cell) -> Finding:
    existing = next(path for path in (cell.data, *cell.data.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    return Finding("disk space", free >= LEAST_FREE_BYTES, f"{free / (1 << 30):.1f} GiB free", "Free at least 2 GiB.")


def _keys(cell: Cell) -> Finding:
    if not cell.keys.exists():
        return Finding("keys", True, "made at the first start")
    open_to_others = [path.name for path in (cell.keys, *cell.keys.iterdir()) if path.stat().st_mode & 0o077]
    return Finding("keys", not open_to_others, ", ".join(open_to_others) or "private", f"chmod -R go= {cell.keys}")


def _storage(cell: Cell) -> Finding:
    from glaswerk.cell.blobs import StorageError, store_of

    storage = cell.config.storage
    if storage.kind == "local" and not cell.media.exists():
        return Finding("storage", True, "made at the first start")
    seen = str(cell.media) if storage.kind == "local" else f"bucket {storage.bucket} at {storage.address}"
    try:
        store_of(cell).try_out()
    except StorageError as error:
        return Finding("storage", False, seen, error.strerror or "Check the settings of [storage].")
    return Finding("storage", True, seen)


def _port(cell: Cell) -> Finding:
    if is_running(cell):
        return Finding("port", True, f"{cell.port}, used by this cell")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((cell.config.web.host, cell.port))
        except OSError as error:
            return Finding(
                "port", False, f"{cell.port}: {error.strerror}", "Choose another one with --port or web.port."
            )
    return Finding("port", True, f"{cell.port} is free")


def _policy(cell: Cell) -> Finding:
    from glaswerk.glass import Policy, PolicyError

    try:
        with psycopg.connect(postgres.database_url(cell), connect_timeout=5) as connection:
            row = connection.execute("SELECT text FROM feed_policyrecord ORDER BY id DESC LIMIT 1").fetchone()
        if row is not None:
            Policy.parse(row[0])
    except psycopg.Error:
        return Finding("policy", True, "looked at while the cell runs")
    except PolicyError as error:
        return Finding("policy", False, str(error), "Put another one in force with `glaswerk feed policy set`.")
    return Finding("policy", True, "can be read")


def _running(cell: Cell) -> Finding:
    return Finding("cell", True, "running" if is_running(cell) else "not running; start it with `glaswerk up`")


CHECKS: Final[tuple[Callable[[Cell], Finding], ...]] = (
    _python, _packages, _ffmpeg, _postgres, _event_log, _folder, _space, _keys, _storage, _policy, _port, _running,
)  # fmt: skip


def doctor(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check the installation and say what to do; exit status 1 when something is wrong."""
    try:
        cell = current_cell()
        findings = [Finding("cell.toml", True, "as it should be" if cell.config_path.exists() else "defaults")]
        findings += [check(cell) for check in CHECKS]
    except ConfigError as error:
        findings = [Finding("cell.toml", False, str(error), "Mend the named keys; docs/operate.md describes each.")]
    well = all(finding.ok for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": well, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            typer.echo(f"{'ok ' if finding.ok else 'BAD'}  {finding.check}: {finding.seen}")
            if not finding.ok:
                typer.echo(f"     → {finding.remedy}")
    raise typer.Exit(0 if well else 1)
