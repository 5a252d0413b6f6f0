"""`glaswerk reel`: the video engine by itself, on plain files."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from glaswerk.cli.attach import fail

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
