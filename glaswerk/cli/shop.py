"""`glaswerk shop`: a merchant's catalogue, in and out, and who may sell."""

import json
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from glaswerk.cli.attach import attached_cell

app = typer.Typer(help="The shop of this cell.", no_args_is_help=True)
_SHOWN: Final = 20


@app.command("import")
def import_products(
    file: Annotated[Path, typer.Argument(help="A CSV in the columns of Shopify's product export.")],
    merchant: Annotated[str, typer.Option("--merchant", help="Whose products they are.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with what became of each row.")] = False,
) -> None:
    """Create and change products; exit status 1 where a product was refused, 2 where the file cannot be read."""
    try:
        data = file.read_bytes()
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}.")
    with attached_cell():
        from glaswerk.shop.models import Merchant
        from glaswerk.shop.spreadsheets import CsvError, import_products

        found = Merchant.objects.filter(name=merchant.lower()).first()
        if found is None:
            _fail(f"There is no merchant {merchant!r}.")
        spinner = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True
        )
        with spinner:
            task = spinner.add_task("Reading")
            try:
                report = import_products(
                    found, data, lambda done: spinner.update(task, description=f"{done} products looked at")
                )
            except CsvError as error:
                _fail(str(error))
    counts = {outcome: report.products(outcome) for outcome in ("created", "changed", "refused")}
    if as_json:
        rows = [
            {"line": row.line, "handle": row.handle, "outcome": row.outcome, "field": row.field, "reason": row.reason}
            for row in report.rows
        ]
        typer.echo(json.dumps({**counts, "rows": rows, "notes": report.notes}))
    else:
        typer.echo(f"{counts['created']} products created, {counts['changed']} changed, {counts['refused']} refused.")
        wrong = [row for row in report.rows if row.outcome == "refused" and row.field]
        for row in wrong[:_SHOWN]:
            typer.echo(f"  line {row.line}, {row.field}: {row.reason}")
        if len(wrong) > _SHOWN:
            typer.echo("  … (--json lists all)")
        for note in report.notes[:_SHOWN]:
            typer.echo(f"  {note}")
    raise typer.Exit(1 if counts["refused"] else 0)


@app.command("export")
def export_products(
    file: Annotated[Path, typer.Argument(help="Where the CSV goes.")],
    merchant: Annotated[str, typer.Option("--merchant", help="Whose products they are.")],
) -> None:
    """Write a merchant's catalogue as CSV."""
    with attached_cell():
        from glaswerk.shop.models import Merchant
        from glaswerk.shop.spreadsheets import export_products

        found = Merchant.objects.filter(name=merchant.lower()).first()
        if found is None:
            _fail(f"There is no merchant {merchant!r}.")
        try:
            with file.open("w", encoding="utf-8", newline="") as out:
                out.writelines(export_products(found))
        except OSError as error:
            _fail(f"{file} cannot be written: {error.strerror}.")


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)
