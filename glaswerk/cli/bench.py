"""`glaswerk bench …`: the project's benchmarks, each one file under `benchmarks/`."""

import runpy
import sys
from pathlib import Path
from typing import Final

import typer

BENCHMARKS: Final = Path(__file__).resolve().parents[2] / "benchmarks"
app = typer.Typer(
    help="Measure; every benchmark prints a table, or JSON with --json.",
    no_args_is_help=False,
    invoke_without_command=True,
)


def names() -> list[str]:
    """Return the names of the benchmarks that are there."""
    return sorted(path.stem for path in BENCHMARKS.glob("*.py") if not path.stem.startswith("_"))


@app.callback()
def bench(context: typer.Context) -> None:
    """List the benchmarks."""
    if context.invoked_subcommand is None:
        for name in names():
            typer.echo(name)


def _command(name: str) -> None:
    @app.command(
        name, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False
    )
    def run(context: typer.Context) -> None:
        sys.argv = [name, *context.args]
        runpy.run_path(str(BENCHMARKS / f"{name}.py"), run_name="__main__")


for _name in names():
    _command(_name)
