"""`glaswerk sunset …`: a legal date for the whole cell, from its announcement to the dark and back."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from glaswerk.cell.config import current_cell
from glaswerk.cli.attach import attached_cell, fail

if TYPE_CHECKING:
    from glaswerk.border.models import Act
    from glaswerk.border.sunset.actions import Signed

app = typer.Typer(help="A legal date for this cell: announce, extend, read-only, dark, resume.", no_args_is_help=True)

Basis = Annotated[str, typer.Option(help="The legal basis, such as the law and its section.")]
Reason = Annotated[str, typer.Option(help="Why, in one line that everybody will read in the public log.")]
Signer = Annotated[str, typer.Option(help="Who answers for it: an office, not a person.")]
Refund = Annotated[bool, typer.Option("--refund", help="Give the money back for orders that were not sent.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_EXAMPLE: Final = "2026-01-19, 2026-01-19T12:00 (in the cell's time zone) or 2026-01-19T12:00:00Z"


@app.command()
def plan(
    on: Annotated[str, typer.Option(help=f"When it goes dark: {_EXAMPLE}.")],
    basis: Basis,
    reason: Reason,
    signer: Signer,
    readonly_on: Annotated[str, typer.Option(help="From when on it can only be read; left out: not before.")] = "",
    as_json: AsJson = False,
) -> None:
    """Announce the date. Every page says it from now on."""
    dark_at, readonly_at = _time("on", on), _time("readonly-on", readonly_on) if readonly_on else None
    with _acting(basis, reason, signer) as signed:
        from glaswerk.border.sunset import actions

        _show(actions.plan(signed, dark_at, readonly_at), as_json)


@app.command()
def extend(
    until: Annotated[str, typer.Option(help=f"The new date: {_EXAMPLE}.")],
    basis: Basis,
    reason: Reason,
    signer: Signer,
    as_json: AsJson = False,
) -> None:
    """Move the date on, by at most sunset.extension_days; any number of times."""
    dark_at = _time("until", until)
    with _acting(basis, reason, signer) as signed:
        from glaswerk.border.sunset import actions

        _show(actions.extend(signed, dark_at), as_json)


@app.command()
def readonly(
    basis: Basis,
    reason: Reason,
    signer: Signer,
    on: Annotated[str, typer.Option(help="From when on; left out: at once.")] = "",
    refund: Refund = False,
    as_json: AsJson = False,
) -> None:
    """Let nobody write any more. Refused while orders are neither shipped nor refunded."""
    at = _time("on", on) if on else None
    with _acting(basis, reason, signer) as signed:
        from glaswerk.border.sunset import actions

        _show(actions.make_readonly(signed, at, refund), as_json)


@app.command()
def dark(
    basis: Basis,
    reason: Reason,
    signer: Signer,
    on: Annotated[str, typer.Option(help="When; left out: at once, without any notice.")] = "",
    refund: Refund = False,
    as_json: AsJson = False,
) -> None:
    """Switch the cell off: nothing is written from then on, and only exports and the public log are left."""
    at = _time("on", on) if on else None
    with _acting(basis, reason, signer) as signed:
        from glaswerk.border.sunset import actions

        _show(actions.make_dark(signed, at, refund), as_json)


@app.command()
def resume(
    basis: Basis,
    reason: Reason,
    signer: Signer,
    despite_changes: Annotated[
        bool, typer.Option("--despite-changes", help="Open it although something changed; the log will say so.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Open the cell again, having proved that every table and the public log are as they were when it went dark."""
    with _acting(basis, reason, signer) as signed:
        from glaswerk.border.sunset import actions

        act, changed = actions.resume(signed, despite_changes)
        _show(act, as_json, {"changed": changed})
        if not as_json:
            for one in changed:
                typer.echo(f"  changed: {one}")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say where the cell stands, with the whole history."""
    with attached_cell():
        from glaswerk.border.sunset.queries import standing

        facts = standing()
    if as_json:
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"{facts['state']}" + (f", dark at {facts['dark_at']}" if facts["dark_at"] else ""))
    waiting = facts["waiting"]
    typer.echo(
        f"{waiting['orders']} orders wait, {waiting['purchases']} are being paid, {waiting['refunds']} refunds are under way"
    )
    for one in facts["history"]:
        typer.echo(f"  {one['at']} {one['kind']}: {one['reason']} ({one['basis']}; {one['signer']})")
        for mark in one["marks"]:
            typer.echo(f"    {mark['at']} {mark['stage']} began" + (f", root {mark['root']}" if mark["root"] else ""))


@contextmanager
def _acting(basis: str, reason: str, signer: str) -> Iterator["Signed"]:
    """End the command with a sentence where an act is refused."""
    with attached_cell():
        from glaswerk.border.sunset.actions import Signed
        from glaswerk.border.sunset.failures import SunsetRefused

        try:
            yield Signed(basis, reason, signer)
        except SunsetRefused as refused:
            fail(str(refused))


def _show(act: "Act", as_json: bool, more: dict[str, Any] | None = None) -> None:
    from glaswerk.border.sunset.queries import act_facts, stage_now

    facts = {"state": stage_now().value, **act_facts(act), **(more or {})}
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"the cell is {facts['state']}" + (f", dark at {facts['dark_at']}" if facts["dark_at"] else ""))


def _time(name: str, text: str) -> datetime:
    """Read a time; one without an offset is in the cell's time zone."""
    try:
        if not _TIME.fullmatch(text):
            raise ValueError
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--{name}: {text!r} is no time; give it as {_EXAMPLE}")
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(current_cell().config.cell.timezone))).astimezone(
        UTC
    )
