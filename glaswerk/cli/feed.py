"""`glaswerk feed …`: what a person would be shown, and why."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glaswerk.cli.attach import attached_cell, fail

if TYPE_CHECKING:
    from glaswerk.feed.slates import RecordedSlate

app = typer.Typer(help="Look at feeds as their viewers see them.", no_args_is_help=True)
policy_app = typer.Typer(help="See and change the feed's public weights and rules.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Whose feed.")],
    limit: Annotated[int, typer.Option(min=1, max=50)] = 10,
    feed: Annotated[str, typer.Option(help="for_you, following or shop")] = "for_you",
    hashtag: Annotated[str, typer.Option(help="Only this hashtag.")] = "",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Print the slate that this person would get now."""
    parameters = {"limit": str(limit), **({"hashtag": hashtag} if hashtag else {"feed": feed})}
    with attached_cell() as cell:
        from glaswerk.cell.database import close_pool, open_pool
        from glaswerk.cell.log import EventLog, LogUnavailable
        from glaswerk.feed.epochs import newest_epoch
        from glaswerk.feed.serving import BadQuestion, Feed, NotReady, read_question
        from glaswerk.people.models import Person

        person = Person.objects.filter(name=name.lower(), is_active=True).first()
        if person is None:
            fail(f"nobody here is called {name}; `glaswerk person list` says who is")
        newest_epoch(cell)

        async def ask() -> dict[str, Any]:
            await open_pool()
            log = await EventLog.connect(cell)
            served = Feed(cell, log)
            try:
                await served.start()
                return await served.slate(
                    person.id, read_question(parameters), person.language or cell.config.cell.language
                )
            finally:
                await served.stop()
                await log.close()
                await close_pool()

        try:
            slate = asyncio.run(ask())
        except (BadQuestion, NotReady, LogUnavailable) as error:
            fail(str(error))
    if as_json:
        typer.echo(json.dumps(slate))
        return
    typer.echo(f"slate {slate['slate']} of epoch {slate['epoch'][:12]}…")
    for slot in slate["slots"]:
        video = slot["video"]
        typer.echo(f"{slot['position']:3}  {slot['value']:8}  @{video['creator']['name']:<20}  {video['caption'][:60]}")


@app.command()
def cut(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Cut an epoch now and put it in service."""
    with attached_cell() as cell:
        from glaswerk.feed.epochs import cut as cut_now
        from glaswerk.glass import PolicyError

        try:
            sha256 = cut_now(cell)
        except PolicyError as error:
            fail(f"the policy in force cannot be read by this version; set another one: {error}")
    typer.echo(json.dumps({"epoch": sha256}) if as_json else f"epoch {sha256} is in service")


def _recorded(name: str) -> "RecordedSlate":
    """The recorded slate of this public id."""
    from glaswerk.cell.ids import decode_id
    from glaswerk.feed.slates import recorded_slate

    try:
        record = recorded_slate(decode_id(name))
    except ValueError as error:
        fail(f"{name} is not the id of a slate: {error}")
    if record is None:
        fail(f"no slate {name} is recorded here")
    return record


@app.command()
def replay(
    slates: Annotated[list[str], typer.Argument(help="Ids of slates, as the API gives them.")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Make recorded slates again and compare every byte. Leaves with 1 where one differs."""
    with attached_cell() as cell:
        from glaswerk.feed.replay import replay as replay_one

        found = [replay_one(record, cell) for record in [_recorded(name) for name in slates]]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found]))
    else:
        for one in found:
            outcome = "identical" if one.identical else one.failure or f"differs from byte {one.byte}"
            typer.echo(f"{one.slate}  epoch {one.epoch[:12]}…  {outcome}")
    if not all(one.identical for one in found):
        raise typer.Exit(1)


