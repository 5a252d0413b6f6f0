"""`glaswerk video`: upload videos, follow their processing, list and delete them."""

import json
import threading
import time
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from glaswerk.cli.attach import attached_cell

if TYPE_CHECKING:
    from glaswerk.people.models import Person
    from glaswerk.videos.models import Video

app = typer.Typer(help="Videos of this cell.", no_args_is_help=True)

_POLL_S: Final = 0.3
# A worker reports every ten seconds; one that has missed two reports is not counted on.
_WORKER_SILENCE: Final = timedelta(seconds=25)
_UNDERWAY: Final = ("uploaded", "processing")


class VisibilityName(StrEnum):
    """Who may see a video, as the command line takes it."""

    public = "public"
    followers = "followers"
    private = "private"


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The video's id, as its address shows it.")]


@app.command()
def add(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The video file.")],
    name: Annotated[str, typer.Option("--as", help="Name of the person who publishes it.")],
    caption: Annotated[str, typer.Option(help="Its words, with #hashtags and @mentions.")] = "",
    visibility: Annotated[
        VisibilityName | None, typer.Option(help="Who may see it; left out: the person's default.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ready or has failed.")] = True,
    as_json: AsJson = False,
) -> None:
    """Upload a video and publish it."""
    with attached_cell():
        from glaswerk.videos import actions

        try:
            video = actions.upload_video(_person(name), file, caption, visibility.value if visibility else None)
        except actions.UploadError as error:
            _fail(f"{error.field}: {error.message}")
        except OSError as error:
            _fail(f"The file could not be stored: {error.strerror}.")
        if wait:
            _wait(video)
        _show(video, as_json)


@app.command("list")
def show_all(
    name: Annotated[str, typer.Option("--as", help="Only the videos of this person.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List videos in every state, the newest first."""
    with attached_cell():
        from glaswerk.videos.models import Video

        found = Video.objects.select_related("creator").order_by("-pk")
        if name:
            found = found.filter(creator=_person(name))
        videos = [_facts(video) for video in found[:limit]]
    if as_json:
        typer.echo(json.dumps(videos))
        return
    table = Table("Id", "By", "State", "For", "Caption")
    for facts in videos:
        table.add_row(facts["id"], f"@{facts['creator']}", facts["state"], facts["visibility"], facts["caption"][:60])
    Console().print(table)


@app.command()
def state(video_id: Id, as_json: AsJson = False) -> None:
    """Print how far a video is; the exit status is 1 when it has failed."""
    with attached_cell():
        _show(_video(video_id), as_json)


@app.command()
def delete(video_id: Id, as_json: AsJson = False) -> None:
    """Delete a video and its files, for good."""
    with attached_cell():
        from glaswerk.videos import actions

        video = _video(video_id)
        actions.delete_video(video.creator, video)
    typer.echo(json.dumps({"id": video_id, "state": "deleted"}) if as_json else f"{video_id} is deleted.")


def _wait(video: "Video") -> None:
    """Show the progress until the video is ready or has failed; process it here where no worker runs."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    own_work: threading.Thread | None = None
    with bar:
        task = bar.add_task("Waiting", total=100)
        while video.state in _UNDERWAY:
            if own_work is None and not _is_worker_alive():
                own_work = threading.Thread(target=_process_here, args=(video.pk,), daemon=True)
                own_work.start()
            time.sleep(_POLL_S)
            try:
                video.refresh_from_db()
            except type(video).DoesNotExist:
                _fail("The video was deleted meanwhile.")
            bar.update(task, completed=video.progress, description="Preparing" if video.progress else "Waiting")
            if own_work is not None and not own_work.is_alive() and not _is_worker_alive():
                video.refresh_from_db()
                if video.state in _UNDERWAY:
                    _fail("The video could not be prepared; the log says why.")
    if own_work is not None:
        own_work.join()


def _process_here(video_id: int) -> None:
    from django.db import connection

    from glaswerk.videos import processing

    # A worker that comes up meanwhile takes the video first or finds it taken: the lock is the same.
    try:
        processing.process(video_id)
    finally:
        with suppress(Exception):
            connection.close()


def _is_worker_alive() -> bool:
    from django.utils import timezone
    from procrastinate.contrib.django.models import ProcrastinateWorker

    since = timezone.now() - _WORKER_SILENCE
    return bool(ProcrastinateWorker.objects.filter(last_heartbeat__gte=since).exists())


def _person(name: str) -> "Person":
    from glaswerk.people.models import Person

    person = Person.objects.filter(name=name.lower().removeprefix("@")).first()
    if person is None:
        _fail(f"There is nobody called {name!r} in this cell.")
    return person


def _video(video_id: str) -> "Video":
    from glaswerk.cell.ids import decode_id
    from glaswerk.videos.models import Video

    video = None
    with suppress(ValueError):
        video = Video.objects.select_related("creator").filter(pk=decode_id(video_id)).first()
    if video is None:
        _fail(f"There is no video {video_id!r} in this cell.")
    return video


def _facts(video: "Video") -> dict[str, Any]:
    from django.conf import settings

    from glaswerk.videos.queries import state_of

    return {
        "id": video.public_id,
        "url": f"{settings.PUBLIC_URL}/v/{video.public_id}",
        "creator": video.creator.name,
        "caption": video.caption,
        "visibility": str(video.visibility),
        "duration_ms": video.duration_ms,
        **state_of(video),
    }


def _show(video: "Video", as_json: bool) -> None:
    """Print the facts; leave with status 1 and the failure's sentence where the video has failed."""
    facts = _facts(video)
    if as_json:
        typer.echo(json.dumps(facts))
    elif facts["failure"] is None:
        typer.echo(f"{facts['id']} is {facts['state']}: {facts['url']}")
    if facts["failure"] is not None:
        _fail(facts["failure"])


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
