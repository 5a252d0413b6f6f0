"""Kill -9 of each part under load: every acknowledged event is in the log and in the tables, exactly once."""

import hashlib
import os
import secrets
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from glaswerk.cell.ids import decode_id
from tests.cell.test_supervisor import is_alive, tree, until
from tests.cells import RunningCell, event
from tests.feed.theatre import DURATION_MS, Theatre

pytestmark = [pytest.mark.cell, pytest.mark.timeout(600)]
CHILDREN = ("postgres", "nats", "projector", "archiver", "epochs", "recorder", "courier", "jobs", "web", "a web worker")
SENDERS = 4
# A sender pauses between two batches, so that the machine has time for what is killed and started.
PAUSE_S = 0.05


class Load:
    """Viewers who report watches and ask for slates, and remember what was acknowledged."""

    def __init__(self, running: RunningCell, videos: list[str]) -> None:
        self.running = running
        self.videos = videos
        self.acknowledged: dict[str, tuple[str, str]] = {}
        self.answers: Counter[int] = Counter()
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]

    def _send(self, number: int) -> None:
        turn = number
        while not self._end.wait(PAUSE_S):
            turn += 1
            video = self.videos[turn % len(self.videos)]
            batch = [
                event("impression", video),
                event("watch", video, watched_ms=DURATION_MS, loops=0),
                event("share", video),
            ]
            # Every batch is another viewer's, because totals count what one viewer did to one video once.
            with self.running.client() as client:
                while not self._end.is_set() and not self._has_slate(client):
                    time.sleep(0.1)
                # As the page does it: what was not acknowledged is sent again with the same ids.
                while not self._end.is_set() and not self._is_taken(client, batch):
                    time.sleep(0.1)

    def _has_slate(self, client: httpx.Client) -> bool:
        try:
            answer = client.get("/api/feed", params={"limit": 5})
        except httpx.TransportError:
            self.answers[0] += 1
            return False
        self.answers[answer.status_code] += 1
        return answer.status_code == 200

    def _is_taken(self, client: httpx.Client, batch: list[dict[str, Any]]) -> bool:
        try:
            answer = client.post("/api/events", json={"events": batch})
        except httpx.TransportError:
            self.answers[0] += 1
            return False
        self.answers[answer.status_code] += 1
        if answer.status_code != 202:
            return False
        assert answer.json() == {"accepted": len(batch), "refused": []}
        self.acknowledged |= {one["id"]: (one["kind"], one["video"]) for one in batch}
        return True

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *told: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, batches: int, seconds: float = 120) -> None:
        """Wait until so many more events were acknowledged."""
        goal = len(self.acknowledged) + 3 * batches
        until(lambda: len(self.acknowledged) >= goal, seconds)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with RunningCell.started(tmp_path_factory.mktemp("crash") / "data") as running:
        yield Theatre(running)


def missing(theatre: Theatre, acknowledged: dict[str, tuple[str, str]]) -> list[str]:
    """Return the acknowledged events that the projector has not counted."""
    rows = theatre.rows("SELECT id FROM feed_countedevent WHERE id = ANY(%s::uuid[])", list(acknowledged))
    return sorted(set(acknowledged) - {str(row[0]) for row in rows})


def uncounted(theatre: Theatre, acknowledged: dict[str, tuple[str, str]]) -> dict[str, tuple[int, ...]]:
    """Return the videos whose totals differ from what was acknowledged; each event counts exactly once there."""
    expected: dict[str, Counter[str]] = {}
    for kind, video in acknowledged.values():
        expected.setdefault(video, Counter())[kind] += 1
    wrong = {}
    for video, counts in expected.items():
        rows = theatre.rows(
            "SELECT impressions, finishes, shares, watch_ms, skips FROM feed_statistics WHERE video_id = %s",
            decode_id(video),
        )
        watches = counts["watch"]
        if rows != [(counts["impression"], watches, counts["share"], watches * DURATION_MS, 0)]:
            wrong[video] = rows[0] if rows else ()
    return wrong


def web_worker(main: int) -> int:
    """Return one worker below the web's main process: the largest, because there may be small ones beside the workers."""
    workers = tree(main) - {main}
    return max(workers, key=lambda pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]))


