"""`glaswerk simulate`: compare policies of the feed on simulated viewers."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


def simulate(
    viewers: Annotated[int, typer.Option(help="How many people watch.")] = 700,
    videos: Annotated[
        int, typer.Option(help="How many videos there are at the beginning; more arrive every day.")
    ] = 2500,
    days: Annotated[int, typer.Option(help="How many days are compared, after three of warming up.")] = 3,
    seed: Annotated[int, typer.Option(help="The same arguments and seed give the same figures.")] = 1,
    policy: Annotated[
        Path | None, typer.Option(help="A policy file for Glass, to try it before it is set; else the shipped one.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write a report with plots: one HTML file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Compare policies by what simulated viewers got: popularity, newest first, a formula, LightGBM and Glass."""
    # These take seconds to load, which `glaswerk --help` should not.
    from glaswerk.glass import GlassError, Policy, default_policy, warm_up
    from glaswerk.glass.simulator import Settings, page_of
    from glaswerk.glass.simulator import simulate as run

    try:
        settings = Settings(viewers, videos, days, seed)
        chosen = default_policy() if policy is None else Policy.parse(policy.read_text())
    except (GlassError, OSError, UnicodeDecodeError) as error:
        _leave(str(error))
    if out is not None and not out.absolute().parent.is_dir():
        _leave(f"{out.absolute().parent} is not a folder")
    warm_up()
    with Progress(
        TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn(),
        console=Console(stderr=True), disable=not sys.stderr.isatty(),
    ) as bar:  # fmt: skip
        tasks: dict[str, Any] = {}

        def tell(what: str, done: float) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=1.0)
            bar.update(tasks[what], completed=done)

        result = run(settings, chosen, tell)
    if out is not None:
        try:
            out.write_text(page_of(result), encoding="utf-8")
        except OSError as error:
            _leave(str(error))
    if as_json:
        typer.echo(json.dumps(result))
        return
    _print(result)
    if out is not None:
        typer.echo(f"The report is in {out}")


def _leave(reason: str) -> None:
    typer.echo(f"glaswerk: {reason}", err=True)
    raise typer.Exit(2)


def _print(result: dict[str, Any]) -> None:
    typer.echo(f"{'':26}{'watch/session':>14}{'ratio':>8}{'pleasure':>10}{'pumped':>9}{'newcomers':>11}{'3 skips':>9}{'first shown':>13}")  # fmt: skip
    for figures in result["policies"].values():
        shown = figures["first_shown"]["seconds_95"]
        cells = (
            (figures["watch_seconds_per_session"], "{:.0f} s", 14),
            (figures["watch_time_ratio"], "{:.2f}", 8),
            (figures["pleasure_per_clip"], "{:.3f}", 10),
            (figures["pumped_share"], "{:.2%}", 9),
            (figures["newcomers_share"], "{:.1%}", 11),
            (figures["three_skips"]["ratio"], "{:.2f}", 9),
            (shown, "{:.0f} s", 13),
        )
        row = "".join(("–" if value is None else form.format(value)).rjust(width) for value, form, width in cells)
        typer.echo(f"{figures['title'].partition(' (')[0]:26}{row}")
    heads = result["heads_auc_of_finish"]
    if heads is not None:
        typer.echo("AUC of finish on held-out log: " + ", ".join(f"{name} {value}" for name, value in heads.items()))
    for sentence in result["left_out"]:
        typer.echo(sentence)
