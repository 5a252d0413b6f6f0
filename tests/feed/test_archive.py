"""The archive: the log's events as Parquet, every one, in order, once, whatever is killed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.cell.log import Entry
from glaswerk.feed.archiver import Archive

HOUR_MS = 3_600_000
START_MS = 1_800_000 * 1_000_000 // HOUR_MS * HOUR_MS


def entry(sequence: int, hour: int = 0, events: int = 2, subject: str = "events") -> Entry:
    at_ms = START_MS + hour * HOUR_MS + sequence
    if subject == "videos":
        return Entry(sequence, subject, at_ms, [{"video": sequence}])
    told = [
        {
            "id": f"{sequence}-{number}",
            "kind": "watch",
            "at": at_ms - 5,
            "video": 7,
            "creator": 8,
            "watched_ms": number,
            "loops": 1,
        }
        for number in range(events)
    ]
    return Entry(sequence, subject, at_ms, [{"viewer": -sequence, "slate": None, "events": told}])


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def archived(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name in files(folder):
        # Each file by itself: the folder's name would be taken for a partition.
        rows += pq.ParquetFile(folder / name).read().to_pylist()
    return rows


def ids(folder: Path) -> list[str]:
    return [row["id"] for row in archived(folder)]


def test_a_row_says_what_the_event_said(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.add(entry(5))
    archive.flush()
    first = archived(tmp_path)[0]
    at = datetime.fromtimestamp((START_MS + 5) / 1000, UTC)
    assert first.pop("logged_at") == at
    assert first.pop("at").timestamp() == (START_MS) / 1000
    assert first == {
        "sequence": 5,
        "id": "5-0",
        "kind": "watch",
        "viewer": -5,
        "slate": None,
        "video": 7,
        "creator": 8,
        "watched_ms": 0,
        "loops": 1,
    }


def test_an_hour_that_is_over_becomes_one_file(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for sequence in (1, 2):
        archive.add(entry(sequence))
        archive.flush()
    archive.add(entry(3, hour=1))
    archive.flush()
    assert len(files(tmp_path)) == 3
    assert archive.join_finished_hours(START_MS + HOUR_MS + 5) == 1
    day = datetime.fromtimestamp(START_MS / 1000, UTC).strftime("%Y-%m-%d")
    hour = datetime.fromtimestamp(START_MS / 1000, UTC).strftime("%H")
    assert f"{day}/{hour}.parquet" in files(tmp_path)
    assert len(files(tmp_path)) == 2
    assert ids(tmp_path) == ["1-0", "1-1", "2-0", "2-1", "3-0", "3-1"]
    assert Archive(tmp_path).position == 3
    assert archive.join_finished_hours(START_MS + 2 * HOUR_MS) == 1
    assert Archive(tmp_path).position == 3
    assert len(files(tmp_path)) == 2


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),  # Does the clock pass an hour before this message?
            st.integers(0, 2),
            st.sampled_from(["events", "events", "videos"]),
            st.sampled_from(["", "flush", "join", "kill", "kill while writing", "kill after joining"]),
        ),
        max_size=14,
    )
)
def test_every_event_is_there_once_whatever_is_killed(tmp_path_factory: pytest.TempPathFactory, story: Any) -> None:
    folder = tmp_path_factory.mktemp("archive")
    log, hour = [], 0
    for number, (later, events, subject, _) in enumerate(story, start=1):
        hour += later
        log.append(entry(number, hour, events, subject))
    archive, place = Archive(folder), 0
    for (_, _, _, then), _ in zip(story, log, strict=True):
        place = max(place, archive.position)
        if place < len(log):
            archive.add(log[place])
            place += 1
        at_ms = log[place - 1].at_ms
        if then in ("flush", "join"):
            archive.flush()
        if then == "join":
            archive.join_finished_hours(at_ms)
        elif then == "kill while writing":
            half = folder / "half.new"
            half.write_bytes(b"PAR1 and no more")
        elif then == "kill after joining":
            archive.flush()
            parts = {part: part.read_bytes() for part in folder.rglob("*.parts/*.parquet")}
            archive.join_finished_hours(at_ms)
            for part, content in parts.items():
                part.parent.mkdir(exist_ok=True)
                part.write_bytes(content)
        if then.startswith("kill"):
            archive = Archive(folder)
            place = archive.position
    while place < len(log):
        archive.add(log[place])
        place += 1
    archive.flush()
    archive.join_finished_hours(START_MS + 1000 * HOUR_MS)
    expected = [event["id"] for one in log if one.subject == "events" for item in one.items for event in item["events"]]
    assert ids(folder) == expected
    assert not [name for name in files(folder) if name.endswith(".new") or ".parts" in name]
