"""The writer of a log.

What decides is the journal: a batch is durable there before anybody sees a tile or a checkpoint of it, and everything else
is made from it again after a crash, to the byte, because hashes and Ed25519 signatures have one result only. So a
checkpoint that anybody has seen is never taken back, and what was acknowledged is in every later one.

A batch is one durable write. While it waits for the disk, whatever is appended is gathered for the next one. Tiles and
checkpoint are put in place by renaming; they become durable before the journal forgets their entries.

Any number of processes may have the same log open: each batch is written under a lock of the folder, and whoever finds
that another one has written reads the journal again.
"""

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from glaswerk.tlog.checkpoint import PATH, Checkpoint, Policy, open_checkpoint
from glaswerk.tlog.errors import LogError, Reason
from glaswerk.tlog.note import Signer
from glaswerk.tlog.reader import beginning
from glaswerk.tlog.tiles import ENTRIES, WIDTH, Tile, check_entries, width_in
from glaswerk.tlog.writer import files
from glaswerk.tlog.writer.journal import Header, Journal, record
from glaswerk.tlog.writer.receipt import Receipt
from glaswerk.tlog.writer.tree import GrowingTree, Written

# Bounds of what one batch gathers; one append may be larger than that, up to the second pair.
_GATHERED_ENTRIES: Final = 8192
_GATHERED_BYTES: Final = 16 << 20
MOST_ENTRIES: Final = 65_536
MOST_BYTES: Final = 64 << 20
# A journal of this size is begun anew, which costs a durable write of every tile since.
_LONG_JOURNAL: Final = 4 << 20

_LONGEST_PAUSE_S: Final = 0.002

_WRITER: Final = ".writer"


@dataclass(frozen=True, slots=True)
class _Waiting:
    entries: Sequence[bytes]
    bytes: int
    future: "Future[Receipt]"


