"""Delivery of videos, posters and avatars: GET and HEAD of `/media/<sha256>.<extension>`, after RFC 9110.

Every request asks the database whether this person may have this file, so that an address alone opens nothing.  What
everybody may see is remembered for two seconds, because a popular file is asked for in many ranges at once.  A signed
address (`glaswerk.cell.blobs.signing`) stands for a person who may have the file.

The bytes come from the cell's store, wherever that is; with `storage.delivery = "redirect"` the answer leads there.

A request for several ranges gets the whole file: section 14.2 lets a server ignore `Range`, and no player needs it.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.conf import settings

from glaswerk.cell import blobs
from glaswerk.cell.database import pool

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_PATH: Final = re.compile(r"/media/([0-9a-f]{64})\.(mp4|m4a|m4s|m3u8|jpg|vtt|webp)")
_RANGE: Final = re.compile(rb"bytes=[ \t]*(\d*)-(\d*)[ \t]*", re.IGNORECASE)
_PUBLIC: Final = b"public, max-age=31536000, immutable"
_PRIVATE: Final = b"private, no-store"
# A redirect may be remembered for as long as this, where everybody may see the file.
_REDIRECTED_S: Final = 60
_RETRY_AFTER_S: Final = 5
# They name other files by addresses relative to their own, so that is always one of this cell.
_NAMES_OTHERS: Final = ("m3u8", "vtt")
_REMEMBERED_S: Final = 2.0
_REMEMBERED: Final = 4096
_logger = structlog.get_logger("glaswerk.media")

# Whether this person may have the file, and whether everybody may.  No row: there is no such file for this person.
# The conditions are those of `queries.visible_to`, without a creator's view of what is not ready or was taken down.  A signed
# address stands for a person who may see it, and opens neither of these.
_VIDEO_SQL: Final = """
    SELECT bool_or(video.visibility = 'public')
    FROM videos_video AS video JOIN people_person AS creator ON creator.id = video.creator_id AND creator.is_active
    WHERE video.state = 'ready' AND video.taken_down_at IS NULL AND {is_file_of_video} AND (
        video.visibility = 'public'
        OR video.creator_id = %(person)s
        OR %(signed)s
        OR EXISTS (SELECT FROM people_person WHERE id = %(person)s AND is_active AND role IN ('moderator', 'operator'))
        OR video.visibility = 'followers'
            AND EXISTS (SELECT FROM social_follow WHERE follower_id = %(person)s AND followed_id = video.creator_id)
            AND NOT EXISTS (
                SELECT FROM social_block
                WHERE blocker_id = %(person)s AND blocked_id = video.creator_id
                OR blocker_id = video.creator_id AND blocked_id = %(person)s
            )
    )
"""
_RENDITION: Final = "video.id IN (SELECT video_id FROM videos_rendition WHERE blob = %(sha)s)"
_ASSET: Final = "video.id IN (SELECT video_id FROM videos_asset WHERE blob = %(sha)s)"
_POSTER: Final = f"(video.poster = %(sha)s OR {_ASSET})"
_SOUND: Final = "video.id IN (SELECT video_id FROM videos_sound WHERE blob = %(sha)s)"
_TRACK: Final = "video.id IN (SELECT video_id FROM videos_captiontrack WHERE blob = %(sha)s)"
_TRACK_OR_ASSET: Final = " OR ".join((_TRACK, _ASSET)).join("()")
# What a draft is cut from is its owner's alone, or a signed address's; whether the owner may sign in is checked before.
_SOURCE_SQL: Final = """
    SELECT false FROM videos_source AS source JOIN videos_draft AS draft ON draft.id = source.draft_id
    WHERE (draft.owner_id = %(person)s OR %(signed)s) AND (source.proxy = %(sha)s OR source.poster = %(sha)s)
"""
_AVATAR_SQL: Final = "SELECT true FROM people_person WHERE avatar = %(sha)s AND is_active"
_EITHER_SQL: Final = "SELECT bool_or(everybody) FROM ({} UNION ALL {}) AS found (everybody)"
_QUERIES: Final = {
    "mp4": _EITHER_SQL.format(_VIDEO_SQL.format(is_file_of_video=_RENDITION), _SOURCE_SQL),
    "m4a": _EITHER_SQL.format(_VIDEO_SQL.format(is_file_of_video=_SOUND), _SOURCE_SQL),
    "jpg": _EITHER_SQL.format(_VIDEO_SQL.format(is_file_of_video=_POSTER), _SOURCE_SQL),
    "vtt": _VIDEO_SQL.format(is_file_of_video=_TRACK_OR_ASSET),
    "webp": _EITHER_SQL.format(_VIDEO_SQL.format(is_file_of_video=_ASSET), _AVATAR_SQL),
    "m3u8": _VIDEO_SQL.format(is_file_of_video=_ASSET),
    "m4s": _VIDEO_SQL.format(is_file_of_video=_ASSET),
}
_further: dict[str, list[str]] = {}

_EXPIRED: Final = ("expires", "This address has expired. Ask the cell for a new one.")
_WRONG: Final = ("signature", "This address was altered. Use it exactly as the cell gave it.")

_known_public: dict[tuple[str, str], float] = {}


@dataclass(frozen=True, slots=True)
class _Whole:
    """All of the file."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The bytes from `first` to `last`, both included."""

    first: int
    last: int


