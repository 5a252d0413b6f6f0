"""Dials over HTTP on a running cell: strictly read, kept for good, and followed by the very next slate of every worker."""

import secrets
from typing import Any

import httpx
import pytest

from glaswerk.cell.ids import decode_id
from glaswerk.feed.contract import SETTINGS
from glaswerk.feed.epochs import counted_watches
from tests.cells import event
from tests.feed.test_serving import check_sums, conforms
from tests.feed.theatre import Somebody, Theatre, finish, fresh, report, shown, slate

pytestmark = pytest.mark.cell
NEUTRAL = {
    "dials": {"new": 0, "familiar": 0, "local": 0, "shopping": 0, "long": 0, "topics": {}},
    "profiling": True,
    "profiling_allowed": True,
    "hidden": [],
    "reset_at": None,
}


def ask(client: httpx.Client, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """Ask through a new connection, which any worker may get, as the same visitor."""
    with httpx.Client(base_url=client.base_url, cookies=client.cookies, timeout=30, trust_env=False) as other:
        answer = other.request(method, path, json=body, headers=headers)
    client.cookies.update(answer.cookies)
    return answer


def settings(client: httpx.Client) -> dict[str, Any]:
    """What the viewer has set, as any worker knows it."""
    answer = ask(client, "GET", "/api/dials")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def change(client: httpx.Client, **body: Any) -> dict[str, Any]:
    """Set something, and return the new state."""
    answer = ask(client, "PUT", "/api/dials", body)
    assert answer.status_code == 200, answer.text
    conforms(answer.json(), SETTINGS)
    return dict(answer.json())


def hide(client: httpx.Client, kind: str, value: str, method: str = "POST") -> dict[str, Any]:
    """Hide something, or show it again."""
    answer = ask(client, method, "/api/dials/hide", {"kind": kind, "value": value})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


class Stage:
    """Twenty-four videos by six creators: one topic, one word and one sound each."""

    def __init__(self, theatre: Theatre) -> None:
        self.theatre = theatre
        self.mark = secrets.token_hex(4)
        self.creators = [theatre.creator() for _ in range(6)]
        self.facts: dict[str, tuple[str, str, str, str]] = {}
        for number, (person, name) in enumerate(self.creators):
            for turn in range(4):
                topic, word = f"topic{(number + turn) % 4}{self.mark}", f"Wort{turn}{self.mark}"
                sound = f"Sound  {number % 3} {self.mark}"
                video = theatre.video(person, topic, words=f"Ein {word}, hier", sound=sound)
                self.facts[video] = (name, topic, word, sound)
        theatre.wait_for(self.facts)

    def having(self, place: int, value: str) -> set[str]:
        return {video for video, facts in self.facts.items() if facts[place] == value}


@pytest.fixture(scope="module")
def stage(theatre: Theatre) -> Stage:
    return Stage(theatre)


def test_nobody_has_set_anything_at_first(theatre: Theatre) -> None:
    with theatre.running.client() as client:
        assert settings(client) == NEUTRAL
    person = theatre.somebody()
    answer = settings(person.client)
    assert answer == NEUTRAL
    conforms(answer, SETTINGS)


def test_what_is_set_is_known_to_every_worker_and_kept(stage: Stage) -> None:
    person = stage.theatre.somebody()
    told = {
        "dials": {"new": 2, "familiar": -2, "local": 1, "shopping": -1, "long": 2, "topics": {"jazz": 1, "lärm": -2}},
        "profiling": False,
        "profiling_allowed": True,
        "hidden": [
            {"kind": "creator", "value": stage.creators[0][1]},
            {"kind": "hashtag", "value": "kilns"},
            {"kind": "sound", "value": "Original sound – Ida"},
            {"kind": "word", "value": "spoiler"},
        ],
        "reset_at": None,
    }
    assert change(person.client, dials=told["dials"], profiling=False, hidden=told["hidden"]) == told
    for _ in range(6):
        assert settings(person.client) == told
    # What was answered can be sent back whole, and changes nothing.
    assert change(person.client, **told) == told
    ((stored, at),) = stage.theatre.until(
        lambda: stage.theatre.rows("SELECT settings, at FROM feed_dials WHERE viewer = %s", person.id)
    )
    assert {name: value for name, (_, value) in stored.items()} == {
        "new": 2, "familiar": -2, "local": 1, "shopping": -1, "long": 2, "profiling": 0,
        "topic:jazz": 1, "topic:lärm": -2, f"hide:creator:{stage.creators[0][0]}": 1, "hide:hashtag:kilns": 1,
        "hide:sound:Original sound – Ida": 1, "hide:word:spoiler": 1,
    }  # fmt: skip
    assert {moment for moment, _ in stored.values()} == {at}
    # The account's page says the same.
    assert stage.theatre.rows("SELECT profiling FROM people_person WHERE id = %s", person.id) == [(False,)]


def test_what_is_left_out_stays_and_what_is_given_replaces(theatre: Theatre) -> None:
    with theatre.running.client() as client:
        change(client, dials={"new": 1, "topics": {"jazz": 1, "folk": 2}}, hidden=[{"kind": "word", "value": "a"}])
        state = change(client, dials={"long": -1})
        assert state["dials"] == {**NEUTRAL["dials"], "new": 1, "long": -1, "topics": {"jazz": 1, "folk": 2}}
        assert state["hidden"] == [{"kind": "word", "value": "a"}]
        assert change(client, dials={"topics": {"#Jazz": -1}})["dials"]["topics"] == {"jazz": -1}
        assert change(client, dials={"topics": {"jazz": 0}})["dials"]["topics"] == {}
        assert change(client, hidden=[])["hidden"] == []
        assert change(client) == {**NEUTRAL, "dials": {**NEUTRAL["dials"], "new": 1, "long": -1}}
        assert change(client, dials=NEUTRAL["dials"]) == NEUTRAL


BAD = [
    ("PUT", "", [], "body"),
    ("PUT", "", {"dial": {}}, "dial"),
    ("PUT", "", {"dials": []}, "dials"),
    ("PUT", "", {"dials": {"new": 3}}, "dials.new"),
    ("PUT", "", {"dials": {"new": -3}}, "dials.new"),
    ("PUT", "", {"dials": {"new": 1.0}}, "dials.new"),
    ("PUT", "", {"dials": {"new": True}}, "dials.new"),
    ("PUT", "", {"dials": {"new": "1"}}, "dials.new"),
    ("PUT", "", {"dials": {"new": None}}, "dials.new"),
    ("PUT", "", {"dials": {"loud": 1}}, "dials.loud"),
    ("PUT", "", {"dials": {"x" * 1000: 1}}, "dials." + "x" * 60),
    ("PUT", "", {"dials": {"topics": ["jazz"]}}, "dials.topics"),
    ("PUT", "", {"dials": {"topics": {f"t{n}": 1 for n in range(21)}}}, "dials.topics"),
    ("PUT", "", {"dials": {"topics": {"jazz": 5}}}, "dials.topics.jazz"),
    ("PUT", "", {"dials": {"topics": {"jazz": 1, "JAZZ": 1}}}, "dials.topics"),
    ("PUT", "", {"dials": {"topics": {"": 1}}}, "dials.topics"),
    ("PUT", "", {"dials": {"topics": {"two words": 1}}}, "dials.topics"),
    ("PUT", "", {"dials": {"topics": {"x" * 51: 1}}}, "dials.topics"),
    ("PUT", "", {"dials": {"topics": {"a\u0000b": 1}}}, "dials.topics"),
    ("PUT", "", {"profiling": "no"}, "profiling"),
    ("PUT", "", {"profiling": None}, "profiling"),
    ("PUT", "", {"hidden": None}, "hidden"),
    ("PUT", "", {"hidden": {}}, "hidden"),
    ("PUT", "", {"hidden": [{"kind": "word", "value": f"w{n}"} for n in range(201)]}, "hidden"),
    ("PUT", "", {"hidden": ["spoiler"]}, "hidden.0"),
    ("PUT", "", {"hidden": [{"kind": "word", "value": "ok"}, {"kind": "smell", "value": "x"}]}, "hidden.1.kind"),
    ("PUT", "", {"hidden": [{"kind": "creator", "value": "nobodyhere"}]}, "hidden"),
    ("POST", "/hide", [], "body"),
    ("POST", "/hide", {}, "kind"),
    ("POST", "/hide", {"kind": ["word"], "value": "x"}, "kind"),
    ("POST", "/hide", {"kind": "word"}, "value"),
    ("POST", "/hide", {"kind": "word", "value": 7}, "value"),
    ("POST", "/hide", {"kind": "word", "value": ""}, "value"),
    ("POST", "/hide", {"kind": "word", "value": "?!"}, "value"),
    ("POST", "/hide", {"kind": "word", "value": "two words"}, "value"),
    ("POST", "/hide", {"kind": "word", "value": "x" * 51}, "value"),
    ("POST", "/hide", {"kind": "word", "value": "x" * 100_000}, "value"),
    ("POST", "/hide", {"kind": "hashtag", "value": "#"}, "value"),
    ("POST", "/hide", {"kind": "hashtag", "value": "12"}, "value"),
    ("POST", "/hide", {"kind": "creator", "value": "Not A Name"}, "value"),
    ("POST", "/hide", {"kind": "creator", "value": "nobodyhere"}, "value"),
    ("POST", "/hide", {"kind": "sound", "value": " "}, "value"),
    ("POST", "/hide", {"kind": "sound", "value": "x" * 81}, "value"),
    ("POST", "/hide", {"kind": "sound", "value": "a\u0000b"}, "value"),
    ("POST", "/hide", {"kind": "word", "value": "x", "extra": 1}, "extra"),
    ("DELETE", "/hide", {"kind": "word"}, "value"),
]


@pytest.fixture(scope="module")
def set_up(theatre: Theatre) -> tuple[Somebody, dict[str, Any]]:
    """Somebody with settings, which nothing that is refused may change."""
    person = theatre.somebody()
    hidden = [{"kind": "word", "value": "spoiler"}]
    return person, change(person.client, dials={"new": 1, "topics": {"jazz": -1}}, profiling=False, hidden=hidden)


@pytest.mark.parametrize(("method", "path", "body", "field"), BAD)
def test_what_does_not_fit_is_a_problem_that_names_the_field_and_changes_nothing(
    set_up: tuple[Somebody, dict[str, Any]], method: str, path: str, body: Any, field: str
) -> None:
    person, before = set_up
    if isinstance(body, dict) and method == "PUT":
        # Nor does what fits beside it.
        body = {"profiling": True, **body} if "profiling" not in body else {**body, "dials": {"long": 2}}
    answer = ask(person.client, method, f"/api/dials{path}", body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert settings(person.client) == before


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b'{"profiling": true, "dials": {"new": NaN}}', {}, 400),
        (b'{"profiling": true, "hidden": ' + b"[" * 100_000, {}, 400),
        (b'{"profiling": true}' + b" " * (300 << 10), {}, 413),
        (b'{"profiling": true}', {"content-type": "text/plain"}, 415),
        (b'{"profiling": true}', {"content-type": "application/x-www-form-urlencoded"}, 415),
        (b'{"profiling": true}', {"origin": "https://evil.example"}, 403),
        (b'{"profiling": true}', {"origin": "null"}, 403),
        (b'{"profiling": true}', {"sec-fetch-site": "cross-site"}, 403),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("PUT", ""), ("POST", "/hide"), ("DELETE", "/hide"), ("POST", "/reset")])
