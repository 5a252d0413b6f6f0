"""The writer: batches, what it refuses, the files that it leaves, and folders that it will not touch."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.tlog import (
    LogError,
    LogReader,
    LogWriter,
    Reason,
    Signer,
    Tile,
    TrustedLog,
    folder_fetch,
    follow,
    open_checkpoint,
    verify,
)
from glaswerk.tlog.tiles import ENTRIES, LONGEST_ENTRY, levels_of, tiles_of
from glaswerk.tlog.writer import files
from glaswerk.tlog.writer.journal import Journal

from .naive import ORIGIN, POLICY, SIGNER, numbered, read_log, root, write_log


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_a_log_is_the_same_in_whatever_batches_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    entries = numbered(sum(sizes))
    batches, at = [], 0
    for size in sizes:
        batches.append(entries[at : at + size])
        at += size
    folder = write_log(tmp_path_factory.mktemp("log"), *batches)
    files_now = read_log(folder)
    checkpoint = open_checkpoint(files_now["checkpoint"], POLICY).checkpoint
    assert (checkpoint.size, checkpoint.root) == (len(entries), root(entries))
    needed = {tile.path for level in range(levels_of(at)) for tile in tiles_of(at, level)}
    needed |= {tile.path for tile in tiles_of(at, ENTRIES)}
    assert needed <= files_now.keys()
    # What is there beside them are partial tiles of earlier checkpoints.
    for path in files_now.keys() - needed - {"checkpoint"}:
        tile = Tile.parse(path)
        assert tile.width < 256 and Tile(tile.level, tile.index).path not in files_now
    assert verify(folder, POLICY).faults == []
    assert list(LogReader(folder_fetch(folder), checkpoint).entries(0, at)) == entries
    once = read_log(write_log(tmp_path_factory.mktemp("log"), entries))
    assert {path: files_now[path] for path in once if path != "checkpoint"} == {
        path: data for path, data in once.items() if path != "checkpoint"
    }
    assert files_now["checkpoint"] == once["checkpoint"]
    shutil.rmtree(folder)


def test_every_checkpoint_keeps_its_partial_tiles_until_they_are_full(tmp_path: Path) -> None:
    with LogWriter.open(tmp_path, SIGNER) as writer:
        first = writer.append(*numbered(3)).checkpoint
        second = writer.append(*numbered(5)).checkpoint
        for checkpoint in (first, second):
            assert len(list(LogReader(folder_fetch(tmp_path), checkpoint).entries(0, checkpoint.size))) in (3, 8)
        assert {"tile/0/000.p/3", "tile/0/000.p/8", "tile/entries/000.p/3"} <= read_log(tmp_path).keys()
        writer.append(*numbered(300))
        left = read_log(tmp_path).keys()
        assert not any(path.startswith(("tile/0/000.p", "tile/entries/000.p")) for path in left)
        # Whoever still holds the old checkpoint finds the same hashes in the full tile.
        assert len(list(LogReader(folder_fetch(tmp_path), first).entries(0, 3))) == 3


def test_concurrent_appends_share_a_checkpoint_and_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (synced.append(1), real(descriptor))[1])
    receipts: dict[bytes, int] = {}
    with LogWriter.open(tmp_path, SIGNER) as writer:

        def work(thread: int) -> None:
            for number in range(25):
                entry = b"%d %d" % (thread, number)
                receipts[entry] = writer.append(entry).index

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(16)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        futures = [writer.submit(b"at once %d" % number) for number in range(2000)]
        sizes = {future.result().checkpoint.size for future in futures}
        assert [future.result().index for future in futures] == list(range(400, 2400))
    assert sorted(receipts.values()) == list(range(400))
    checkpoint = open_checkpoint((tmp_path / "checkpoint").read_bytes(), POLICY).checkpoint
    entries = list(LogReader(folder_fetch(tmp_path), checkpoint).entries(0, 400))
    assert {entry: index for index, entry in enumerate(entries)} == receipts
    # One sync a batch, and far fewer batches than appends.
    assert len(sizes) < 1000
    assert len(synced) < 2400


def test_closing_writes_what_was_submitted_and_refuses_the_rest(tmp_path: Path) -> None:
    writer = LogWriter.open(tmp_path, SIGNER)
    futures = [writer.submit(entry) for entry in numbered(50)]
    writer.close()
    writer.close()
    assert [future.result().index for future in futures] == list(range(50))
    with pytest.raises(LogError) as caught:
        writer.append(b"late")
    assert caught.value.reason == Reason.CLOSED


def test_what_cannot_be_appended_changes_nothing(tmp_path: Path) -> None:
    with LogWriter.open(tmp_path, SIGNER) as writer:
        writer.append(b"", bytes(LONGEST_ENTRY))
        before = read_log(tmp_path)
        for entries in ((), (bytes(LONGEST_ENTRY + 1),), (b"fine", bytes(LONGEST_ENTRY + 1)), (b"",) * 65_537):
            with pytest.raises(LogError) as caught:
                writer.append(*entries)
            assert caught.value.reason == Reason.TOO_LARGE
        assert read_log(tmp_path) == before
        assert writer.append(b"next").index == 2


def test_a_full_disk_refuses_and_the_log_goes_on_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = TrustedLog(POLICY)
    with LogWriter.open(tmp_path, SIGNER) as writer:
        writer.append(*numbered(250))
        follow(trusted, folder_fetch(tmp_path))
        real, left = files.write_all, [0]

        def write_all(descriptor: int, data: bytes) -> None:
            left[0] -= 1
            if left[0] < 0:
                real(descriptor, data[: len(data) // 2])
                raise OSError(28, "No space left on device")
            real(descriptor, data)

        for writes in range(4):
            left[0] = writes
            with monkeypatch.context() as patch:
                patch.setattr(files, "write_all", write_all)
                with pytest.raises(LogError) as caught:
                    writer.append(*numbered(10))
            assert caught.value.reason == Reason.STORAGE
            follow(trusted, folder_fetch(tmp_path))
            assert verify(tmp_path, POLICY).faults == []
            # The first was refused as a whole; the others were decided, though nobody could be told so.
            assert writer.append(b"next").index == 250 + writes * 11
        follow(trusted, folder_fetch(tmp_path))
    assert verify(tmp_path, POLICY).faults == []


def test_a_failed_sync_ends_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    writer = LogWriter.open(tmp_path, SIGNER)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(LogError) as caught:
            writer.append(b"lost")
    assert caught.value.reason == Reason.STORAGE
    with pytest.raises(LogError) as caught:
        writer.append(b"next")
    assert caught.value.reason == Reason.CLOSED
    writer.close()


def damage(folder: Path, kind: str) -> None:
    journal = folder / ".writer" / "journal"
    data = bytearray(journal.read_bytes())
    match kind:
        case "no journal":
            journal.unlink()
        case "short journal":
            journal.write_bytes(data[: data.index(b"entry two") + 3])
        case "zeros":
            at = data.index(b"entry two") - 10
            data[at:] = bytes(len(data) - at)
            journal.write_bytes(data)
        case "magic":
            data[0] ^= 1
            journal.write_bytes(data)
        case "header":
            data[20] ^= 1
            journal.write_bytes(data)
        case "first batch":
            data[data.index(b"entry one")] ^= 1
            journal.write_bytes(data)
        case "last batch":
            data[data.index(b"entry two")] ^= 1
            journal.write_bytes(data)
        case "checkpoint":
            path = folder / "checkpoint"
            path.write_bytes(path.read_bytes().replace(b"\n2\n", b"\n3\n"))


@pytest.mark.parametrize(
    "kind", ["no journal", "short journal", "zeros", "magic", "header", "first batch", "last batch", "checkpoint"]
)
def test_a_log_that_lost_what_it_promised_is_not_opened(tmp_path: Path, kind: str) -> None:
    write_log(tmp_path, [b"entry one"], [b"entry two"])
    damage(tmp_path, kind)
    before = read_log(tmp_path)
    with pytest.raises(LogError) as caught:
        LogWriter.open(tmp_path, SIGNER)
    assert caught.value.reason in (Reason.STORAGE, Reason.SIGNATURE)
    assert read_log(tmp_path) == before


def test_a_batch_that_was_cut_short_leaves_no_trace(tmp_path: Path) -> None:
    """Otherwise what lies in an entry could be taken for a batch, once shorter ones have been written over its beginning."""
    write_log(tmp_path, [b"entry one"], [b"entry two"])
    path = tmp_path / ".writer" / "journal"
    before = path.read_bytes()
    journal = Journal(path)
    end = journal.batches()[-1].end
    journal.close()
    for torn in (b"\0\0\0\3\0\0\0\xff" + b"x" * 100, b"\0\0\0\3", bytes(40) + b"later block first", b"\xff" * 500):
        path.write_bytes(before[:end] + torn + before[end + len(torn) :])
        LogWriter.open(tmp_path, SIGNER).close()
        assert path.read_bytes() == before
    # Something behind a batch that is cut short is not a crash's doing.
    torn = b"\0\0\0\3\0\0\0\7" + b"x" * 39
    path.write_bytes(before[:end] + torn + b"more" + before[end + len(torn) + 4 :])
    with pytest.raises(LogError) as caught:
        LogWriter.open(tmp_path, SIGNER)
    assert caught.value.reason == Reason.STORAGE


def test_a_folder_holds_one_log(tmp_path: Path) -> None:
    write_log(tmp_path, [b"entry"])
    before = read_log(tmp_path)
    for signer in (Signer("other.example", bytes(range(32))), Signer(ORIGIN, bytes(32))):
        with pytest.raises(LogError):
            LogWriter.open(tmp_path, signer)
    assert read_log(tmp_path) == before


def test_lost_files_are_made_again_from_the_journal(tmp_path: Path) -> None:
    folder = write_log(tmp_path, numbered(100), numbered(300), numbered(7), numbered(9))
    before = read_log(folder)
    shutil.rmtree(folder / "tile")
    (folder / "checkpoint").write_bytes(b"")
    LogWriter.open(folder, SIGNER).close()
    assert read_log(folder) == before


def test_a_forked_process_does_not_append_through_its_parents_writer(tmp_path: Path) -> None:
    with LogWriter.open(tmp_path, SIGNER) as writer:
        child = os.fork()
        if child == 0:
            try:
                writer.append(b"child")
            except LogError as error:
                os._exit(error.reason != Reason.CLOSED)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
