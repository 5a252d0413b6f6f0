"""The cell's own public log, and the logs of others: where they are, and whose key signs them."""

from pathlib import Path
from urllib.parse import quote, urlsplit

from glaswerk.cell.config import Cell
from glaswerk.cell.keys import read_or_make_key
from glaswerk.cell.outgoing import Outgoing, OutgoingError, Refusal
from glaswerk.tlog import (
    Checkpoint,
    Fetch,
    LogError,
    LogWriter,
    Note,
    Reason,
    Signer,
    VerifierKey,
    Witness,
    folder_fetch,
)

_KEY = "tlog"
_WITNESS_KEY = "witness"
# What is left of the key when its log is closed: its public half, so that the log can be checked for ever.
CLOSED = "tlog.closed"


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


def log_key(cell: Cell) -> VerifierKey:
    """The public key of this cell's log, also when the log is closed and nobody has the other half any more."""
    closed = cell.keys / CLOSED
    return VerifierKey.parse(closed.read_text()) if closed.exists() else log_signer(cell).key


def note_closed(cell: Cell) -> None:
    """Keep the public half of the key, whose other half is about to be destroyed."""
    key = log_key(cell)
    fresh = cell.keys / f".{CLOSED}.new"
    fresh.write_text(key.text)
    fresh.replace(cell.keys / CLOSED)


def is_closed(cell: Cell) -> bool:
    """Whether nothing can be appended to this cell's log any more."""
    return (cell.keys / CLOSED).exists()


def log_witness(cell: Cell) -> Witness:
    """The key by which this cell cosigns the logs of others, made the first time.  Its own log's key signs nothing of theirs."""
    seed = bytes.fromhex(read_or_make_key(cell.keys, _WITNESS_KEY))
    return Witness(f"{log_key(cell).name.removesuffix('/log')}/witness", seed)


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
