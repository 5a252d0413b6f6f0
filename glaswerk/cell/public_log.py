"""The cell's own public log, and the logs of others: where they are, and whose key signs them."""

from pathlib import Path
from urllib.parse import quote, urlsplit

from glaswerk.cell.config import Cell
from glaswerk.cell.keys import read_or_make_key
from glaswerk.cell.outgoing import Outgoing, OutgoingError, Refusal
from glaswerk.tlog import Checkpoint, Fetch, LogError, LogWriter, Note, Reason, Signer, folder_fetch

_KEY = "tlog"


def log_signer(cell: Cell) -> Signer:
    """The key that signs this cell's log, made the first time. Raises LogError where the log in the folder cannot be read.

    Its name is the log's origin. A log keeps the one that it began with, though the cell may move to another address.
    """
    seed = bytes.fromhex(read_or_make_key(cell.keys, _KEY))
    try:
        origin = Checkpoint.parse(Note.parse((cell.tlog / "checkpoint").read_bytes()).text).origin
    except FileNotFoundError:
        origin = f"{quote(urlsplit(cell.public_url).netloc, safe=':[]')}/log"
    return Signer(origin, seed)


def open_log(cell: Cell) -> LogWriter:
    """Open this cell's log for appending, or begin it. Raises LogError and OSError."""
    return LogWriter.open(cell.tlog, log_signer(cell))


def url_fetch(address: str, outgoing: Outgoing) -> Fetch:
    """Read a log from the web."""
    base = address.rstrip("/")

    def fetch(path: str, most: int) -> bytes:
        try:
            answer = outgoing.get(f"{base}/{path}", most)
        except OutgoingError as error:
            too_large = error.reason == Refusal.TOO_LARGE
            raise LogError(Reason.TOO_LARGE if too_large else Reason.UNREACHABLE, f"{path}: {error}") from error
        if answer.status in (404, 410):
            raise LogError(Reason.MISSING, f"{path} is not there")
        if answer.status != 200:
            raise LogError(Reason.UNREACHABLE, f"the server answers {answer.status} for {path}")
        return answer.body

    return fetch


def source_fetch(source: str, outgoing: Outgoing) -> Fetch:
    """Read a log from an address or a folder, whichever this is."""
    return url_fetch(source, outgoing) if "://" in source else folder_fetch(Path(source))
