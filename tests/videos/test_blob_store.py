"""The blob store: whole or absent, one file for the same bytes, nothing left behind."""

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
from glaswerk.cell.config import Cell


def _files(cell: Cell) -> list[Path]:
    return [path for path in cell.media.rglob("*") if path.is_file()]


def test_stored_under_the_hash_of_its_bytes(cell: Cell, tmp_path: Path) -> None:
    source = tmp_path / "any.name"
    source.write_bytes(b"picture" * 400_000)
    sha = blobs.store_file(source, "jpg")
    assert sha == hashlib.sha256(source.read_bytes()).hexdigest()
    assert blobs.blob_path(sha, "jpg") == cell.media / sha[:2] / f"{sha}.jpg"
    assert blobs.blob_path(sha, "jpg").read_bytes() == source.read_bytes()
    assert blobs.blob_url(sha, "jpg") == f"/media/{sha}.jpg"
    # A copy: what the caller does to the file later does not reach the blob.
    source.write_bytes(b"other")
    assert blobs.blob_path(sha, "jpg").stat().st_size == 2_800_000


def test_same_bytes_once_and_gone_when_deleted(cell: Cell) -> None:
    first, second = blobs.store_bytes(b"a", "webp"), blobs.store_bytes(b"a", "webp")
    assert first == second
    assert _files(cell) == [blobs.blob_path(first, "webp")]
    blobs.delete_blob(first, "webp")
    blobs.delete_blob(first, "webp")
    assert _files(cell) == []


def test_originals_lie_outside_what_is_served(cell: Cell, tmp_path: Path) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"original")
    sha = blobs.store_original(source)
    assert blobs.original_path(sha).read_bytes() == b"original"
    assert not blobs.original_path(sha).is_relative_to(cell.media)
    assert _files(cell) == []


@pytest.mark.parametrize("name", ["", "..", "a" * 63, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n"])
def test_only_hashes_name_blobs(name: str) -> None:
    with pytest.raises(ValueError, match="64"):
        blobs.blob_path(name, "jpg")


def test_only_known_extensions() -> None:
    with pytest.raises(ValueError, match="extension"):
        blobs.store_bytes(b"", "html")


def test_many_writers_of_the_same_bytes(cell: Cell) -> None:
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
    assert sorted(path.name for path in _files(cell)) == sorted({f"{name}.mp4" for name in names})
    for path in _files(cell):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def test_killed_writer_leaves_no_half_blob(cell: Cell) -> None:
    program = (
        "import os, sys\n"
        "from django.conf import settings\n"
        "from pathlib import Path\n"
        "from types import SimpleNamespace\n"
        "settings.configure(CELL=SimpleNamespace(media=Path(sys.argv[1])))\n"
        "from glaswerk.cell import blobs\n"
        "while True:\n"
        "    blobs.store_bytes(os.urandom(4_000_000), 'mp4')\n"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", program, str(cell.media)])
        deadline = time.monotonic() + 20
        while not any(cell.media.glob("*/*.mp4")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.03)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    stored = list(cell.media.glob("??/*.mp4"))
    assert stored
    for path in stored:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    left = set(_files(cell)) - set(stored)
    # What the killed ones left is swept once it is old, and a writer at work is not disturbed.
    assert blobs.sweep_incoming(3600) == 0
    for path in left:
        os.utime(path, (1, 1))
    assert blobs.sweep_incoming(3600) == len(left)
    assert set(_files(cell)) == set(stored)


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
    assert _files(cell) == []
