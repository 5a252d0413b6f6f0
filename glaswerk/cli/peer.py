"""`glaswerk peer …`: which other cells this one follows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from glaswerk.cli.attach import attached_cell, fail

app = typer.Typer(help="Follow other cells: their public videos are shown here.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="The cell's address, or that of its log.")],
    key: Annotated[str, typer.Option(help="The public key of its log, as `glaswerk log key` prints it there.")],
    name: Annotated[str, typer.Option(help="What it is called here (@ida@NAME); left out: its host's name.")] = "",
    private: Annotated[bool, typer.Option("--private", help="It is on this machine or in the local network.")] = False,
    as_json: AsJson = False,
) -> None:
    """Follow a cell, after a look at its log."""
    with _refusals():
        from glaswerk.border.peers.actions import add_peer

        peer = add_peer(url, key, name, is_private=private)
    said = f"{peer.label} is followed from now on: {peer.url}"
    typer.echo(json.dumps({"name": peer.label, "url": peer.url, "key": peer.key}) if as_json else said)


@app.command("list")
def list_peers(as_json: AsJson = False) -> None:
    """Name the cells that are followed."""
    with _refusals():
        from glaswerk.border.models import Peer

        found = list(Peer.objects.filter(removed_at=None).order_by("label").values("label", "url", "key"))
    if as_json:
        typer.echo(json.dumps([{"name": one["label"], "url": one["url"], "key": one["key"]} for one in found]))
    for one in [] if as_json else found:
        typer.echo(f"{one['label']}  {one['url']}  {one['key']}")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="What it is called here.")], as_json: AsJson = False) -> None:
    """Follow a cell no more, and remove everything that came from it."""
    with _refusals():
        from glaswerk.border.peers.actions import remove_peer

        gone = remove_peer(name)
    said = f"{name} is followed no more; {gone} things that came from it are gone"
    typer.echo(json.dumps({"name": name, "removed": gone}) if as_json else said)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say how it stands with each of them.  Leaves with 1 where nothing can be taken from one."""
    with _refusals():
        from glaswerk.border.peers.queries import peers_status

        found = peers_status()
    if as_json:
        typer.echo(json.dumps(found))
    for one in [] if as_json else found:
        how = f"REFUSED ({one['failure']}): {one['detail']}" if one["failure"] else "well"
        stale = ", and has not grown for long" if one["stale"] else ""
        typer.echo(f"{one['name']} ({one['state']}): {how}{stale}")
        here = ", ".join(f"{number} of {about}" for about, number in one["here"].items())
        if next_log := one["successor"]:
            typer.echo(f"  CLOSED; it has a new owner: glaswerk peer add ADDRESS --key {next_log['key']}")
        witness = one["witness"]
        if witness["size"] is not None:
            typer.echo(f"  it has witnessed {witness['size']} entries of this cell's log")
        if witness["refused"]:
            typer.echo(f"  A COSIGNATURE OF IT WAS REFUSED: {witness['refused']}")
        typer.echo(f"  {one['taken']} of {one['entries']} entries taken; here: {here}; refused: {one['refused']}")
    if not all(one["ok"] for one in found):
        raise typer.Exit(1)


@contextmanager
def _refusals() -> Iterator[None]:
    """Reach the cell, and end the command with a sentence where a peer is not what it should be."""
    with attached_cell():
        from glaswerk.border.peers.actions import PeerRefused
        from glaswerk.tlog import LogError

        try:
            yield
        except PeerRefused as refusal:
            fail(str(refusal))
        except LogError as error:
            fail(f"its log is not what it should be: {error.detail} ({error.reason.value})")
