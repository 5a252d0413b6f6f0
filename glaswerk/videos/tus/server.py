"""The exchange of tus 1.0.0, for the front door: bytes are written as they arrive, and an interrupted chunk keeps what came.

Django stores a whole body before a view sees it, so that a connection that breaks would lose everything.  Here a chunk
goes to the disk piece by piece, and while it arrives its offset is acknowledged about once a second.  A chunk with a
digest, or of a length that nobody announced, counts only as a whole.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from errno import EDQUOT, ENOSPC
from typing import Any, Final, ParamSpec, TypeVar

from django.db import connections
from django.utils import translation
from django.utils.http import http_date

from glaswerk.cell.ids import decode_id, encode_id
from glaswerk.videos.actions import no_room
from glaswerk.videos.limits import max_upload_bytes
from glaswerk.videos.models import Upload, UploadState
from glaswerk.videos.tus import actions, disk, protocol, queries
from glaswerk.videos.tus.protocol import Checksum, Headers, TusError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
P = ParamSpec("P")
T = TypeVar("T")

ROOT: Final = "/api/uploads"
_WRITTEN_AT_ONCE: Final = 1 << 20
_ACKNOWLEDGED_EVERY_S: Final = 1.0
# A client that is silent for so long gives way to another connection of its own, which may well be its next try.
_GIVES_WAY_S: Final = 2.0
_GIVES_UP_S: Final = 30.0
# How long a new connection waits for the one before it to end.
_PATIENCE_S: Final = 4.0
_ASK_EVERY_S: Final = 0.05


async def serve(scope: Scope, receive: Receive, send: Send, person: int | None, language: str) -> None:
    """Answer one request of the protocol.  Raises UploadError and RateLimited for the front door to word."""
    headers = _headers(scope)
    method = headers.get(b"x-http-method-override", scope["method"].encode()).decode("latin-1").upper()
    upload_id: str | None = scope["path"].removeprefix(ROOT).removeprefix("/") or None
    if method == "OPTIONS":
        await _answer(send, 204, *_capabilities())
        return
    allowed = ("POST", "OPTIONS") if upload_id is None else ("HEAD", "PATCH", "DELETE", "OPTIONS")
    if method not in allowed:
        raise TusError(405, f"Use {allowed[0]} here.", headers=((b"allow", ", ".join(allowed).encode()),))
    protocol.check_version(headers)
    if person is None:
        raise TusError(401, "Please sign in first.")
    exchange = _Exchange(headers, receive, send, person, language)
    try:
        if upload_id is None:
            await exchange.create()
        elif method == "PATCH":
            await exchange.append(upload_id)
        elif method == "HEAD":
            await exchange.tell(upload_id)
        else:
            await exchange.terminate(upload_id)
    except OSError as error:
        if error.errno not in (ENOSPC, EDQUOT):
            raise
        with translation.override(language):
            raise no_room() from None


class _Exchange:
    """One request of one person."""

    def __init__(self, headers: Headers, receive: Receive, send: Send, person: int, language: str) -> None:
        self._headers = headers
        self._receive = receive
        self._send = send
        self._person = person
        self._language = language

    async def create(self) -> None:
        """Begin an upload; the first chunk may come with it."""
        length = protocol.parse_length(self._headers)
        if length > max_upload_bytes():
            raise await self._run(_too_large)
        metadata = self._headers.get(b"upload-metadata", b"")
        protocol.parse_metadata(metadata)
        announced = protocol.content_length(self._headers)
        has_chunk = protocol.is_chunk(self._headers)
        if announced and not has_chunk:
            raise _wrong_type()
        checksum = protocol.parse_checksum(self._headers)
        if has_chunk and (announced or 0) > length:
            raise _over_long(0)
        upload = await self._run(actions.create_upload, self._person, length, metadata.decode("latin-1"))
        place = (b"location", f"{ROOT}/{upload.public_id}".encode())
        if has_chunk and announced != 0:
            try:
                upload = await self._take_chunk(upload.public_id, 0, announced, checksum)
            except Exception:
                # The client never learns where it is, so nothing of it may stay.
                await self._run(actions.terminate_upload, self._person, upload.public_id)
                raise
        await _answer(self._send, 201, place, *_facts(upload))

    async def append(self, upload_id: str) -> None:
        """Add a chunk."""
        if not protocol.is_chunk(self._headers):
            raise _wrong_type()
        offset = protocol.parse_offset(self._headers)
        announced = protocol.content_length(self._headers)
        upload = await self._take_chunk(upload_id, offset, announced, protocol.parse_checksum(self._headers))
        await _answer(self._send, 204, *_facts(upload))

    async def tell(self, upload_id: str) -> None:
        """Say how far an upload is."""
        upload = await self._run(queries.access_upload, self._person, upload_id)
        if upload.state == UploadState.OPEN and upload.is_complete:
            # Its last chunk is just being finished, or was killed before that; a client takes this offset for the end.
            async with self._writing(upload_id) as (upload, file):
                if upload.state == UploadState.OPEN:
                    upload = await self._run(actions.finish_upload, upload.pk, file)
        facts = [(b"upload-length", str(upload.length).encode())]
        if upload.metadata:
            facts.append((b"upload-metadata", upload.metadata.encode("latin-1")))
        await _answer(self._send, 200, *facts, *_facts(upload))

    async def terminate(self, upload_id: str) -> None:
        """Forget an upload."""
        await self._run(actions.terminate_upload, self._person, upload_id)
        await _answer(self._send, 204)

    async def _take_chunk(
        self, upload_id: str, offset: int, announced: int | None, checksum: Checksum | None
    ) -> Upload:
        async with self._writing(upload_id) as (upload, file):
            if upload.offset != offset:
                raise _conflict(upload)
            if announced is not None and announced > upload.length - offset:
                raise _over_long(offset)
            if upload.state == UploadState.WHOLE:
                return upload
            position = await _Chunk(self._receive, upload, file, announced, checksum, self._run).take()
            if position == upload.length:
                return await self._run(actions.finish_upload, upload.pk, file)
            upload.offset = position
            return upload

    @asynccontextmanager
    async def _writing(self, upload_id: str) -> AsyncIterator[tuple[Upload, disk.UploadFile]]:
        """Hold an upload as its only writer; what was never acknowledged is gone from it."""
        await self._run(queries.access_upload, self._person, upload_id)
        file = await _take_file(decode_id(upload_id))
        try:
            # Only under the lock is the row what the last writer left.
            upload = await self._run(self._access_or_discard, upload_id)
            if upload.state == UploadState.OPEN:
                if await asyncio.to_thread(file.size) < upload.offset:
                    raise await self._run(queries.gone)
                await asyncio.to_thread(file.cut, upload.offset)
            yield upload, file
        finally:
            await asyncio.to_thread(file.close)

    def _access_or_discard(self, upload_id: str) -> Upload:
        try:
            upload = queries.access_upload(self._person, upload_id)
        except TusError:
            disk.discard(decode_id(upload_id))
            raise
        if upload.state == UploadState.WHOLE:
            # Its bytes have moved on, and what was just opened is an empty file.
            disk.discard(upload.pk)
        return upload

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something that asks the database, in a thread, in the person's language."""

        def work() -> T:
            try:
                with translation.override(self._language):
                    return function(*args, **kwargs)
            finally:
                connections.close_all()

        return await asyncio.to_thread(work)


