"""A crash at every single step of a batch, with and without the loss of what was not synced: the log goes on as it was."""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from glaswerk.tlog import LogError, LogReader, LogWriter, TrustedLog, folder_fetch, follow, verify

from .naive import POLICY, SIGNER, numbered, root, write_log

STEPS = ("write", "fsync", "fdatasync", "replace", "unlink", "mkdir", "rmdir", "ftruncate")
BEFORE = numbered(250)
BATCH = [b"of the batch %d" % number for number in range(20)]


class Disk:
    """Counts what one thread does to the disk, stops at one step for good, and knows what was not synced by then."""

    def __init__(self, stop_at: int) -> None:
        self.steps = 0
        self.dead = False
        self._stop_at = stop_at
        self._synced: dict[Path, bytes] = {}
        self._dirty: set[Path] = set()

    def step(self, name: str, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if threading.current_thread().name != "log writer":
            return real(*args, **kwargs)
        self.steps += 1
        if self.dead or self.steps == self._stop_at:
            # A write may have come half way.
            if name == "write" and not self.dead:
                self._dirty.add(self._path(args[0]))
                real(args[0], bytes(args[1])[: len(args[1]) // 2])
            self.dead = True
            raise SystemExit("the power is off")
        done = real(*args, **kwargs)
        if name == "write":
            self._dirty.add(self._path(args[0]))
        elif name in ("fsync", "fdatasync"):
            path = self._path(args[0])
            self._dirty.discard(path)
            if path.is_file():
                self._synced[path] = path.read_bytes()
        elif name == "replace":
            source, target = map(Path, args)
            self._dirty.discard(target)
            if source in self._dirty:
                self._dirty.remove(source)
                self._dirty.add(target)
        return done

    def lose(self, journal: bytes) -> None:
        """Let the power failure take what was not synced: of the journal what came since, of other files everything."""
        for path in self._dirty:
            if path.exists():
                path.write_bytes(self._synced.get(path, journal) if path.name == "journal" else b"")

    @staticmethod
    def _path(descriptor: int) -> Path:
        return Path(os.readlink(f"/proc/self/fd/{descriptor}"))


@contextmanager
def stopping_at(step: int) -> Iterator[Disk]:
    disk = Disk(step)
    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            real = getattr(os, name)
            patch.setattr(
                os, name, lambda *args, _name=name, _real=real, **more: disk.step(_name, _real, *args, **more)
            )
        yield disk


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder whose syncs cost nothing, where the system has one: these crashes are made up anyway."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.parametrize("lossy", [False, True], ids=["killed", "power lost"])
def test_a_crash_at_any_step_changes_nothing_that_was_said(
    memory: Path, monkeypatch: pytest.MonkeyPatch, lossy: bool
) -> None:
    # Little room, so that it also has to grow in the midst of it.
    monkeypatch.setattr("glaswerk.tlog.writer.journal._ROOM", 200)
    prepared = write_log(memory / "prepared", BEFORE[:200], BEFORE[200:])
    # The batch fills a tile, and the journal is begun anew behind it.
    monkeypatch.setattr("glaswerk.tlog.writer.writer._LONG_JOURNAL", 1_000)
    step, acknowledged = 0, False
    outcomes = set()
    while not acknowledged:
        step += 1
        folder = memory / "log"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(prepared, folder)
        trusted = TrustedLog(POLICY)
        follow(trusted, folder_fetch(folder))
        writer = LogWriter.open(folder, SIGNER)
        journal = (folder / ".writer" / "journal").read_bytes()
        with stopping_at(step) as disk:
            try:
                acknowledged = writer.append(*BATCH).count == len(BATCH)
            except LogError:
                assert disk.dead
            writer.close()
        if lossy:
            disk.lose(journal)
        else:
            follow(trusted, folder_fetch(folder))
            assert verify(folder, POLICY).faults == []
        with LogWriter.open(folder, SIGNER) as again:
            follow(trusted, folder_fetch(folder))
            assert trusted.last is not None
            size = trusted.last.checkpoint.size
            outcomes.add(size)
            assert trusted.last.checkpoint.root == root([*BEFORE, *BATCH][:size])
            assert size == 270 or not acknowledged
            # What comes next is something else, and shorter, than what the crash may have left.
            assert again.append(b"next").index == size
        LogWriter.open(folder, SIGNER).close()
        follow(trusted, folder_fetch(folder))
        whole = [*[*BEFORE, *BATCH][:size], b"next"]
        assert trusted.last.checkpoint.root == root(whole)
        assert list(LogReader(folder_fetch(folder), trusted.last.checkpoint).entries(0, len(whole))) == whole
        assert verify(folder, POLICY).faults == []
    # Some steps lie before the decision and some behind it, and the last one found nothing left to stop at.
    assert outcomes == {250, 270}
    assert step > 20
