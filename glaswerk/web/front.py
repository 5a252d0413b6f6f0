"""The front door: one ASGI application that answers the busy paths itself and hands the rest to Django.

Lean are `/api/feed`, `/api/events`, `/api/dials…`, `/api/uploads…`, `/media/…`, `/log/…`, `/healthz`, `/readyz` and
`/metrics`.  Putting into a cart, asking for a quote and buying come to Django by a shorter way (`lean.py`).
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout

from glaswerk.border.outward import serving as outward
from glaswerk.border.outward import witnesses
from glaswerk.border.sunset import gate
from glaswerk.border.sunset.state import copy as sunset
from glaswerk.cell.blobs import StorageError
from glaswerk.cell.config import Cell
from glaswerk.cell.database import close_pool, open_pool, pool
from glaswerk.cell.log import EventLog, LogUnavailable
from glaswerk.cell.rates import RateLimited, Windows
from glaswerk.feed import first
from glaswerk.feed.events import MOST_BYTES, BadEvent
from glaswerk.feed.serving import BadQuestion, Feed, NotReady, read_question
from glaswerk.feed.visitors import VisitorReader
from glaswerk.tlog import LogError
from glaswerk.videos import media
from glaswerk.videos.actions import UploadError
from glaswerk.videos.limits import max_request_bytes
from glaswerk.videos.queue.numbers import GONE_AFTER, LINES, LIVING, JobNumbers
from glaswerk.videos.tus import protocol, server
from glaswerk.web import lean, log_files, problems

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = dict[bytes, bytes]

LOG_PATIENCE_S: Final = 1
UPLOAD_PATH: Final = "/api/videos"
MOST_FORM_BYTES: Final = 10 << 20
MOST_HEADER_BYTES: Final = 64 << 10
_LOOPBACK: Final = ("127.0.0.1", "::1")
_logger = structlog.get_logger("glaswerk.web")
_requests = Counter("glaswerk_requests_total", "Requests answered", ["route", "status"])
_seconds = Histogram("glaswerk_request_seconds", "Time to answer a request", ["route"])


class Refused(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """A request that is answered with a problem document."""

    def __init__(
        self, status: int, detail: str, field: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        """Say the status, what is wrong and what to do, and which field it is."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.headers = headers


