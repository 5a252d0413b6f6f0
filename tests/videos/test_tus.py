"""tus 1.0.0 at the front door: what the protocol promises, who may, and that a refusal changes nothing."""

import base64
import fcntl
import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glaswerk.cell import blobs, keeping
from glaswerk.cell.config import Cell, Config
from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.videos.actions import UploadError, delete_video
from glaswerk.videos.models import Upload, Video
from glaswerk.videos.tus import actions, disk, server

from .conftest import signed_in, uploaded, waiting_jobs
from .tus_door import CHUNK, GONE, Door, Held, metadata, open_door

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def door(cell: Cell, clean_jobs: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The front door, led to the test's database."""
    parts = connection.get_connection_params()
    monkeypatch.setenv("DATABASE_URL", f"postgresql://{parts.get('user', '')}@/{parts['dbname']}?host={parts['host']}")
    with open_door(cell) as opened:
        yield opened


@pytest.fixture
def data(clip: Path) -> bytes:
    return clip.read_bytes()


def _rows() -> list[dict[str, Any]]:
    return list(Upload.objects.order_by("pk").values())


def _files(cell: Cell) -> dict[str, bytes]:
    """What lies on the disk of uploads, by name."""
    return {path.name: path.read_bytes() for path in cell.uploads.rglob("*") if path.is_file()}


def _begun(door: Door, person: Person, data: bytes, kept: int = 0, **words: str) -> str:
    """Begin an upload, send the first `kept` bytes, and return its address."""
    place = door.create(person, len(data), **words).place
    if kept:
        assert door.append(person, place, 0, data[:kept]).status == 204
    return place


def _digest(name: str, data: bytes) -> str:
    return f"{name} {base64.b64encode(hashlib.new(name, data).digest()).decode()}"


def test_it_says_what_it_can_do(door: Door) -> None:
    answer = door.ask(None, "OPTIONS", "/api/uploads", version=None)
    assert answer.status == 204
    assert answer.headers["tus-resumable"] == answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,creation-with-upload,checksum,expiration,termination"
    assert answer.headers["tus-max-size"] == str(512 << 20)
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256,md5"


def test_an_interrupted_upload_goes_on_and_becomes_a_video(door: Door, cell: Cell, ada: Person, data: bytes) -> None:
    words = {"filename": "Ö.mp4", "filetype": "video/mp4", "caption": "Hallo #töpfern", "visibility": "followers"}
    begun = door.create(ada, len(data), **words)
    assert (begun.status, begun.offset, "upload-expires" in begun.headers) == (201, 0, True)
    door.append(ada, begun.place, 0, [data[:100], data[100:1000], GONE], content_length=str(len(data)))
    asked = door.head(ada, begun.place)
    assert (asked.status, asked.offset, asked.headers["upload-length"]) == (200, 1000, str(len(data)))
    assert asked.headers["upload-metadata"] == metadata(words)
    assert asked.headers["cache-control"] == "no-store"
    assert not Video.objects.exists()
    done = door.append(ada, begun.place, 1000, data[1000:])
    assert (done.status, done.offset) == (204, len(data))
    video = Video.objects.get()
    assert done.headers["upload-video"] == video.public_id
    assert "upload-duplicate" not in done.headers
    # Whoever missed that answer asks again, and hears the same.
    again = door.head(ada, begun.place)
    assert (again.offset, again.headers["upload-video"]) == (len(data), video.public_id)
    assert door.append(ada, begun.place, len(data), b"").headers["upload-video"] == video.public_id

    assert (video.creator, video.caption, video.hashtags) == (ada, "Hallo #töpfern", ["töpfern"])
    assert (video.visibility, video.state) == ("followers", "uploaded")
    assert blobs.original_path(video.source).read_bytes() == data
    assert _files(cell) == {video.source: data}
    assert waiting_jobs("videos.process_video") == [{"video_id": video.pk}]
    ada.refresh_from_db()
    assert ada.role == "creator"
    state = signed_in(ada).get(f"{begun.place}/state").json()
    assert (state["state"], state["video"], state["filename"]) == ("whole", video.public_id, "Ö.mp4")


def test_the_first_chunk_may_come_with_the_beginning(door: Door, ada: Person, data: bytes) -> None:
    headers = {**CHUNK, "upload-length": str(len(data)), "upload-metadata": metadata({"purpose": "source"})}
    begun = door.ask(ada, "POST", "/api/uploads", headers, data[:500])
    assert (begun.status, begun.offset) == (201, 500)
    assert door.append(ada, begun.place, 500, data[500:]).offset == len(data)
    at_once = door.ask(ada, "POST", "/api/uploads", headers, data)
    assert (at_once.status, at_once.offset) == (201, len(data))
    rows = _rows()
    wrong = {**headers, "upload-checksum": _digest("sha1", b"else")}
    assert door.ask(ada, "POST", "/api/uploads", wrong, data).status == 460
    assert door.ask(ada, "POST", "/api/uploads", headers, data + b"x").status == 413
    assert door.ask(ada, "POST", "/api/uploads", headers, [data, b"x"]).status == 413
    assert door.ask(ada, "POST", "/api/uploads", {**headers, "content-type": "video/mp4"}, data).status == 415
    assert _rows() == rows


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(1, 5000), st.booleans(), st.sampled_from(("", "sha1", "md5"))), max_size=12))
def test_any_split_arrives_the_same(door: Door, ada: Person, data: bytes, splits: list[tuple[int, bool, str]]) -> None:
    """Chunks of any size, with or without a digest, whole or cut off in the middle."""
    place = _begun(door, ada, data, purpose="source")
    offset = 0
    for size, is_cut, digest in [*splits, (len(data), False, "")]:
        chunk = data[offset : offset + size]
        headers = {"content_length": str(len(chunk))}
        if digest:
            headers["upload_checksum"] = _digest(digest, chunk)
        half = len(chunk) // 2
        door.append(ada, place, offset, [chunk[:half], GONE] if is_cut else [chunk[:half], chunk[half:]], **headers)
        expected = offset + (0 if is_cut and digest else half if is_cut else len(chunk))
        offset = door.head(ada, place).offset
        assert offset == expected
    assert blobs.original_path(Upload.objects.get(pk=disk_id(place)).sha).read_bytes() == data
    with transaction.atomic():
        actions.claim_upload(ada, place.rpartition("/")[2])