class _Unsatisfiable:
    """No byte of the file is in the range."""


def open_files(extension: str, sql: str) -> None:
    """Let files of another app be asked for, too; it says so when it starts.

    `sql` is a constant that finds a row where this person may have the file, which says whether everybody may.  It knows
    `%(sha)s` and `%(person)s`, whose account is in order, and `%(signed)s`.
    """
    if sql not in _further.setdefault(extension, []):
        _further[extension].append(sql)


def _query(extension: str) -> str:
    query = _QUERIES[extension]
    for sql in _further.get(extension, ()):
        query = _EITHER_SQL.format(query, sql)
    return query


async def serve(scope: Scope, receive: Receive, send: Send, person_id: int | None) -> None:
    """Answer one request for a file as an ASGI application; `person_id` is who asks, None for somebody signed out."""
    method: str = scope["method"]
    if method not in ("GET", "HEAD"):
        await _answer(send, 405, [(b"allow", b"GET, HEAD")])
        return
    match = _PATH.fullmatch(scope["path"])
    verdict = blobs.check_signature(scope["path"], scope.get("query_string", b""))
    if verdict in (blobs.Verdict.EXPIRED, blobs.Verdict.WRONG):
        # The same for what exists and for what does not.
        await _refuse(send, *(_EXPIRED if verdict is blobs.Verdict.EXPIRED else _WRONG))
        return
    signed = verdict is blobs.Verdict.VALID
    is_public = await _permission(match[1], match[2], person_id, signed=signed) if match else None
    if match is None or is_public is None:
        await _answer(send, 404, [(b"cache-control", b"no-store")])
        return
    try:
        await _answer_with(scope, receive, send, blobs.Blob(match[1], match[2]), is_public)
    except FileNotFoundError:
        _logger.error("a blob is missing", reason=match[2])
        await _answer(send, 404, [(b"cache-control", b"no-store")])
    except _AwayError as error:
        _logger.warning("the store is away", reason=str(error))
        await _answer(send, 503, [(b"cache-control", b"no-store"), (b"retry-after", b"%d" % _RETRY_AFTER_S)])


class _AwayError(Exception):
    """The store did not answer, and nothing was sent yet."""


async def _answer_with(scope: Scope, receive: Receive, send: Send, blob: blobs.Blob, is_public: bool) -> None:
    """Answer with a file that this person may have.  Raises FileNotFoundError and _AwayError before anything is sent."""
    try:
        store = blobs.current_store()
        redirects = settings.CELL.config.storage.delivery == "redirect" and blob.extension not in _NAMES_OTHERS
        if scope["method"] == "GET" and redirects:
            address = await _direct_address(store, blob, is_public)
            if address is not None:
                kept = b"public, max-age=%d" % _REDIRECTED_S if is_public else _PRIVATE
                await _answer(send, 302, [(b"location", address.encode()), (b"cache-control", kept)])
                return
        opened = await store.open(blob)
    except blobs.StorageError as error:
        raise _AwayError(str(error)) from error
    try:
        cache = [(b"cache-control", _PUBLIC)] if is_public else [(b"cache-control", _PRIVATE), (b"vary", b"Cookie")]
        await _deliver(scope, receive, send, opened, blob, cache)
    finally:
        await opened.close()


async def _direct_address(store: blobs.Store, blob: blobs.Blob, is_public: bool) -> str | None:
    """Return where the file is found without this cell, or None where it is not."""
    storage = settings.CELL.config.storage
    if is_public and storage.public_url:
        return f"{storage.public_url.rstrip('/')}/{blob.place}"
    return await store.direct_address(blob, max(storage.signed_seconds, 2 * _REDIRECTED_S))


async def _permission(sha: str, extension: str, person_id: int | None, *, signed: bool) -> bool | None:
    """Return whether everybody may have the file, or None where neither this person nor a signed address opens it."""
    key, now = (sha, extension), time.monotonic()
    if _known_public.get(key, 0.0) > now:
        return True
    async with pool().connection() as connection:
        cursor = await connection.execute(_query(extension), {"sha": sha, "person": person_id, "signed": signed})
        row = await cursor.fetchone()
    is_public: bool | None = row[0] if row else None
    if is_public:
        if len(_known_public) >= _REMEMBERED:
            _known_public.clear()
        _known_public[key] = now + _REMEMBERED_S
    return is_public


