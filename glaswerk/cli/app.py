"""The composition of the `glaswerk` command: every subcommand, in the order that `--help` shows."""

import os
from pathlib import Path
from typing import Annotated

import typer

from glaswerk import __version__
from glaswerk.cell.config import DATA_VARIABLE
from glaswerk.cli import (
    bench,
    border,
    carve,
    demo_command,
    doctor,
    feed,
    learn,
    log,
    money,
    peer,
    person,
    reel,
    shop,
    simulate,
    storage,
    sunset,
    up,
    video,
)

app = typer.Typer(
    name="glaswerk",
    help="Run and use a Glaswerk cell.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _choose_cell(
    data: Annotated[
        Path | None, typer.Option("--data", help="The cell's data folder (or the variable GLASWERK_DATA).")
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True)] = False,
) -> None:
    if data is not None:
        os.environ[DATA_VARIABLE] = str(data.absolute())


app.command("up")(up.up)
app.command("status")(up.status)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo_command.demo)
app.add_typer(person.app, name="person")
app.add_typer(video.app, name="video")
app.add_typer(reel.app, name="reel")
app.add_typer(storage.app, name="storage")
app.add_typer(feed.app, name="feed")
app.add_typer(learn.app, name="learn")
app.add_typer(money.app, name="money")
app.add_typer(shop.app, name="shop")
app.add_typer(log.app, name="log")
app.add_typer(border.app, name="border")
app.add_typer(sunset.app, name="sunset")
app.add_typer(carve.app, name="carve")
app.add_typer(peer.app, name="peer")
app.command("simulate")(simulate.simulate)
app.add_typer(bench.app, name="bench")