@app.command()
def audit(
    sample: Annotated[int, typer.Option(min=1, max=100_000, help="How many recorded slates to replay.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Replay slates drawn at random and count the identical ones. Leaves with 1 where one differs."""
    with attached_cell() as cell:
        from glaswerk.feed.replay import replay as replay_one
        from glaswerk.feed.slates import sampled

        found = [replay_one(record, cell) for record in sampled(sample)]
    identical = sum(one.identical for one in found)
    if as_json:
        typer.echo(json.dumps({"checked": len(found), "identical": identical}))
    else:
        for one in found:
            if not one.identical:
                typer.echo(f"{one.slate}  {one.failure or f'differs from byte {one.byte}'}")
        typer.echo(f"{identical} of {len(found)} slates are identical")
    if identical != len(found):
        raise typer.Exit(1)


@app.command()
def export(
    slate: Annotated[str, typer.Argument(help="The id of a slate, as the API gives it.")],
    out: Annotated[Path, typer.Option(help="Where to write the bundle.")],
) -> None:
    """Write everything that a slate was made from into one file, for tools/verify_slate.py."""
    with attached_cell() as cell:
        from glaswerk.feed.replay import export as exported
        from glaswerk.glass import GlassError

        try:
            data = exported(_recorded(slate), cell)
            out.write_bytes(data)
        except (GlassError, OSError) as error:
            fail(f"the bundle of {slate} cannot be written: {error}")
    typer.echo(f"{len(data)} bytes in {out}")


@policy_app.command("show")
def show_policy(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Print the policy in force, word for word."""
    with attached_cell():
        from glaswerk.feed import policies

        found = policies.as_json(policies.history())
    if as_json:
        newest = found["history"][0] if found["history"] else {}
        typer.echo(json.dumps({**newest, "text": found["text"], "sha256": found["sha256"]}))
    else:
        typer.echo(found["text"], nl=False)


@policy_app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A policy.")], as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Say whether a file could be put in force; where not, which line is wrong. Changes nothing."""
    sha256 = _read_policy(file)[1]
    typer.echo(json.dumps({"sha256": sha256}) if as_json else f"{file} can be put in force; its SHA-256 is {sha256}")


@policy_app.command("set")
def set_policy(
    file: Annotated[Path, typer.Argument(help="The policy.")],
    by: Annotated[str, typer.Option(help="The name of the operator who decides this.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; everybody can read it.")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Put a policy in force, with a new epoch at once. Everybody can see the change, who made it and why."""
    text, sha256 = _read_policy(file)
    with attached_cell() as cell:
        from glaswerk.feed.epochs import cut as cut_now
        from glaswerk.feed.policies import ChangeRefused, PolicyChange

        try:
            epoch = cut_now(cell, PolicyChange(text, by, reason))
        except ChangeRefused as error:
            fail(str(error))
    typer.echo(
        json.dumps({"sha256": sha256, "epoch": epoch}) if as_json else f"policy {sha256} is in force by epoch {epoch}"
    )


@policy_app.command()
def history(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Print every policy that was ever in force here, the newest first."""
    with attached_cell():
        from glaswerk.feed import policies

        found = policies.as_json(policies.history())["history"]
    if as_json:
        typer.echo(json.dumps(found))
    else:
        for one in found:
            typer.echo(f"{one['set_at']}  {one['sha256'][:12]}…  {one['set_by'] or 'Glaswerk'}: {one['reason']}")


def _read_policy(file: Path) -> tuple[str, str]:
    """The text of a policy and its hash; anything else ends the command with what is wrong on which line."""
    from glaswerk.cli.attach import setup_django

    setup_django()
    from glaswerk.feed.policies import LONGEST_TEXT, policy_hash, read_policy
    from glaswerk.glass import PolicyError

    try:
        # Four bytes a character at most; whatever is longer is no policy and need not be in memory.
        with file.open("rb") as opened:
            text = opened.read(4 * LONGEST_TEXT + 1).decode()
        read_policy(text)
    except (OSError, UnicodeDecodeError, PolicyError) as error:
        fail(f"{file}: {error}")
    return text, policy_hash(text)
