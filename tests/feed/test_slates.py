"""Recorded slates: their viewers' alone, to be downloaded, and what if they were asked anew."""

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from glaswerk.cell.ids import decode_id, encode_id, now_ms
from glaswerk.glass import Ask, Slate, Viewer
from tests.cells import ROOT
from tests.feed.test_dials import ask, change, settings
from tests.feed.theatre import Theatre, finish, fresh, kept, report, slate


@pytest.fixture(scope="module")
def topics(theatre: Theatre) -> dict[str, str]:
    """Fifteen videos of three topics, the topic of each."""
    mark = secrets.token_hex(4)
    found = {}
    for number in range(5):
        person, _ = theatre.creator()
        for topic in ("moss", "clay", "rust"):
            found[theatre.video(person, f"{topic}{mark}", words=f"number {number}")] = f"{topic}{mark}"
    theatre.wait_for(found)
    return found


def stored(theatre: Theatre, viewer: int) -> Any:
    """What the tables hold of a viewer's slates and settings."""
    return theatre.rows("SELECT * FROM feed_slaterecord WHERE viewer = %s ORDER BY id", viewer), theatre.rows(
        "SELECT * FROM feed_dials WHERE viewer = %s", viewer
    )


@pytest.mark.cell
@pytest.mark.usefixtures("topics")
def test_viewers_list_their_own_slates_and_nobody_elses(theatre: Theatre) -> None:
    person, other, guest = theatre.somebody(), theatre.somebody(), theatre.running.client()
    for client in (person.client, guest):
        served = [slate(client, limit=3) for _ in range(5)]
        kept(theatre, *(one["slate"] for one in served))
        newest = served[::-1]
        listed = fresh(client, "/api/slates").json()
        assert listed["next"] is None
        assert [one["id"] for one in listed["slates"]] == [one["slate"] for one in newest]
        for one, its in zip(listed["slates"], newest, strict=True):
            assert one["epoch"] == its["epoch"]
            assert abs(one["at"] - now_ms()) < 60_000
            assert one["slots"] == [
                {
                    "position": slot["position"],
                    "video": slot["video"]["id"],
                    "value": slot["value"],
                    "sources": slot["sources"],
                }
                for slot in its["slots"]
            ]
        page = fresh(client, "/api/slates", limit=2).json()
        assert page["slates"] == listed["slates"][:2]
        assert page["next"] == listed["slates"][1]["id"]
        page = fresh(client, "/api/slates", limit=3, before=page["next"]).json()
        assert (page["slates"], page["next"]) == (listed["slates"][2:], None)
    for stranger in (other.client, theatre.running.client()):
        assert fresh(stranger, "/api/slates").json() == {"slates": [], "next": None}
        # Older than somebody else's slate is still one's own.
        assert fresh(stranger, "/api/slates", before=served[-1]["slate"]).json()["slates"] == []


@pytest.mark.cell
@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=201", "limit"), ("limit=x", "limit"), ("before=x", "before"), ("before=", "before"), ("before=%00", "before")],
)  # fmt: skip
def test_a_bad_question_for_slates_names_the_parameter(theatre: Theatre, query: str, field: str) -> None:
    answer = theatre.running.client().get(f"/api/slates?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.cell
@pytest.mark.usefixtures("topics")
def test_every_slate_can_be_downloaded(theatre: Theatre) -> None:
    person = theatre.somebody()
    served = []
    for number in range(104):
        if number in (3, 50):
            change(person.client, dials={"new": number % 2 + 1})
        served.append(person.client.get("/api/feed", params={"limit": 2}).json()["slate"])
    kept(theatre, *served)
    answer = fresh(person.client, "/api/slates/all")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="slates.ndjson"'
    assert answer.headers["cache-control"] == "no-store"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["id"] for line in lines] == sorted(served, reverse=True)
    settings_then = [
        1 if served.index(line["id"]) >= 50 else 2 if served.index(line["id"]) >= 3 else 0 for line in lines
    ]
    for line, new in zip(lines, settings_then, strict=True):
        viewer, shown = Viewer.decode(bytes.fromhex(line["viewer_state"])), Slate.decode(bytes.fromhex(line["slate"]))
        assert (viewer.id, viewer.dials.new) == (person.id, new)
        assert Ask.decode(bytes.fromhex(line["ask"])).at_ms == line["at"]
        assert [encode_id(slot.video) for slot in shown.slots] == [slot["video"] for slot in line["slots"]]
    ((base,),) = theatre.rows("SELECT count(*) FROM feed_slaterecord WHERE viewer = %s AND base IS NOT NULL", person.id)
    assert base >= 100
    assert fresh(theatre.running.client(), "/api/slates/all").text == ""


