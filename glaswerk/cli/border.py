"""`glaswerk border …`: prove on a running cell that nothing leaves it which may not."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from glaswerk.cell.config import ConfigError, current_cell, running_facts
from glaswerk.cli.attach import attached_cell, fail

app = typer.Typer(help="What may leave this cell, and the proof that nothing else does.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `audit` a word of its own though it is the only one."""


@app.command()
def audit(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Let people who do not exist live in this cell, and search all that leaves it for them.

    They come through its front door, publish, comment, buy in the sandbox and fail; everything private of theirs is a
    canary, and so are a few public things, which must be seen.  Then everything that leaves is searched, and they are erased.
    Leaves with 1 where something was found, or a control was not seen.
    """
    try:
        is_up = bool(running_facts(current_cell()))
    except ConfigError as error:
        fail(str(error))
    if not is_up:
        fail("the cell is not running; start it with `glaswerk up` or `glaswerk demo`")
    with attached_cell() as cell:
        from glaswerk.border.audit.canaries import AuditFailed
        from glaswerk.border.audit.run import audit

        try:
            report = audit(cell, lambda line: None if as_json else typer.echo(f"… {line}", err=True))
        except AuditFailed as error:
            fail(f"the audit could not be done: {error}")
    facts = report.as_dict()
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        show(facts)
    if not report.passes:
        raise typer.Exit(1)


def show(facts: dict[str, Any]) -> None:
    """Print a report for people."""
    console = Console()
    table = Table("What leaves", "Pieces", "Bytes", "Found", "Controls seen", title="Canary test")
    for name, channel in facts["channels"].items():
        found = len({one["canary"] for one in facts["findings"] if one["channel"] == name})
        seen = sum(name in places for places in facts["control_names"].values())
        style = "red" if found else ""
        table.add_row(name, f"{channel['pieces']:,}", f"{channel['bytes']:,}", str(found), str(seen), style=style)
    for column in table.columns[1:]:
        column.justify = "right"
    console.print(table)
    for one in facts["findings"]:
        console.print(
            f"FOUND  {one['canary']}: {one['channel']}, {one['name']} ({one['spelling']})", style="red", markup=False
        )
    for label in facts["controls_missed"]:
        console.print(f"NOT SEEN  {label}, though everybody may know it", style="red", markup=False)
    for line in facts["unopened"]:
        console.print(f"NOT SEARCHED TO ITS END  {line}", style="red", markup=False)
    for line in facts["skipped"]:
        console.print(f"Left out: {line}", markup=False)
    console.print(
        f"{facts['canaries']} private canaries, {facts['found']} found;"
        f" {facts['controls']} public ones, {facts['controls_seen']} seen.",
        style="green" if facts["passes"] else "red",
    )
    console.print(f"Erased: {', '.join('@' + name for name in facts['erased']) or 'nobody'}.", markup=False)
    for line in facts["waiting"]:
        console.print(f"Still to be erased: {line}", style="yellow", markup=False)
