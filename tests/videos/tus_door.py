"""The front door in this process, asked piece by piece as a server would hand a request over."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.asgi import get_asgi_application

from glaswerk.cell import database
from glaswerk.cell.config import Cell
from glaswerk.people.models import Person
from glaswerk.web.front import FrontDoor

from .conftest import signed_in

CHUNK: Final = {"content-type": "application/offset+octet-stream"}
GONE: Final = object()
_PATIENCE_S: Final = 60


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def offset(self) -> int:
        """How far the upload is."""
        return int(self.headers["upload-offset"])

    @property
    def place(self) -> str:
        """Where a new upload is."""
        return self.headers["location"]


class Held:
    """A body that arrives when the test says so."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes | object | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    def give(self, loop: asyncio.AbstractEventLoop, piece: bytes | object | None) -> None:
        """Let a piece arrive; GONE is the client leaving, None the end."""
        loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

    async def __aiter__(self) -> AsyncIterator[bytes | object]:
        while (piece := await self._pieces.get()) is not None:
            yield piece


Body = bytes | Iterable[bytes | object] | Held


class Door:
    """A front door that runs in a thread of its own, so that a test may look at the database meanwhile."""

    def __init__(self, cell: Cell, loop: asyncio.AbstractEventLoop) -> None:
        self._front = FrontDoor(cell, get_asgi_application())  # type: ignore[arg-type]
        self.loop = loop

    def begin(
        self,
        person: Person | None,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: Body = b"",
        version: str | None = "1.0.0",
    ) -> "Future[Answer]":
        """Send a request, and let it go on while the test goes on."""
        sent = {"host": "cell", "cookie": cookie_of(person), **({"tus-resumable": version} if version else {})}
        if isinstance(body, bytes):
            sent["content-length"] = str(len(body))
        sent |= headers or {}
        return asyncio.run_coroutine_threadsafe(self._ask(method, path, sent, body), self.loop)

    def ask(self, *words: Any, **more: Any) -> Answer:
        """Send a request, and wait for the answer."""
        return self.begin(*words, **more).result(_PATIENCE_S)

    def create(self, person: Person | None, length: int, headers: dict[str, str] | None = None, **words: str) -> Answer:
        """Begin an upload."""
        said = {"upload-length": str(length), "upload-metadata": metadata({"filename": "clip.mp4", **words})}
        return self.ask(person, "POST", "/api/uploads", {**said, **(headers or {})})

    def append(self, person: Person | None, place: str, offset: int, body: Body, **headers: str) -> Answer:
        """Send a chunk."""
        return self.begin_to_append(person, place, offset, body, **headers).result(_PATIENCE_S)

    def begin_to_append(
        self, person: Person | None, place: str, offset: int, body: Body, **headers: str
    ) -> "Future[Answer]":
        """Send a chunk, and let it go on."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.begin(person, "PATCH", place, {**CHUNK, "upload-offset": str(offset), **named}, body)

    def head(self, person: Person | None, place: str) -> Answer:
        """Ask how far an upload is."""
        return self.ask(person, "HEAD", place)

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: Body) -> Answer:
        pieces = aiter(body if isinstance(body, Held) else _each((body,) if isinstance(body, bytes) else body))
        answer = Answer()

        async def receive() -> dict[str, Any]:
            piece = await anext(pieces, None)
            if piece is GONE:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "scheme": "http",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
        await self._front(scope, receive, send)
        return answer


async def _each(pieces: Iterable[bytes | object]) -> AsyncIterator[bytes | object]:
    for piece in pieces:
        yield piece


def metadata(words: dict[str, str]) -> str:
    """Return words as Upload-Metadata has them."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in words.items())


_cookies: dict[int, str] = {}


def cookie_of(person: Person | None) -> str:
    """Return the Cookie header of a browser of this person."""
    if person is None:
        return ""
    if person.pk not in _cookies:
        _cookies[person.pk] = "; ".join(f"{n}={one.value}" for n, one in signed_in(person).cookies.items())
    return _cookies[person.pk]


@contextmanager
def open_door(cell: Cell) -> Iterator[Door]:
    """Open the database for the lean paths, and the door."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(database.open_pool(), loop).result(_PATIENCE_S)
        try:
            yield Door(cell, loop)
        finally:
            asyncio.run_coroutine_threadsafe(database.close_pool(), loop).result(_PATIENCE_S)
            asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(_PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
