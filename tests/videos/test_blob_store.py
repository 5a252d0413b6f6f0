"""The blob store, in a folder and in a bucket: whole or absent, one blob for the same bytes, nothing left behind."""

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from glaswerk.cell import blobs
from glaswerk.cell.blobs import Blob
from glaswerk.cell.config import Cell
from tests.s3 import S3

from .conftest import blob_bytes, media_files, stored_blobs

both = pytest.mark.usefixtures("storage")


@both
def test_stored_under_the_hash_of_its_bytes(tmp_path: Path) -> None:
    source = tmp_path / "any.name"
    source.write_bytes(b"picture" * 400_000)
    sha = blobs.store_file(source, "jpg")
    assert sha == hashlib.sha256(source.read_bytes()).hexdigest()
    assert stored_blobs() == {f"{sha}.jpg"}
    assert blobs.blob_url(sha, "jpg") == f"/media/{sha}.jpg"
    # A copy: what the caller does to the file later does not reach the blob.
    source.write_bytes(b"other")
    assert blob_bytes(f"{sha}.jpg", tmp_path) == b"picture" * 400_000
    assert blobs.current_store().stat(Blob(sha, "jpg")).size == 2_800_000


def test_where_a_blob_lies(cell: Cell) -> None:
    sha = blobs.store_bytes(b"a", "jpg")
    assert blobs.blob_path(sha, "jpg") == cell.media / sha[:2] / f"{sha}.jpg"


@both
@pytest.mark.parametrize("size", [0, 1, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, 17_000_001])
def test_any_size_comes_back_as_it_was(size: int, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(size))
    sha = blobs.store_original(source)
    store = blobs.current_store()
    assert store.stat(Blob(sha)).size == size
    assert store.hash(Blob(sha)) == sha
    assert blob_bytes(sha, tmp_path) == source.read_bytes()


@both
def test_same_bytes_once_and_gone_when_deleted(tmp_path: Path) -> None:
    first, second = blobs.store_bytes(b"a", "webp"), blobs.store_bytes(b"a", "webp")
    assert first == second
    assert stored_blobs() == {f"{first}.webp"}
    blobs.delete_blob(first, "webp")
    blobs.delete_blob(first, "webp")
    assert stored_blobs() == set()
    assert blobs.current_store().stat(Blob(first, "webp")) is None
    with pytest.raises(FileNotFoundError):
        blob_bytes(f"{first}.webp", tmp_path)


@both
def test_originals_lie_outside_what_is_served(cell: Cell, tmp_path: Path) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"original")
    sha = blobs.store_original(source)
    assert blob_bytes(sha, tmp_path) == b"original"
    assert {stored.blob.key for page in blobs.current_store().pages() for stored in page} == {
        f"originals/{sha[:2]}/{sha}"
    }
    assert media_files(cell) == set()
    with pytest.raises(ValueError, match="extension"):
        blobs.blob_url(sha, "")
    with pytest.raises(ValueError, match="original"):
        blobs.signed_url(sha, "")


@both
@pytest.mark.parametrize("size", [3, 9 << 20])
def test_a_file_is_adopted_under_its_hash(size: int, tmp_path: Path, cell: Cell) -> None:
    source = cell.uploads / "upload"
    source.write_bytes(os.urandom(size))
    sha = hashlib.sha256(source.read_bytes()).hexdigest()
    for _ in range(2):
        blobs.adopt_original(source, sha)
    assert stored_blobs() == {sha}
    assert blob_bytes(sha, tmp_path) == source.read_bytes()
    source.unlink()
    assert len(blob_bytes(sha, tmp_path)) == size


def test_a_bucket_adopts_no_file_with_another_hash(cell: Cell, s3: S3, tmp_path: Path) -> None:
    from tests.s3 import use_s3

    use_s3(cell, s3)
    for size in (3, 20_000_000):
        source = tmp_path / "upload"
        source.write_bytes(os.urandom(size))
        with pytest.raises(blobs.StorageError, match="changed"):
            blobs.adopt_original(source, "0" * 64)
    assert stored_blobs() == set()


