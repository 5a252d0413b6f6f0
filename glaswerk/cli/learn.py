"""`glaswerk learn …`: learn from the event log, go back where it went wrong, and measure the filters on public data."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from glaswerk.cli.attach import attached_cell, fail

app = typer.Typer(help="Learn from the event log, and measure the filters of the feed.", no_args_is_help=True)


class Protocol(StrEnum):
    """A published way to measure."""

    LIGHTGCN = "lightgcn"
    LEAVE_LAST_OUT = "leave-last-out"


def say(line: str) -> None:
    """Show progress, beside what a program may read."""
    print(line, file=sys.stderr, flush=True)


@app.command()
def fit(
    force: Annotated[
        bool, typer.Option(help="Let the model serve even where it is worse than what serves now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fit the co-watch filter and the heads from the event archive, measure them on its last tenth, and let them serve.

    A model that is worse than what serves now is refused, and nothing changes. Leaves with 3 where no new model serves.
    """
    with attached_cell() as cell:
        from glaswerk.feed.learning.run import Busy, learn
        from glaswerk.glass import PolicyError

        try:
            answer = learn(cell, force, say)
        except (Busy, PolicyError) as error:
            fail(str(error))
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        _print_fit(answer)
    if answer["state"] == "refused":
        raise typer.Exit(3)


def _print_fit(answer: dict[str, Any]) -> None:
    figures = answer["figures"]
    held, now = figures.get("held_out"), figures.get("in_service")
    if held:
        typer.echo(f"{'held-out':24} {'new':>10} {'in service':>10}")
        for name in ("recall@20", "ndcg@20"):
            typer.echo(f"{'co-watch ' + name:24} {held['cowatch'][name]:10.5f} {now['cowatch'][name]:10.5f}")
        for head, mine in held["heads"].items():
            for name in ("auc", "log_loss"):
                typer.echo(f"{head + ' ' + name:24} {mine[name]:10.5f} {now['heads'][head][name]:10.5f}")
    for part, reason in figures.get("missing", {}).items():
        typer.echo(f"{part} not learned: {reason}")
    if answer["state"] == "in_service":
        typer.echo(f"model {answer['model']} serves from epoch {answer['epoch']} on")
    elif answer["state"] == "unchanged":
        typer.echo(f"{answer['reason']}: {answer['model']}")
    else:
        typer.echo(f"refused: {answer['reason']}")


@app.command()
def history(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List every fit with its held-out figures, the latest first, and what became of its model."""
    with attached_cell() as cell:
        import psycopg

        from glaswerk.cell import postgres
        from glaswerk.feed.learning import store

        with psycopg.connect(postgres.database_url(cell)) as connection:
            fits = store.history(connection)
    if as_json:
        typer.echo(json.dumps(fits))
        return
    for one in fits:
        held = one["figures"].get("held_out", {})
        recall = held.get("cowatch", {}).get("recall@20", "-")
        auc = held.get("heads", {}).get("finish", {}).get("auc", "-")
        typer.echo(
            f"{one['fitted_at'][:16]}  {one['sha256'][:12] or '(no model)':12}  {one['state']:11}"
            f"  recall@20 {recall}  AUC of finish {auc}  {one['reason']}".rstrip()
        )


@app.command()
def rollback(
    sha256: Annotated[
        str | None, typer.Argument(help="A model by (the beginning of) its hash; else the one before.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Let an earlier model serve again, and cut an epoch with it at once; without one the policy's own rules serve."""
    with attached_cell() as cell:
        from glaswerk.feed.learning.run import Busy, roll_back
        from glaswerk.feed.learning.store import NoSuchModel
        from glaswerk.glass import PolicyError

        try:
            answer = roll_back(cell, sha256, reason)
        except (Busy, NoSuchModel, PolicyError) as error:
            fail(str(error))
    if as_json:
        typer.echo(json.dumps(answer))
        return
    serving = f"model {answer['model']} serves" if answer["model"] else "no model serves: the policy's own rules do"
    typer.echo(f"{serving}, from epoch {answer['epoch']} on")


@app.command()
def benchmark(
    folder: Annotated[
        Path, typer.Argument(help="train.txt and test.txt, or data.txt: a line a user, the user and items.")
    ],
    protocol: Annotated[Protocol, typer.Option(help="How to split and measure.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the served filter on public data, beside `implicit` where that is installed."""
    from glaswerk.cli.learn_benchmark import run
    from glaswerk.glass import GlassError

    try:
        report = run(folder, protocol)
    except GlassError as error:
        typer.echo(f"glaswerk: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(report))
        return
    peers = report.pop("peers")
    settings = report.pop("settings")
    for name, figure in report.items():
        typer.echo(f"{name:22} {figure:>12}")
    typer.echo("settings: " + ", ".join(f"{name} {value}" for name, value in settings.items()))
    for peer, figures in peers.items():
        typer.echo(f"{peer}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
