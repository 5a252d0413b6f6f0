"""The event log and its archive forget somebody, and lose nothing that anybody still has to read."""

import asyncio
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from glaswerk.border.actions import erasures
from glaswerk.border.models import Erasure
from glaswerk.cell import log
from glaswerk.cell.log import EVENTS, SLATES, EventLog
from glaswerk.feed import archiver, projector
from glaswerk.feed.archiver import ARCHIVER, Archive
from glaswerk.feed.models import Dials, Watch, Watermark
from glaswerk.feed.viewers import PROJECTOR

HOUR = 3_600_000
GONE, STAYS = 700_000_000_000_001, 700_000_000_000_002


def liked(viewer: int, video: int) -> dict[str, Any]:
    """Return an item of the log: one viewer likes one video."""
    return {
        "viewer": viewer,
        "slate": None,
        "events": [{"id": str(uuid.uuid4()), "kind": "like", "video": video, "at": 1}],
    }


async def everything(events: EventLog, stream: str) -> list[log.Entry]:
    """Return all that a stream holds."""
    found: list[log.Entry] = []
    async for batch in events.tail(stream, 0, idle_s=1.0):
        found += batch
        if not batch:
            return found
    return found


def test_an_archive_is_written_anew_without_somebody(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.add(log.Entry(1, "events", HOUR, [liked(GONE, 1), liked(STAYS, 2)]))
    archive.add(log.Entry(2, "events", 2 * HOUR, [liked(GONE, 3)]))
    archive.flush()
    assert archive.join_finished_hours(4 * HOUR) == 2
    archive.add(log.Entry(3, "events", 3 * HOUR, [liked(STAYS, 4), liked(GONE, 5)]))
    files = sorted(tmp_path.rglob("*.parquet"))
    assert archive.forget([GONE]) == 3, "what waited to be written counts too"
    rows = [row for path in sorted(tmp_path.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    assert [(row["viewer"], row["video"]) for row in rows] == [(STAYS, 2), (STAYS, 4)]
    assert set(files) < set(tmp_path.rglob("*.parquet")), "the names still say what was archived"
    assert Archive(tmp_path).archived() == 3
    assert archive.forget([GONE]) == 0
    words = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert GONE.to_bytes(8, "little") not in words


@pytest.mark.django_db
def test_the_log_forgets_when_all_its_readers_have_come_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures, "_QUIET", timedelta(0))
    Watch.objects.create(
        viewer=GONE, video=1, first_at=1, last_at=1, watched=True, watched_ms=1, loops=0, shared=False, liked_at=1,
        saved_at=0, refused_at=0, watched_at=1,
    )  # fmt: skip

    async def tell(events: EventLog) -> None:
        for item in (liked(STAYS, 1), liked(GONE, 2), liked(STAYS, 3), liked(GONE, 4)):
            await events.append("events", item)
        await events.append("slates", {"viewer": GONE, "id": 1})

    log.run_with_log(tell)
    Erasure.objects.create(number=GONE)
    assert erasures.finish_erasures() == 0, "nobody has read it yet"
    erasure = Erasure.objects.get()
    assert erasure.events_end and erasure.slates_end
    before = log.run_with_log(lambda events: everything(events, EVENTS))
    told_of = [item["viewer"] for entry in before if entry.subject != "videos" for item in entry.items]
    assert told_of[-5:] == [STAYS, GONE, STAYS, GONE, GONE]
    for stream, end in (
        (PROJECTOR, erasure.events_end),
        (ARCHIVER, erasure.events_end - 1),
        ("slates", erasure.slates_end),
    ):
        Watermark.objects.update_or_create(stream=stream, defaults={"sequence": end})
    assert erasures.finish_erasures() == 0, "the archiver has not come so far"
    assert len(log.run_with_log(lambda events: everything(events, EVENTS))) == len(before)

    Watermark.objects.filter(stream=ARCHIVER).update(sequence=erasure.events_end)
    assert erasures.finish_erasures() == 1
    after = log.run_with_log(lambda events: everything(events, EVENTS))
    assert [entry for entry in before if entry.subject == "events" and entry.items[0]["viewer"] != GONE] == [
        entry for entry in after if entry.subject == "events"
    ], "a reader comes past the gaps, and misses nothing"
    told = log.run_with_log(lambda events: everything(events, SLATES))
    assert not [item for entry in told for item in entry.items if item.get("viewer") == GONE]
    assert not Erasure.objects.exists() and not Watch.objects.filter(viewer=GONE).exists()


def test_a_reader_behind_a_gap_sees_what_comes_next(servers: None) -> None:
    async def check() -> None:
        events = await EventLog.connect()
        try:
            first = await events.append("events", liked(STAYS, 1))
            gone = [await events.append("events", liked(GONE, number)) for number in (2, 3)]
            assert await events.remove_about(EVENTS, [GONE], gone[-1])
            seen: list[int] = []

            async def follow() -> None:
                async for batch in events.tail(EVENTS, first - 1):
                    seen.extend(entry.sequence for entry in batch)

            task = asyncio.create_task(follow())
            last = await events.append("events", liked(STAYS, 4))
            async with asyncio.timeout(20):
                while last not in seen:
                    await asyncio.sleep(0.05)
            task.cancel()
            assert seen == [first, last]
        finally:
            await events.close()

    asyncio.run(check())


@pytest.mark.django_db(transaction=True)
def test_projector_and_archiver_do_as_the_log_says(tmp_path: Path) -> None:
    """Both follow the log as they do in a cell, on connections of their own."""
    archive = Archive(tmp_path)

    async def follow() -> int:
        events = await EventLog.connect()
        word = {"id": str(uuid.uuid4()), "kind": "dials", "at": 1, "set": {"hide:word:kanarienvogel": 1}}
        await events.append("events", {"viewer": GONE, "slate": None, "events": [word]})
        await events.append("events", {"viewer": STAYS, "slate": None, "events": [{**word, "id": str(uuid.uuid4())}]})
        end = await events.append("people", {"viewer": GONE})
        tasks = [
            asyncio.create_task(archiver._archive_for_ever(archive, events)),
            asyncio.create_task(projector.project(EVENTS, events)),
        ]
        try:
            async with asyncio.timeout(120):
                while min(await _mark(PROJECTOR), await _mark(ARCHIVER)) < end:
                    for task in tasks:
                        assert not task.done(), task.exception()
                    await asyncio.sleep(0.1)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await events.close()
        return end

    end = asyncio.run(follow())
    assert list(Dials.objects.filter(viewer__in=(GONE, STAYS)).values_list("viewer", flat=True)) == [STAYS]
    rows = [row for path in tmp_path.rglob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert STAYS in {row["viewer"] for row in rows} and GONE not in {row["viewer"] for row in rows}
    assert archive.position >= end


async def _mark(stream: str) -> int:
    row = await Watermark.objects.filter(stream=stream).afirst()
    return 0 if row is None else row.sequence
