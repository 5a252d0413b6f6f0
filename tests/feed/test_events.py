"""Events from outside: each is taken or refused on its own, and what is taken counts once."""

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.cells import event, send
from tests.feed.theatre import Theatre, finish, report, shown

pytestmark = pytest.mark.cell
_MISSING = object()


@pytest.fixture(scope="module")
def clip(theatre: Theatre) -> str:
    creator, _ = theatre.creator()
    return theatre.video(creator, "events")


BAD = [
    ({"id": _MISSING}, "id", "UUID"),
    ({"id": "7"}, "id", "UUID"),
    ({"id": 7}, "id", "UUID"),
    ({"id": None}, "id", "UUID"),
    ({"kind": _MISSING}, "kind", "one of"),
    ({"kind": "teleport"}, "kind", "one of"),
    ({"kind": None}, "kind", "one of"),
    ({"kind": ["like"]}, "kind", "one of"),
    ({"kind": {"like": 1}}, "kind", "one of"),
    ({"video": _MISSING}, "video", "an id as the feed gives it"),
    ({"video": 5}, "video", "an id as the feed gives it"),
    ({"video": "short"}, "video", "thirteen characters"),
    ({"video": "u" * 13}, "video", "characters 0-9 and a-z"),
    ({"video": "z" * 13}, "video", "63 bits"),
    ({"video": "0000000000001"}, "video", "no video that you can see"),
    ({"at": _MISSING}, "at", "a time such as"),
    ({"at": 1}, "at", "a time such as"),
    ({"at": "yesterday"}, "at", "a time such as"),
    ({"at": "2026-13-01T00:00:00Z"}, "at", "a time such as"),
    ({"at": "0001-01-01T00:00:00+23:59"}, "at", "seven days"),
    ({"at": "2020-01-01T00:00:00Z"}, "at", "seven days"),
    ({"at": "9" * 50}, "at", "a time such as"),
    ({"kind": "watch"}, "watched_ms", "whole number from 0"),
    ({"kind": "watch", "watched_ms": -1}, "watched_ms", "whole number from 0"),
    ({"kind": "watch", "watched_ms": 1.5}, "watched_ms", "whole number from 0"),
    ({"kind": "watch", "watched_ms": True}, "watched_ms", "whole number from 0"),
    ({"kind": "watch", "watched_ms": "5"}, "watched_ms", "whole number from 0"),
    ({"kind": "watch", "watched_ms": 2**62}, "watched_ms", "whole number from 0"),
    ({"kind": "watch", "watched_ms": 1, "loops": -1}, "loops", "whole number from 0"),
    ({"kind": "watch", "watched_ms": 1, "loops": 1e9}, "loops", "whole number from 0"),
    ({"kind": "follow", "creator": "Not A Name"}, "creator", "a person's name"),
    ({"kind": "follow", "creator": 7}, "creator", "a person's name"),
    ({"kind": "follow", "creator": "nobodyhere"}, "creator", "nobody's name"),
    # Only what is about a creator may name one in place of a video.
    ({"kind": "like", "video": _MISSING, "creator": "glaswerker"}, "video", "an id"),
]


@pytest.mark.parametrize(("change", "field", "message"), BAD)
def test_a_bad_event_is_refused_with_its_field_and_the_good_ones_count(
    theatre: Theatre, clip: str, change: dict[str, Any], field: str, message: str
) -> None:
    bad = {key: value for key, value in {**event("like", clip), **change}.items() if value is not _MISSING}
    with theatre.running.client() as client:
        answer = send(client, event("impression", clip), bad, event("like", clip))
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert body["accepted"] == 2
    (refused,) = body["refused"]
    assert refused["field"] == field
    assert message in refused["message"]
    assert refused["id"] == (bad.get("id") if isinstance(bad.get("id"), str) else None)


