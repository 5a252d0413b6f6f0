"""`/log/blob/<sha256>`: the messages and files that the public log names, for other cells.

A hash that no entry names, or that was withdrawn, is not there for anybody.  A file comes as it is, whatever it is called
here: other cells ask for a hash and check it.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from glaswerk.border.role import ROLE
from glaswerk.cell import blobs
from glaswerk.cell.database import pool
from glaswerk.videos import media

PREFIX: Final = "/log/blob/"
_PATH: Final = re.compile(rf"{PREFIX}([0-9a-f]{{64}})")
# It may be withdrawn, so nobody on the way may keep it for long.
_CACHE: Final = b"public, max-age=60"
_SQL: Final = """
SELECT s.body, '' FROM border_spoken s JOIN cell_record r ON r.id = s.record_id
WHERE s.sha256 = %(sha)s AND s.withdrawn_at IS NULL AND r.index IS NOT NULL
UNION ALL
SELECT '', f.extension FROM border_spokenfile f JOIN border_spoken s ON s.id = f.spoken_id
JOIN cell_record r ON r.id = s.record_id
WHERE f.blob = %(sha)s AND s.withdrawn_at IS NULL AND r.index IS NOT NULL
LIMIT 1
"""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request for something that the log names, as an ASGI application."""
    if scope["method"] not in ("GET", "HEAD"):
        await _answer(send, 405, b"", (b"allow", b"GET, HEAD"))
        return
    match = _PATH.fullmatch(scope["path"])
    found = await _find(match[1]) if match else None
    if match is None or found is None:
        await _answer(send, 404, b"", (b"cache-control", b"no-store"))
        return
    body, extension = found
    if extension:
        await media.deliver_blob(scope, receive, send, blobs.Blob(match[1], extension), _CACHE)
        return
    data = body.encode()
    headers = [(b"content-type", b"application/json"), (b"cache-control", _CACHE)]
    await _answer(send, 200, b"" if scope["method"] == "HEAD" else data, *headers, length=len(data))


async def _find(sha: str) -> tuple[str, str] | None:
    async with pool().connection() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {ROLE}")
        row = await (await connection.execute(_SQL, {"sha": sha})).fetchone()
    return (row[0], row[1]) if row else None


async def _answer(
    send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes], length: int | None = None
) -> None:
    size = len(body) if length is None else length
    own = [(b"content-length", b"%d" % size), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})
