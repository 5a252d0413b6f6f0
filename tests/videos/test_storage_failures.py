"""A store that is away, slow, broken, or refuses: a clear error, another try where that may help, and nothing half-made."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from glaswerk.cell import blobs, keeping
from glaswerk.cell.blobs import Blob
from glaswerk.cell.blobs import s3 as s3_store
from glaswerk.cell.config import Cell
from glaswerk.cli.doctor import _storage
from glaswerk.people import actions as people
from glaswerk.people.models import Person
from glaswerk.videos import media, processing
from glaswerk.videos.models import Video
from tests.s3 import S3, use_s3

from .conftest import published, signed_in, stored_blobs, upload, uploaded, waiting_jobs
from .test_blob_store import damage
from .test_media import ask, lean_database

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["lean_database"]


class Line:
    """A line to the server that can be disturbed: `fault` says what happens to a request, by its method and path."""

    def __init__(self, s3: S3) -> None:
        self.fault: Callable[[str, str], int | str | None] = lambda method, path: None
        self.seen: list[tuple[str, str]] = []
        target = urlsplit(s3.endpoint)
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                line.seen.append((self.command, self.path))
                fault = line.fault(self.command, self.path)
                if isinstance(fault, int):
                    self.send_response(fault)
                    self.send_header("content-length", "0")
                    self.end_headers()
                    return
                if fault == "hang":
                    time.sleep(2)
                    self.close_connection = True
                    return
                connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=30)
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                data = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                length = answer.getheader("content-length") if self.command == "HEAD" else str(len(data))
                self.send_header("content-length", length or "0")
                self.end_headers()
                if fault == "cut":
                    self.wfile.write(data[: len(data) // 2])
                    self.close_connection = True
                else:
                    self.wfile.write(data)
                connection.close()

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def line(cell: Cell, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A cell on S3 by way of a line that can be disturbed, with less patience than an operator's."""
    patient = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
    backoff = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=10), "base": 2}
    monkeypatch.setattr(s3_store, "_RETRIES", {**patient, "backoff": backoff})
    monkeypatch.setattr(s3_store, "_CLIENT", {"connect_timeout": "1s", "read_timeout": "500ms", "timeout": "1h"})
    line = Line(s3)
    use_s3(cell, s3.at(line.endpoint))
    yield line
    line.close()


def _always(fault: int | str) -> Callable[[str, str], int | str | None]:
    return lambda method, path: fault


def _first(times: int, fault: int | str) -> Callable[[str, str], int | str | None]:
    left = iter(range(times))
    return lambda method, path: fault if next(left, None) is not None else None


def test_a_server_that_stumbles_is_asked_again(line: Line) -> None:
    line.fault = _first(2, 500)
    sha = blobs.store_bytes(b"a", "jpg")
    line.fault = _first(2, 503)
    assert stored_blobs() == {f"{sha}.jpg"}
    line.fault = _first(1, "hang")
    assert blobs.current_store().hash(Blob(sha, "jpg")) == sha


@pytest.mark.parametrize("fault", [500, 503, "hang"])
def test_a_server_that_stays_broken(line: Line, fault: int | str, tmp_path: Path) -> None:
    sha = blobs.store_bytes(b"a", "jpg")
    store = blobs.current_store()
    line.fault = _always(fault)
    doings: list[Callable[[], object]] = [
        lambda: blobs.store_bytes(b"b", "jpg"),
        lambda: store.fetch(Blob(sha, "jpg"), tmp_path / "copy"),
        lambda: store.stat(Blob(sha, "jpg")),
        lambda: list(store.pages()),
        lambda: blobs.delete_blob(sha, "jpg"),
        lambda: keeping.discard([f"{sha}.jpg"]),
    ]
    for doing in doings:
        with pytest.raises(blobs.StorageError, match="cannot be used now"):
            doing()
    line.fault = lambda method, path: None
    assert stored_blobs() == {f"{sha}.jpg"}
    assert list(tmp_path.glob("copy*")) == []


def test_a_download_that_breaks_off_leaves_no_file(line: Line, tmp_path: Path) -> None:
    sha = blobs.store_bytes(b"x" * 3_000_000, "mp4")
    line.fault = lambda method, path: "cut" if method == "GET" else None
    with pytest.raises(blobs.StorageError), blobs.local_blob(sha, "mp4", tmp_path / "work"):
        pass
    assert list((tmp_path / "work").iterdir()) == []


def test_a_part_that_fails_leaves_no_object(line: Line, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"y" * 20_000_000)
    line.fault = lambda method, path: 500 if method == "PUT" and "partNumber=2" in path else None
    with pytest.raises(blobs.StorageError):
        blobs.store_original(source)
    assert any("partNumber=1" in path for _, path in line.seen)
    line.fault = lambda method, path: None
    assert stored_blobs() == set()
    sha = blobs.store_original(source)
    assert stored_blobs() == {sha}


def test_an_upload_is_refused_and_leaves_nothing(line: Line, ada: Person, clip: Path) -> None:
    line.fault = _always(500)
    answer = upload(ada, clip)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert answer.json()["title"] == "Service Unavailable"
    assert line.endpoint not in answer.content.decode()
    assert Video.objects.count() == 0
    assert waiting_jobs("videos.process_video") == []
    line.fault = lambda method, path: None
    assert stored_blobs() == set()
    assert upload(ada, clip).status_code == 201


