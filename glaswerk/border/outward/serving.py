"""`/log/blob/<sha256>`: the messages and files that the public log names, for other cells; `/log/policy/<sha256>`: the rules.

A hash that no entry names, or that was withdrawn, is not there for anybody.  A file comes as it is, whatever it is called
here: other cells ask for a hash and check it.  A policy is named by the SHA-256 of its text in slates and in the log's
entries `policy`, and stays for ever.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, LiteralString

import psycopg
import structlog

from glaswerk.border.role import ROLE
from glaswerk.cell import blobs
from glaswerk.cell.database import pool
from glaswerk.videos import media

PREFIX: Final = "/log/blob/"
POLICY_PREFIX: Final = "/log/policy/"
_PATH: Final = re.compile(rf"{PREFIX}([0-9a-f]{{64}})")
_POLICY_PATH: Final = re.compile(rf"{POLICY_PREFIX}([0-9a-f]{{64}})")
# It may be withdrawn, so nobody on the way may keep it for long.
_CACHE: Final = b"public, max-age=60"
# Its bytes follow from its name.
_POLICY_CACHE: Final = b"public, max-age=31536000, immutable"
_SQL: Final = """
SELECT s.body, '' FROM border_spoken s JOIN cell_record r ON r.id = s.record_id
WHERE s.sha256 = %(sha)s AND s.withdrawn_at IS NULL AND r.index IS NOT NULL
UNION ALL
SELECT '', f.extension FROM border_spokenfile f JOIN border_spoken s ON s.id = f.spoken_id
JOIN cell_record r ON r.id = s.record_id
WHERE f.blob = %(sha)s AND s.withdrawn_at IS NULL AND r.index IS NOT NULL
LIMIT 1
"""
_POLICY_SQL: Final = """
SELECT p.text FROM feed_policyrecord p WHERE p.sha256 = %(sha)s AND EXISTS (
    SELECT FROM cell_record r WHERE r.kind = 'policy' AND r.facts ->> 'sha256' = p.sha256 AND r.index IS NOT NULL
) LIMIT 1
"""
_logger = structlog.get_logger("glaswerk.border")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request for a message or a file that the log names, as an ASGI application."""
    if not await is_read(scope, send):
        return
    match = _PATH.fullmatch(scope["path"])
    found = await find(_SQL, match[1]) if match else None
    if match is None or found is None:
        await refuse(send)
        return
    body, extension = found
    if extension:
        await media.deliver_blob(scope, receive, send, blobs.Blob(match[1], extension), _CACHE)
        return
    data = body.encode()
    headers = [(b"content-type", b"application/json"), (b"cache-control", _CACHE)]
    await _answer(send, 200, b"" if scope["method"] == "HEAD" else data, *headers, length=len(data))


async def serve_policy(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request for a policy that the log names, as an ASGI application; pages of other origins may read it too."""
    if not await is_read(scope, send):
        return
    match = _POLICY_PATH.fullmatch(scope["path"])
    found = await find(_POLICY_SQL, match[1]) if match else None
    if match is None or found is None:
        await refuse(send)
        return
    data = found[0].encode()
    if hashlib.sha256(data).hexdigest() != match[1]:
        # Whoever changed the table must not have the cell vouch for it.
        _logger.error("a policy is not what its hash says")
        await refuse(send)
        return
    await answer_file(scope, send, data, _POLICY_CACHE)


async def answer_file(scope: Scope, send: Send, data: bytes, caching: bytes) -> None:
    """Answer with a text that pages of other origins may read as well."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", caching),
        (b"access-control-allow-origin", b"*"),
    ]
    await _answer(send, 200, b"" if scope["method"] == "HEAD" else data, *headers, length=len(data))


async def is_read(scope: Scope, send: Send) -> bool:
    """Whether a file is asked for; any other method is answered here."""
    if scope["method"] in ("GET", "HEAD"):
        return True
    await _answer(send, 405, b"", (b"allow", b"GET, HEAD"))
    return False


async def refuse(send: Send) -> None:
    """Say that there is no such file."""
    await _answer(send, 404, b"", (b"cache-control", b"no-store"))


async def find(query: LiteralString, sha: str) -> tuple[Any, ...] | None:
    """Return the row that a hash leads to, read as everything is that leaves the cell."""
    try:
        async with pool().connection() as connection, connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {ROLE}")
            row: tuple[Any, ...] | None = await (await connection.execute(query, {"sha": sha})).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        # The cell was handed over: what it said to others is the new owner's to say.
        return None
    return row


async def _answer(
    send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes], length: int | None = None
) -> None:
    size = len(body) if length is None else length
    own = [(b"content-length", b"%d" % size), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})
