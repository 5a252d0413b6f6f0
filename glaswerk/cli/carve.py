"""`glaswerk carve …`: hand a whole cell to a new owner, and prove it.  The cell must not be running."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from glaswerk.cell import postgres
from glaswerk.cell.config import DATA_VARIABLE, Cell, ConfigError, current_cell
from glaswerk.cell.supervisor import CellBusy, StartFailed, Supervisor, locked_soon, servers
from glaswerk.cli.attach import WAIT_S, fail, setup_django

app = typer.Typer(help="Hand this cell to a new owner, with proofs.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_MODE: Final = 0o600


@app.command()
def plan(as_json: AsJson = False) -> None:
    """Count and hash everything that would be handed over; nothing is changed."""
    with _resting() as cell:
        from glaswerk.border.carve.exporting import make_inventory

        facts = make_inventory(cell, _say)
    _show(facts, as_json)


@app.command()
def key(out: Annotated[Path, typer.Option(help="The file for the secret key.")], as_json: AsJson = False) -> None:
    """Make a buyer's key, as `age-keygen` does; the printed line is for the seller."""
    from glaswerk.border.carve.sealing import Identity

    identity = Identity.new()
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    except OSError as error:
        fail(f"--out: {out}: {error.strerror}")
    with os.fdopen(descriptor, "w") as file:
        file.write(f"# public key: {identity.recipient.text}\n{identity.text}\n")
    typer.echo(json.dumps({"recipient": identity.recipient.text}) if as_json else identity.recipient.text)


@app.command()
def export(
    recipient: Annotated[str, typer.Option("--for", help="The buyer's public key (age1…).")],
    out: Annotated[Path, typer.Option(help="The folder of the bag; it must not be there yet.")],
    as_json: AsJson = False,
) -> None:
    """Write everything into a bag that only the buyer can open. The cell must be dark. May be interrupted and run again."""
    with _resting() as cell:
        from glaswerk.border.carve.exporting import export
        from glaswerk.border.carve.sealing import Recipient

        facts = export(cell, Recipient.parse(recipient), out.absolute(), _say)
    _show(facts, as_json)
    if not as_json:
        typer.echo(f"the seller's key, for the buyer: {facts['seller_key']}")


@app.command()
def accept(
    bag: Annotated[Path, typer.Argument(help="The folder of the bag.")],
    identity: Annotated[Path, typer.Option(help="The file with the buyer's secret key.")],
    seller_key: Annotated[str, typer.Option(help="The key of the seller's log, as `glaswerk log key` printed it.")],
    as_json: AsJson = False,
) -> None:
    """Take a bag into this new cell: every root is made again, and equal, or nothing is taken."""
    with _resting() as cell:
        from glaswerk.border.carve.accepting import accept
        from glaswerk.border.carve.sealing import Identity
        from glaswerk.tlog import VerifierKey

        opened = Identity.parse(identity.read_text())
        facts = accept(cell, bag.absolute(), opened, VerifierKey.parse(seller_key), _say)
    _show(facts, as_json)
    if not as_json:
        typer.echo(f"the receipt, for the seller: {facts['receipt']}, signed by {facts['buyer_key']}")


@app.command()
def finish(
    receipt: Annotated[Path, typer.Option(help="The buyer's receipt.")],
    buyer_key: Annotated[str, typer.Option(help="The key of the buyer's log, as `glaswerk log key` prints it there.")],
    report: Annotated[Path, typer.Option(help="The folder for the report.")],
    basis: Annotated[str, typer.Option(help="The legal basis.")],
    reason: Annotated[str, typer.Option(help="Why, in one line for everybody.")],
    signer: Annotated[str, typer.Option(help="Who answers for it: an office, not a person.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; the keys are destroyed for ever.")] = False,
    as_json: AsJson = False,
) -> None:
    """Close this cell: its log names the buyer's, its keys are destroyed. There is no way back."""
    if not yes:
        typer.confirm("The keys of this cell will be destroyed for ever. Go on?", abort=True, err=True)
    with _resting() as cell:
        from glaswerk.border.carve.finishing import finish
        from glaswerk.border.sunset.actions import Signed
        from glaswerk.tlog import VerifierKey

        signed = Signed(basis, reason, signer)
        facts = finish(cell, receipt, VerifierKey.parse(buyer_key), signed, report.absolute(), _say)
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        typer.echo(
            f"closed; {facts['keys_opened']} of {facts['keys']} keys still open; the report is in {facts['report']}"
        )


@contextmanager
def _resting() -> Iterator[Cell]:
    """Yield the cell with its database and nothing else; whoever runs on it keeps us out, and we keep them out."""
    try:
        cell = current_cell()
        os.environ[DATA_VARIABLE] = str(cell.data)
        with locked_soon(cell, WAIT_S) as lock:
            if not (cell.run / "prepared.sha256").exists():
                _prepare(cell, lock)
            supervisor = Supervisor(cell, lock=lock)
            try:
                cell.make_folders()
                supervisor.start([part for part in servers(cell) if part.name == "postgres"])
                postgres.ensure_database(cell)
                setup_django()
                yield cell
            finally:
                supervisor.stop()
    except (ConfigError, StartFailed) as error:
        fail(str(error))
    except CellBusy as error:
        fail(f"{error}; stop it first, so that nothing changes meanwhile")
    except Exception as error:
        from glaswerk.border.carve.failures import CarveRefused
        from glaswerk.border.sunset.failures import SunsetRefused
        from glaswerk.tlog import LogError

        if isinstance(error, (CarveRefused, SunsetRefused, LogError)):
            fail(str(error))
        if isinstance(error, OSError):
            fail(f"{error.filename or 'a file'}: {error.strerror}")
        raise


def _prepare(cell: Cell, lock: int) -> None:
    """Make the tables of a new cell, which takes all of its servers."""
    supervisor = Supervisor(cell, lock=lock)
    try:
        supervisor.start_servers()
    finally:
        supervisor.stop()


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts))
        return
    rows = sum(one["count"] for one in facts["tables"].values())
    files = sum(one["count"] for one in facts["buckets"].values())
    typer.echo(f"{rows} rows in {len(facts['tables'])} tables, {files} files; root {facts['root']}")
