"""A load generator of one process: keep-alive HTTP/1.1 connections that each ask, read the answer, and ask again."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Load:
    """What came of a run: seconds it took, answers by status, and every answer's latency in milliseconds."""

    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers with status 200 a second."""
        return self.statuses.get(200, 0) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """A percentile of the latencies."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


async def _connection(host: str, port: int, requests: Iterator[bytes], until: float, load: Load) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        while time.perf_counter() < until:
            started = time.perf_counter()
            writer.write(next(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                if line[:15].lower() == b"content-length:":
                    length = int(line[15:])
            await reader.readexactly(length)
            load.latencies_ms.append((time.perf_counter() - started) * 1000)
            status = int(head[9:12])
            load.statuses[status] = load.statuses.get(status, 0) + 1
    finally:
        writer.close()


async def _drive(host: str, port: int, requests: Iterator[bytes], seconds: float, connections: int) -> Load:
    load = Load()
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_connection(host, port, requests, started + seconds, load))
    load.seconds = time.perf_counter() - started
    return load


def drive(host: str, port: int, requests: Iterator[bytes], seconds: float, connections: int) -> Load:
    """Send requests for so many seconds over so many connections, and return what came of it."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_drive(host, port, requests, seconds, connections))