@pytest.mark.parametrize("name", ["", "..", "a" * 63, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n", "٣" * 64])
def test_only_hashes_name_blobs(name: str) -> None:
    for extension in ("jpg", ""):
        with pytest.raises(ValueError, match="64"):
            Blob(name, extension)
    with pytest.raises(ValueError, match="64"):
        blobs.blob_path(name, "jpg")


@both
@pytest.mark.parametrize("extension", ["html", "", "jpg/../../keys", "JPG"])
def test_only_known_extensions(extension: str) -> None:
    with pytest.raises(ValueError, match="extension"):
        blobs.store_bytes(b"", extension)
    assert stored_blobs() == set()


def test_names_are_read_as_they_are_written() -> None:
    sha = "ab" * 32
    for blob in (Blob(sha), Blob(sha, "mp4")):
        assert Blob.parse(str(blob)) == blob
        assert Blob.of_key(blob.key) == blob
    for key in (
        f"media/ab/{sha}",
        f"originals/ab/{sha}.mp4",
        f"media/cd/{sha}.mp4",
        f"media/ab/{sha}.html",
        f"media/ab/{sha}.mp4/x",
        f"media/ab/x/{sha}.mp4",
        f"other/ab/{sha}.mp4",
        "media/.incoming/x",
    ):
        assert Blob.of_key(key) is None


@both
def test_many_writers_of_the_same_bytes(tmp_path: Path) -> None:
    start, names = threading.Barrier(8), []

    def write() -> None:
        start.wait()
        names.extend(blobs.store_bytes(bytes([number % 3]) * 3_000_000, "mp4") for number in range(6))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 48
    assert stored_blobs() == {f"{name}.mp4" for name in names}
    for name in set(names):
        assert blobs.current_store().hash(Blob(name, "mp4")) == name


PROGRAM = """
import os, sys
from pathlib import Path
from django.conf import settings
from glaswerk.cell.config import Cell, StorageSection
cell = Cell(Path(sys.argv[1]))
cell.config = cell.config.model_copy(update={"storage": StorageSection.model_validate_json(sys.argv[2])})
settings.configure(CELL=cell)
from glaswerk.cell import blobs
source = Path(sys.argv[3])
while True:
    source.write_bytes(os.urandom(20_000_000))
    blobs.store_file(source, "mp4")
"""


@both
def test_killed_writer_leaves_no_half_blob(cell: Cell, storage: str, tmp_path: Path) -> None:
    section = cell.config.storage.model_dump_json()
    for number in range(2):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(cell.data), section, str(tmp_path / "source")])
        deadline = time.monotonic() + 30
        while len(stored_blobs()) <= number and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.02 * (number + 1))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    names = stored_blobs()
    assert len(names) >= 2
    for name in names:
        blob = Blob.parse(name)
        assert blobs.current_store().hash(blob) == blob.sha
    left = [cell.media / ".incoming" / name for name in media_files(cell) - names]
    # What the killed ones left is swept once it is old, and a writer at work is not disturbed.
    assert blobs.sweep_incoming(3600) == 0
    for path in left:
        os.utime(path, (1, 1))
    assert blobs.sweep_incoming(3600) == len(left)
    assert media_files(cell) == (names if storage == "local" else set())


def test_full_disk_stores_nothing(cell: Cell) -> None:
    # A limit on the size of files stands for the full disk; it holds for a process, so another one tries.
    def child() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            blobs.store_bytes(b"x" * 200_000, "jpg")
        except OSError:
            os._exit(17)
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 17
    assert media_files(cell) == set()


@both
def test_full_disk_where_a_copy_is_fetched_to(cell: Cell, storage: str, tmp_path: Path) -> None:
    sha = blobs.store_bytes(b"x" * 200_000, "jpg")
    if storage == "local":
        with blobs.local_blob(sha, "jpg", tmp_path) as path:
            assert path == blobs.blob_path(sha, "jpg")
        assert list(tmp_path.glob("fetched-*")) == []
        return
    code = PROGRAM.partition("source =")[0] + (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    with blobs.local_blob(sys.argv[4], 'jpg', Path(sys.argv[3])): pass\n"
        "except blobs.StorageError: sys.exit(3)\n"
        "except OSError as error: sys.exit(error.errno)\n"
    )
    section = cell.config.storage.model_dump_json()
    done = subprocess.run([sys.executable, "-c", code, str(cell.data), section, str(tmp_path / "work"), sha])
    assert done.returncode == 27  # EFBIG, which stands for a full disk here
    assert list((tmp_path / "work").iterdir()) == []


@both
def test_damaged_blob_is_noticed_and_healed(cell: Cell, storage: str, tmp_path: Path) -> None:
    store = blobs.current_store()
    sha = blobs.store_bytes(b"whole", "jpg")
    damage(Blob(sha, "jpg"), b"hole!")
    assert store.hash(Blob(sha, "jpg")) != sha
    with pytest.raises(blobs.CorruptBlob, match="damaged"):
        store.fetch(Blob(sha, "jpg"), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert blobs.store_bytes(b"whole", "jpg") == sha
    assert store.hash(Blob(sha, "jpg")) == sha


def damage(blob: Blob, data: bytes) -> None:
    """Put other bytes where a blob lies, as a failing disk does."""
    store = blobs.current_store()
    path = store.local_path(blob)
    if path is not None:
        path.write_bytes(data)
    else:
        import obstore

        obstore.put(store._bucket, blob.key, data)
