"""A cell folder of its own for every test, people, clips made by ffmpeg, and a real job worker."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client

from glaswerk.cell import blobs
from glaswerk.cell.config import Cell
from glaswerk.people.models import Person, Role
from glaswerk.videos import media, processing
from glaswerk.videos.models import Video
from tests.s3 import use_s3

MakePerson = Callable[..., Person]


@pytest.fixture(autouse=True)
def cell(tmp_path: Path, settings: object) -> Cell:
    """An empty data folder; the database is the test's."""
    fresh = Cell(tmp_path / "cell")
    fresh.make_folders()
    settings.CELL = fresh
    settings.FILE_UPLOAD_TEMP_DIR = str(fresh.uploads)
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    media._known_public.clear()
    return fresh


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, cell: Cell) -> str:
    """The kind of store that this cell keeps its blobs in; a test that asks for it runs once with each."""
    kind: str = request.param
    if kind == "s3":
        use_s3(cell, request.getfixturevalue("s3"))
    return kind


@pytest.fixture
def clean_jobs(transactional_db: None) -> Iterator[None]:
    """A transactional database whose job queue is empty before and after."""

    def clean() -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers RESTART IDENTITY CASCADE")

    clean()
    yield
    clean()


@pytest.fixture
def make_person(db: None) -> MakePerson:
    def make(name: str, role: str = Role.VIEWER, **fields: object) -> Person:
        # No password: these people sign in by `force_login`, and hashing one costs a tenth of a second.
        return Person.objects.create(name=name, role=role, **fields)

    return make


@pytest.fixture
def ada(make_person: MakePerson) -> Person:
    return make_person("ada")


@pytest.fixture
def ben(make_person: MakePerson) -> Person:
    return make_person("ben")


def signed_in(person: Person | None) -> Client:
    """A browser of this person, or of somebody signed out."""
    client = Client()
    if person is not None:
        client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def ffmpeg(path: Path, *arguments: str) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", *arguments, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def clip(clips: Path) -> Path:
    """Half a second of 96 x 160 with a tone."""
    return ffmpeg(
        clips / "clip.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=96x160:rate=12:duration=0.5"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=0.5"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    )


def upload(person: Person | None, path: Path | bytes, **fields: str) -> HttpResponse:
    """Send a file as the upload page does."""
    data = path if isinstance(path, bytes) else path.read_bytes()
    file = SimpleUploadedFile("clip.mp4", data, "video/mp4")
    return signed_in(person).post("/api/videos", {"file": file, **fields})


def uploaded(person: Person, path: Path | bytes, **fields: str) -> Video:
    response = upload(person, path, **fields)
    assert response.status_code == 201, response.content
    return Video.objects.order_by("-pk").first()


def published(person: Person, path: Path, **fields: str) -> Video:
    """Upload and process, in this thread."""
    video = uploaded(person, path, **fields)
    processing.process(video.pk)
    video.refresh_from_db()
    assert video.state == "ready", video.failure
    return video


def run_jobs(*queues: str) -> None:
    """Let a real worker do every job that waits in the queues, and end."""
    from procrastinate.contrib.django.procrastinate_app import current_app

    async def work() -> None:
        connector = current_app.connector.get_worker_connector()
        with current_app.replace_connector(connector) as app:
            async with app.open_async():
                await app.run_worker_async(
                    queues=list(queues), wait=False, install_signal_handlers=False, listen_notify=False
                )

    failures: list[BaseException] = []

    def thread() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    # A thread of its own, because Django refuses its database in a thread that runs an event loop.
    worker = threading.Thread(target=thread)
    worker.start()
    worker.join()
    if failures:
        raise failures[0]


def waiting_jobs(task: str) -> list[dict[str, object]]:
    """The arguments of the jobs of a task that wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args FROM procrastinate_jobs WHERE task_name = %s AND status = 'todo' ORDER BY id", [task]
        )
        return [json.loads(row[0]) for row in cursor.fetchall()]


def media_files(cell: Cell) -> set[str]:
    """The names of all files of the local store, half-made ones included."""
    return {path.name for path in cell.media.rglob("*") if path.is_file()}


def stored_blobs() -> set[str]:
    """The names of all blobs, whichever store they lie in."""
    return {str(stored.blob) for page in blobs.current_store().pages() for stored in page}


def blob_bytes(name: str, folder: Path) -> bytes:
    """What a blob holds, read as a worker reads it."""
    blob = blobs.Blob.parse(name)
    with blobs.local_blob(blob.sha, blob.extension, folder) as path:
        return path.read_bytes()