def test_processing_waits_for_the_store(line: Line, ada: Person, clip: Path, cell: Cell) -> None:
    video = uploaded(ada, clip)
    line.fault = _always(503)
    with pytest.raises(blobs.StorageError):
        processing.process(video.pk)
    video.refresh_from_db()
    assert (video.state, video.failure) == ("processing", "")
    # The store goes away again just when the files are ready.
    line.fault = lambda method, path: 503 if method == "PUT" else None
    with pytest.raises(blobs.StorageError):
        processing.process(video.pk)
    assert list((cell.uploads / "work").iterdir()) == []
    line.fault = lambda method, path: None
    assert stored_blobs() == {video.source}
    processing.process(video.pk)
    video.refresh_from_db()
    assert video.state == "ready"
    assert list((cell.uploads / "work").iterdir()) == []


def test_a_damaged_original_is_not_tried_for_ever(line: Line, ada: Person, clip: Path) -> None:
    video = uploaded(ada, clip)
    damage(Blob(video.source), b"bad")
    processing.process(video.pk)
    video.refresh_from_db()
    assert (video.state, video.failure) == ("failed", "unreadable")


def test_delivery_says_come_back(line: Line, ada: Person, clip: Path) -> None:
    video = published(ada, clip)
    url = blobs.blob_url(video.poster, "jpg")
    line.fault = _always(503)
    answer = ask(url)
    assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (503, b"", "5")
    assert answer.headers["cache-control"] == "no-store"
    line.fault = lambda method, path: None
    whole = ask(url)
    assert (whole.status_code, len(whole.content)) == (200, int(whole.headers["content-length"]))
    # The size is known by now, and the store fails when the bytes are asked for.
    line.fault = lambda method, path: 503 if method == "GET" else None
    assert ask(url).status_code == 503
    # What breaks off in the middle ends the connection, because its length is promised.
    line.fault = lambda method, path: "cut" if method == "GET" else None
    with pytest.raises(OSError, match=r"cannot be used now|shorter"):
        ask(url)
    line.fault = lambda method, path: None
    blobs.delete_blob(video.poster, "jpg")
    media._known_public.clear()
    assert ask(url).status_code == 404


def test_a_picture_is_refused_and_the_old_one_stays(line: Line, ada: Person) -> None:
    from tests.people.test_avatars import picture

    people.set_avatar(ada, SimpleUploadedFile("a.jpg", picture("JPEG")))  # type: ignore[arg-type]
    before = ada.avatar
    line.fault = _always(500)
    form = {"display_name": "Other", "bio": "", "avatar": SimpleUploadedFile("b.png", picture("PNG", (80, 80)))}
    answer = signed_in(ada).post("/me/profile", form)
    assert answer.status_code == 422
    assert "Please try again in a minute" in answer.content.decode()
    ada.refresh_from_db()
    assert (ada.avatar, ada.display_name) == (before, "")
    # Taking one away works all the same; the file waits for the collection of garbage.
    signed_in(ada).post("/me/profile", {"display_name": "", "bio": "", "remove_avatar": "on"})
    ada.refresh_from_db()
    assert ada.avatar == ""
    line.fault = lambda method, path: None
    assert stored_blobs() == {f"{before}.webp"}


# Settings and credentials


def test_wrong_credentials_are_refused_by_name(cell: Cell, s3: S3) -> None:
    use_s3(cell, s3)
    for text in (f"{s3.access_key_id}\nwrong\n", f"AKIAUNKNOWN\n{s3.secret_access_key}"):
        (cell.keys / "s3").write_text(text)
        blobs._store.cache_clear()
        with pytest.raises(blobs.StorageError, match=r"refuses these credentials .*keys/s3") as caught:
            blobs.store_bytes(b"a", "jpg")
        assert s3.secret_access_key not in str(caught.value)
        finding = _storage(cell)
        assert not finding.ok
        assert "keys/s3" in finding.remedy
    s3.write_key(cell)
    blobs._store.cache_clear()
    assert stored_blobs() == set()
    assert _storage(cell).ok
    # Trying it out leaves nothing.
    assert stored_blobs() == set()


@pytest.mark.parametrize(
    "text", ["", "one line", "a\nb\nc", "{", '{"access_key_id": "a"}', '{"access_key_id": 3}', "[]"]
)
def test_a_key_file_that_is_not_whole(cell: Cell, s3: S3, text: str) -> None:
    use_s3(cell, s3)
    (cell.keys / "s3").write_text(text)
    with pytest.raises(blobs.StorageError, match="not whole"):
        blobs.current_store()


def test_credentials_come_from_the_key_folder_or_from_awss_variables(
    cell: Cell, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_s3(cell, s3)
    key = f'{{"access_key_id": "{s3.access_key_id}", "secret_access_key": "{s3.secret_access_key}"}}'
    (cell.keys / "s3").write_text(key)
    # Variables of the environment that nobody meant for this cell do not count beside the file.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "wrong")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    blobs.store_bytes(b"a", "jpg")
    (cell.keys / "s3").unlink()
    blobs._store.cache_clear()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_access_key)
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    blobs.store_bytes(b"b", "jpg")
    assert len(stored_blobs()) == 2
    blobs._store.cache_clear()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(blobs.StorageError, match="no credentials"):
        blobs.current_store()
    assert not _storage(cell).ok


def test_no_such_bucket_and_nobody_there(cell: Cell, s3: S3, line: Line) -> None:
    use_s3(cell, s3, bucket="elsewhere")
    with pytest.raises(blobs.StorageError, match=r"There is no bucket 'elsewhere'.*storage\.bucket"):
        blobs.store_bytes(b"a", "jpg")
    use_s3(cell, s3.at("http://127.0.0.1:9"))
    with pytest.raises(blobs.StorageError, match=r"does not answer.*storage\.endpoint"):
        blobs.store_bytes(b"a", "jpg")
    assert not _storage(cell).ok
