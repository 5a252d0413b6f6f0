"""`glaswerk storage`: check what is stored, remove what nothing refers to, move everything to another store."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from glaswerk.cell.config import Cell, ConfigError
from glaswerk.cli.attach import attached_cell, is_running

app = typer.Typer(help="Stored files of this cell.", no_args_is_help=True)

_SHOWN: Final = 20
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class KindName(StrEnum):
    """The stores, as the command line takes them."""

    local = "local"
    s3 = "s3"


@app.command()
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing; say what would be removed.")] = False,
    grace_hours: Annotated[
        int | None, typer.Option(min=1, help="Leave what is younger; left out: storage.grace_hours.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Remove stored files that nothing refers to and that are older than the grace period."""
    with _storing():
        from glaswerk.cell import keeping

        found = keeping.collect(None if grace_hours is None else timedelta(hours=grace_hours), dry_run=dry_run)
    if as_json:
        facts = {"seen": found.seen, "referenced": found.referenced, "young": found.young, "dry_run": dry_run}
        removed = [str(blob) for blob in found.removed]
        typer.echo(json.dumps({**facts, "removed": removed, "removed_bytes": found.removed_bytes}))
        return
    done = "would be removed" if dry_run else "removed"
    typer.echo(f"{found.seen} files: {found.referenced} in use, {found.young} too young to judge.")
    typer.echo(f"{len(found.removed)} {done}, {_mib(found.removed_bytes)}.")


@app.command()
def check(
    read: Annotated[
        bool, typer.Option("--read/--no-read", help="Read every file and compare it with its name.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Look for files that are missing, damaged or not referred to; exit status 1 when one is missing or damaged."""
    with _storing():
        from glaswerk.cell import keeping

        found = keeping.check(read=read)
    if as_json:
        facts = {
            "ok": found.is_well,
            "files": found.blobs,
            "bytes": found.bytes,
            "references": found.references,
            "read": read,
            "missing": [{"column": column, "sha256": sha} for column, sha in found.missing],
            "corrupt": [str(blob) for blob in found.corrupt],
            "unreferenced": [str(blob) for blob in found.unreferenced],
        }
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"{found.blobs} files, {_mib(found.bytes)}, {found.references} references to them.")
        _list("Missing; restore them from a backup", [f"{sha} ({column})" for column, sha in found.missing])
        _list("Damaged; restore them from a backup", [str(blob) for blob in found.corrupt])
        _list("Not referred to; `glaswerk storage gc` removes them", [str(blob) for blob in found.unreferenced])
    raise typer.Exit(0 if found.is_well else 1)


@app.command()
def move(
    to: Annotated[KindName, typer.Option("--to", help="Where everything shall be kept.")],
    as_json: AsJson = False,
) -> None:
    """Copy every file to the other store, and switch over; run it again to go on.

    While the cell runs it only copies.  Stop the cell and run it once more: it copies the rest and switches.
    """
    with _storing() as cell:
        from glaswerk.cell import moving

        if cell.config.storage.kind == to.value:
            _fail(f"The files are kept there already: storage.kind is {to.value!r}.")
        spinner = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True
        )
        with spinner:
            task = spinner.add_task("Copying")

            def show(blobs: int, size: int) -> None:
                spinner.update(task, description=f"{blobs} files looked at, {_mib(size)} copied")

            moved = moving.copy_blobs(cell, to.value, show)
            running = is_running(cell)
            lacking = [] if running else moving.missing_blobs(cell, to.value)
        if lacking:
            _fail(f"{len(lacking)} files are still missing over there. Run the command again.")
        if not running:
            moving.switch(cell, to.value)
    if as_json:
        facts = {"files": moved.blobs, "copied": moved.copied, "copied_bytes": moved.copied_bytes}
        typer.echo(json.dumps({**facts, "switched": not running}))
        return
    typer.echo(f"{moved.blobs} files, {moved.copied} of them copied now ({_mib(moved.copied_bytes)}).")
    if running:
        typer.echo("The cell runs, so nothing is switched yet. Stop it and run this once more.")
    else:
        typer.echo(
            f"From its next start on the cell uses {to.value}. The old store is as it was; remove it when you like."
        )


@contextmanager
def _storing() -> Iterator[Cell]:
    """Attach to the cell, and turn what the store cannot do into a sentence."""
    with attached_cell() as cell:
        from glaswerk.cell.blobs import StorageError
        from glaswerk.cell.keeping import Busy

        try:
            yield cell
        except StorageError as error:
            _fail(error.strerror or str(error))
        except (Busy, ConfigError) as error:
            _fail(str(error))
        except OSError as error:
            _fail(f"The files cannot be read or written: {error.strerror}.")


def _list(title: str, names: list[str]) -> None:
    if names:
        typer.echo(f"{title}: {len(names)}")
        for name in names[:_SHOWN]:
            typer.echo(f"  {name}")
        if len(names) > _SHOWN:
            typer.echo("  … (--json lists all)")


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