def test_no_acknowledged_event_is_lost_or_counted_twice_whatever_is_killed(stage: Theatre) -> None:
    running = stage.running
    creator, _ = stage.creator()
    videos = [stage.video(creator, "crash") for _ in range(6)]
    stage.wait_for(videos)
    before = set(tree(running.process.pid)) if running.process else set()
    killed: list[int] = []
    with Load(running, videos) as load:
        load.go_on(10)
        for name in CHILDREN:
            children = running.children()
            pid = web_worker(children["web"]) if name == "a web worker" else children[name]
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
            if name != "a web worker":
                until(lambda name=name, pid=pid: running.children().get(name) not in (None, pid))  # type: ignore[misc]
            # The cell works again, for those who write and for those who read.
            running.wait_ready()
            load.go_on(10)
            until(lambda: httpx.get(f"{running.url}/api/feed", timeout=10, trust_env=False).status_code == 200)
    acknowledged = dict(load.acknowledged)
    assert len(acknowledged) > 200
    # Whoever was turned away was told to come back, and no answer was an error of ours.
    assert set(load.answers) <= {0, 200, 202, 503}, load.answers
    until(lambda: not missing(stage, acknowledged))
    # An answer may be lost after its event was stored; such an event is counted, though nobody was told so.
    surplus = stage.rows("SELECT count(*) FROM feed_countedevent")[0][0] - len(acknowledged)
    assert 0 <= surplus <= 3 * SENDERS
    if surplus == 0:
        assert uncounted(stage, acknowledged) == {}
    assert not any(is_alive(pid) for pid in killed)
    # Nothing of what was killed lives on beside its successor.
    now = tree(running.process.pid) if running.process else set()
    left = [pid for pid in before - now if is_alive(pid)]
    assert left == []
    # The negative control: a lost event would be noticed.
    lost = {**acknowledged, str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)): ("share", videos[0])}
    assert len(missing(stage, lost)) == 1
    assert videos[0] in uncounted(stage, {**lost, str(uuid.uuid4()): ("impression", videos[0])})


def test_no_acknowledged_byte_of_an_upload_is_lost_when_its_worker_is_killed(stage: Theatre) -> None:
    """A chunk trickles in, `HEAD` acknowledges some of it, and then the worker that writes it is killed."""
    running = stage.running
    data = secrets.token_bytes(600_000)
    client = stage.somebody().client
    client.headers["Tus-Resumable"] = "1.0.0"
    purpose = {"Upload-Length": str(len(data)), "Upload-Metadata": "purpose c291cmNl"}
    place = client.post("/api/uploads", headers=purpose).headers["location"]

    def safe() -> int:
        try:
            return int(client.head(place).headers.get("upload-offset", -1))
        except httpx.TransportError:
            return -1

    def append(offset: int, content: Any) -> httpx.Response:
        headers = {
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
            "Content-Length": str(len(data) - offset),
        }
        with running.client() as sender:
            return sender.patch(place, content=content, headers={**client.headers, **headers}, cookies=client.cookies)

    def trickle(offset: int) -> Iterator[bytes]:
        for start in range(offset, len(data), 2_000):
            yield data[start : start + 2_000]
            time.sleep(0.02)

    for _ in range(2):
        before = safe()
        broken: list[type[BaseException]] = []

        def send(offset: int = before, broken: list[type[BaseException]] = broken) -> None:
            try:
                append(offset, trickle(offset))
            except httpx.TransportError as error:
                broken.append(type(error))

        sender = threading.Thread(target=send)
        sender.start()
        until(lambda before=before: safe() > before)  # type: ignore[misc]
        acknowledged = safe()
        os.kill(running.children()["web"], signal.SIGKILL)
        sender.join()
        assert broken
        running.wait_ready()
        assert acknowledged <= safe() < len(data)
        held = (stage.cell.uploads / "tus" / place.rpartition("/")[2]).read_bytes()
        assert held[:acknowledged] == data[:acknowledged]
    offset = safe()
    assert append(offset, data[offset:]).status_code == 204
    sha = hashlib.sha256(data).hexdigest()
    assert (stage.cell.uploads / "originals" / sha[:2] / sha).read_bytes() == data


def test_the_archive_holds_the_very_events_of_the_log_across_a_kill(stage: Theatre) -> None:
    """The archive is compared with the log itself: an event that was sent again stands in both as often."""
    import asyncio

    import pyarrow.parquet as pq

    from glaswerk.cell.log import EVENTS, EventLog

    async def logged() -> list[tuple[int, str]]:
        log = await EventLog.connect(stage.cell)
        end, found = await log.stream_end(EVENTS), []
        async for batch in log.tail(EVENTS, 0):
            found += [
                (entry.sequence, told["id"])
                for entry in batch
                if entry.subject == "events"
                for item in entry.items
                for told in item["events"]
            ]
            if batch and batch[-1].sequence >= end:
                break
        await log.close()
        return found

    creator, _ = stage.creator()
    video = stage.video(creator)
    with Load(stage.running, [video]) as load:
        load.go_on(5)
        # Twice: what waited in memory is read again, and what was written is not.
        for _ in range(2):
            pid = stage.running.children()["archiver"]
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: stage.running.children().get("archiver") not in (None, pid))  # type: ignore[misc]
            load.go_on(5)
        starts = (stage.cell.logs / "archiver.log").read_text
        until(lambda: starts().count("archiver follows the log") >= 3)
        load.go_on(5)
    # It reads on within milliseconds of an event; the end of the cell writes what still waits.
    time.sleep(3)
    expected = asyncio.run(logged())
    stage.running.stop()
    folder = stage.cell.archive / "events"
    rows = sorted(
        (row["sequence"], row["id"])
        for path in folder.rglob("*.parquet")
        for row in pq.ParquetFile(path).read(["sequence", "id"]).to_pylist()
    )
    assert rows == sorted(expected)
    assert set(load.acknowledged) <= {name for _, name in rows}
