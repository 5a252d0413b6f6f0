"""What cells say of each other's logs, as files below `/log/`.

witness/<SHA-256 of an origin>  the last checkpoint of that log that this cell accepted, cosigned by it
witness/key                     the key by which it cosigns, signed by its log's
witnessed                       the last checkpoint of this cell's own log that others have cosigned

The checkpoint itself has the lines of those who have cosigned just that one.
"""

import asyncio
import re
from typing import Any, Final

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from glaswerk.border.outward.serving import Receive, Scope, Send, answer_file, find, is_read, refuse
from glaswerk.border.peers.witnessing import FOLDER, KEY_NAME, key_note
from glaswerk.border.role import ROLE
from glaswerk.cell.database import pool
from glaswerk.tlog import LogError, Note

PREFIX: Final = f"/log/{FOLDER}/"
WITNESSED: Final = "/log/witnessed"
# Whoever cosigns does so every few seconds.
_CACHE: Final = b"public, max-age=5"
_PATH: Final = re.compile(rf"{PREFIX}([0-9a-f]{{64}})")
_MOST_LINES: Final = 32
_COSIGNED: Final = """
SELECT cosigned FROM border_peer
WHERE encode(sha256(convert_to(split_part(key, '+', 1), 'UTF8')), 'hex') = %(sha)s AND removed_at IS NULL AND cosigned <> ''
LIMIT 1
"""
_NOTES: Final = """
SELECT c.note FROM border_cosignature c JOIN border_peer p ON p.id = c.peer_id
WHERE p.removed_at IS NULL ORDER BY c.size DESC, c.time DESC LIMIT %s
"""
_logger = structlog.get_logger("glaswerk.border")


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request for what this cell says of another's log, or others of this one's, as an ASGI application."""
    if not await is_read(scope, send):
        return
    data = await _read(scope["path"])
    if data is None:
        await refuse(send)
        return
    await answer_file(scope, send, data, _CACHE)


async def with_cosignatures(checkpoint: bytes) -> bytes:
    """Return this cell's checkpoint with the lines of those who have cosigned it; as it is, where nobody can be asked."""
    try:
        text = Note.parse(checkpoint).text
        return _together(checkpoint, [note for note in await _notes() if note.text == text])
    except (psycopg.Error, PoolTimeout, LogError) as error:
        _logger.warning("the checkpoint is served without its witnesses", exc_info=error)
        return checkpoint


async def _read(path: str) -> bytes | None:
    if path == f"{PREFIX}{KEY_NAME}":
        try:
            return await asyncio.to_thread(key_note)
        except LogError:
            # The log was closed, and signs nothing any more.
            return None
    if path == WITNESSED:
        notes = await _notes()
        same = [note for note in notes if note.text == notes[0].text]
        return _together(Note(same[0].text, same[0].signatures[:1]).encode(), same) if same else None
    match = _PATH.fullmatch(path)
    row = await find(_COSIGNED, match[1]) if match else None
    return bytes(row[0]) if row else None


async def _notes() -> list[Note]:
    """Cosigned checkpoints of this cell's log, the newest first: each with the log's line and one of a witness."""
    try:
        async with pool().connection() as connection, connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {ROLE}")
            rows: list[tuple[Any, ...]] = await (await connection.execute(_NOTES, [_MOST_LINES])).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return []
    return [Note.parse(bytes(row[0])) for row in rows]


def _together(checkpoint: bytes, notes: list[Note]) -> bytes:
    return checkpoint + "".join(note.signatures[-1].line for note in notes).encode()
