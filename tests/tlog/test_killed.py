"""Kill -9 at random moments: what was acknowledged is in the log that everybody sees, and no log is ever taken back."""

import multiprocessing
import os
import random
import shutil
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from glaswerk.tlog import LogError, LogReader, LogWriter, TrustedLog, folder_fetch, follow, read_checkpoint, verify

from .appending import append_together, append_until_killed
from .naive import POLICY, SIGNER, numbered, root, write_log

ROUNDS = 15


def one_round(folder: Path, name: str, chance: random.Random, honest: bool = True) -> list[tuple[int, bytes]]:
    """Start a writer's process, kill it somewhere in its work, and return what it said was acknowledged."""
    hear, speak = os.pipe()
    context = multiprocessing.get_context("fork")
    process: BaseProcess = context.Process(target=append_until_killed, args=(folder, speak, name, honest))
    process.start()
    os.close(speak)
    heard = b""
    with os.fdopen(hear, "rb", buffering=0) as pipe:
        enough = chance.randrange(1, 4000)
        while len(heard) < enough and (piece := pipe.read(4096)):
            heard += piece
        time.sleep(chance.random() * 0.01)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        while piece := pipe.read(65536):
            heard += piece
    process.join()
    lines = heard.decode().splitlines(keepends=True)
    return [(int(number), text.encode()) for number, _, text in (line.rstrip("\n").partition(" ") for line in lines)]


def entries_of(folder: Path) -> list[bytes]:
    checkpoint = read_checkpoint(folder_fetch(folder), POLICY).checkpoint
    return list(LogReader(folder_fetch(folder), checkpoint).entries(0, checkpoint.size))


def test_what_was_acknowledged_survives_with_the_same_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A short journal, so that it is begun anew in every round and killed in the midst of that too.
    monkeypatch.setattr("glaswerk.tlog.writer.writer._LONG_JOURNAL", 9_000)
    monkeypatch.setattr("glaswerk.tlog.writer.journal._ROOM", 3_000)
    folder = write_log(tmp_path / "log", [b"first"])
    chance, trusted = random.Random(1), TrustedLog(POLICY)
    acknowledged: dict[int, bytes] = {}
    follow(trusted, folder_fetch(folder))
    for number in range(ROUNDS):
        said = one_round(folder, f"round {number}", chance)
        acknowledged |= dict(said)
        # Nobody has mended anything yet: this is what everybody sees after the kill.
        follow(trusted, folder_fetch(folder))
        seen = entries_of(folder)
        assert [index for index, entry in acknowledged.items() if index >= len(seen) or seen[index] != entry] == []
        assert verify(folder, POLICY).faults == []
        LogWriter.open(folder, SIGNER).close()
        follow(trusted, folder_fetch(folder))
        whole = entries_of(folder)
        assert whole[: len(seen)] == seen
        assert trusted.last is not None and trusted.last.checkpoint.root == root(whole)
    assert len(acknowledged) > 5 * ROUNDS


def test_the_control_that_acknowledges_too_early_is_caught(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", [b"first"])
    chance, lost = random.Random(2), 0
    for number in range(3):
        said = one_round(folder, f"round {number}", chance, honest=False)
        LogWriter.open(folder, SIGNER).close()
        lost += len({entry for _, entry in said} - set(entries_of(folder)))
    assert lost > 0


def together(folder: Path, locked: bool) -> bool:
    """Whether three processes at once wrote a log that has everything that was acknowledged, each at its number."""
    write_log(folder, [b"first"])
    hear, speak = os.pipe()
    context = multiprocessing.get_context("fork")
    running = [
        context.Process(target=append_together, args=(folder, speak, f"process {number}", 40, locked))
        for number in range(3)
    ]
    for one in running:
        one.start()
    os.close(speak)
    with os.fdopen(hear) as pipe:
        said = [line.rstrip("\n").partition(" ") for line in pipe]
    for one in running:
        one.join()
    try:
        entries = entries_of(folder)
        found = [index for index, _, entry in said if entries[int(index)] == entry.encode()]
        return len(set(found)) == 120 == len(entries) - 1 and verify(folder, POLICY).ok
    except (LogError, IndexError):
        return False


def test_processes_that_append_at_once_take_turns(tmp_path: Path) -> None:
    assert together(tmp_path / "log", locked=True)


def test_the_control_without_the_lock_is_caught(tmp_path: Path) -> None:
    # Chance may be kind to it once.
    assert not all(together(tmp_path / f"log{number}", locked=False) for number in range(5))


def test_two_writers_of_one_log_do_not_fork_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Both of them begin the journal anew, now and then, with files that the other one wrote or removed.
    monkeypatch.setattr("glaswerk.tlog.writer.writer._LONG_JOURNAL", 4_000)
    monkeypatch.setattr("glaswerk.tlog.writer.journal._ROOM", 500)
    folder = tmp_path / "log"
    with LogWriter.open(folder, SIGNER) as one, LogWriter.open(folder, SIGNER) as two:
        trusted = TrustedLog(POLICY)
        for number in range(120):
            receipt = (one if number % 7 < 4 else two).append(*numbered(number % 40 + 1))
            follow(trusted, folder_fetch(folder))
            assert trusted.last is not None and trusted.last.checkpoint == receipt.checkpoint
    assert verify(folder, POLICY).faults == []
    assert len(entries_of(folder)) == sum(number % 40 + 1 for number in range(120))
    shutil.rmtree(folder)
