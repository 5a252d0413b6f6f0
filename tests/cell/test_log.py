"""The event log on a real NATS server: what was acknowledged is there once and in order, whatever dies."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glaswerk.cell import log as log_module
from glaswerk.cell import nats
from glaswerk.cell.config import Cell
from glaswerk.cell.log import EVENTS, Entry, EventLog, LogUnavailable
from glaswerk.cell.process import spawn


class Server:
    """A NATS server of one cell, to be killed and started again."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        nats.prepare(self.cell)
        self.process = spawn(
            nats.command(self.cell), log=self.cell.logs / "nats.log", environment=nats.environment(self.cell)
        )
        deadline = time.monotonic() + 60
        while not nats.is_ready(self.cell):
            assert time.monotonic() < deadline, (self.cell.logs / "nats.log").read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A running server with an empty store."""
    for name in ("NATS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    cell = Cell(tmp_path / "cell")
    cell.make_folders()
    running = Server(cell)
    running.start()
    yield running
    running.kill()


async def read(log: EventLog, end: int, after: int = 0) -> list[Entry]:
    """Return all messages from `after` to `end`."""
    entries: list[Entry] = []
    async with asyncio.timeout(60):
        async for batch in log.tail(EVENTS, after):
            entries += batch
            if entries and entries[-1].sequence >= end:
                break
    return entries


def numbers(entries: list[Entry]) -> list[int]:
    return [item["n"] for entry in entries for item in entry.items]


def test_acknowledged_items_are_kept_exactly_once_and_share_their_syncs(server: Server) -> None:
    async def scenario() -> None:
        log, other = await EventLog.connect(server.cell), await EventLog.connect(server.cell)
        sequences = await asyncio.gather(
            *(log.append("events", {"n": n}) for n in range(200)),
            *(other.append("events", {"n": n}) for n in range(200, 300)),
        )
        end = await log.last_sequence()
        assert max(sequences) == end
        # Group commit: far fewer messages than items.
        assert end < 50
        entries = await read(other, end)
        assert [entry.sequence for entry in entries] == list(range(1, end + 1))
        assert sorted(numbers(entries)) == list(range(300))
        # Each was told the sequence of the very message that holds it.
        told = dict(enumerate(sequences))
        assert {item["n"]: entry.sequence for entry in entries for item in entry.items} == told
        assert {entry.subject for entry in entries} == {"events"}
        await log.close()
        await other.close()

    asyncio.run(scenario())


def test_a_large_pile_is_split_into_messages_that_the_server_takes(server: Server) -> None:
    async def scenario() -> None:
        log = await EventLog.connect(server.cell)
        await asyncio.gather(*(log.append("events", {"n": n, "text": "x" * 500_000}) for n in range(40)))
        assert sorted(numbers(await read(log, await log.last_sequence()))) == list(range(40))
        await log.close()

    asyncio.run(scenario())


def test_the_tail_has_no_gap_and_no_repetition_across_a_kill_of_the_server(server: Server) -> None:
    async def scenario() -> None:
        writer, reader = await EventLog.connect(server.cell), await EventLog.connect(server.cell)
        seen: list[Entry] = []

        async def follow() -> None:
            async for batch in reader.tail(EVENTS, 0, idle_s=0.5):
                seen.extend(batch)

        following = asyncio.create_task(follow())
        acknowledged: list[int] = []

        async def write(first: int, count: int) -> None:
            """Write as a client does, who sends again what was not acknowledged."""
            for n in range(first, first + count):
                while True:
                    try:
                        await writer.append("events", {"n": n})
                    except LogUnavailable:
                        await asyncio.sleep(0.05)
                    else:
                        acknowledged.append(n)
                        break

        await write(0, 50)
        for first in (50, 150, 250):
            writing = asyncio.create_task(write(first, 100))
            await asyncio.sleep(0.05)
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(60):
                await writing
        end = await writer.last_sequence()
        async with asyncio.timeout(30):
            while not seen or seen[-1].sequence < end:
                await asyncio.sleep(0.05)
        assert acknowledged == list(range(350))
        assert [entry.sequence for entry in seen] == list(range(1, end + 1))
        # Nothing that was acknowledged is missing; what was sent again may stand there twice, as events have ids.
        assert set(numbers(seen)) == set(acknowledged)
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        await writer.close()
        await reader.close()

    asyncio.run(scenario())


def test_a_tail_that_was_idle_goes_on_after_a_restart(server: Server) -> None:
    async def scenario() -> None:
        log = await EventLog.connect(server.cell)
        await log.append("events", {"n": 0})
        seen: list[Entry] = []

        async def follow() -> None:
            async for batch in log.tail(EVENTS, 0, idle_s=0.5):
                seen.extend(batch)

        following = asyncio.create_task(follow())
        async with asyncio.timeout(30):
            while not seen:
                await asyncio.sleep(0.02)
        # The consumer is gone with the server, and the stream stands where it stood.
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(LogUnavailable):
                    await log.append("events", {"n": 1})
                    break
                await asyncio.sleep(0.05)
            while numbers(seen)[-1] != 1:
                await asyncio.sleep(0.02)
        assert [entry.sequence for entry in seen] == [1, 2]
        following.cancel()
        await log.close()

    asyncio.run(scenario())


def test_the_fence_covers_everything_acknowledged_before_it(server: Server) -> None:
    async def scenario() -> None:
        logs = [await EventLog.connect(server.cell) for _ in range(2)]
        latest = 0

        async def write(log: EventLog) -> None:
            nonlocal latest
            for n in range(60):
                latest = max(latest, await log.append("events", {"n": n}))

        async def ask(log: EventLog) -> None:
            for _ in range(60):
                acknowledged = latest
                assert await log.last_sequence() >= acknowledged
                await asyncio.sleep(0)

        await asyncio.gather(
            *(write(log) for log in logs for _ in range(4)), *(ask(log) for log in logs for _ in range(8))
        )
        assert await logs[0].last_sequence() == latest
        for log in logs:
            await log.close()

    asyncio.run(scenario())


def test_nothing_is_promised_while_the_server_is_away(server: Server) -> None:
    async def scenario() -> None:
        log = await EventLog.connect(server.cell)
        await log.append("events", {"n": 0})
        await asyncio.to_thread(server.kill)
        outcomes: list[Any] = await asyncio.gather(
            *(log.append("events", {"n": n}) for n in range(1, 20)), return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} == {LogUnavailable}
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(30):
            while not log.is_connected:
                await asyncio.sleep(0.05)
        await log.append("events", {"n": 20})
        kept = numbers(await read(log, await log.last_sequence()))
        assert kept[0] == 0
        assert kept[-1] == 20
        await log.close()

    asyncio.run(scenario())


def test_connecting_gives_up_where_no_server_is(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.kill()
    monkeypatch.setattr(log_module, "CONNECT_TIMEOUT_S", 1.0)
    with pytest.raises(LogUnavailable, match="does not answer"):
        asyncio.run(EventLog.connect(server.cell))


def test_a_stranger_without_the_token_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "CONNECT_TIMEOUT_S", 2.0)
    monkeypatch.setattr(nats, "token", lambda cell: "wrong")
    with pytest.raises(LogUnavailable):
        asyncio.run(EventLog.connect(server.cell))
    assert "sync_interval: always" in (server.cell.nats / "nats.conf").read_text()
    assert "token: $GLASWERK_NATS_TOKEN" in (server.cell.nats / "nats.conf").read_text()


def test_retention_follows_the_settings(server: Server) -> None:
    async def max_age_s() -> float:
        log = await EventLog.connect(Cell(server.cell.data))
        info = await log._js.stream_info(log._stream_name(EVENTS))
        await log.close()
        return float(info.config.max_age or 0)

    assert asyncio.run(max_age_s()) == 30 * 86_400
    server.cell.config_path.write_text("[feed]\nkeep_events_days = 60\n")
    assert asyncio.run(max_age_s()) == 60 * 86_400


def test_the_server_listens_on_the_loopback_alone(server: Server) -> None:
    assert "host: 127.0.0.1" in (server.cell.nats / "nats.conf").read_text()
    port = int((server.cell.run / "nats.port").read_text())
    assert server.process is not None
    inodes = set()
    for fd in Path(f"/proc/{server.process.pid}/fd").iterdir():
        # Some are closed meanwhile.
        with contextlib.suppress(FileNotFoundError):
            inodes.add(str(fd.readlink()))
    listening = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and f"socket:[{line.split()[9]}]" in inodes
    ]
    assert [line[1] for line in listening] == [f"0100007F:{port:04X}"]