class LogWriter:
    """Appends to the log in a folder. Its methods may be called from any thread; a forked process opens one of its own."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        """Use `open`, which also recovers the log."""
        self.folder = folder
        self._signer = signer
        self._policy = Policy(signer.key)
        self._own = folder / _WRITER
        self._scratch = self._own / "scratch"
        self._journal: Journal | None = None
        self._tree = GrowingTree()
        # False while a batch is under way: where it fails, everything is read again before the next one.
        self._in_step = False
        # Files that were put in place and may not be on the disk yet.
        self._unsynced: dict[str, None] = {}
        self._folders: set[Path] = set()
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._broken = ""
        self._process = os.getpid()
        self._committer = threading.Thread(target=self._work, name="log writer", daemon=True)

    @classmethod
    def open(cls, folder: Path, signer: Signer) -> Self:
        """Open the log in this folder, or begin one. Everybody's files are mended before this returns.

        `signer`: its name is the log's origin. Raises LogError where the folder holds another log, or one that lost what
        its checkpoint promises, and OSError where it cannot be written.
        """
        writer = cls(folder, signer)
        writer._scratch.mkdir(parents=True, exist_ok=True)
        with writer._locked():
            for leftover in writer._scratch.iterdir():
                leftover.unlink(missing_ok=True)
            writer._load()
        writer._committer.start()
        return writer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, *entries: bytes) -> Receipt:
        """Append entries one behind another, and return when they are durable and published. Raises LogError."""
        return self.submit(*entries).result()

    def submit(self, *entries: bytes) -> "Future[Receipt]":
        """Append without waiting. The future has the receipt once the entries are durable and published, or a LogError.

        Raises LogError for what cannot be appended at all; then nothing is.
        """
        size = sum(map(len, entries)) + 2 * len(entries)
        if not entries or len(entries) > MOST_ENTRIES or size > MOST_BYTES:
            raise LogError(Reason.TOO_LARGE, f"one append has from 1 to {MOST_ENTRIES} entries and {MOST_BYTES} bytes")
        check_entries(entries)
        if os.getpid() != self._process:
            raise LogError(Reason.CLOSED, "this writer belongs to the process that opened it")
        future: Future[Receipt] = Future()
        with self._changed:
            if self._closing or self._broken:
                raise LogError(Reason.CLOSED, self._broken or "the log is closed")
            self._waiting.append(_Waiting(entries, size, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Write what was submitted, and close. Closing twice is the same as once."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if os.getpid() == self._process and self._committer.is_alive():
            self._committer.join()
        self._close_journal()

    # From here on, only the committer's thread (and `open` before it) is at work.

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                batch = self._gather()
            if not batch:
                if self._closing:
                    return
                continue
            began = time.monotonic()
            try:
                receipts = self._commit(batch)
            except BaseException as error:
                self._refuse(batch, error)
            else:
                for one, receipt in zip(batch, receipts, strict=True):
                    one.future.set_result(receipt)
                if len(batch) > 1:
                    # Those who were just answered are likely to ask again. Without a pause they would always miss the
                    # next batch, and two halves would take turns in waiting for the disk.
                    time.sleep(min((time.monotonic() - began) / 8, _LONGEST_PAUSE_S))

    def _gather(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        entries = size = 0
        while self._waiting and (not batch or (entries < _GATHERED_ENTRIES and size < _GATHERED_BYTES)):
            one = self._waiting.popleft()
            if one.future.set_running_or_notify_cancel():
                batch.append(one)
                entries += len(one.entries)
                size += one.bytes
        return batch

    def _refuse(self, batch: list[_Waiting], error: BaseException) -> None:
        refusal = (
            error if isinstance(error, LogError) else LogError(Reason.STORAGE, f"the log cannot be written: {error}")
        )
        if not isinstance(error, (LogError, OSError)):
            self._broken = f"the log is broken: {error!r}"
        for one in batch:
            one.future.set_exception(refusal)
        if self._broken:
            with self._changed:
                left, self._waiting = list(self._waiting), deque()
            for one in left:
                if one.future.set_running_or_notify_cancel():
                    one.future.set_exception(LogError(Reason.CLOSED, self._broken))

    def _commit(self, batch: list[_Waiting]) -> list[Receipt]:
        entries = [entry for one in batch for entry in one.entries]
        with self._locked():
            missed = self._catch_up()
            self._in_step = False
            journal = self._journal
            assert journal is not None
            first, before = self._tree.size, self._tree
            grown = before.copy()
            full = grown.extend(entries)
            payload = _payload(before, full, grown)
            journal.write(record(payload, len(entries), grown.root()))
            try:
                journal.sync()
            except OSError as error:
                # After a failed sync nobody knows what is on the disk, and a second one that succeeds proves nothing.
                self._broken = f"the disk lost what was written to the journal: {error.strerror}"
                raise
            self._tree = grown
            checkpoint, note = self._publish([*missed, *full])
            if journal.end > _LONG_JOURNAL:
                self._begin_journal()
            self._in_step = True
        receipts = []
        for one in batch:
            receipts.append(Receipt(first, len(one.entries), checkpoint, note))
            first += len(one.entries)
        return receipts

    def _publish(self, full: Sequence[Written]) -> tuple[Checkpoint, bytes]:
        """Put the tiles in place, then the checkpoint that needs them, and remove partial tiles that are full by now."""
        for tile, data in (*full, *self._tree.partial()):
            self._put(tile, data)
        checkpoint = Checkpoint(self._signer.key.name, self._tree.size, self._tree.root())
        note = self._signer.sign(checkpoint.text).encode()
        files.write(self.folder / PATH, note, self._scratch, durable=False)
        for tile, _ in full:
            self._drop_partial(tile)
        return checkpoint, note

    def _put(self, tile: Tile, data: bytes) -> None:
        path = self.folder / tile.path
        if tile.path in self._unsynced and tile.width < WIDTH:
            # A partial tile's bytes follow from its name and the entries before it.
            return
        self._make_folder(path.parent)
        files.write(path, data, self._scratch, durable=False)
        self._unsynced[tile.path] = None

    def _make_folder(self, folder: Path) -> None:
        if folder not in self._folders:
            if folder != self.folder:
                self._make_folder(folder.parent)
                folder.mkdir(exist_ok=True)
            self._folders.add(folder)

    def _drop_partial(self, tile: Tile) -> None:
        # Another process may have removed some of them already.
        for width in range(1, WIDTH):
            self._unsynced.pop(Tile(tile.level, tile.index, width).path, None)
        folder = (self.folder / Tile(tile.level, tile.index, 1).path).parent
        self._folders.discard(folder)
        if folder.is_dir():
            for path in folder.iterdir():
                path.unlink(missing_ok=True)
            folder.rmdir()

    def _begin_journal(self) -> None:
        """Make every file durable, and then forget the entries that full tiles hold."""
        folders = {self.folder, self._own}
        for place in self._unsynced:
            path = self.folder / place
            files.sync(path)
            while path != self.folder:
                path = path.parent
                folders.add(path)
        files.sync(self.folder / PATH)
        for folder in sorted(folders, reverse=True):
            files.sync(folder)
        self._unsynced.clear()
        tree, count = self._tree, self._tree.size % WIDTH
        header = Header(self._signer.key.name, tree.size - count, tuple(tree.edges))
        self._open_journal(header, record(tree.tail, count, tree.root()) if count else b"")

    def _open_journal(self, header: Header, tail: bytes) -> None:
        path = self._own / "journal"
        Journal.create(path, self._scratch, header, tail)
        self._close_journal()
        self._journal = Journal(path)
        self._journal.end += len(tail)

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    # Recovery, and following other processes.

    def _catch_up(self) -> list[Written]:
        """Read what other processes have written since, and return the tiles that became full by it."""
        if self._journal is None or not self._in_step or not self._journal.is_current:
            self._load()
            return []
        if not self._journal.has_more:
            return []
        return self._replay(self._journal, {self._tree.size: self._tree.root()})

    def _load(self) -> None:
        """Replay the whole journal, and make every file since its base again where it is not what it should be."""
        self._in_step = False
        self._close_journal()
        try:
            self._journal = journal = Journal(self._own / "journal")
        except FileNotFoundError:
            if self._shown() is not None:
                raise LogError(
                    Reason.STORAGE, f"{self.folder} has a checkpoint and no journal; restore it from a backup"
                ) from None
            self._open_journal(Header(self._signer.key.name, 0, ()), b"")
            # The names of the folders that `open` may have made just now.
            files.sync(self.folder)
            files.sync(self.folder.parent)
            return self._load()
        if journal.header.origin != self._signer.key.name:
            raise LogError(
                Reason.MISMATCH, f"{self.folder} is the log {journal.header.origin!r}, not {self._signer.key.name!r}"
            )
        self._tree = GrowingTree(journal.header.base, journal.header.edges)
        roots = {self._tree.size: self._tree.root()}
        full = self._replay(journal, roots)
        self._mend(full, roots)
        self._in_step = True

    def _replay(self, journal: Journal, roots: dict[int, bytes]) -> list[Written]:
        """Apply the batches that this process has not seen. `roots`: gains the root at the size after each of them."""
        tree, end = self._tree, journal.end
        full: list[Written] = []
        batches = journal.batches()
        for batch in batches:
            grown = tree.copy()
            closed = grown.extend(batch.entries)
            if not batch.entries or grown.root() != batch.root:
                if batch is not batches[-1]:
                    raise LogError(Reason.STORAGE, f"{journal.path} is damaged; restore the log from a backup")
                break
            tree, end = grown, batch.end
            full += closed
            roots[tree.size] = batch.root
        shown = self._shown()
        if shown is not None and roots.get(shown.size) != shown.root:
            raise LogError(
                Reason.STORAGE,
                f"the journal of {self.folder} does not lead to its checkpoint of {shown.size} entries;"
                " restore both from one backup",
            )
        journal.cut(end)
        self._tree = tree
        return full

    def _mend(self, full: Sequence[Written], sizes: Iterable[int]) -> None:
        """Write what a crash kept from being written: every tile since the journal's base, also those of earlier checkpoints."""
        self._unsynced.clear()
        self._folders.clear()
        needed = dict((*full, *self._tree.partial()))
        for tile, data in self._tree.partial():
            for size in sizes:
                width = width_in(size, tile.level, tile.index)
                if 0 < width < tile.width:
                    older = Tile(tile.level, tile.index, width)
                    needed[older] = beginning(data, older)
        for tile, data in needed.items():
            if files.holds(self.folder / tile.path, data):
                self._unsynced[tile.path] = None
            else:
                self._put(tile, data)
        self._publish([])
        for tile, _ in full:
            self._drop_partial(tile)

    def _shown(self) -> Checkpoint | None:
        """The checkpoint that everybody sees. Raises LogError where it is not this log's."""
        try:
            data = (self.folder / PATH).read_bytes()
        except FileNotFoundError:
            return None
        if not data.strip(b"\0"):
            # A power failure may leave a renamed file empty; it promises nothing, and the journal knows more.
            return None
        return open_checkpoint(data, self._policy).checkpoint

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock, which the system frees when its holder dies."""
        descriptor = os.open(self._own / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _payload(before: GrowingTree, full: Sequence[Written], after: GrowingTree) -> bytes:
    """The entries of a batch as in a bundle, out of the bundles that were made from it."""
    whole = b"".join([data for tile, data in full if tile.level == ENTRIES] + [after.tail])
    return whole[len(before.tail) :]