@pytest.mark.parametrize("raw", [None, 1, "like", [], [[]]])
def test_what_is_no_object_is_refused_alone(theatre: Theatre, clip: str, raw: Any) -> None:
    with theatre.running.client() as client:
        body = client.post("/api/events", json={"events": [raw, event("like", clip)]}).json()
    assert body["accepted"] == 1
    assert [(one["id"], one["field"]) for one in body["refused"]] == [(None, "event")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({}, "events"),
        ({"events": {}}, "events"),
        ({"events": [{}] * 201}, "events"),
        ({"slate": 5, "events": []}, "slate"),
        ({"slate": "x", "events": []}, "slate"),
    ],
)
def test_a_malformed_batch_is_one_problem(theatre: Theatre, body: Any, field: str) -> None:
    with theatre.running.client() as client:
        answer = client.post("/api/events", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422
    assert problem["title"]
    assert [one["field"] for one in problem["errors"]] == [field]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b'{"events": [' + b"[" * 100_000, {}, 400),
        (b'{"events": [NaN]}', {}, 400),
        (b" " * (300 << 10), {}, 413),
        (b'{"events": []}', {"content-type": "text/plain"}, 415),
        (b'{"events": []}', {"content-type": ""}, 415),
        (b'{"events": []}', {"content-type": "application/x-www-form-urlencoded"}, 415),
        (b'{"events": []}', {"origin": "https://evil.example"}, 403),
        (b'{"events": []}', {"origin": "null"}, 403),
        (b'{"events": []}', {"sec-fetch-site": "cross-site"}, 403),
        (b'{"events": []}', {"content-type": "application/json; charset=utf-8"}, 202),
    ],
)
def test_what_a_request_must_be(theatre: Theatre, content: bytes, headers: dict[str, str], status: int) -> None:
    with theatre.running.client() as client:
        answer = client.post("/api/events", content=content, headers={"content-type": "application/json", **headers})
        # Whoever is refused is given no identity either.
        assert ("viewer" in client.cookies) == (status == 202)
    assert answer.status_code == status, answer.text
    if status != 202:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


def test_the_own_origin_may_send(theatre: Theatre, clip: str) -> None:
    with theatre.running.client() as client:
        answer = client.post(
            "/api/events",
            json={"events": [event("like", clip)]},
            headers={"origin": theatre.running.url, "sec-fetch-site": "same-origin"},
        )
    assert answer.json() == {"accepted": 1, "refused": []}


def test_other_methods_are_refused(theatre: Theatre) -> None:
    with theatre.running.client() as client:
        for method in ("GET", "PUT", "DELETE", "PATCH", "HEAD"):
            answer = client.request(method, "/api/events")
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def _statistics(theatre: Theatre, video: str, columns: str) -> tuple[int, ...]:
    from glaswerk.cell.ids import decode_id

    rows = theatre.rows(f"SELECT {columns} FROM feed_statistics WHERE video_id = %s", decode_id(video))
    return tuple(rows[0]) if rows else ()


def test_repeats_count_once_in_the_totals(theatre: Theatre) -> None:
    creator, _ = theatre.creator()
    video = theatre.video(creator)
    person = theatre.somebody()
    watch, like, share = finish(video), event("like", video), event("share", video)
    for batch in ([watch, like], [watch, like, share], [like, like, share, watch]):
        report(person.client, *batch)
    # Another viewer's watch ends the wait.
    report(theatre.running.client(), finish(video))
    columns = "finishes, likes, shares, watch_ms, skips"
    theatre.until(lambda: (_statistics(theatre, video, columns) or (0,))[0] >= 2)
    assert _statistics(theatre, video, columns) == (2, 1, 1, 12_000, 0)
    from glaswerk.cell.ids import decode_id

    counts = theatre.rows("SELECT likes, saves, shares FROM social_counts WHERE video_id = %s", decode_id(video))
    assert counts == [(1, 0, 1)]
    assert theatre.rows("SELECT count(*) FROM social_like WHERE video_id = %s", decode_id(video)) == [(1,)]


def test_a_like_that_was_taken_back_leaves_nothing(theatre: Theatre) -> None:
    from glaswerk.cell.ids import decode_id

    creator, name = theatre.creator()
    video = theatre.video(creator)
    person = theatre.somebody()
    start = datetime.now(UTC) - timedelta(minutes=1)
    said = [
        {**event(kind, video), "at": (start + timedelta(seconds=second)).isoformat()}
        for second, kind in enumerate(("like", "unlike", "save", "unsave", "save"))
    ]
    report(person.client, *reversed(said))
    report(person.client, event("follow", creator=name))
    theatre.until(lambda: theatre.rows("SELECT 1 FROM social_follow WHERE follower_id = %s", person.id))
    assert theatre.rows("SELECT likes, saves FROM social_counts WHERE video_id = %s", decode_id(video)) == [(0, 1)]
    assert theatre.rows("SELECT 1 FROM social_like WHERE person_id = %s", person.id) == []