@pytest.mark.cell
@pytest.mark.usefixtures("topics")
def test_the_bundle_of_a_slate_is_its_viewers_and_is_verified(theatre: Theatre, tmp_path: Path) -> None:
    person, other = theatre.somebody(), theatre.somebody()
    change(person.client, dials={"new": 2, "topics": {"moss": -1}}, hidden=[{"kind": "word", "value": "nothing"}])
    names = [slate(person.client, limit=5)["slate"] for _ in range(2)]
    answer = fresh(person.client, f"/api/slates/{names[1]}/bundle")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="{names[1]}.bundle"'
    file = tmp_path / "bundle"
    file.write_bytes(answer.content)
    tool = [sys.executable, "-I", ROOT / "tools" / "verify_slate.py", file]
    assert subprocess.run(tool, capture_output=True, check=False).returncode == 0
    altered = bytearray(answer.content)
    altered[len(altered) // 2] ^= 1
    file.write_bytes(altered)
    assert subprocess.run(tool, capture_output=True, check=False).returncode == 1
    for stranger in (other.client, theatre.running.client()):
        assert fresh(stranger, f"/api/slates/{names[1]}/bundle").status_code == 404
    for nonsense in ("0000000000000", "x", "%00", "zzzzzzzzzzzzz"):
        assert fresh(person.client, f"/api/slates/{nonsense}/bundle").status_code == 404


# ---- what if


def what_if(client: httpx.Client, number: str, dials: dict[str, Any], **more: Any) -> dict[str, Any]:
    """How a slate would have been, which can be shown."""
    answer = ask(client, "POST", "/api/what-if", {"slate": number, "dials": dials, **more})
    assert answer.status_code == 200, answer.text
    told = dict(answer.json())
    assert told["slate"] == number
    assert [slot["position"] for slot in told["slots"]] == list(range(len(told["slots"])))
    return told


@pytest.mark.cell
def test_what_if_moves_the_slate_at_once_and_stores_nothing(theatre: Theatre, topics: dict[str, str]) -> None:
    person, guest = theatre.somebody(), theatre.running.client()
    change(person.client, dials={"long": 1})
    for client in (person.client, guest):
        served = slate(client, limit=8)
        number, shown = served["slate"], [slot["video"]["id"] for slot in served["slots"]]
        kept(theatre, number)
        ((viewer,),) = theatre.rows("SELECT viewer FROM feed_slaterecord WHERE id = %s", decode_id(number))
        before, settings_before = stored(theatre, viewer), settings(client)
        same = what_if(client, number, {})
        assert [slot["video"]["id"] for slot in same["slots"]] == shown
        assert [slot["was"] for slot in same["slots"]] == list(range(8))
        assert same["left"] == []
        assert [slot["value"] for slot in same["slots"]] == [slot["value"] for slot in served["slots"]]
        still = same["slots"][0]["video"]
        assert still == {key: served["slots"][0]["video"][key] for key in ("id", "poster", "caption")} | {}
        for topic in set(topics.values()):
            more = what_if(client, number, {"topics": {topic: 2}})
            others = [slot for slot in more["slots"] if not slot["explored"]]
            assert others[0]["video"]["id"] in topics
            assert topics[others[0]["video"]["id"]] == topic
            assert others[0]["dials_term"] > 0
            for slot in more["slots"]:
                video = slot["video"]["id"]
                assert slot["was"] == (shown.index(video) if video in shown else None)
            now_shown = {slot["video"]["id"] for slot in more["slots"]}
            assert more["left"] == [video for video in shown if video not in now_shown]
            less = what_if(client, number, {"topics": {topic: -2}})
            assert topics.get(less["slots"][-1]["video"]["id"]) == topic or topic not in {
                topics.get(slot["video"]["id"]) for slot in less["slots"] if not slot["explored"]
            }
        assert stored(theatre, viewer) == before
        assert settings(client) == settings_before


@pytest.mark.cell
def test_what_if_without_profiling_forgets_what_was_watched(theatre: Theatre, topics: dict[str, str]) -> None:
    person = theatre.somebody()
    topic = next(iter(topics.values()))
    report(person.client, *(finish(video) for video in [video for video in topics if topics[video] == topic][:3]))
    number = slate(person.client, limit=50)["slate"]
    values = {slot["video"]["id"]: slot["value"] for slot in what_if(person.client, number, {})["slots"]}
    plain = {
        slot["video"]["id"]: slot["value"] for slot in what_if(person.client, number, {}, profiling=False)["slots"]
    }
    theirs = [video for video in values.keys() & plain.keys() if topics.get(video) == topic]
    assert theirs
    assert all(plain[video] < values[video] for video in theirs)


@pytest.mark.cell
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"dials": {}}, "slate"),
        ({"slate": 7}, "slate"),
        ({"slate": None}, "slate"),
        ({"dials": []}, "dials"),
        ({"dials": {"new": 3}}, "new"),
        ({"dials": {"new": 1.5}}, "new"),
        ({"dials": {"loud": 1}}, "loud"),
        ({"dials": {"topics": {"jazz": 9}}}, "jazz"),
        ({"dials": {"topics": {f"t{n}": 1 for n in range(21)}}}, "topics"),
        ({"profiling": "no"}, "profiling"),
        ({"profiling": 1}, "profiling"),
    ],
)
def test_a_bad_what_if_names_the_field(theatre: Theatre, body: dict[str, Any], field: str) -> None:
    person = theatre.somebody()
    number = slate(person.client, limit=2)["slate"]
    answer = ask(
        person.client,
        "POST",
        "/api/what-if",
        body if "slate" in body or field == "slate" else {"slate": number, **body},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
    assert [error["field"].split(".")[-1] for error in answer.json()["errors"]] == [field]


@pytest.mark.cell
def test_what_if_is_for_ones_own_slates_whose_epoch_is_kept(theatre: Theatre) -> None:
    person, other = theatre.somebody(), theatre.somebody()
    served = slate(person.client, limit=2)
    for stranger in (other.client, theatre.running.client()):
        assert ask(stranger, "POST", "/api/what-if", {"slate": served["slate"], "dials": {"new": 1}}).status_code == 404
    for nonsense in ("0000000000000", "x", "\x00", "z" * 13, "x" * 100_000):
        assert ask(person.client, "POST", "/api/what-if", {"slate": nonsense}).status_code == 404
    with httpx.Client(base_url=person.client.base_url, cookies=person.client.cookies, trust_env=False) as client:
        for content in (b"{", b"", b"\xff", b'{"slate": ' + b"[" * 100_000):
            answer = client.post("/api/what-if", content=content, headers={"content-type": "application/json"})
            assert answer.status_code in (400, 422)
    # The record says an epoch that nobody has: this slate can no longer be taken apart.
    kept(theatre, served["slate"])
    rename = "UPDATE feed_slaterecord SET epoch = %s WHERE id = %s RETURNING 1"
    theatre.rows(rename, "0" * 64, decode_id(served["slate"]))
    try:
        for method, path, body in (
            ("POST", "/api/what-if", {"slate": served["slate"]}),
            ("GET", f"/api/slates/{served['slate']}/why", None),
            ("GET", f"/api/slates/{served['slate']}/bundle", None),
        ):
            answer = ask(person.client, method, path, body)
            assert (answer.status_code, answer.headers["content-type"]) == (410, "application/problem+json")
    finally:
        theatre.rows(rename, served["epoch"], decode_id(served["slate"]))