async def deliver_blob(scope: Scope, receive: Receive, send: Send, blob: blobs.Blob, cache: bytes) -> None:
    """Answer with a file that the caller knows may be had, from here and not by a redirect; 404 where it is missing."""
    try:
        opened = await blobs.current_store().open(blob)
    except FileNotFoundError:
        await _answer(send, 404, [(b"cache-control", b"no-store")])
        return
    try:
        await _deliver(scope, receive, send, opened, blob, [(b"cache-control", cache)])
    except _AwayError as error:
        raise blobs.StorageError(str(error)) from error
    finally:
        await opened.close()


async def _deliver(
    scope: Scope, receive: Receive, send: Send, opened: blobs.OpenBlob, blob: blobs.Blob, cache: Headers
) -> None:
    headers = _request_headers(scope["headers"])
    size = opened.size
    etag = f'"{blob.sha}"'.encode()
    validators: Headers = [(b"etag", etag), *cache]
    if b"if-match" in headers and not _matches(headers[b"if-match"], etag, weak=False):
        await _answer(send, 412, validators)
        return
    if b"if-none-match" in headers and _matches(headers[b"if-none-match"], etag, weak=True):
        await _answer(send, 304, validators, length=False)
        return
    common: Headers = [*validators, (b"accept-ranges", b"bytes"), (b"x-content-type-options", b"nosniff")]
    wanted: _Whole | _Part | _Unsatisfiable = _Whole()
    # Range has a meaning for GET only, and If-Range lets it count only while the file is the one that was begun.
    if scope["method"] == "GET" and b"range" in headers and headers.get(b"if-range", etag) == etag:
        wanted = _range(headers[b"range"], size)
    match wanted:
        case _Unsatisfiable():
            await _answer(send, 416, [*common, (b"content-range", b"bytes */%d" % size)])
            return
        case _Part(first, last):
            status = 206
            common.append((b"content-range", b"bytes %d-%d/%d" % (first, last, size)))
        case _Whole():
            status, first, last = 200, 0, size - 1
    common += [(b"content-type", blobs.TYPES[blob.extension].encode()), (b"content-length", b"%d" % (last - first + 1))]
    begin: Message = {"type": "http.response.start", "status": status, "headers": common}
    if scope["method"] == "HEAD" or not size:
        await send(begin)
        await send({"type": "http.response.body", "body": b""})
        return
    try:
        pieces = await opened.read(first, last)
    except blobs.StorageError as error:
        raise _AwayError(str(error)) from error
    await _send_pieces(receive, send, begin, pieces, last - first + 1)


async def _send_pieces(
    receive: Receive, send: Send, begin: Message, pieces: AsyncGenerator[bytes, None], length: int
) -> None:
    """Send the beginning of an answer and a stretch of the file, until the client leaves."""
    gone = asyncio.create_task(_disconnect(receive))
    try:
        async with aclosing(pieces):
            await send(begin)
            async for piece in pieces:
                if gone.done():
                    return
                length -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": length > 0})
            if length:
                # The length is promised already, so a file that ends early can only end the connection.
                raise OSError("a blob is shorter than it was")
    except ConnectionError:
        return
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await gone


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _request_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the request's headers; repeated ones are joined as lists (RFC 9110, section 5.3)."""
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        key = bytes(name).lower()
        headers[key] = headers[key] + b", " + bytes(value) if key in headers else bytes(value).strip()
    return headers


def _matches(field: bytes, etag: bytes, *, weak: bool) -> bool:
    """Whether a list of entity tags names this one, by the weak or the strong comparison."""
    for one in field.split(b","):
        tag = one.strip()
        if tag in (b"*", etag) or (weak and tag == b"W/" + etag):
            return True
    return False


def _range(field: bytes, size: int) -> _Whole | _Part | _Unsatisfiable:
    """Read a Range field (section 14.1.2).  Whatever is not one valid range of bytes is ignored."""
    match = _RANGE.fullmatch(field)
    if match is None or match[1] == match[2] == b"" or len(field) > 100:
        return _Whole()
    if match[1] == b"":
        length = min(int(match[2]), size)
        return _Part(size - length, size - 1) if length else _Unsatisfiable()
    first = int(match[1])
    last = int(match[2]) if match[2] else max(first, size - 1)
    if last < first:
        return _Whole()
    return _Part(first, min(last, size - 1)) if first < size else _Unsatisfiable()


async def _refuse(send: Send, field: str, detail: str) -> None:
    """Refuse an address that is signed, but not rightly, with a problem document (RFC 9457)."""
    problem = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": detail}
    body = json.dumps({**problem, "errors": [{"field": field, "message": detail}]}).encode()
    headers: Headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer(send: Send, status: int, headers: Headers, *, length: bool = True) -> None:
    """Answer without a body.  A 304 says nothing about the length, because there it would be the file's."""
    lengths: Headers = [(b"content-length", b"0")] if length else []
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *lengths]})
    await send({"type": "http.response.body", "body": b""})
