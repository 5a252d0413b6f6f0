"""`glaswerk log …`: check public logs, this cell's own or anybody's. None of it needs a running cell."""

import base64
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from glaswerk.cell.config import ConfigError, current_cell
from glaswerk.cell.outgoing import Outgoing
from glaswerk.cell.public_log import log_key, log_witness, source_fetch
from glaswerk.cli.attach import fail
from glaswerk.tlog import LogError, Policy, Reason, TrustedLog, VerifierKey, follow
from glaswerk.tlog import prove as prove_entry
from glaswerk.tlog import verify as verify_log
from glaswerk.tlog.verify import MOST_ENTRIES

app = typer.Typer(help="Check public logs, this cell's own or anybody's.", no_args_is_help=True)

# What may be different at the next try; everything else is the log's own doing.
_PASSING: Final = (Reason.UNREACHABLE, Reason.MISSING)

Source = Annotated[str, typer.Option("--from", help="The log's address or folder; left out: this cell's own.")]
SourceArgument = Annotated[str, typer.Argument(help="The log's address or folder; left out: this cell's own.")]
Key = Annotated[str, typer.Option(help="The log's public key, as `glaswerk log key` prints it; left out: this cell's.")]
Witnesses = Annotated[list[str] | None, typer.Option("--witness", help="The public key of a witness; repeatable.")]
Quorum = Annotated[int, typer.Option(min=0, help="How many of the witnesses must have signed.")]
MaxAge = Annotated[float | None, typer.Option(min=0, help="Within how many seconds the quorum must have signed.")]
Private = Annotated[bool, typer.Option("--private", help="Fetch from this machine and local networks too.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def key(
    witness: Annotated[bool, typer.Option("--witness", help="The key by which this cell cosigns other logs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the public key of this cell's log; give it to whoever is to check the log."""
    with _refusals():
        own = log_witness(current_cell()).key if witness else log_key(current_cell())
    typer.echo(json.dumps({"name": own.name, "id": own.id.hex(), "key": own.text}) if as_json else own.text)


@app.command()
def verify(
    source: SourceArgument = "",
    key: Key = "",
    witness: Witnesses = None,
    quorum: Quorum = 0,
    max_age: MaxAge = None,
    private: Private = False,
    max_entries: Annotated[int, typer.Option(min=0, help="Refuse a log that claims more.")] = MOST_ENTRIES,
    as_json: AsJson = False,
) -> None:
    """Hash a whole log again, from the entries up. Leaves with 1 where anything is not what it should be."""
    with _refusals(), Outgoing(allow_private=private) as outgoing:
        place, policy = _asked(source, key, witness, quorum, max_age)
        log = source_fetch(place, outgoing) if "://" in place else Path(place)
        began = time.perf_counter()
        report = verify_log(log, policy, now=time.time(), most_entries=max_entries)
        seconds = time.perf_counter() - began
    if as_json:
        typer.echo(json.dumps({**report.as_dict(), "seconds": round(seconds, 3)}))
    else:
        for fault in report.faults:
            typer.echo(f"{fault.place}: {fault.detail} ({fault.reason})")
        if report.root is not None:
            typer.echo(f"{report.origin}: {report.size} entries, root {report.root.hex()}, {seconds:.1f} s")
        for name, at in report.cosigned:
            when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            typer.echo(f"witnessed by {name}: {report.witnessed} entries at {when}")
        typer.echo("everything holds" if report.ok else "THIS LOG DOES NOT HOLD")
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def proof(
    number: Annotated[int, typer.Argument(min=0, help="The number of the entry, from 0.")],
    source: Source = "",
    key: Key = "",
    witness: Witnesses = None,
    quorum: Quorum = 0,
    max_age: MaxAge = None,
    private: Private = False,
    out: Annotated[Path | None, typer.Option(help="Write the proof to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the proof that an entry is in the log, verified (a tlog-proof, which is checked without a network)."""
    with _refusals(), Outgoing(allow_private=private) as outgoing:
        place, policy = _asked(source, key, witness, quorum, max_age)
        entry, found = prove_entry(source_fetch(place, outgoing), policy, number, time.time())
        text = found.encode().decode()
        if out is not None:
            out.write_text(text)
    if as_json:
        typer.echo(json.dumps({"index": number, "entry": base64.b64encode(entry).decode(), "proof": text}))
    elif out is not None:
        typer.echo(f"the proof of entry {number} ({len(entry)} bytes) is in {out}")
    else:
        typer.echo(text, nl=False)


@app.command()
def watch(
    source: SourceArgument = "",
    key: Key = "",
    state: Annotated[Path | None, typer.Option(help="A file that remembers the last checkpoint between runs.")] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 60.0,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
    witness: Witnesses = None,
    quorum: Quorum = 0,
    max_age: MaxAge = None,
    private: Private = False,
    as_json: AsJson = False,
) -> None:
    """Follow a log, and leave with 1 when it takes back or changes what it has shown. One line for each step."""
    with _refusals(), Outgoing(allow_private=private) as outgoing:
        place, policy = _asked(source, key, witness, quorum, max_age)
        trusted = TrustedLog(policy, state.read_bytes() if state is not None and state.exists() else None)
        fetch = source_fetch(place, outgoing)
        while True:
            try:
                grown = follow(trusted, fetch, time.time())
            except LogError as error:
                if error.reason not in _PASSING or once:
                    _say(as_json, {"ok": False, "reason": error.reason.value, "detail": error.detail}, str(error))
                    raise typer.Exit(1) from None
                print(f"glaswerk: {error}", file=sys.stderr)
            else:
                assert trusted.last is not None
                checkpoint = trusted.last.checkpoint
                if state is not None:
                    _remember(state, trusted.last.note)
                if grown or once:
                    facts = {"ok": True, "grown": grown, "size": checkpoint.size, "root": checkpoint.root.hex()}
                    _say(
                        as_json, facts, f"{checkpoint.origin}: {checkpoint.size} entries, root {checkpoint.root.hex()}"
                    )
            if once:
                return
            time.sleep(every)


def _asked(
    source: str, key: str, witnesses: list[str] | None, quorum: int, max_age: float | None
) -> tuple[str, Policy]:
    """Which log is meant, and whose word counts."""
    if source and not key:
        fail("whose log is it? Give its public key with --key; `glaswerk log key` of its cell prints it")
    own = None if source and key else current_cell()
    whose = VerifierKey.parse(key) if key else log_key(current_cell())
    cosigners = tuple(map(VerifierKey.parse, witnesses or ()))
    return source or str(own.tlog if own else ""), Policy(whose, cosigners, quorum, max_age)


def _remember(path: Path, data: bytes) -> None:
    """Put a file in place as a whole, so that a kill leaves the old state or the new one."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _say(as_json: bool, facts: dict[str, Any], sentence: str) -> None:
    print(json.dumps(facts) if as_json else sentence, flush=True)


@contextmanager
def _refusals() -> Iterator[None]:
    """End the command with a sentence where a key, a log or a file is not what it should be."""
    try:
        yield
    except (LogError, ConfigError) as error:
        fail(error.detail if isinstance(error, LogError) else str(error))
    except OSError as error:
        fail(f"{error.filename or 'the log'}: {error.strerror}")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