def test_nobody_follows_themselves(theatre: Theatre) -> None:
    person = theatre.somebody()
    video = theatre.video(person.id)
    answer = send(person.client, event("follow", creator=person.name), event("block", video))
    assert answer.json()["accepted"] == 0
    assert [one["field"] for one in answer.json()["refused"]] == ["creator", "video"]


def test_events_about_a_video_that_one_may_not_see_are_refused(theatre: Theatre) -> None:
    owner, stranger = theatre.somebody(), theatre.somebody()
    secret, inner = theatre.video(owner.id, visibility="private"), theatre.video(owner.id, visibility="followers")
    refused = send(stranger.client, event("like", secret), event("like", inner)).json()
    assert [one["field"] for one in refused["refused"]] == ["video", "video"]
    report(owner.client, event("like", secret), event("like", inner))
    report(stranger.client, event("follow", creator=owner.name))
    report(stranger.client, event("like", inner))


def test_signed_out_viewers_are_told_apart_by_a_cookie_that_cannot_be_made_up(theatre: Theatre, clip: str) -> None:
    one, other = theatre.running.client(), theatre.running.client()
    shown(one)
    shown(other)
    mine = one.cookies["viewer"]
    assert mine != other.cookies["viewer"]
    shown(one)
    assert one.cookies["viewer"] == mine
    value, signature = mine.rsplit(":", 1)
    swapped = other.cookies["viewer"].rsplit(":", 1)[0]
    forged = (f"{swapped}:{signature}", f"{value}:", value, "", ":", f"{value}:{signature[:-1]}", "x" * 4000, "\u00e9")
    for cookie in forged:
        with httpx.Client(base_url=one.base_url, trust_env=False, timeout=30) as client:
            raw = b"viewer=" + cookie.encode("latin-1")
            answer = client.get("/api/feed", headers={"cookie": raw})
            assert answer.status_code == 200
            # It counts as no cookie: the visitor is given a new identity, and never another's.
            assert answer.cookies["viewer"] not in (mine, other.cookies["viewer"], cookie)


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(theatre: Theatre) -> None:
    with theatre.running.client() as client:
        header = client.get("/api/feed").headers["set-cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Path=/" in header


def test_a_person_and_an_anonymous_viewer_are_kept_apart(theatre: Theatre) -> None:
    from glaswerk.cell.ids import decode_id

    creator, _ = theatre.creator()
    video = theatre.video(creator)
    person, guest = theatre.somebody(), theatre.running.client()
    marks = [event("like", video), event("like", video)]
    report(person.client, marks[0])
    report(guest, marks[1])
    rows = theatre.until(
        lambda: (
            len(found := theatre.rows("SELECT viewer FROM feed_watch WHERE video = %s", decode_id(video))) == 2
            and found
        )
    )
    viewers = sorted(row[0] for row in rows)
    assert viewers[0] < 0
    assert viewers[1] == person.id
    # Likes that are shown are those of people with an account.
    assert theatre.rows("SELECT likes FROM social_counts WHERE video_id = %s", decode_id(video)) == [(1,)]


def test_an_event_from_the_future_counts_as_now(theatre: Theatre, clip: str) -> None:
    from glaswerk.cell.ids import decode_id, now_ms

    person = theatre.somebody()
    report(person.client, {**event("save", clip), "at": (datetime.now(UTC) + timedelta(days=900)).isoformat()})
    theatre.until(lambda: theatre.rows("SELECT 1 FROM social_save WHERE person_id = %s", person.id))
    ((saved_at,),) = theatre.rows(
        "SELECT saved_at FROM feed_watch WHERE viewer = %s AND video = %s", person.id, decode_id(clip)
    )
    assert 0 < saved_at <= now_ms()
    report(person.client, {**event("unsave", clip), "id": str(uuid.uuid4())})
    theatre.until(lambda: not theatre.rows("SELECT 1 FROM social_save WHERE person_id = %s", person.id))


def test_ids_in_other_spellings_are_the_same_event(theatre: Theatre) -> None:
    creator, _ = theatre.creator()
    video = theatre.video(creator)
    with theatre.running.client() as client:
        number = uuid.UUID(bytes=secrets.token_bytes(16), version=4)
        for spelling in (str(number), str(number).upper(), number.hex, f"{{{number}}}"):
            report(client, {**event("share", video), "id": spelling})
        report(client, finish(video))
    theatre.until(lambda: (_statistics(theatre, video, "finishes") or (0,))[0] == 1)
    assert _statistics(theatre, video, "shares") == (1,)
