"""`python -m glaswerk.cli.parts …`: the processes that the supervisor starts.  People use `glaswerk up`."""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from multiprocessing import get_context
from pathlib import Path

import typer

from glaswerk.cell import logs
from glaswerk.cell.config import Cell, current_cell

# Every part loads this file, so what only some of them need is imported where they need it.
app = typer.Typer()

# What npm packages hold beside the files that pages load.
_UNSERVED = ["browser-test-bundle.js", "tus.js", "tus.js.map"]


def run_until_told(main: Callable[[], Awaitable[None]]) -> None:
    """Run a process's main coroutine until SIGTERM or SIGINT cancels it, and end the process."""

    async def watched() -> None:
        task = asyncio.ensure_future(main())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        status = 0
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        except Exception:
            sys.excepthook(*sys.exc_info())
            status = 1
        # Not by way of asyncio, which would wait for a client that tries for ever to reach a server that was killed with us.
        sys.stderr.flush()
        os._exit(status)

    asyncio.run(watched())


@app.command()
def prepare() -> None:
    """Bring tables, streams and static files up to this version."""
    from glaswerk.cli.attach import fail, setup_django

    setup_django()
    from django.core.management import CommandError, call_command

    from glaswerk.cell.prepared import mark_prepared

    cell = current_cell()
    # Compiling takes one core as long as all the rest takes the other.
    compiling = get_context("spawn").Process(target=_compile_ranking, args=(cell,), daemon=True)
    compiling.start()
    try:
        call_command("check", fail_level="ERROR", verbosity=0)
    except CommandError as error:
        fail(str(error))
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    from glaswerk.border.role import grant

    grant()
    _collect_static(cell)
    compiling.join()
    if compiling.exitcode:
        fail("the ranking engine cannot be compiled")
    mark_prepared(cell)


def _once(stamp: Path, files: Iterable[Path], work: Callable[[], None]) -> None:
    """Do the work unless it was done for exactly these files."""
    digest = hashlib.sha256()
    for path in sorted(files):
        stat = path.stat()
        digest.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    if not (stamp.exists() and stamp.read_text() == digest.hexdigest()):
        work()
        stamp.write_text(digest.hexdigest())


def _collect_static(cell: Cell) -> None:
    """Collect the static files, under names that carry their hash, when any of them changed."""
    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders
    from django.core.management import call_command

    def collect() -> None:
        shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)
        call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=_UNSERVED)

    files = [Path(storage.path(path)) for finder in get_finders() for path, storage in finder.list([])]
    if not Path(settings.STATIC_ROOT).exists():
        (cell.run / "static.sha256").unlink(missing_ok=True)
    _once(cell.run / "static.sha256", files, collect)


def _compile_ranking(cell: Cell) -> None:
    """Compile the ranking engine once here, or every worker would do it at the same time."""
    from glaswerk import glass

    package = Path(glass.__file__).parent
    kept = package / "__pycache__"

    def compile_anew() -> None:
        # Numba does not notice that a function of another file, which it has built into a kernel, has changed.
        for path in kept.glob("*.nb[ic]"):
            path.unlink(missing_ok=True)
        glass.warm_up()

    # The mark lies where the kernels lie, for these are common to all cells of an installation.
    _once((kept if os.access(kept, os.W_OK) else cell.run) / "glass.sha256", package.rglob("*.py"), compile_anew)


# The projector, the archiver and the cutter read and write plain SQL, so they start without loading Django's apps.
@app.command()
def projector() -> None:
    """Turn the event log into tables."""
    logs.configure()
    from glaswerk.border.sunset.keeping import while_lit
    from glaswerk.feed.projector import main

    run_until_told(lambda: while_lit(main))


@app.command()
def archiver() -> None:
    """Write the event log to Parquet."""
    logs.configure()
    from glaswerk.border.sunset.keeping import while_lit
    from glaswerk.feed.archiver import main

    run_until_told(lambda: while_lit(main))


@app.command()
def epochs() -> None:
    """Cut epochs."""
    logs.configure()
    from glaswerk.border.sunset.keeping import while_lit
    from glaswerk.feed.cutter import main
    from glaswerk.shop.market import open_shop

    open_shop()
    run_until_told(lambda: while_lit(main))


@app.command()
def recorder() -> None:
    """Take what waits in the outbox into the public log."""
    logs.configure()
    from glaswerk.cell.recorder import main

    main()


@app.command()
def courier() -> None:
    """Say what is to be said to other cells, and follow them."""
    from glaswerk.cli.attach import setup_django

    setup_django()
    from glaswerk.border.courier import main

    main()


@app.command()
def jobs() -> None:
    """Work off the jobs: videos first of all."""
    from glaswerk.cli.attach import setup_django

    setup_django()
    from glaswerk.border.outbox import EXPORT_QUEUE
    from glaswerk.border.sunset.keeping import mark_for_ever, while_lit
    from glaswerk.videos.outbox import EVENTS_QUEUE, LADDER_QUEUE, RENDER_QUEUE
    from glaswerk.videos.queue.workers import Line, work

    cores = max(1, (os.cpu_count() or 1) // 2)
    lines = [
        # Rendering takes long, so it has a line of its own; announcements never wait behind it.
        Line([RENDER_QUEUE], cores, "render"),
        # The rest of the renditions, which may take as long as it takes: no first one waits behind it.
        Line([LADDER_QUEUE], cores, "ladder"),
        Line([EVENTS_QUEUE], 4, "events"),
    ]
    # People take copies of their data away in the dark, too.
    exports = Line([EXPORT_QUEUE], 1, "exports")

    async def main() -> None:
        # A cell that is stopped gives its renders back at once; the next start goes on with them.
        working = while_lit(lambda: work([*lines, exports], grace_s=0), lambda: work([exports], grace_s=0))
        await asyncio.gather(working, mark_for_ever())

    run_until_told(main)


@app.command()
def web() -> None:
    """Serve HTTP."""
    cell = current_cell()
    metrics = cell.run / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    from granian import Granian
    from granian.constants import Interfaces, Loops

    Granian(
        "glaswerk.web.server:make_app",
        factory=True,
        address=cell.config.web.host,
        port=cell.port,
        interface=Interfaces.ASGI,
        workers=cell.config.web.workers or os.cpu_count() or 1,
        blocking_threads=1,
        loop=Loops.uvloop,
        log_access=False,
        websockets=False,
        respawn_failed_workers=True,
        respawn_interval=0.25,
        workers_kill_timeout=5,
        static_path_route=["/static"],
        static_path_mount=[cell.data / "static"],
        static_path_expires=31_536_000,
        backlog=2048,
    ).serve()


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from glaswerk.cli.attach import setup_django

    setup_django()
    from glaswerk.web.api import api

    typer.echo(json.dumps(api.get_openapi_schema(), indent=1))


if __name__ == "__main__":
    app()
