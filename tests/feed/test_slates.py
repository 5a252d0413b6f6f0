"""Recorded slates: kept in little space and read back byte for byte, their viewers' alone, and what if they were asked anew."""

import json
import random
import secrets
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.cell.ids import EPOCH_MS, RANDOM_BITS, decode_id, encode_id, now_ms
from glaswerk.feed.epochs import CUT_LOCK
from glaswerk.feed.slates import LONGEST_CHAIN, Chains, pack, resolve, unpack, viewer_states
from glaswerk.glass import SOURCES, Ask, Dials, Slate, Slot, Viewer, Watch, WireError, token
from tests.cells import ROOT
from tests.feed.test_dials import ask, change, settings
from tests.feed.theatre import Theatre, finish, fresh, report, slate

DAY_MS = 86_400_000


# ---- how they are kept


@given(st.binary(max_size=70_000), st.binary(max_size=70_000))
def test_a_state_comes_back_whatever_it_is_built_on(state: bytes, base: bytes) -> None:
    assert unpack(pack(state, base), base) == state
    assert unpack(pack(state)) == state


@pytest.mark.parametrize("size", [0, 1, 16 << 10, (16 << 10) + 1, 100_000])
def test_a_long_state_that_hardly_changed_needs_little(size: int) -> None:
    dice = random.Random(size)
    base = dice.randbytes(size)
    state = base[: size // 2] + b"something new" + base[size // 2 :]
    packed = pack(state, base)
    assert unpack(packed, base) == state
    assert len(packed) < 200 + size // 50


@given(st.binary(min_size=1, max_size=3000), st.data())
def test_a_damaged_record_is_found(state: bytes, data: st.DataObject) -> None:
    base = state[::-1] + b"base"
    packed = bytearray(pack(state, base))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    for broken in (bytes(packed), bytes(packed[:place]), pack(state, base) + b"\x00"):
        try:
            found = unpack(broken, base)
        except WireError:
            continue
        # A bit that zlib does not look at may differ, and a cut between two blocks gives less; nothing else is read.
        assert found in (state, b"")


def test_another_base_is_found() -> None:
    state = b"what was seen" * 20
    with pytest.raises(WireError, match="damaged"):
        unpack(pack(state, b"one base" + state), b"other base" + state)
    with pytest.raises(WireError, match="damaged"):
        unpack(pack(state, b"one base" + state))


def _days(viewer_id: int, dice: random.Random) -> Iterator[tuple[int, Viewer, Slate]]:
    """A viewer over weeks: sessions of some slates of ten, of which four are watched; ids as the cell makes them."""

    def number(at_ms: int) -> int:
        return (at_ms - EPOCH_MS) << RANDOM_BITS | dice.getrandbits(RANDOM_BITS)

    at_ms = EPOCH_MS + 200 * DAY_MS
    seen: set[int] = set()
    watches: list[Watch] = []
    follows = tuple(sorted(number(EPOCH_MS + dice.randrange(200 * DAY_MS)) for _ in range(30)))
    hidden = tuple(sorted(token(word) for word in ("spoiler", "#kilns", "@7")))
    for _ in range(60):
        at_ms += dice.randrange(DAY_MS // 8, DAY_MS // 2)
        for _ in range(dice.randrange(2, 6)):
            latest = watches[:200]
            among = {watch.video for watch in latest}
            rest = np.array(sorted(seen - among), dtype=np.int64)
            viewer = Viewer(
                viewer_id, tuple(latest), follows, (), rest, "eu", "de",
                dials=Dials(new=1, topics=(("jazz", 1),)), hidden=hidden,
            )  # fmt: skip
            videos = [number(EPOCH_MS + dice.randrange(200 * DAY_MS)) for _ in range(10)]
            slots = [
                Slot(n, video, dice.randrange(-200_000, 200_000), tuple(dice.sample(SOURCES, 2)))
                for n, video in enumerate(videos)
            ]
            yield number(at_ms), viewer, Slate("ab" * 32, tuple(slots))
            for video in videos:
                at_ms += dice.randrange(2000, 30_000)
                seen.add(video)
                if dice.random() < 0.4:
                    watches.insert(
                        0, Watch(video, dice.choice((0, 160, dice.randrange(160))), at_ms, dice.choice((0, 8, 32, 33)))
                    )


def test_slates_need_less_than_a_kilobyte_each() -> None:
    chains = Chains(keep_days=90)
    rows: list[tuple[int, int | None, bytes]] = []
    states: dict[int, bytes] = {}
    sizes: list[int] = []
    plain: list[int] = []
    asked = len(Ask(10, now_ms(), seed=secrets.randbits(63)).encode())
    for number, viewer, served in _days(5, random.Random(1)):
        states[number] = viewer.encode()
        base, packed = chains.add(5, number, states[number])
        rows.append((number, base, packed))
        # From there on where the viewer has watched 200 and seen 300 more, as the feed's busiest do.
        if len(viewer.watches) == 200 and len(viewer.seen) >= 300:
            sizes.append(len(packed) + asked + len(served.encode()))
            plain.append(len(states[number]) + asked + len(served.encode()))
    average = sum(sizes) / len(sizes)
    print(f"{len(sizes)} slates of {average:.0f} bytes each, {sum(plain) / len(plain):.0f} without packing")
    assert len(sizes) > 100
    assert average <= 1000
    assert sum(base is None for _, base, _ in rows) == -(-len(rows) // (LONGEST_CHAIN + 1))
    random.Random(2).shuffle(rows)
    assert {one: state for one, (state, _) in resolve(rows, states).items()} == states
    # One whose chain is broken is left out, and those before it are not.
    ordered = sorted(states)
    left = resolve([row for row in rows if row[0] != ordered[10]], states)
    assert sorted(left) == [one for place, one in enumerate(ordered) if not 10 <= place <= LONGEST_CHAIN]


def test_chains_end_before_their_base_is_removed_and_forget_within_bounds() -> None:
    chains = Chains(keep_days=2, most_bytes=3000)
    first = (now_ms() - EPOCH_MS) << RANDOM_BITS
    day = DAY_MS << RANDOM_BITS
    state = secrets.token_bytes(1000)
    assert chains.add(1, first, state)[0] is None
    assert chains.add(1, first + day // 2, state)[0] == first
    assert chains.add(1, first + 2 * day, state)[0] is None
    assert chains.missing([1, 2]) == [2]
    for viewer in (2, 3, 4):
        chains.add(viewer, first, state)
    assert chains.missing([1, 2, 3, 4]) == [1]
    # What cannot fit is held alone.
    chains.add(5, first, secrets.token_bytes(9000))
    assert chains.missing([1, 2, 3, 4, 5]) == [1, 2, 3, 4]


# ---- on a running cell


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


def kept(theatre: Theatre, *slates: str) -> None:
    """Wait until slates are in the table."""
    numbers = [decode_id(one) for one in slates]
    theatre.until(
        lambda: theatre.rows("SELECT count(*) FROM feed_slaterecord WHERE id = ANY(%s)", numbers)[0][0] == len(numbers)
    )


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


# ---- keeping and losing


@contextmanager
def _newest(theatre: Theatre, content: bytes | None) -> Iterator[str]:
    """The database names a newest epoch whose file is this, or is not there; meanwhile none is cut."""
    name = secrets.token_hex(32)
    file = theatre.cell.epochs / f"{name}.epoch"
    if content is not None:
        file.write_bytes(content)
    with theatre.db() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [CUT_LOCK])
        connection.execute(
            "INSERT INTO feed_epochrecord (sha256, cut_at, videos, size, in_service)"
            " SELECT %s, max(cut_at) + interval '1 millisecond', 0, 0, true FROM feed_epochrecord",
            [name],
        )
        try:
            yield name
        finally:
            connection.execute("DELETE FROM feed_epochrecord WHERE sha256 = %s", [name])
            file.unlink(missing_ok=True)


@pytest.mark.cell
@pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "missing", "under another name"])
def test_a_damaged_epoch_is_refused_and_the_last_good_one_stays(theatre: Theatre, damage: str) -> None:
    with theatre.running.client() as client:
        good = slate(client)["epoch"]
        data = (theatre.cell.epochs / f"{good}.epoch").read_bytes()
        middle = len(data) // 2
        content = {
            "truncated": data[:-100],
            "altered": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "empty": b"",
            "missing": None,
            "under another name": data,
        }[damage]
        with _newest(theatre, content) as bad:
            told = theatre.running.data / "log" / "web.log"
            theatre.until(lambda: told.read_text().count(bad) >= 1)
            for _ in range(6):
                served = slate(client, limit=3)
                assert served["epoch"] != bad
                assert served["slots"]


@pytest.mark.cell
def test_old_slates_and_epochs_go_and_the_younger_ones_still_replay(theatre: Theatre) -> None:
    from glaswerk.feed.epochs import remove_old

    viewer, dice = -secrets.randbits(60), random.Random(7)
    days = theatre.cell.config.feed.keep_epochs_days
    cutoff = now_ms() - days * DAY_MS
    states = [secrets.token_bytes(500)]
    for _ in range(9):
        states.append(states[-1] + dice.randbytes(20))
    numbers = [
        (cutoff + (2 * place - 9) * DAY_MS // 2 - EPOCH_MS) << RANDOM_BITS | dice.getrandbits(RANDOM_BITS)
        for place in range(10)
    ]
    epochs = [secrets.token_hex(32) for _ in range(3)]
    with theatre.db() as connection:
        before = b""
        for place, (number, state) in enumerate(zip(numbers, states, strict=True)):
            connection.execute(
                "INSERT INTO feed_slaterecord (id, viewer, base, epoch, at, viewer_state, ask, slate)"
                " VALUES (%s, %s, %s, %s, %s, %s, '', '')",
                [number, viewer, numbers[place - 1] if place else None, epochs[place // 5], 0, pack(state, before)],
            )
            before = state
        for epoch in epochs:
            (theatre.cell.epochs / f"{epoch}.epoch").write_bytes(b"")
            connection.execute(
                "INSERT INTO feed_epochrecord (sha256, cut_at, videos, size, in_service) VALUES (%s, %s, 0, 0, false)",
                [epoch, datetime.now(UTC) - timedelta(days=days + 1)],
            )
        assert remove_old(theatre.cell) == 2
        left = {row[0] for row in connection.execute("SELECT id FROM feed_slaterecord WHERE viewer = %s", [viewer])}
        assert left == set(numbers[5:])
        assert viewer_states(connection.cursor(), numbers) == dict(zip(numbers[5:], states[5:], strict=True))
        # The epoch that a kept slate names stays, and nothing more is removed the second time.
        assert [(theatre.cell.epochs / f"{epoch}.epoch").exists() for epoch in epochs] == [False, True, False]
        assert remove_old(theatre.cell) == 0
        connection.execute("DELETE FROM feed_slaterecord WHERE viewer = %s", [viewer])
        connection.execute("DELETE FROM feed_epochrecord WHERE sha256 = ANY(%s)", [epochs])
    (theatre.cell.epochs / f"{epochs[1]}.epoch").unlink()


@pytest.mark.cell
def test_a_damaged_record_is_told_and_takes_no_other_with_it(theatre: Theatre) -> None:
    person = theatre.somebody()
    names = [slate(person.client, limit=2)["slate"] for _ in range(4)]
    kept(theatre, *names)
    numbers = [decode_id(name) for name in names]
    assert {one["identical"] for one in theatre.running.json("feed", "replay", *names)} == {True}
    theatre.rows("UPDATE feed_slaterecord SET viewer_state = %s WHERE id = %s RETURNING 1", b"\x00\x01x", numbers[2])
    done = theatre.running.run("feed", "replay", *names, "--json", check=False)
    assert done.returncode == 1
    # The two before it are well; what was built on it cannot be read without it.
    assert [one["identical"] for one in json.loads(done.stdout)] == [True, True, False, False]
    listed = fresh(person.client, "/api/slates").json()
    assert [one["id"] for one in listed["slates"]] == names[::-1]
    assert fresh(person.client, f"/api/slates/{names[2]}/why").status_code == 410
    # The next slate is recorded whole again.
    for number in numbers[2:]:
        theatre.rows("DELETE FROM feed_slaterecord WHERE id = %s RETURNING 1", number)
    assert zlib.decompress(pack(b"x")[2:]) == b"x"