class FrontDoor:
    """The application that Granian runs, one in each worker."""

    def __init__(self, cell: Cell, django: Application) -> None:
        """Wrap Django's application; the lean parts start with the server's lifespan."""
        self._cell = cell
        self._django = django
        self._visitors = VisitorReader()
        self._windows = Windows()
        self._log: EventLog | None = None
        self._feed: Feed | None = None
        self._shop = lean.LeanDjango()
        self._shop_threads = ThreadPoolExecutor(lean.THREADS, "shop")
        self._lean: dict[str, Callable[[Scope, Receive, Send], Awaitable[None]]] = {
            "/api/feed": self._answer_feed,
            "/api/events": self._answer_events,
            "/api/dials": self._answer_dials,
            "/api/dials/hide": self._answer_hide,
            "/api/dials/reset": self._answer_reset,
            "/healthz": self._answer_health,
            "/readyz": self._answer_ready,
            "/metrics": self._answer_metrics,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event, as ASGI 3 has it."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self) -> None:
        """Wait for the servers, then begin; a worker that starts while one of them restarts must not give up."""
        await open_pool()
        # Before it is known where the cell stands, nothing is answered.
        await asyncio.to_thread(sunset.known.wait)
        while self._log is None:
            try:
                self._log = await EventLog.connect(self._cell)
            except LogUnavailable:
                await asyncio.sleep(0.25)
        feed = Feed(self._cell, self._log)
        while self._feed is None:
            try:
                await feed.start()
                self._feed = feed
            except (DatabaseError, PoolTimeout) as error:
                _logger.warning("the feed waits for the database", exc_info=error)
                await asyncio.sleep(0.5)

    async def _stop(self) -> None:
        # What was begun to be bought is bought.
        await asyncio.to_thread(self._shop_threads.shutdown)
        if self._feed is not None:
            await self._feed.stop()
        if self._log is not None:
            await self._log.close()
        await close_pool()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        started = time.perf_counter()
        status = 500
        begun = False

        async def watched_send(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
            await send(message)

        if path in self._lean:
            route, handler = path, self._lean[path]
        elif path.startswith(outward.PREFIX):
            route, handler = "/log/blob", outward.serve
        elif path.startswith(outward.POLICY_PREFIX):
            route, handler = "/log/policy", outward.serve_policy
        elif path.startswith(witnesses.PREFIX) or path == witnesses.WITNESSED:
            route, handler = "/log/witness", witnesses.serve
        elif path.startswith("/media/"):
            route, handler = "/media", self._answer_media
        elif path.startswith(log_files.PREFIX):
            route, handler = "/log", self._answer_log
        elif (path == server.ROOT or path.startswith(f"{server.ROOT}/")) and scope["method"] != "GET":
            route, handler = server.ROOT, self._answer_uploads
        elif path in lean.PATHS and scope["method"] == "POST":
            route, handler = path, self._answer_shop
        elif path == "/" and scope["method"] == "GET":
            route, handler = "/", self._answer_home
        else:
            route, handler = "django", self._answer_django
        try:
            _refuse_long_headers(scope)
            _refuse_null_cookies(scope)
            if closed := gate.refusal(sunset.stage(), scope["method"], path):
                if route not in ("/", "django"):
                    raise _closed(closed)
                # In the person's own language; and no slate is ranked for a page that shows none.
                handler = self._answer_django
            await handler(scope, receive, watched_send)
        except Refused as refused:
            await _send_problem(watched_send, refused)
        except (LogUnavailable, DatabaseError, PoolTimeout, StorageError) as error:
            _logger.warning("a server is away", route=route, exc_info=error)
            if not begun:
                await _send_problem(
                    watched_send, _come_back("The cell is busy for a moment. Nothing was lost; try again.")
                )
        except Exception as error:
            _logger.error("request failed", route=route, exc_info=error)
            if not begun:
                await _send_problem(watched_send, Refused(500, "Something went wrong here. Nothing was changed."))
        finally:
            _requests.labels(route, str(status)).inc()
            _seconds.labels(route).observe(time.perf_counter() - started)

    async def _answer_django(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to Django, which stores the whole body before a view sees it; so the limit stands here."""
        most = max_request_bytes() if scope["path"] == UPLOAD_PATH else MOST_FORM_BYTES
        await self._django(scope, _limited(scope, receive, most), send)

    async def _answer_shop(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a step of buying in a thread; one that has begun is finished, even where nobody waits for it any more."""
        parts: list[bytes] = []
        more = True
        limited_receive = _limited(scope, receive, MOST_FORM_BYTES)
        while more:
            message = await limited_receive()
            if message["type"] == "http.disconnect":
                return
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        work = asyncio.get_running_loop().run_in_executor(
            self._shop_threads, self._shop.answer, dict(scope), b"".join(parts)
        )
        status, headers, content = await asyncio.shield(work)
        with contextlib.suppress(ConnectionError):
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})

    async def _answer_home(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with Django's page and, where it left a mark, the slate that was ranked meanwhile."""
        slate = asyncio.create_task(self._first_slate(scope))
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        try:
            await self._answer_django(scope, receive, collect)
            if start["status"] == 200 and first.MARK in body:
                html, cookie = await slate
                body = body.replace(first.MARK, html, 1)
                headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
                # What stands in it now is for this viewer at this moment.
                headers += [(b"content-length", str(len(body)).encode()), (b"cache-control", b"private, no-cache")]
                start["headers"] = [*headers, *([(b"set-cookie", cookie)] if cookie else [])]
        finally:
            slate.cancel()
        with contextlib.suppress(ConnectionError):
            await send(start)
            await send({"type": "http.response.body", "body": bytes(body)})

    async def _first_slate(self, scope: Scope) -> tuple[bytes, bytes | None]:
        """Return the first slate as HTML, and the cookie of a new viewer; nothing where there is none to give now.

        The page is none the worse for it, because its script asks then; so nothing is raised.
        """
        headers: Headers = dict(scope["headers"])
        if self._feed is None or headers.get(b"sec-purpose", b"").startswith(b"prefetch"):
            return b"", None
        try:
            viewer, language, cookie = await self._viewer(scope, "feed", self._cell.config.limits.feed_per_minute)
            slate = await self._feed.slate(viewer, read_question({"limit": str(first.LIMIT)}), language)
        except (Refused, NotReady, LogUnavailable, DatabaseError, PoolTimeout):
            return b"", None
        return first.first_slate(slate, headers.get(b"save-data") == b"on"), cookie

    async def _answer_feed(self, scope: Scope, receive: Receive, send: Send) -> None:
        _require_method(scope, "GET")
        try:
            question = read_question(_query(scope))
        except BadQuestion as error:
            raise Refused(422, str(error), error.field) from None
        viewer, language, cookie = await self._viewer(scope, "feed", self._cell.config.limits.feed_per_minute)
        if self._feed is None:
            raise _come_back("The cell is starting. Try again in a moment.")
        try:
            body = await self._feed.slate(viewer, question, language)
        except BadQuestion as error:
            raise Refused(404, str(error), error.field) from None
        except NotReady:
            raise _come_back("The feed is being prepared. Try again in a moment.") from None
        await _send_json(send, 200, body, cookie)

    async def _answer_events(self, scope: Scope, receive: Receive, send: Send) -> None:
        _require_method(scope, "POST")
        content = await _read_json(scope, receive)
        viewer, _, cookie = await self._viewer(scope, "events", self._cell.config.limits.events_per_minute)
        if self._feed is None:
            raise _come_back("The cell is starting. Send the events again in a moment.")
        try:
            answer = await self._feed.take(viewer, content)
        except BadEvent as error:
            raise Refused(422, str(error), error.field) from None
        await _send_json(send, 202, answer, cookie)

    async def _answer_dials(self, scope: Scope, receive: Receive, send: Send) -> None:
        _require_method(scope, "GET", "PUT")
        if scope["method"] == "GET":
            await self._answer_settings(scope, send, Feed.settings)
        else:
            content = await _read_json(scope, receive)
            await self._answer_settings(scope, send, lambda feed, viewer: feed.change_settings(viewer, content))

    async def _answer_hide(self, scope: Scope, receive: Receive, send: Send) -> None:
        _require_method(scope, "POST", "DELETE")
        content = await _read_json(scope, receive)
        on = scope["method"] == "POST"
        await self._answer_settings(scope, send, lambda feed, viewer: feed.hide(viewer, content, on))

    async def _answer_reset(self, scope: Scope, receive: Receive, send: Send) -> None:
        _require_method(scope, "POST")
        await _read_json(scope, receive)
        await self._answer_settings(scope, send, Feed.reset)

    async def _answer_settings(
        self, scope: Scope, send: Send, act: Callable[[Feed, int], Awaitable[dict[str, Any]]]
    ) -> None:
        """Answer with what the viewer has set, after `act`."""
        viewer, _, cookie = await self._viewer(scope, "dials", self._cell.config.limits.feed_per_minute)
        if self._feed is None:
            raise _come_back("The cell is starting. Try again in a moment.")
        try:
            answer = await act(self._feed, viewer)
        except BadEvent as error:
            raise Refused(422, str(error), error.field) from None
        await _send_json(send, 200, answer, cookie)

    async def _viewer(self, scope: Scope, what: str, per_minute: int) -> tuple[int, str, bytes | None]:
        """Return the viewer's id, language, and the cookie to set for a new one.  Raises Refused beyond the limit."""
        visitor = await self._visitors.read(dict(scope["headers"]))
        if visitor.viewer is not None:
            self._limit(what, str(visitor.viewer), per_minute)
            return visitor.viewer, visitor.language, None
        self._limit("new", scope["client"][0], self._cell.config.limits.new_viewers_per_minute)
        viewer, cookie = self._visitors.new_anonymous()
        return viewer, visitor.language, cookie

    def _limit(self, what: str, key: str, per_minute: int) -> None:
        if not self._windows.take(what, key, per_minute):
            raise Refused(429, "That was too much within a minute. Wait a little.", headers=((b"retry-after", b"60"),))

    async def _answer_media(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = await self._visitors.read(dict(scope["headers"]))
        await media.serve(scope, receive, send, visitor.person)

    async def _answer_log(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file of the public log, which pages of other origins may read as well."""
        _require_method(scope, "GET", "HEAD")
        try:
            found = await asyncio.to_thread(log_files.read_log_file, self._cell.tlog, scope["path"])
        except LogError as error:
            _logger.error("a file of the log cannot be read", path=scope["path"], exc_info=error)
            raise _come_back("The log cannot be read just now.") from None
        if found is None:
            raise Refused(404, "The public log has no such file.")
        data = found.data
        if scope["path"] == log_files.CHECKPOINT:
            data = await witnesses.with_cosignatures(data)
        headers = [
            (b"content-type", found.media_type),
            (b"content-length", str(len(data)).encode()),
            (b"cache-control", found.caching),
            (b"access-control-allow-origin", b"*"),
            (b"x-content-type-options", b"nosniff"),
        ]
        with contextlib.suppress(ConnectionError):
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else data})

    async def _answer_uploads(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        own = (b"tus-resumable", protocol.VERSION)
        try:
            _require_same_origin(scope, headers)
            visitor = await self._visitors.read(headers)
            if visitor.person is not None:
                self._limit("uploads", str(visitor.person), self._cell.config.limits.upload_requests_per_minute)
            await server.serve(scope, receive, send, visitor.person, visitor.language)
        except RateLimited as limited:
            again = (b"retry-after", str(limited.retry_after).encode())
            raise Refused(429, str(limited), headers=(own, again)) from None
        except UploadError as refusal:
            extra = refusal.headers if isinstance(refusal, protocol.TusError) else ()
            raise Refused(refusal.status, refusal.message, refusal.field, (own, *extra)) from None

    async def _answer_health(self, scope: Scope, receive: Receive, send: Send) -> None:
        _require_method(scope, "GET", "HEAD")
        await _send_json(send, 200, {"status": "alive"})

    async def _answer_ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        _require_method(scope, "GET", "HEAD")
        why_not = "the worker is starting" if self._feed is None else self._feed.why_not_ready()
        if self._feed is not None and gate.refusal(sunset.stage(), "GET", "/api/feed"):
            # In the dark no slate is served, and no epoch is cut that could be waited for.
            why_not = None
        if why_not is None:
            async with asyncio.timeout(2), pool().connection() as connection:
                await connection.execute("SELECT 1")
            await _send_json(send, 200, {"status": "ready"})
        else:
            raise _come_back(f"Not ready: {why_not}.")

    async def _answer_metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Totals are for the operator: whoever asks from elsewhere, or through a proxy, finds nothing here."""
        _require_method(scope, "GET")
        headers: Headers = dict(scope["headers"])
        if scope["client"][0] not in _LOOPBACK or b"x-forwarded-for" in headers or b"forwarded" in headers:
            raise Refused(404, "There is nothing here.")
        registry = CollectorRegistry()
        async with asyncio.timeout(2), pool().connection() as connection:
            lines = await (await connection.execute(LINES)).fetchall()
            workers = await (await connection.execute(LIVING, [GONE_AFTER])).fetchone()
        registry.register(JobNumbers(lines, workers[0] if workers else 0))
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        body = await asyncio.to_thread(generate_latest, registry)
        await _send(send, 200, body, CONTENT_TYPE_LATEST.encode())


def _limited(scope: Scope, receive: Receive, most: int) -> Receive:
    """Return a way to receive at most so many bytes of a body; it raises Refused beyond them."""
    too_large = Refused(413, f"This is too large: at most {most >> 20} MiB are taken here.")
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if length.isdigit() and int(length) > most:
        raise too_large
    taken = 0

    async def limited_receive() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise too_large
        return message

    return limited_receive


def _query(scope: Scope) -> dict[str, str]:
    try:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise Refused(422, "The address has too many parameters.") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refused(422, "A parameter stands twice in the address. Name each once.")
    return dict(pairs)


def _require_method(scope: Scope, *methods: str) -> None:
    if scope["method"] not in methods:
        raise Refused(405, f"Use {methods[0]} here.", headers=((b"allow", ", ".join(methods).encode()),))


def _refuse_long_headers(scope: Scope) -> None:
    """Refuse what no browser sends; the server's own limit depends on how the bytes happen to come in."""
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADER_BYTES:
        raise Refused(431, f"These headers are too long: at most {MOST_HEADER_BYTES >> 10} KiB are taken together.")


def _refuse_null_cookies(scope: Scope) -> None:
    """Refuse an escaped null character, which no database text can hold and no browser sends."""
    for name, value in scope["headers"]:
        if name == b"cookie" and b"\\000" in value:
            raise Refused(400, "The cookies are malformed.")


def _require_same_origin(scope: Scope, headers: Headers) -> None:
    """Refuse what another site's page sends (browsers say where a request comes from; other clients say nothing)."""
    origin = headers.get(b"origin")
    own = (f"{scope['scheme']}://".encode() + headers.get(b"host", b""), _public_origin())
    if (origin is not None and origin not in own) or headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
        raise Refused(403, "This is taken from this cell's own pages only.")


def _public_origin() -> bytes:
    from django.conf import settings

    return settings.PUBLIC_URL.encode()


async def _read_json(scope: Scope, receive: Receive) -> Any:
    """Return what one of this cell's own pages, or a client that is no browser, sends as JSON.  Raises Refused."""
    headers: Headers = dict(scope["headers"])
    _require_same_origin(scope, headers)
    # Without this a foreign page could send something by a plain form, which browsers allow without asking.
    if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
        raise Refused(415, "Send it as application/json.")
    body = await _read_body(receive)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(400, "The body is not JSON.") from None


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The request ended before its body did.")
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BYTES:
            raise Refused(413, f"At most {MOST_BYTES >> 10} KiB are taken at once. Send it in several batches.")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _come_back(detail: str) -> Refused:
    return Refused(503, detail, headers=((b"retry-after", str(LOG_PATIENCE_S).encode()),))


def _closed(status: int) -> Refused:
    if status == gate.LOCKED:
        return Refused(status, "This cell can only be read now. Exports, cancelling and erasure stay open.")
    again = (b"retry-after", str(gate.RETRY_AFTER_S).encode())
    return Refused(status, "This cell is switched off. Exports and the public log stay open.", headers=(again,))


async def _send_problem(send: Send, refused: Refused) -> None:
    errors = [{"field": refused.field, "message": refused.detail}] if refused.field else None
    body = problems.problem_body(refused.status, refused.detail, errors)
    await _send(send, refused.status, body, problems.MEDIA_TYPE.encode(), *refused.headers)


async def _send_json(send: Send, status: int, body: Any, cookie: bytes | None = None) -> None:
    extra = [(b"set-cookie", cookie)] if cookie is not None else []
    await _send(send, status, orjson.dumps(body), b"application/json", *extra)


async def _send(send: Send, status: int, body: bytes, media_type: bytes, *extra: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", media_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *extra,
    ]
    # The client may be gone by now; then nobody is left to tell.
    with contextlib.suppress(ConnectionError):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