class _Chunk:
    """The body of one request on its way to the disk."""

    def __init__(
        self,
        receive: Receive,
        upload: Upload,
        file: disk.UploadFile,
        announced: int | None,
        checksum: Checksum | None,
        run: Callable[..., Awaitable[Any]],
    ) -> None:
        self._receive = receive
        self._upload = upload
        self._file = file
        self._run = run
        self._checksum = checksum
        self._digest = checksum.begin() if checksum else None
        # A chunk that may yet turn out to be wrong is not acknowledged before its end.
        self._is_certain = announced is not None and checksum is None
        self._start = self._position = self._acknowledged = upload.offset
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._acknowledged_at = time.monotonic()

    async def take(self) -> int:
        """Write all that arrives, and return the new offset, which is then on the disk and in the table.

        Raises TusError: where the chunk is wrong nothing of it is kept, where it was interrupted all that came.
        """
        try:
            is_whole = await self._read()
            await self._write()
        except OSError:
            # A full disk takes no more; what it took before is kept, if that may be.
            await self._end(keep=self._checksum is None)
            raise
        if not is_whole:
            await self._end(keep=self._checksum is None)
            raise TusError(
                408, "The chunk was interrupted. What came is kept: ask for the offset with HEAD and go on from there."
            )
        if self._digest is not None and self._checksum is not None and self._digest.digest() != self._checksum.digest:
            await self._end(keep=False)
            raise TusError(
                protocol.CHECKSUM_MISMATCH,
                "The chunk does not have this digest, so nothing of it is kept. Send it again.",
                "Upload-Checksum",
            )
        await self._end(keep=True)
        return self._position

    async def _read(self) -> bool:
        """Read the body to its end; return whether it came to one."""
        silent_since = time.monotonic()
        reading = asyncio.ensure_future(self._receive())
        try:
            while True:
                done, _ = await asyncio.wait((reading,), timeout=_GIVES_WAY_S)
                if not done:
                    await self._write()
                    await self._acknowledge()
                    silence = time.monotonic() - silent_since
                    if silence >= _GIVES_UP_S or await asyncio.to_thread(self._file.is_wanted):
                        return False
                    continue
                message = reading.result()
                if message["type"] != "http.request":
                    return False
                await self._add(message.get("body", b""))
                if not message.get("more_body", False):
                    return True
                silent_since = time.monotonic()
                reading = asyncio.ensure_future(self._receive())
        finally:
            reading.cancel()

    async def _add(self, data: bytes) -> None:
        if self._position + self._gathered_bytes + len(data) > self._upload.length:
            self._gathered.clear()
            await self._end(keep=False)
            raise _over_long(self._start)
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        if self._gathered_bytes >= _WRITTEN_AT_ONCE:
            await self._write()
        if time.monotonic() - self._acknowledged_at >= _ACKNOWLEDGED_EVERY_S:
            await self._write()
            await self._acknowledge()

    async def _write(self) -> None:
        if not self._gathered:
            return
        data = b"".join(self._gathered)
        self._gathered.clear()
        self._gathered_bytes = 0
        await asyncio.to_thread(self._store, data)
        self._position += len(data)

    def _store(self, data: bytes) -> None:
        if self._digest is not None:
            self._digest.update(data)
        self._file.write(self._position, data)

    async def _acknowledge(self) -> None:
        if self._is_certain and self._position > self._acknowledged:
            await self._record(self._position)
        self._acknowledged_at = time.monotonic()

    async def _end(self, keep: bool) -> None:
        """Leave the file and the table agreeing: with all that was written, or with what was there before."""
        end = self._position if keep else self._start
        await asyncio.to_thread(self._file.cut, end)
        if end != self._acknowledged:
            await self._record(end)

    async def _record(self, offset: int) -> None:
        await asyncio.to_thread(self._file.sync)
        await self._run(actions.record_offset, self._upload.pk, offset)
        self._acknowledged = offset


