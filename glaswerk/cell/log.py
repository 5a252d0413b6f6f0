"""The event log: what happened, in one order, kept by NATS JetStream.

Two streams: `events` (what viewers did, which videos changed, and who is to be forgotten) and `slates` (what was shown).  A message holds a
batch of items, `{"items": […]}`: while one publish waits for its sync to disk, whatever arrives is gathered for the
next one, so that the cost of a sync is shared by all who wait (group commit).  Everything that is returned from
`append` is on disk.

The log is a buffer: what every reader has taken over can be removed from it, message by message, when somebody asks to be
forgotten (`remove_about`).  Readers therefore do not mind gaps in the sequence; that they missed nothing they know from
the count of what was delivered to them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, RetentionPolicy, StreamConfig
from nats.js.errors import APIError, NotFoundError

from glaswerk.cell import nats as server
from glaswerk.cell.config import Cell, current_cell

EVENTS: Final = "events"
SLATES: Final = "slates"
# Which stream holds an item's subject.
STREAM_OF: Final = {"events": EVENTS, "videos": EVENTS, "people": EVENTS, "slates": SLATES}
CONNECT_TIMEOUT_S: Final = 10.0
_LARGEST_MESSAGE: Final = 4 << 20
_DAY_S: Final = 86_400
_logger = structlog.get_logger("glaswerk.log")
Result = TypeVar("Result")


class LogUnavailable(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """The event log did not confirm; nothing is promised, and the caller may try again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a stream: its sequence, its subject (`events`, `videos`, `people`, `slates`), its time and its items."""

    sequence: int
    subject: str
    at_ms: int
    items: list[dict[str, Any]]


class _Writer:
    """Group commit for one subject: at most one publish is under way, and the next one takes all that waits."""

    def __init__(self, log: "EventLog", subject: str) -> None:
        self._log = log
        self._subject = subject
        self._waiting: list[tuple[bytes, asyncio.Future[int]]] = []
        self._task: asyncio.Task[None] | None = None

    def append(self, item: bytes) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return future

    def _take(self) -> list[tuple[bytes, asyncio.Future[int]]]:
        size = 0
        for position, (item, _) in enumerate(self._waiting):
            size += len(item)
            if size > _LARGEST_MESSAGE and position:
                taken, self._waiting = self._waiting[:position], self._waiting[position:]
                return taken
        taken, self._waiting = self._waiting, []
        return taken

    async def _drain(self) -> None:
        while self._waiting:
            taken = self._take()
            body = b'{"items":[' + b",".join(item for item, _ in taken) + b"]}"
            try:
                sequence = await self._log.publish(self._subject, body)
            except LogUnavailable as error:
                for _, future in taken:
                    if not future.done():
                        future.set_exception(LogUnavailable(*error.args))
                continue
            for _, future in taken:
                if not future.done():
                    future.set_result(sequence)


class EventLog:
    """A connection to the cell's event log."""

    def __init__(self, client: Client, region: str, keep_days: int) -> None:
        """Use `connect` to make one."""
        self._client = client
        self._js: JetStreamContext = client.jetstream(timeout=5)
        self._prefix = f"glaswerk.{region}"
        self._region = region
        self._keep_days = keep_days
        self._writers: dict[str, _Writer] = {}
        self._fence: asyncio.Task[int] | None = None
        self._next_fence: asyncio.Task[int] | None = None

    @classmethod
    async def connect(cls, cell: Cell | None = None) -> "EventLog":
        """Connect, and make the streams where they are missing.  Raises LogUnavailable after ten seconds."""
        cell = cell or current_cell()

        async def note_error(error: Exception) -> None:
            _logger.warning("log connection", exc_info=error)

        client = Client()
        try:
            # The client that is to reconnect for ever would also try the first connection for ever.
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await client.connect(
                    server.nats_url(cell),
                    token=None if cell.external_nats_url else server.token(cell),
                    name="glaswerk",
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.25,  # type: ignore[arg-type]  # It is slept for, so a fraction serves.
                    connect_timeout=2,
                    allow_reconnect=True,
                    error_cb=note_error,
                    pending_size=64 << 20,
                )
                log = cls(client, cell.config.cell.region, cell.config.feed.keep_events_days)
                await log._ensure_streams()
        except (NatsError, OSError, TimeoutError, LogUnavailable) as error:
            # Otherwise every try of a caller who tries again would leave a connection behind.
            with contextlib.suppress(NatsError, OSError):
                await client.close()
            raise LogUnavailable("the event log does not answer") from error
        return log

    def _stream_name(self, stream: str) -> str:
        return f"glaswerk_{self._region.replace('-', '_')}_{stream}"

    async def _ensure_streams(self) -> None:
        for stream in (EVENTS, SLATES):
            config = StreamConfig(
                name=self._stream_name(stream),
                subjects=[f"{self._prefix}.{subject}" for subject, home in STREAM_OF.items() if home == stream],
                retention=RetentionPolicy.LIMITS,
                discard=DiscardPolicy.OLD,
                max_age=self._keep_days * _DAY_S,
                deny_purge=True,
            )
            try:
                try:
                    info = await self._js.stream_info(self._stream_name(stream))
                    if info.config.max_age != config.max_age or info.config.subjects != config.subjects:
                        # A stream that an older version made lets no message be removed, and keeps to that for ever.
                        config.deny_delete = info.config.deny_delete
                        await self._js.update_stream(config)
                except NotFoundError:
                    await self._js.add_stream(config)
            except (TimeoutError, NatsError) as error:
                raise LogUnavailable("the event log does not answer") from error

    @property
    def is_connected(self) -> bool:
        """Whether the server is there now."""
        return self._client.is_connected

    async def close(self) -> None:
        """Close the connection after what waits has been sent."""
        with contextlib.suppress(NatsError, asyncio.TimeoutError):
            await self._client.drain()

    async def publish(self, subject: str, body: bytes) -> int:
        """Store one message and return its sequence.  Raises LogUnavailable where nothing is promised."""
        try:
            ack = await self._js.publish(f"{self._prefix}.{subject}", body, timeout=5)
        except (TimeoutError, NatsError) as error:
            raise LogUnavailable("the event log did not confirm") from error
        return int(ack.seq)

    async def append(self, subject: str, item: dict[str, Any]) -> int:
        """Store an item, together with others that wait, and return its message's sequence once it is on disk."""
        if not self._client.is_connected:
            raise LogUnavailable("the event log is away for a moment")
        writer = self._writers.get(subject)
        if writer is None:
            writer = self._writers[subject] = _Writer(self, subject)
        return await writer.append(orjson.dumps(item))

    async def last_sequence(self) -> int:
        """Return a sequence of the `events` stream that covers everything acknowledged before this call.

        Calls that come while one is under way share the one after it: a question asked before their own would not
        cover what was acknowledged in between.
        """
        if self._next_fence is None:
            self._next_fence = asyncio.create_task(self._ask_fence(self._fence))
        return await asyncio.shield(self._next_fence)

    async def _ask_fence(self, before: asyncio.Task[int] | None) -> int:
        if before is not None:
            await asyncio.wait([before])
        self._fence, self._next_fence = self._next_fence, None
        return await self.stream_end(EVENTS)

    async def stream_end(self, stream: str) -> int:
        """Return the last sequence of a stream."""
        try:
            info = await self._js.stream_info(self._stream_name(stream))
        except (TimeoutError, NatsError) as error:
            raise LogUnavailable("the event log does not answer") from error
        return int(info.state.last_seq)

    async def tail(self, stream: str, after: int, *, idle_s: float | None = None) -> AsyncIterator[list[Entry]]:
        """Yield every message behind sequence `after`, for ever, in batches and without a gap.

        After a lost connection or a restarted server it goes on where it was.  With `idle_s` an empty batch is yielded
        when nothing came for that long, so that the caller can do what is due.
        """
        position = after
        while True:
            try:
                async for batch in self._follow(stream, position, idle_s or 1.0):
                    if batch:
                        position = batch[-1].sequence
                    if batch or idle_s is not None:
                        yield batch
            except (TimeoutError, NatsError, APIError, LogUnavailable):
                _logger.info("log tail starts anew", stream=stream, from_sequence=position)
            if idle_s is not None:
                yield []
            await asyncio.sleep(0.25)

    async def _follow(self, stream: str, after: int, idle_s: float) -> AsyncIterator[list[Entry]]:
        """Yield batches from one consumer; return when it missed something or is gone."""
        name = self._stream_name(stream)
        info = await self._js.stream_info(name)
        # What retention has removed cannot be read any more; it was archived long before.
        position = max(after, int(info.state.first_seq) - 1)
        subscription = await self._js.subscribe(
            f"{self._prefix}.>" if stream == EVENTS else f"{self._prefix}.{stream}",
            stream=name,
            config=ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=position + 1,
                ack_policy=AckPolicy.NONE,
                max_deliver=1,
                inactive_threshold=30,
                mem_storage=True,
            ),
            pending_bytes_limit=512 << 20,
        )
        delivered = 0
        try:
            while True:
                try:
                    first = await subscription.next_msg(timeout=idle_s)
                except NatsTimeout:
                    yield []
                    if await self.stream_end(stream) > position and subscription.pending_msgs == 0:
                        return
                    continue
                messages = [first]
                while subscription.pending_msgs and len(messages) < 256:
                    messages.append(await subscription.next_msg(timeout=1))
                batch: list[Entry] = []
                for message in messages:
                    # The stream has gaps where somebody was forgotten; what was delivered has none unless it was missed.
                    if int(message.metadata.sequence.consumer) != delivered + 1:
                        break
                    delivered += 1
                    position = int(message.metadata.sequence.stream)
                    batch.append(
                        Entry(
                            position,
                            message.subject.rsplit(".", 1)[-1],
                            int(message.metadata.timestamp.timestamp() * 1000),
                            orjson.loads(message.data)["items"],
                        )
                    )
                yield batch
                if len(batch) < len(messages):
                    return
        finally:
            with contextlib.suppress(NatsError, asyncio.TimeoutError):
                await subscription.unsubscribe()

    async def stream_begin(self, stream: str) -> int:
        """Return the first sequence that a stream still holds."""
        try:
            info = await self._js.stream_info(self._stream_name(stream))
        except (TimeoutError, NatsError) as error:
            raise LogUnavailable("the event log does not answer") from error
        return int(info.state.first_seq)

    async def remove_about(self, stream: str, viewers: Collection[int], until: int) -> bool:
        """Remove the messages up to `until` that hold something of these viewers; their bytes are overwritten.

        Such a message goes as a whole, with what it holds of others: so every reader must have come past `until`, and
        have taken it over for good.  Returns False where the stream was made by a version that let nothing be removed.
        """
        wanted = set(viewers)
        found: list[int] = []
        if await self.stream_begin(stream) <= until:
            async for batch in self.tail(stream, 0, idle_s=1.0):
                # The entry that tells to forget stays: a stream whose end was removed would seem to have more to come.
                found += [
                    entry.sequence
                    for entry in batch
                    if entry.sequence <= until
                    and entry.subject != "people"
                    and any(item.get("viewer") in wanted for item in entry.items)
                ]
                if not batch or batch[-1].sequence >= until:
                    break
        try:
            for sequence in found:
                await self._js.delete_msg(self._stream_name(stream), sequence)
        except APIError as error:
            _logger.warning("the log keeps its messages until they are too old", stream=stream, reason=str(error))
            return False
        except (TimeoutError, NatsError) as error:
            raise LogUnavailable("the event log does not answer") from error
        return True


def run_with_log(work: Callable[[EventLog], Awaitable[Result]], patience_s: float = 15.0) -> Result:
    """Do something with the event log from synchronous code.  Raises LogUnavailable after `patience_s`."""

    async def once() -> Result:
        log = await EventLog.connect()
        try:
            return await work(log)
        finally:
            await log.close()

    async def patiently() -> Result:
        try:
            async with asyncio.timeout(patience_s):
                return await once()
        except TimeoutError:
            raise LogUnavailable("the event log does not answer") from None

    return asyncio.run(patiently())


def publish_sync(subject: str, item: dict[str, Any], patience_s: float = 15.0) -> int:
    """Store one item from synchronous code and return its sequence.  Raises LogUnavailable after `patience_s`."""
    return run_with_log(lambda log: log.append(subject, item), patience_s)
