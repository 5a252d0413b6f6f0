"""`glaswerk feed …`: what a person would be shown, and why."""

import asyncio
import json
from typing import Annotated, Any

import typer

from glaswerk.cli.attach import attached_cell, fail

app = typer.Typer(help="Look at feeds as their viewers see them.", no_args_is_help=True)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Whose feed.")],
    limit: Annotated[int, typer.Option(min=1, max=50)] = 10,
    feed: Annotated[str, typer.Option(help="for_you or following")] = "for_you",
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
            fail(f"policy.toml: {error}")
    typer.echo(json.dumps({"epoch": sha256}) if as_json else f"epoch {sha256} is in service")