def disk_id(place: str) -> int:
    """The id in an address."""
    return decode_id(place.rpartition("/")[2])


@pytest.mark.parametrize("name", ["sha1", "sha256", "md5"])
def test_of_a_chunk_with_a_wrong_digest_nothing_is_kept(
    door: Door, cell: Cell, ada: Person, data: bytes, name: str
) -> None:
    place = _begun(door, ada, data, 10)
    rows, files = _rows(), _files(cell)
    wrong = door.append(ada, place, 10, data[10:], upload_checksum=_digest(name, data[10:-1] + b"?"))
    assert (wrong.status, wrong.headers["content-type"]) == (460, "application/problem+json")
    assert wrong.headers["tus-resumable"] == "1.0.0"
    assert (_rows(), _files(cell)) == (rows, files)
    assert not Video.objects.exists()
    right = door.append(ada, place, 10, data[10:], upload_checksum=_digest(name, data[10:]))
    assert right.offset == len(data)
    assert Video.objects.count() == 1


REFUSED: dict[str, tuple[int, dict[str, str], int]] = {
    "offset behind": (9, {}, 409),
    "offset ahead": (11, {}, 409),
    "no offset": (10, {"upload-offset": ""}, 400),
    "negative offset": (10, {"upload-offset": "-1"}, 400),
    "offset in other digits": (10, {"upload-offset": "１０".encode().decode("latin-1")}, 400),
    "huge offset": (10, {"upload-offset": "9" * 400}, 400),
    "no version": (10, {"tus-resumable": ""}, 412),
    "other version": (10, {"tus-resumable": "0.2.2"}, 412),
    "other type": (10, {"content-type": "application/json"}, 415),
    "other algorithm": (10, {"upload-checksum": "crc32 AAAA"}, 400),
    "no digest": (10, {"upload-checksum": "sha1"}, 400),
    "short digest": (10, {"upload-checksum": "sha1 AAAA"}, 400),
    "no base64": (10, {"upload-checksum": "sha1 !!"}, 400),
    "other site": (10, {"origin": "https://evil.example"}, 403),
    "other site by its mark": (10, {"sec-fetch-site": "cross-site"}, 403),
    "other method": (10, {"x-http-method-override": "PUT"}, 405),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_chunk_changes_nothing(door: Door, cell: Cell, ada: Person, data: bytes, case: str) -> None:
    offset, headers, status = REFUSED[case]
    place = _begun(door, ada, data, 10)
    rows, files = _rows(), _files(cell)
    answer = door.append(ada, place, offset, data[offset:], **headers)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    if status == 409:
        assert answer.offset == 10
    if status == 412:
        assert answer.headers["tus-version"] == "1.0.0"
    assert (_rows(), _files(cell)) == (rows, files)
    assert door.append(ada, place, 10, data[10:]).offset == len(data)


@pytest.mark.parametrize("announced", [True, False])
def test_of_an_over_long_chunk_nothing_is_kept(
    door: Door, cell: Cell, ada: Person, data: bytes, announced: bool
) -> None:
    place = _begun(door, ada, data, 10)
    rows, files = _rows(), _files(cell)
    body = data[10:] + b"?"
    answer = door.append(ada, place, 10, body if announced else [body[:5000], body[5000:]])
    assert answer.status == 413
    assert (_rows(), _files(cell)) == (rows, files)
    assert not Video.objects.exists()


def test_others_find_nothing(door: Door, cell: Cell, ada: Person, ben: Person, data: bytes) -> None:
    place = _begun(door, ada, data, 10)
    rows, files = _rows(), _files(cell)
    for address in (place, "/api/uploads/0123456789abc", "/api/uploads/../../keys/django", "/api/uploads/%00"):
        statuses = [
            door.head(ben, address).status,
            door.append(ben, address, 10, data[10:]).status,
            door.ask(ben, "DELETE", address).status,
        ]
        assert statuses == [404, 404, 404]
        assert door.append(None, address, 10, data[10:]).status == 401
        assert door.ask(None, "DELETE", address).status == 401
    assert signed_in(ben).get(f"{place}/state").status_code == 404
    assert signed_in(ben).get("/api/uploads").json() == {"uploads": []}
    assert signed_in(None).get("/api/uploads").status_code == 401
    assert door.create(None, 10).status == 401
    with pytest.raises(UploadError), transaction.atomic():
        actions.claim_upload(ben, place.rpartition("/")[2])
    assert (_rows(), _files(cell)) == (rows, files)
    assert [one["offset"] for one in signed_in(ada).get("/api/uploads").json()["uploads"]] == [10]


HOSTILE_WORDS: dict[str, str] = {
    "a path": metadata({"filename": "/etc/passwd"}),
    "a way up": metadata({"filename": "../../keys/django"}),
    "just up": metadata({"filename": ".."}),
    "a path of Windows": metadata({"filename": "C:\\Windows\\x.mp4"}),
    "a share": metadata({"filename": "\\\\server\\share"}),
    "a path in a key of its own": metadata({"path": "/etc/passwd"}),
    "a file address": metadata({"source": "file:///etc/passwd"}),
    "a home": metadata({"target": "~root/x"}),
    "a null": metadata({"filename": "a\x00.mp4"}),
    "a line break": metadata({"filename": "a\r\nSet-Cookie: x"}),
    "a turned name": metadata({"filename": "a\u202e4pm.exe"}),
    "a control character in the type": metadata({"filetype": "video/\x1bmp4"}),
    "no media type": metadata({"filetype": "video"}),
    "no base64": "filename !!!",
    "no UTF-8": "filename /////w==",
    "twice": "filename YQ==,filename Yg==",
    "no key": "  ,,",
    "many keys": ",".join(f"k{number} YQ==" for number in range(50)),
    "very long": "filename " + "QUFB" * 10_000,
    "a long name": metadata({"filename": "a" * 256}),
    "another purpose": metadata({"purpose": "avatar"}),
}


@pytest.mark.parametrize("case", HOSTILE_WORDS)
def test_hostile_metadata_is_refused(door: Door, cell: Cell, ada: Person, case: str) -> None:
    answer = door.ask(ada, "POST", "/api/uploads", {"upload-length": "10", "upload-metadata": HOSTILE_WORDS[case]})
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert (_rows(), _files(cell)) == ([], {})


BEGINNINGS: dict[str, tuple[dict[str, str], int]] = {
    "no length": ({"upload-length": ""}, 400),
    "a length that is open": ({"upload-defer-length": "1"}, 400),
    "a part": ({"upload-concat": "partial"}, 400),
    "nothing": ({"upload-length": "0"}, 422),
    "too much": ({"upload-length": str((512 << 20) + 1)}, 413),
    "a caption that is too long": ({"upload-metadata": metadata({"caption": "x" * 2201})}, 422),
    "a control character": ({"upload-metadata": metadata({"caption": "a\x00b"})}, 422),
    "an unknown visibility": ({"upload-metadata": metadata({"visibility": "nobody"})}, 422),
    "no version": ({"tus-resumable": ""}, 412),
    "another site": ({"origin": "https://evil.example"}, 403),
}


@pytest.mark.parametrize("case", BEGINNINGS)
def test_a_refused_beginning_leaves_nothing(door: Door, cell: Cell, ada: Person, case: str) -> None:
    headers, status = BEGINNINGS[case]
    answer = door.create(ada, 10, headers)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (_rows(), _files(cell)) == ([], {})


def test_the_quota_holds_and_ends_with_what_is_discarded(door: Door, cell: Cell, ada: Person, ben: Person) -> None:
    cell.config = Config.model_validate({"videos": {"max_open_uploads": 2, "max_open_mb": 3}})
    first = door.create(ada, 1 << 20)
    assert door.create(ada, 1 << 20).status == 201
    rows = _rows()
    assert door.create(ada, 10).status == 429
    assert _rows() == rows
    assert door.create(ben, 3 << 20).status == 201
    assert door.ask(ada, "DELETE", first.place).status == 204
    assert door.head(ada, first.place).status == 404
    # One place is free, but two MiB are all that is left.
    assert door.create(ada, (2 << 20) + 1).status == 429
    assert door.create(ada, 2 << 20).status == 201


def test_two_beginnings_do_not_share_the_last_place(door: Door, cell: Cell, ada: Person) -> None:
    cell.config = Config.model_validate({"videos": {"max_open_uploads": 3}})
    headers = {"upload-length": "10"}
    asked = [door.begin(ada, "POST", "/api/uploads", headers) for _ in range(8)]
    assert sorted(one.result(60).status for one in asked) == [201] * 3 + [429] * 5
    assert len(_rows()) == 3


def test_a_discarded_upload_is_gone_with_its_bytes(door: Door, cell: Cell, ada: Person, data: bytes) -> None:
    place = _begun(door, ada, data, 1000)
    assert door.ask(ada, "POST", place, {"x-http-method-override": "DELETE"}).status == 204
    assert door.append(ada, place, 1000, data[1000:]).status == 404
    assert (_rows(), _files(cell)) == ([], {})


def test_discarding_ends_a_chunk_that_is_on_its_way(door: Door, cell: Cell, ada: Person, data: bytes) -> None:
    place = _begun(door, ada, data)
    body = Held()
    sending = door.begin_to_append(ada, place, 0, body, content_length=str(len(data)))
    body.give(door.loop, data[:1000])
    assert door.ask(ada, "DELETE", place).status == 204
    body.give(door.loop, data[1000:])
    body.give(door.loop, None)
    assert sending.result(60).status == 404
    assert (_rows(), _files(cell)) == ([], {})
    assert not Video.objects.exists()


def test_what_has_expired_is_gone(door: Door, cell: Cell, ada: Person, data: bytes) -> None:
    place = _begun(door, ada, data, 1000)
    source = _begun(door, ada, data, len(data), purpose="source")
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    for is_swept in (False, True):
        assert door.head(ada, place).status == 410
        assert door.append(ada, place, 1000, data[1000:]).status == 410
        assert door.head(ada, source).status == 410
        assert signed_in(ada).get(f"{place}/state").status_code == 410
        assert signed_in(ada).get("/api/uploads").json() == {"uploads": []}
        assert actions.sweep_uploads() == (0 if is_swept else 2)
    sha = hashlib.sha256(data).hexdigest()
    assert waiting_jobs("videos.discard_blobs") == [{"names": [sha]}]
    keeping.discard([sha])
    assert _files(cell) == {}
    assert not Video.objects.exists()
    Upload.objects.update(expires_at=timezone.now() - timedelta(days=8))
    actions.sweep_uploads()
    assert door.head(ada, place).status == 404


def test_every_chunk_puts_the_end_off(door: Door, ada: Person, data: bytes) -> None:
    place = _begun(door, ada, data)
    soon = timezone.now() + timedelta(minutes=1)
    Upload.objects.update(expires_at=soon)
    door.append(ada, place, 0, data[:10])
    assert Upload.objects.get().expires_at > soon + timedelta(hours=23)


def test_strays_are_swept_and_what_is_open_stays(door: Door, cell: Cell, ada: Person, data: bytes) -> None:
    place = _begun(door, ada, data, 10)
    stray = disk.folder() / "0123456789abc"
    for path in (stray, stray.with_suffix(".wanted")):
        path.write_bytes(b"left")
    for path in disk.folder().iterdir():
        os.utime(path, (0, 0))
    actions.sweep_uploads()
    assert [path.name for path in disk.folder().iterdir()] == [place.rpartition("/")[2]]


def test_the_same_file_again_is_told(door: Door, cell: Cell, ada: Person, ben: Person, data: bytes) -> None:
    first = door.append(ada, _begun(door, ada, data), 0, data).headers["upload-video"]
    place = _begun(door, ada, data)
    again = door.append(ada, place, 0, data)
    assert again.headers["upload-duplicate"] == first
    assert again.headers["upload-video"] != first
    assert signed_in(ada).get(f"{place}/state").json()["duplicate_of"] == first
    assert "upload-duplicate" not in door.append(ben, _begun(door, ben, data), 0, data).headers
    assert len(_files(cell)) == 1
    # The plain form says so as well.
    uploaded(ada, data)
    sent = signed_in(ada).post("/api/videos", {"file": SimpleUploadedFile("clip.mp4", data)}).json()
    assert sent["duplicate_of"] == Video.objects.filter(creator=ada).order_by("-pk")[1].public_id


def test_a_source_is_claimed_once(door: Door, cell: Cell, ada: Person, data: bytes) -> None:
    place = _begun(door, ada, data, 100, purpose="source")
    public_id = place.rpartition("/")[2]
    with pytest.raises(UploadError) as early, transaction.atomic():
        actions.claim_upload(ada, public_id)
    assert early.value.status == 409
    assert door.append(ada, place, 100, data[100:]).status == 204
    sha = Upload.objects.get().sha
    # What nobody has claimed yet is kept.
    assert keeping.discard([sha]) == 0
    with transaction.atomic():
        assert actions.claim_upload(ada, public_id) == sha
    assert blobs.original_path(sha).read_bytes() == data
    with pytest.raises(UploadError) as late, transaction.atomic():
        actions.claim_upload(ada, public_id)
    assert late.value.status == 404
    assert not Video.objects.exists()
    video = _begun(door, ada, data)
    with pytest.raises(UploadError) as wrong, transaction.atomic():
        actions.claim_upload(ada, video.rpartition("/")[2])
    assert wrong.value.status == 409


def test_a_deleted_video_takes_its_original_along(door: Door, cell: Cell, ada: Person, data: bytes) -> None:
    place = _begun(door, ada, data)
    door.append(ada, place, 0, data)
    video = Video.objects.get()
    delete_video(ada, video)
    assert keeping.discard([video.source]) == 1
    assert door.head(ada, place).status == 200
    assert _files(cell) == {}


def test_a_full_disk_keeps_what_it_took(
    door: Door, cell: Cell, ada: Person, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = _begun(door, ada, data, 100)

    def full(self: disk.UploadFile, position: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(disk.UploadFile, "write", full)
        answer = door.append(ada, place, 100, data[100:])
    assert answer.status == 507
    assert door.head(ada, place).offset == 100
    assert door.append(ada, place, 100, data[100:]).status == 204
    with monkeypatch.context() as patch:
        patch.setattr(disk, "free_bytes", lambda: 1000)
        assert door.create(ada, len(data)).status == 507
    assert len(_rows()) == 1


def test_a_chunk_that_was_killed_before_the_end_of_its_upload_is_finished_by_the_next_question(
    door: Door, cell: Cell, ada: Person, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All bytes are acknowledged, and then the process dies; on the way, or after the original has got its name."""
    place = _begun(door, ada, data)

    def killed(*words: object) -> None:
        raise KeyboardInterrupt

    real = blobs.adopt_original
    for moment in ("before", "after"):
        upload_id = disk_id(place)
        file = disk.UploadFile.take(upload_id)
        assert file is not None
        file.write(0, data)
        file.sync()
        actions.record_offset(upload_id, len(data))
        with monkeypatch.context() as patch:

            def adopt(path: Path, sha: str, moment: str = moment) -> None:
                if moment == "after":
                    real(path, sha)
                killed()

            patch.setattr(blobs, "adopt_original", adopt)
            with pytest.raises(KeyboardInterrupt):
                actions.finish_upload(upload_id, file)
        file.close()
        assert not Video.objects.filter(source=hashlib.sha256(data).hexdigest()).exists()
        answer = door.head(ada, place)
        video = Video.objects.get()
        assert answer.headers["upload-video"] == video.public_id
        assert _files(cell) == {video.source: data}
        delete_video(ada, video)
        keeping.discard([video.source])
        place = _begun(door, ada, data)


def test_bytes_that_were_never_acknowledged_are_cut_off(door: Door, cell: Cell, ada: Person, data: bytes) -> None:
    place = _begun(door, ada, data, 1000)
    path = disk.file_path(disk_id(place))
    path.write_bytes(path.read_bytes() + b"of a killed writer")
    assert door.head(ada, place).offset == 1000
    assert door.append(ada, place, 1000, data[1000:]).status == 204
    assert blobs.original_path(Video.objects.get().source).read_bytes() == data


def test_bytes_that_are_lost_are_not_made_up(door: Door, cell: Cell, ada: Person, data: bytes) -> None:
    place = _begun(door, ada, data, 1000)
    disk.file_path(disk_id(place)).write_bytes(data[:500])
    assert door.append(ada, place, 1000, data[1000:]).status == 410
    assert not Video.objects.exists()


def _race(door: Door, person: Person, place: str, data: bytes) -> tuple[int, int, bytes]:
    """Send the first half of a chunk, then all of another one for the same bytes, then the second half.

    Returns both statuses, and what is then kept.
    """
    half = len(data) // 2
    slow = Held()
    first = door.begin_to_append(person, place, 0, slow, content_length=str(len(data)))
    slow.give(door.loop, data[:half])
    path = disk.file_path(disk_id(place))
    while not path.exists() or path.stat().st_size < half:
        pass
    second = door.append(person, place, 0, bytes(255 - byte for byte in data)).status
    slow.give(door.loop, data[half:])
    slow.give(door.loop, None)
    return first.result(60).status, second, blobs.original_path(Upload.objects.get().sha).read_bytes()


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece is written at once, and nobody waits long."""
    monkeypatch.setattr(server, "_WRITTEN_AT_ONCE", 1)
    monkeypatch.setattr(server, "_PATIENCE_S", 0.2)


def test_two_chunks_at_once_do_not_mix(door: Door, ada: Person, data: bytes, eager: None) -> None:
    assert _race(door, ada, _begun(door, ada, data, purpose="source"), data) == (204, 423, data)


def test_without_the_lock_they_would(
    door: Door, ada: Person, data: bytes, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the race above does find what it looks for."""
    monkeypatch.setattr(fcntl, "flock", lambda *words: None)
    _, second, kept = _race(door, ada, _begun(door, ada, data, purpose="source"), data)
    assert second == 204
    assert kept not in (data, bytes(255 - byte for byte in data))


def test_a_silent_connection_gives_way_to_the_next(
    door: Door, ada: Person, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone changes its network: the server still waits for the old connection when the new one comes."""
    monkeypatch.setattr(server, "_GIVES_WAY_S", 0.1)
    place = _begun(door, ada, data)
    silent = Held()
    before = door.begin_to_append(ada, place, 0, silent, content_length=str(len(data)))
    silent.give(door.loop, data[:1000])
    while door.head(ada, place).offset < 1000:
        pass
    assert door.append(ada, place, 1000, data[1000:]).status == 204
    assert before.result(60).status == 408
    assert blobs.original_path(Video.objects.get().source).read_bytes() == data


def test_a_busy_connection_does_not_give_way(door: Door, ada: Person, data: bytes, eager: None) -> None:
    place = _begun(door, ada, data)
    busy = Held()
    first = door.begin_to_append(ada, place, 0, busy, content_length=str(len(data)))
    busy.give(door.loop, data[:1000])
    path = disk.file_path(disk_id(place))
    while not path.exists() or path.stat().st_size < 1000:
        pass
    assert door.append(ada, place, 0, data).status == 423
    busy.give(door.loop, data[1000:])
    busy.give(door.loop, None)
    assert first.result(60).status == 204
