"""Everything that leaves the cell, gathered as those get it who are not of it: peers, strangers, addressees."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Final

from django.conf import settings
from psycopg import sql

from glaswerk.border.audit.browser import Browser
from glaswerk.border.audit.life import Lived
from glaswerk.border.role import ROLE, border_connection
from glaswerk.cell import blobs
from glaswerk.cell.blobs import Blob
from glaswerk.cell.config import Cell
from glaswerk.tlog import Checkpoint, Note, Tile
from glaswerk.tlog.tiles import ENTRIES, WIDTH

_COLUMNS: Final = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm')
    AND c.relnamespace = 'public'::regnamespace AND has_column_privilege(%s, c.oid, a.attnum, 'SELECT')
GROUP BY c.relname ORDER BY c.relname
"""
_HASH: Final = re.compile(rb"[0-9a-f]{64}")
# Of a table at once.
_PIECE: Final = 8 << 20

ROWS: Final = "rows that the role reads"
LOG: Final = "public log"
MESSAGES: Final = "messages and files for other cells"
FILES: Final = "public files"
PAGES: Final = "pages that strangers see"
SENT: Final = "sent to other addresses"
MAILS: Final = "mails"
LINES: Final = "log lines"
CHANNELS: Final = (ROWS, LOG, MESSAGES, FILES, PAGES, SENT, MAILS, LINES)


@dataclass(frozen=True, slots=True)
class Left:
    """Something that left, or that anybody may have.  `to`: the addresses that it went to, where it is a mail."""

    channel: str
    name: str
    data: bytes
    to: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Before:
    """How much there was before the canaries were drawn; what there was then and does not change cannot hold them."""

    log_size: int
    files: frozenset[Blob]
    mails: frozenset[str]
    lines: dict[str, int] = field(default_factory=dict)


def look_before(cell: Cell) -> Before:
    """Note how much there is now."""
    return Before(
        log_size=_log_size(cell),
        files=frozenset(_public_blobs()),
        mails=frozenset(path.name for path in _files_in(cell.mail)),
        lines={path.name: path.stat().st_size for path in _files_in(cell.logs)},
    )


def gather(cell: Cell, before: Before, lived: Lived, sent: Callable[[], bytes]) -> Iterator[Left]:
    """Yield everything that leaves, piece by piece."""
    yield from _rows(cell)
    yield from _log(cell, before)
    yield from _files(before)
    yield from _pages(cell, lived)
    yield Left(SENT, "requests", sent())
    yield from _mails(cell, before)
    for path in _files_in(cell.logs):
        with path.open("rb") as file:
            file.seek(before.lines.get(path.name, 0))
            yield Left(LINES, path.name, file.read())


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _rows(cell: Cell) -> Iterator[Left]:
    """Every row of every column that the role may read, whatever gave it the right to."""
    with border_connection(cell) as reading:
        for table, columns in reading.execute(_COLUMNS, [ROLE]).fetchall():
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            ask = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(names, sql.Identifier(table))
            piece = bytearray()
            with reading.cursor().copy(ask) as copy:
                for data in copy:
                    piece += data
                    if len(piece) > _PIECE:
                        yield Left(ROWS, table, bytes(piece))
                        # A row may have been cut; nothing that is sought is longer than this.
                        del piece[:-4096]
            yield Left(ROWS, table, bytes(piece))


def _log_size(cell: Cell) -> int:
    try:
        return Checkpoint.parse(Note.parse((cell.tlog / "checkpoint").read_bytes()).text).size
    except FileNotFoundError:
        return 0


def _log(cell: Cell, before: Before) -> Iterator[Left]:
    """What a peer gets: the checkpoint, each tile that changed since, and everything that their entries name."""
    peer = Browser(cell)
    try:
        checkpoint = peer.look("/log/checkpoint").content
        yield Left(LOG, "checkpoint", checkpoint)
        size = Checkpoint.parse(Note.parse(checkpoint).text).size
        named: set[bytes] = set()
        for index in range(before.log_size // WIDTH, -(-size // WIDTH)):
            width = min(WIDTH, size - index * WIDTH)
            for level in (ENTRIES, 0):
                tile = Tile(level, index, width)
                answer = peer.look(f"/log/{tile.path}")
                yield Left(LOG, tile.path, answer.content)
                if level == ENTRIES:
                    named.update(_HASH.findall(answer.content))
        for sha in sorted(named):
            answer = peer.look(f"/log/blob/{sha.decode()}")
            if answer.status_code == 200:
                yield Left(MESSAGES, sha.decode(), answer.content)
    finally:
        peer.close()


def _public_blobs() -> Iterator[Blob]:
    for page in blobs.current_store().pages():
        for stored in page:
            # Originals have no extension, and are served to nobody.
            if stored.blob.extension:
                yield stored.blob


def _files(before: Before) -> Iterator[Left]:
    """Every file that may be served and was not there before; it is named by the hash of its bytes, so it never changes."""
    folder: Path = settings.CELL.uploads
    for blob in sorted(set(_public_blobs()) - before.files):
        with blobs.local_blob(blob.sha, blob.extension, folder) as path:
            yield Left(FILES, str(blob), path.read_bytes())


def _pages(cell: Cell, lived: Lived) -> Iterator[Left]:
    """What somebody sees who is not signed in, with the headers of each answer."""
    paths = [
        "/",
        "/api/feed?limit=10",
        "/discover",
        "/shop",
        "/metrics",
        "/healthz",
        "/readyz",
        "/manifest.webmanifest",
    ]
    paths += ["/transparency/border", "/transparency/data.json", "/transparency/algorithm", "/api/policy"]
    for name in lived.names.values():
        paths += [f"/@{name}", f"/discover?q={name}"]
    for video in lived.videos:
        paths += [
            f"/v/{video}",
            f"/api/videos/{video}",
            f"/api/videos/{video}/comments",
            f"/api/videos/{video}/products",
        ]
    if lived.product:
        paths += [f"/shop/{lived.product}", f"/api/shop/products/{lived.product}"]
    stranger = Browser(cell)
    try:
        for path in paths:
            answer = stranger.look(path)
            headers = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
            yield Left(PAGES, path, headers.encode() + answer.content)
    finally:
        stranger.close()


def _mails(cell: Cell, before: Before) -> Iterator[Left]:
    """Mails, where they go into files.  One may tell its own addressee what is theirs."""
    for path in _files_in(cell.mail):
        if path.name in before.mails:
            continue
        # One file holds all that was sent over one connection.
        for text in re.split(rb"\n-{79}\n", path.read_bytes()):
            if text.strip():
                mail = BytesParser(policy=policy.default).parsebytes(text)
                to = frozenset(word.strip() for word in str(mail.get("To", "")).split(","))
                yield Left(MAILS, path.name, text, to)
