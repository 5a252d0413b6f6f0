"""`glaswerk reel`: the video engine by itself, on plain files."""

import json
import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from glaswerk.cli.attach import attached_cell, fail

app = typer.Typer(help="Look into video files and make them; needs no running cell.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _group() -> None:
    """Keep the commands' names even while there is only one of them."""


@app.command()
def probe(
    file: Annotated[Path, typer.Argument(help="The video file, whatever it is called.")],
    as_json: AsJson = False,
) -> None:
    """Print what a file holds, read by a confined child; the exit status is 1 where it cannot become a video."""
    from glaswerk import reel

    try:
        facts = reel.probe(file).to_json()
    except reel.ReelError as error:
        if as_json:
            typer.echo(json.dumps({"failure": error.code.value, "detail": error.detail}))
            raise typer.Exit(1) from None
        fail(f"{file.name} cannot become a video: {error}")
    if as_json:
        typer.echo(json.dumps(facts))
        return
    table = Table("Fact", "Value")
    for name, value in facts.items():
        table.add_row(name, "–" if value is None else str(value))
    Console().print(table)


@app.command()
def render(
    draft: Annotated[Path, typer.Argument(metavar="DRAFT.otio", help="The timeline, an OpenTimelineIO document.")],
    out: Annotated[Path, typer.Option("--out", help="The MP4 to make; replaced if it exists.")],
    media: Annotated[
        Path | None, typer.Option("--media", help="The folder of its files; left out: the document's own.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the video that a timeline describes. Only files below the folder are opened; the exit status is 1 where it fails."""
    from glaswerk.reel import ReelError, timeline

    def refuse(field: str, message: str) -> NoReturn:
        if as_json:
            typer.echo(json.dumps({"field": field, "message": message}))
            raise typer.Exit(1)
        fail(f"{field}: {message}" if field else message)

    folder = media if media is not None else draft.absolute().parent
    if not folder.is_dir():
        refuse("--media", f"{folder} is no folder.")
    if not out.absolute().parent.is_dir() or out.is_dir():
        refuse("--out", "has to be a file in a folder that exists.")
    try:
        with draft.open("rb") as handle:
            text = handle.read(timeline.MAX_BYTES + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        refuse("DRAFT.otio", f"cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}.")
    bar = Progress(console=Console(stderr=True), transient=True, disable=as_json)
    try:
        document = timeline.parse(text)
        files = timeline.find_files(document, folder)
        with bar:
            task = bar.add_task("Rendering", total=100)
            plan = timeline.render(document, files, out, lambda percent: bar.update(task, completed=percent))
    except timeline.TimelineError as error:
        refuse(error.field, error.message)
    except ReelError as error:
        refuse("", f"The video could not be made: {error}.")
    facts = {
        "file": str(out),
        "width": plan.width,
        "height": plan.height,
        "frames": plan.frames,
        "duration_ms": plan.duration_ms,
        "has_audio": bool(plan.audio),
        "bytes": out.stat().st_size,
        "warnings": [{"field": each.field, "message": each.message} for each in document.warnings],
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for each in document.warnings:
        typer.echo(f"{each.field}: {each.message}", err=True)
    typer.echo(f"{out}: {plan.width}x{plan.height}, {plan.duration_ms / 1000:.2f} s, {facts['bytes']} bytes")


@app.command()
def worker(
    concurrency: Annotated[
        int, typer.Option(min=0, max=256, help="Jobs to do at once; 0 or left out: half of this machine's cores.")
    ] = 0,
    queue: Annotated[
        list[str] | None, typer.Option("--queue", help="Queues to work off; left out: render and ladder.")
    ] = None,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds that running jobs get on SIGTERM before they are given back.")
    ] = 60.0,
) -> None:
    """Prepare videos on this machine until told to end; several machines share the queue.

    It needs the cell's database (DATABASE_URL), its event log (NATS_URL) and its store of files; on the cell's own machine
    it finds all of them by the data folder.
    """
    from glaswerk.cell.config import ConfigError, current_cell
    from glaswerk.cli.attach import is_running, setup_django
    from glaswerk.cli.parts import run_until_told

    try:
        cell = current_cell()
    except ConfigError as error:
        fail(str(error))
    if not cell.external_database_url and not is_running(cell):
        fail(
            "there is no cell to work for: start one with `glaswerk up`, or name its servers with DATABASE_URL and NATS_URL"
        )
    cell.make_folders()
    setup_django()
    _check_tables()
    from glaswerk.border.sunset.keeping import while_lit
    from glaswerk.videos.outbox import EVENTS_QUEUE, LADDER_QUEUE, RENDER_QUEUE
    from glaswerk.videos.queue.workers import Line, work

    queues = queue or [RENDER_QUEUE, LADDER_QUEUE]
    known = (RENDER_QUEUE, LADDER_QUEUE, EVENTS_QUEUE)
    unknown = set(queues) - {*known}
    if unknown:
        fail(f"--queue: there is no queue {min(unknown)!r}; there are {', '.join(known)}")
    line = Line(queues, concurrency or max(1, (os.cpu_count() or 1) // 2))
    typer.echo(f"working off {', '.join(queues)}, {line.concurrency} at once", err=True)
    run_until_told(lambda: while_lit(lambda: work([line], grace_s=grace)))


@app.command()
def workers(as_json: AsJson = False) -> None:
    """List the processes that work off the cell's jobs, on every machine, and what they are at."""
    with attached_cell():
        from glaswerk.videos.queue.queries import living_workers, worker_facts

        facts = [worker_facts(each) for each in living_workers()]
    if as_json:
        typer.echo(json.dumps(facts))
        return
    table = Table("Machine", "Process", "Queues", "At once", "Videos")
    for each in facts:
        videos = ", ".join(f"{video['id']} ({video['progress']} %)" for video in each["videos"])
        leaving = " (leaving)" if each["leaving"] else ""
        table.add_row(
            each["machine"], f"{each['process']}{leaving}", ", ".join(each["queues"]), str(each["concurrency"]), videos
        )
    Console().print(table)


def _check_tables() -> None:
    """Leave with an error where the database is away, or is that of another version."""
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            fail("the cell's database is that of another version; update the cell first, then its workers")
    except DatabaseError as error:
        fail(f"the cell's database does not answer: {type(error).__name__}; check DATABASE_URL")
