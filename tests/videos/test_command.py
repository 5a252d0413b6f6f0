"""`glaswerk video`, against the test's database; how a command finds its cell is tested with the cell."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glaswerk.cli import video as command
from glaswerk.people.models import Person
from glaswerk.videos.models import Video

from .conftest import stored_blobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _attached(clean_jobs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "attached_cell", nullcontext)


def _run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command.app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_add_processes_by_itself_where_no_worker_runs(ada: Person, clip: Path) -> None:
    status, output, _ = _run("add", str(clip), "--as", "@Ada", "--caption", "Hello #there", "--json")
    video = Video.objects.get()
    facts = json.loads(output)
    assert status == 0
    assert (facts["id"], facts["state"], facts["failure"]) == (video.public_id, "ready", None)
    assert facts["url"].endswith(f"/v/{video.public_id}")
    assert (video.creator, video.hashtags, video.visibility) == (ada, ["there"], "public")
    status, output, _ = _run("list", "--as", "ada", "--json")
    assert (status, [each["id"] for each in json.loads(output)]) == (0, [video.public_id])
    assert _run("delete", video.public_id)[0] == 0
    assert Video.objects.count() == 0
    assert _run("state", video.public_id)[0] == 1


def test_add_without_waiting(ada: Person, clip: Path) -> None:
    status, output, _ = _run("add", str(clip), "--as", "ada", "--visibility", "private", "--no-wait", "--json")
    assert (status, json.loads(output)["state"], Video.objects.get().visibility) == (0, "uploaded", "private")


def test_failure_is_said_and_the_exit_status_is_1(ada: Person, tmp_path: Path) -> None:
    notes = tmp_path / "notes.mp4"
    notes.write_text("Dear diary")
    status, output, errors = _run("add", str(notes), "--as", "ada")
    assert (status, output) == (1, "")
    assert "This file is not a video. Please choose an MP4, MOV, WebM or MKV file." in errors


def test_refused_before_anything_is_kept(ada: Person, clip: Path) -> None:
    assert _run("add", str(clip), "--as", "nobody")[0] == 1
    status, _, errors = _run("add", str(clip), "--as", "ada", "--caption", "x" * 2201)
    assert (status, errors.strip()) == (1, "caption: Please shorten the caption to at most 2200 characters.")
    assert Video.objects.count() == 0
    assert stored_blobs() == set()