def test_other_sites_and_other_forms_change_nothing(
    set_up: tuple[Somebody, dict[str, Any]],
    method: str,
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    person, before = set_up
    whole = {"content-type": "application/json", **headers}
    answer = person.client.request(method, f"/api/dials{path}", content=content, headers=whole)
    assert answer.status_code == status, answer.text
    assert settings(person.client) == before


def test_other_methods_are_refused(theatre: Theatre) -> None:
    allowed = {"": "GET, PUT", "/hide": "POST, DELETE", "/reset": "POST"}
    with theatre.running.client() as client:
        for path, methods in allowed.items():
            for method in {"GET", "PUT", "POST", "DELETE", "PATCH"} - set(methods.split(", ")):
                answer = client.request(method, f"/api/dials{path}", json={})
                assert (answer.status_code, answer.headers["allow"]) == (405, methods)


def test_settings_are_their_viewers_alone(theatre: Theatre) -> None:
    person, other, guest = theatre.somebody(), theatre.somebody(), theatre.running.client()
    change(person.client, dials={"new": 2})
    change(guest, dials={"new": -2})
    assert settings(person.client)["dials"]["new"] == 2
    assert settings(guest)["dials"]["new"] == -2
    assert settings(other.client) == NEUTRAL
    assert settings(theatre.running.client()) == NEUTRAL


def test_two_changes_at_once_lose_nothing_of_each_other(theatre: Theatre) -> None:
    from concurrent.futures import ThreadPoolExecutor

    person = theatre.somebody()
    words = [f"w{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        for state in pool.map(lambda word: hide(person.client, "word", word), words):
            assert state["hidden"]
    assert {one["value"] for one in settings(person.client)["hidden"]} == set(words)


def test_nobody_hides_without_end(theatre: Theatre) -> None:
    with theatre.running.client() as client:
        state = change(client, hidden=[{"kind": "word", "value": f"w{number}"} for number in range(200)])
        refused = ask(client, "POST", "/api/dials/hide", {"kind": "word", "value": "more"})
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == ["value"]
        assert settings(client) == state
        assert hide(client, "word", "w7") == state
        hide(client, "word", "w7", "DELETE")
        assert {"kind": "word", "value": "more"} in hide(client, "word", "more")["hidden"]


def test_a_hidden_creator_who_left_can_be_shown_again(theatre: Theatre) -> None:
    person, (creator, name) = theatre.somebody(), theatre.creator()
    hide(person.client, "creator", name)
    theatre.rows("UPDATE people_person SET is_active = false WHERE id = %s RETURNING 1", creator)
    state = settings(person.client)
    assert state["hidden"] == [{"kind": "creator", "value": name}]
    assert change(person.client, **state) == state
    assert (
        ask(theatre.running.client(), "POST", "/api/dials/hide", {"kind": "creator", "value": name}).status_code == 422
    )
    assert hide(person.client, "creator", name, "DELETE")["hidden"] == []


def test_nobody_reports_settings_as_events(set_up: tuple[Somebody, dict[str, Any]]) -> None:
    from tests.cells import send

    person, before = set_up
    forged = [{**event("dials"), "set": {"new": -2}, "dials": {"new": -2}}, {**event("reset")}]
    answer = send(person.client, *forged).json()
    assert answer["accepted"] == 0
    assert [one["field"] for one in answer["refused"]] == ["kind", "kind"]
    assert settings(person.client) == before


def test_what_is_hidden_is_gone_from_the_next_slate_and_comes_back(stage: Stage) -> None:
    name, topic, word, sound = next(iter(stage.facts.values()))
    person, guest = stage.theatre.somebody(), stage.theatre.running.client()
    for client in (person.client, guest):
        everything = set(shown(client, limit=50))
        assert set(stage.facts) <= everything
        for kind, value, place in (
            ("creator", f"@{name.upper()}", 0),
            ("hashtag", f"#{topic.upper()}", 1),
            ("word", f"„{word.upper()}“", 2),
            ("sound", " ".join(sound.split()).upper(), 3),
        ):
            gone = stage.having(place, (name, topic, word, sound)[place])
            assert gone
            hide(client, kind, value)
            for _ in range(4):
                assert set(shown(client, limit=50)) == everything - gone, kind
            # Whoever looks something up there finds it all the same.
            if kind == "hashtag":
                assert set(shown(client, hashtag=topic, limit=50)) == gone
            assert hide(client, kind, value, "DELETE")["hidden"] == []
            for _ in range(2):
                assert set(shown(client, limit=50)) == everything
        # It holds on the following page as well.
        report(client, event("follow", creator=name))
        assert set(shown(client, feed="following", limit=50)) == stage.having(0, name)
        hide(client, "word", word)
        assert set(shown(client, feed="following", limit=50)) == stage.having(0, name) - stage.having(2, word)


def why(client: httpx.Client, number: str) -> dict[str, Any]:
    """Why a slate is as it is, its sums checked."""
    answer = fresh(client, f"/api/slates/{number}/why")
    assert answer.status_code == 200, answer.text
    told = dict(answer.json())
    check_sums(told)
    return told


def test_a_topic_at_both_ends_moves_it_in_the_next_slate(stage: Stage) -> None:
    topic = next(iter(stage.facts.values()))[1]
    videos = stage.having(1, topic)

    def share_of_first(setting: int) -> float:
        total = 0
        for _ in range(4):
            with stage.theatre.running.client() as client:
                change(client, dials={"topics": {topic: setting}})
                served = slate(client, limit=6)
                told = why(client, served["slate"])
            terms = {
                slot["video"]: [(dial["name"], dial["setting"], dial["term"]) for dial in slot["dials"]]
                for slot in told["slots"]
            }
            for slot in served["slots"]:
                ((name, shown_setting, term),) = terms[slot["video"]["id"]]
                assert (name, shown_setting) == (f"#{topic}", setting)
                assert (term != 0) == (slot["video"]["id"] in videos)
                assert term * setting >= 0
            total += sum(slot["video"]["id"] in videos for slot in served["slots"])
        return total / 24

    more, less = share_of_first(2), share_of_first(-2)
    print("shares", more, less)
    assert more > 0.4
    assert less < 0.1


def test_all_dials_at_both_ends_still_make_a_whole_slate(stage: Stage) -> None:
    names = ("new", "familiar", "local", "shopping", "long")
    for setting in (-2, 2):
        person = stage.theatre.somebody()
        change(person.client, dials=dict.fromkeys(names, setting) | {"topics": {f"t{n}": setting for n in range(20)}})
        served = slate(person.client, limit=20)
        assert len(served["slots"]) == 20
        told = why(person.client, served["slate"])
        assert {dial["setting"] for slot in told["slots"] for dial in slot["dials"]} == {setting}


def watched_by(told: dict[str, Any]) -> set[str]:
    """The watches that moved anything in a slate."""
    return {video["id"] for slot in told["slots"] for signal in slot["signals"] for video in signal["videos"]}


def test_without_profiling_nothing_that_was_watched_counts(stage: Stage) -> None:
    person = stage.theatre.somebody()
    topic = next(iter(stage.facts.values()))[1]
    report(person.client, *(finish(video) for video in sorted(stage.having(1, topic))[:2]))
    told = why(person.client, slate(person.client, limit=10)["slate"])
    assert told["personal"]
    assert watched_by(told)
    change(person.client, profiling=False)
    for _ in range(4):
        told = why(person.client, slate(person.client, limit=10)["slate"])
        assert not told["personal"]
        assert not watched_by(told)
    change(person.client, profiling=True)
    assert watched_by(why(person.client, slate(person.client, limit=10)["slate"]))


def test_an_account_that_began_protected_has_no_profiling_until_its_person_wants_it(stage: Stage) -> None:
    person = stage.theatre.somebody()
    stage.theatre.rows("UPDATE people_person SET profiling = false WHERE id = %s RETURNING 1", person.id)
    assert settings(person.client) == {**NEUTRAL, "profiling": False}
    assert not why(person.client, slate(person.client)["slate"])["personal"]
    # Another change does not switch it on.
    assert not change(person.client, dials={"new": 1})["profiling"]
    assert change(person.client, profiling=True)["profiling"]
    assert why(person.client, slate(person.client)["slate"])["personal"]


def test_what_people_without_profiling_watch_steers_nobody_elses_feed(stage: Stage) -> None:
    theatre, video = stage.theatre, next(iter(stage.facts))
    people = {name: theatre.somebody() for name in ("open", "closed", "began closed", "began closed, opened")}
    guests = {name: theatre.running.client() for name in ("guest", "closed guest")}
    for name in ("began closed", "began closed, opened"):
        theatre.rows("UPDATE people_person SET profiling = false WHERE id = %s RETURNING 1", people[name].id)
    ids = {name: person.id for name, person in people.items()}
    clients = {name: person.client for name, person in people.items()} | guests
    for name, client in clients.items():
        report(client, finish(video))
        if name in guests:
            shown = decode_id(slate(client)["slate"])
            ((ids[name],),) = theatre.until(
                lambda shown=shown: theatre.rows("SELECT viewer FROM feed_slaterecord WHERE id = %s", shown)
            )
    for name, wanted in (("closed", False), ("began closed, opened", True), ("closed guest", False)):
        change(clients[name], profiling=wanted)
    set_up = "SELECT count(*) FROM feed_watch w JOIN feed_dials d USING (viewer) WHERE w.viewer = ANY(%s)"
    chosen = [ids[name] for name in ("closed", "began closed, opened", "closed guest")]
    theatre.until(lambda: theatre.rows(set_up, chosen) == [(3,)])
    theatre.until(
        lambda: theatre.rows("SELECT count(*) FROM feed_watch WHERE viewer = ANY(%s)", [*ids.values()]) == [(6,)]
    )
    with theatre.db() as connection:
        counted = set(counted_watches(connection).viewer.tolist())
    assert {name for name, viewer in ids.items() if viewer in counted} == {"open", "began closed, opened", "guest"}


def test_after_a_reset_the_past_says_nothing_and_what_was_seen_stays_seen(stage: Stage) -> None:
    topic = next(iter(stage.facts.values()))[1]
    videos = sorted(stage.having(1, topic))
    person, guest = stage.theatre.somebody(), stage.theatre.running.client()
    for client in (person.client, guest):
        report(client, *(finish(video) for video in videos[:2]), event("like", videos[0]))
        report(client, event("not_interested", videos[2]))
        assert watched_by(why(client, slate(client, limit=10)["slate"]))
        before = settings(client)
        answer = ask(client, "POST", "/api/dials/reset", {})
        assert answer.status_code == 200, answer.text
        after = answer.json()
        assert after == {**before, "reset_at": after["reset_at"]}
        assert isinstance(after["reset_at"], int)
        for _ in range(4):
            told = why(client, slate(client, limit=20)["slate"])
            assert not watched_by(told)
            assert not set(videos[:3]) & {slot["video"] for slot in told["slots"]}
        # The mark of the like stays, and being on the screen again does not bring the old watch back.
        found = {slot["video"]["id"]: slot["video"] for slot in slate(client, hashtag=topic, limit=50)["slots"]}
        assert (found[videos[0]]["liked"], found[videos[1]]["liked"]) == (True, False)
        report(client, event("impression", videos[0]))
        assert not watched_by(why(client, slate(client, limit=10)["slate"]))
        # What is watched from now on counts.
        report(client, finish(videos[3]))
        assert watched_by(why(client, slate(client, limit=10)["slate"])) == {videos[3]}
        # A second one is not before the first.
        assert ask(client, "POST", "/api/dials/reset", {}).json()["reset_at"] > after["reset_at"]
        assert not watched_by(why(client, slate(client, limit=10)["slate"]))
    # Nor does any later epoch learn of what lies before.
    reset = "SELECT 1 FROM feed_dials WHERE viewer = %s AND reset_at >= (SELECT max(last_at) FROM feed_watch WHERE viewer = %s)"
    stage.theatre.until(lambda: stage.theatre.rows(reset, person.id, person.id))
    with stage.theatre.db() as connection:
        assert person.id not in counted_watches(connection).viewer
