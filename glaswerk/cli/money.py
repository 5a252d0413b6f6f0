"""`glaswerk money`: prove the book, hand it to accountants, compare it with the provider's."""

import json
import sys
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from glaswerk.cell.ids import encode_id
from glaswerk.cli.attach import attached_cell

app = typer.Typer(help="The ledger of this cell.", no_args_is_help=True)

DAY: Final = ["%Y-%m-%d"]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class FormatName(StrEnum):
    """The formats of the book, as the command line takes them."""

    csv = "csv"
    beancount = "beancount"


class MethodName(StrEnum):
    """The ways of payouts, as the command line takes them."""

    sepa = "sepa"
    provider = "provider"


@app.command()
def check(as_json: AsJson = False) -> None:
    """Prove every rule over the whole book; exit status 1 where one is broken."""
    with attached_cell():
        from glaswerk.money.checks import check_book

        report = check_book()
    if as_json:
        checks = [{"name": one.name, "violations": one.violations, "examples": one.examples} for one in report.findings]
        facts = {"journals": report.journals, "entries": report.entries, "violations": report.violations}
        typer.echo(json.dumps({**facts, "checks": checks}))
    else:
        table = Table("Rule", "Broken by")
        for one in report.findings:
            table.add_row(one.name, str(one.violations))
        Console().print(table)
        for one in report.findings:
            for example in one.examples:
                typer.echo(f"  {one.name}: {example}")
        typer.echo(f"{report.entries} entries in {report.journals} journals: {report.violations} violations.")
    raise typer.Exit(1 if report.violations else 0)


@app.command()
def export(
    form: Annotated[FormatName, typer.Option("--format", help="csv, or beancount.")] = FormatName.csv,
    since: Annotated[
        datetime | None, typer.Option(formats=DAY, help="The first day (UTC); left out: from the beginning.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=DAY, help="The day after the last one (UTC); left out: to the end.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; left out: standard output.")] = None,
) -> None:
    """Write the book for accountants."""
    with attached_cell(), ExitStack() as stack:
        from django.conf import settings

        from glaswerk.money import export as writers
        from glaswerk.money.queries import book

        target = sys.stdout if out is None else stack.enter_context(out.open("w", encoding="utf-8", newline=""))
        entries = book(_utc(since), _utc(until))
        if form is FormatName.csv:
            written = writers.write_csv(entries, target)
        else:
            written = writers.write_beancount(entries, target, settings.CELL.config.cell.title)
    if out is not None:
        typer.echo(f"{written} entries written to {out}.", err=True)


@app.command("reconcile")
def reconcile_day(
    day: Annotated[datetime, typer.Option(formats=DAY, help="The day (UTC).")],
    as_json: AsJson = False,
) -> None:
    """Compare the payment provider's settlement of a day with this cell; exit status 1 on a difference."""
    with attached_cell():
        from django.conf import settings

        from glaswerk.money.payments import PaymentError
        from glaswerk.money.payments.port import ProviderError
        from glaswerk.money.payments.reconciling import reconcile

        try:
            found = reconcile(settings.CELL.config.payments.provider, day.date())
        except (PaymentError, ProviderError) as error:
            typer.echo(f"The settlement cannot be read: {error}", err=True)
            raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps({**asdict(found), "day": found.day.isoformat()}, sort_keys=True))
    else:
        typer.echo(f"{found.provider}, {found.day}: {found.lines} lines, {found.matched} of them match.")
        for currency, net in sorted(found.net.items()):
            typer.echo(f"  {currency}: {net} net of {found.fees[currency]} fees, in minor units")
        for difference in found.differences:
            typer.echo(f"  {difference}")
    raise typer.Exit(1 if found.differences else 0)


@app.command()
def payout(
    run: Annotated[str, typer.Option(help="A name for the run, such as 2026-05; the same name pays nothing twice.")],
    by: Annotated[MethodName, typer.Option(help="sepa: a file for the bank; provider: by the payment provider.")],
    out: Annotated[Path | None, typer.Option(help="The file to write (pain.001), with --by sepa.")] = None,
    execution: Annotated[
        datetime | None, typer.Option(formats=DAY, help="The day the bank shall pay; left out: today.")
    ] = None,
    currency: Annotated[str, typer.Option(help="The currency that is paid out.")] = "EUR",
    minimum: Annotated[int, typer.Option(min=1, help="Pay nothing below this, in minor units.")] = 100,
    confirm: Annotated[bool, typer.Option("--confirm", help="The bank has carried the run out.")] = False,
    failed: Annotated[list[int] | None, typer.Option(help="With --confirm: a payout that the bank sent back.")] = None,
    as_json: AsJson = False,
) -> None:
    """Pay creators what they are owed."""
    with attached_cell():
        from django.utils import timezone

        from glaswerk.money import payouts
        from glaswerk.money.amounts import AmountError
        from glaswerk.money.models import PayoutMethod, PayoutRun
        from glaswerk.money.payments import PaymentError

        try:
            if by is MethodName.sepa and not confirm and out is None:
                raise payouts.PayoutError("name the file to write by --out")
            if out is not None:
                payouts.check_debtor()
            # A slip in the name would pay everybody once more.
            if confirm and not PayoutRun.objects.filter(name=run).exists():
                raise payouts.PayoutError(f"there is no run {run!r}")
            made = payouts.make_run(run, PayoutMethod(by.value), currency, minimum)
            if by is MethodName.provider:
                payouts.send_by_provider(made.run)
            elif confirm:
                payouts.confirm_by_bank(made.run, frozenset(failed or ()))
            elif out is not None:
                day = execution.date() if execution else timezone.localdate()
                out.write_bytes(payouts.sepa_file(made.run, day))
        except (payouts.PayoutError, PaymentError, AmountError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
        rows = [
            {"id": one.pk, "creator": encode_id(one.creator_id), "amount": one.amount, "state": str(one.state)}
            for one in made.run.payouts.order_by("pk")
        ]
    total = sum(one.amount for one in made.payouts)
    facts = {"run": run, "currency": currency, "total": total, "without_destination": made.without_destination}
    if as_json:
        typer.echo(json.dumps({**facts, "payouts": rows}))
        return
    table = Table("Payout", "Creator", "Amount", "State")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)
    typer.echo(f"{total} {currency} (minor units) in {len(rows)} payouts.")
    if made.without_destination:
        typer.echo(f"{made.without_destination} creators got nothing: it is not known where to send it.")


def _utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)
