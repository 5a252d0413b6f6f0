"""Fetching from a peer: only what its log names, never more bytes than may come, and believed by its hash alone."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from glaswerk.border.messages import MOST_BYTES, File
from glaswerk.border.models import Peer
from glaswerk.cell.outgoing import Outgoing, OutgoingError, Refusal
from glaswerk.cell.public_log import url_fetch
from glaswerk.tlog import Fetch, LogError, Reason

# For an answer of the log or a message, however slowly its bytes come.
SMALL_S: Final = 20.0
# For a whole file.
LARGE_S: Final = 600.0


class Refused(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """Something of a peer is not taken, now or ever; `word` is what the log says of it."""

    def __init__(self, word: str, detail: str) -> None:
        super().__init__(detail)
        self.word = word


class Gone(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """It was withdrawn meanwhile; an entry that says so comes later in the peer's log."""


class Source:
    """Everything that is fetched from one peer.  Close it, or use it in a `with`."""

    def __init__(self, peer: Peer, small_s: float = SMALL_S, large_s: float = LARGE_S) -> None:
        self.url = peer.url
        self._small = Outgoing(allow_private=peer.is_private, timeout_s=small_s)
        self._large = Outgoing(allow_private=peer.is_private, timeout_s=large_s)
        self.fetch: Fetch = url_fetch(peer.url, self._small)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._small.close()
        self._large.close()

    def message(self, sha256: str) -> bytes:
        """Return the bytes of a message.  Raises Gone, Refused, and LogError where another try may help."""
        try:
            data = self.fetch(f"blob/{sha256}", MOST_BYTES)
        except LogError as error:
            if error.reason == Reason.MISSING:
                raise Gone from None
            if error.reason == Reason.TOO_LARGE:
                raise Refused("too_large", error.detail) from None
            raise
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Refused("hash", f"what comes for {sha256} is something else")
        return data

    @contextmanager
    def file(self, file: File, most: int, folder: Path) -> Iterator[Path]:
        """Yield a file of a message, in the folder for as long as the block.  Raises like `message`, and OSError."""
        if file.bytes > most:
            raise Refused("too_large", f"{file.sha256} has {file.bytes} bytes, and at most {most} are taken")
        path = folder / f"{file.sha256}.fetched"
        try:
            with path.open("wb") as target:
                self._into(target, file)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _into(self, target: IO[bytes], file: File) -> None:
        digest, size = hashlib.sha256(), 0

        def take(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            digest.update(piece)
            target.write(piece)

        try:
            status = self._large.read(f"{self.url}/blob/{file.sha256}", file.bytes, take)
        except OutgoingError as error:
            if error.reason == Refusal.TOO_LARGE:
                raise Refused("too_large", str(error)) from None
            raise LogError(Reason.UNREACHABLE, f"blob/{file.sha256}: {error}") from None
        if status in (404, 410):
            raise Gone
        if status != 200:
            raise LogError(Reason.UNREACHABLE, f"the server answers {status} for blob/{file.sha256}")
        if size != file.bytes or digest.hexdigest() != file.sha256:
            raise Refused("hash", f"what comes for {file.sha256} is something else")