async def _take_file(upload_id: int) -> disk.UploadFile:
    """Wait a moment for the writer before; it gives way as soon as its client is silent.  Raises TusError (423)."""
    until = time.monotonic() + _PATIENCE_S
    while (file := await asyncio.to_thread(disk.UploadFile.take, upload_id)) is None:
        if time.monotonic() > until:
            raise TusError(423, "Another request is sending this upload. Wait for it, or try again in a moment.")
        await asyncio.to_thread(disk.ask_for, upload_id)
        await asyncio.sleep(_ASK_EVERY_S)
    return file


def _headers(scope: Scope) -> Headers:
    return {bytes(name).lower(): bytes(value).strip() for name, value in scope["headers"]}


def _capabilities() -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"tus-version", protocol.VERSION),
        (b"tus-extension", protocol.EXTENSIONS),
        (b"tus-max-size", str(max_upload_bytes()).encode()),
        (b"tus-checksum-algorithm", ",".join(protocol.ALGORITHMS).encode()),
    )


def _facts(upload: Upload) -> list[tuple[bytes, bytes]]:
    """Return how far an upload is, until when it is kept, and what it became."""
    facts = [(b"upload-offset", str(upload.offset).encode())]
    if upload.state == UploadState.OPEN:
        facts.append((b"upload-expires", http_date(upload.expires_at.timestamp()).encode()))
    if upload.video_id is not None:
        facts.append((b"upload-video", encode_id(upload.video_id).encode()))
    if upload.duplicate_of_id is not None:
        facts.append((b"upload-duplicate", encode_id(upload.duplicate_of_id).encode()))
    return facts


async def _answer(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    common = [
        (b"tus-resumable", protocol.VERSION),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if status != 204:
        common.append((b"content-length", b"0"))
    await send({"type": "http.response.start", "status": status, "headers": [*common, *headers]})
    await send({"type": "http.response.body", "body": b""})


def _too_large() -> TusError:
    from glaswerk.videos.actions import too_large

    refusal = too_large()
    return TusError(refusal.status, refusal.message, "Upload-Length")


def _wrong_type() -> TusError:
    return TusError(415, "Send chunks as application/offset+octet-stream.", "Content-Type")


def _over_long(offset: int) -> TusError:
    return TusError(
        413,
        "The chunk goes beyond Upload-Length, so nothing of it is kept. Send only what is missing.",
        "Content-Length",
        headers=((b"upload-offset", str(offset).encode()),),
    )


def _conflict(upload: Upload) -> TusError:
    return TusError(
        409,
        f"This upload goes on at byte {upload.offset}. Ask for the offset with HEAD and send what is missing.",
        "Upload-Offset",
        headers=((b"upload-offset", str(upload.offset).encode()),),
    )
