"""Drafts from outside: begun, saved from several devices, given files, and closed to everybody else."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils import timezone

from glaswerk.cell import blobs, keeping
from glaswerk.cell.config import Cell
from glaswerk.people.models import Person
from glaswerk.videos import jobs
from glaswerk.videos.drafts import actions, limits, preparing
from glaswerk.videos.models import Draft, Source, Upload
from tests.videos.conftest import MakePerson, media_files, run_jobs, signed_in, waiting_jobs

from .conftest import add_file, call, clip_of, new_draft, save, source_of, with_clips

pytestmark = pytest.mark.django_db


def _rows() -> list[dict[str, object]]:
    return [*Draft.objects.order_by("pk").values(), *Source.objects.order_by("pk").values()]


def test_a_draft_begins_empty_and_is_listed(ada: Person) -> None:
    draft = new_draft(ada, title="  Bowls   and  cups ")
    assert (draft["title"], draft["version"], draft["state"], draft["duration_ms"]) == (
        "Bowls and cups",
        1,
        "editing",
        0,
    )
    assert draft["timeline"]["OTIO_SCHEMA"] == "Timeline.1"
    assert [track["name"] for track in draft["timeline"]["tracks"]["children"]] == ["main"]
    assert (draft["sources"], draft["sounds"], draft["problems"]) == ([], [], [])
    (listed,) = call(ada, "get", "/drafts").json()["drafts"]
    assert listed["id"] == draft["id"]
    assert "timeline" not in listed
    assert call(ada, "get", f"/drafts/{draft['id']}").json() == draft


def test_saving_counts_versions_and_an_old_one_is_refused_with_the_draft_as_it_is(ada: Person) -> None:
    draft = new_draft(ada)
    timeline = with_clips(draft["timeline"], clip_of("source:0123456789abc", 1500))
    saved = save(ada, draft, timeline, title="One")
    assert saved.status_code == 200
    assert (saved.json()["version"], saved.json()["title"], saved.json()["duration_ms"]) == (2, "One", 1500)
    before = _rows()
    late = save(ada, draft, draft["timeline"], title="Two")
    assert (late.status_code, late["content-type"]) == (409, "application/problem+json")
    assert late.json()["errors"][0]["field"] == "version"
    assert late.json()["draft"] == saved.json()
    assert _rows() == before
    again = save(ada, late.json()["draft"], draft["timeline"])
    assert (again.json()["version"], again.json()["title"], again.json()["duration_ms"]) == (3, "One", 0)


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.django_db(transaction=True)
def test_of_two_devices_that_save_at_once_one_is_told(
    ada: Person, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The negative control saves without naming the version: then both win, and one change is lost."""
    draft = new_draft(ada)
    if not guarded:
        update = type(Draft.objects.all()).filter

        def unguarded(rows, *terms, **named):  # type: ignore[no-untyped-def]
            named.pop("version", None)
            return update(rows, *terms, **named)

        monkeypatch.setattr(type(Draft.objects.all()), "filter", unguarded)
    both = threading.Barrier(2)
    answers: list[int] = []

    def device(length: int) -> None:
        both.wait()
        timeline = with_clips(draft["timeline"], clip_of("source:0123456789abc", length))
        answers.append(save(ada, draft, timeline).status_code)
        connections.close_all()

    threads = [threading.Thread(target=device, args=(length,)) for length in (1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ([200, 409] if guarded else [200, 200])


@pytest.mark.parametrize(
    "timeline",
    [
        {},
        {"OTIO_SCHEMA": "Clip.1"},
        {"OTIO_SCHEMA": "Timeline.1", "metadata": {"glaswerk": {"form": 2}}, "tracks": {"children": []}},
        {"OTIO_SCHEMA": "Timeline.1", "metadata": {"glaswerk": {"form": 1}}, "tracks": None},
        {"OTIO_SCHEMA": "Timeline.1", "metadata": 7, "tracks": {"children": 7}},
    ],
)
def test_what_is_no_timeline_is_not_kept(ada: Person, timeline: dict[str, object]) -> None:
    draft = new_draft(ada)
    before = _rows()
    refused = save(ada, draft, timeline)
    assert (refused.status_code, refused["content-type"]) == (422, "application/problem+json")
    assert refused.json()["errors"][0]["field"].startswith("timeline")
    assert _rows() == before


def test_a_draft_has_bounds(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = new_draft(ada)
    before = _rows()
    large = {**draft["timeline"], "name": "x" * (limits.MAX_DOCUMENT_BYTES + 1)}
    assert save(ada, draft, large).status_code == 413
    assert save(ada, draft, draft["timeline"], title="x" * 81).status_code == 422
    assert save(ada, draft, draft["timeline"], title="a\x00b").status_code == 422
    deep: dict[str, object] = {}
    for _ in range(200):
        deep = {"deep": deep}
    assert (
        save(ada, draft, {**draft["timeline"], "metadata": {**draft["timeline"]["metadata"], "x": deep}}).status_code
        == 422
    )
    assert _rows() == before
    monkeypatch.setattr(actions, "MAX_DRAFTS", 1)
    full = call(ada, "post", "/drafts", {})
    assert (full.status_code, Draft.objects.count()) == (409, 1)
    monkeypatch.setattr(actions, "MAX_SOURCES", 0)
    assert add_file(ada, draft, b"abc").status_code == 409
    assert Source.objects.count() == 0


def test_files_become_sources(ada: Person, clip: Path, tone: Path, picture: Path, cell: Cell) -> None:
    draft = new_draft(ada)
    video, sound, still = (source_of(ada, draft, path) for path in (clip, tone, picture))
    assert [each["kind"] for each in (video, sound, still)] == ["video", "audio", "image"]
    assert {each["state"] for each in (video, sound, still)} == {"ready"}
    assert (video["width"], video["height"], video["has_audio"]) == (96, 160, True)
    assert abs(video["duration_ms"] - 500) <= 100
    assert abs(sound["duration_ms"] - 500) <= 60
    assert (still["duration_ms"], still["has_audio"], still["width"], still["height"]) == (0, False, 64, 96)
    assert [each["url"].rpartition(".")[2] for each in (video, sound, still)] == ["mp4", "m4a", "jpg"]
    heard = call(ada, "get", f"/drafts/{draft['id']}/sources/{sound['id']}/peaks").json()
    assert heard["per_second"] == 50
    assert 20 <= len(heard["peaks"]) <= 30
    assert max(heard["peaks"]) > 10
    assert [each["id"] for each in call(ada, "get", f"/drafts/{draft['id']}").json()["sources"]] == [
        each["id"] for each in (video, sound, still)
    ]
    assert len(media_files(cell)) == 4
    assert list(preparing.work_folder().iterdir()) == []


def test_a_finished_upload_becomes_a_source_once(ada: Person, ben: Person, clip: Path, cell: Cell) -> None:
    size = clip.stat().st_size
    facts = {"purpose": "source", "length": size, "expires_at": timezone.now() + timedelta(hours=1)}
    whole = Upload.objects.create(owner=ada, state="whole", offset=size, sha=blobs.store_original(clip), **facts)
    unfinished = Upload.objects.create(owner=ada, **facts)
    draft, other = new_draft(ada), new_draft(ben)
    before = [*_rows(), *Upload.objects.order_by("pk").values()]
    for person, theirs, upload, status in (
        (ben, other, whole.public_id, 404),
        (ben, draft, whole.public_id, 404),
        (ada, draft, unfinished.public_id, 409),
        (ada, draft, "nonsense", 404),
        (ada, draft, "", 422),
    ):
        refused = call(person, "post", f"/drafts/{theirs['id']}/sources", {"upload": upload})
        assert (refused.status_code, refused["content-type"]) == (status, "application/problem+json")
    assert [*_rows(), *Upload.objects.order_by("pk").values()] == before
    assert waiting_jobs("videos.prepare_source") == []
    answer = call(ada, "post", f"/drafts/{draft['id']}/sources", {"upload": whole.public_id})
    assert (answer.status_code, answer.json()["state"]) == (201, "uploaded")
    source = Source.objects.get()
    assert waiting_jobs("videos.prepare_source") == [{"source_id": source.pk}]
    assert keeping.discard([source.original]) == 0
    assert blobs.original_path(source.original).read_bytes() == clip.read_bytes()
    again = call(ada, "post", f"/drafts/{draft['id']}/sources", {"upload": whole.public_id})
    assert (again.status_code, Source.objects.count()) == (404, 1)


def test_a_real_worker_prepares_and_what_cannot_be_read_says_so(ada: Person, clip: Path, clean_jobs: None) -> None:
    draft = new_draft(ada)
    add_file(ada, draft, clip)
    add_file(ada, draft, b"Dear diary, " * 400)
    add_file(ada, draft, b"GIF89a" + bytes(400))
    add_file(ada, draft, b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    run_jobs("render")
    sources = call(ada, "get", f"/drafts/{draft['id']}").json()["sources"]
    assert [each["state"] for each in sources] == ["ready", "failed", "failed", "failed"]
    assert [bool(each["failure"]) for each in sources] == [False, True, True, True]
    assert "picture" in sources[2]["failure"]


def test_a_source_whose_worker_died_is_prepared_by_the_next(ada: Person, clip: Path, clean_jobs: None) -> None:
    draft = new_draft(ada)
    add_file(ada, draft, clip)
    source = Source.objects.get()
    Source.objects.update(state="processing", progress=40)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs RESTART IDENTITY CASCADE")
    jobs.resume(timezone.now())
    assert waiting_jobs("videos.prepare_source") == [{"source_id": source.pk}]
    jobs.resume(timezone.now())
    assert waiting_jobs("videos.prepare_source") == [{"source_id": source.pk}]
    run_jobs("render")
    source.refresh_from_db()
    assert (source.state, source.progress) == ("ready", 100)


def test_a_missing_file_is_told_and_deleting_removes_the_files(ada: Person, clip: Path, cell: Cell) -> None:
    draft = new_draft(ada)
    source = source_of(ada, draft, clip)
    timeline = with_clips(draft["timeline"], clip_of(f"source:{source['id']}", 300))
    assert save(ada, draft, timeline).json()["problems"] == []
    original = Source.objects.get().original
    assert call(ada, "delete", f"/drafts/{draft['id']}/sources/{source['id']}").status_code == 204
    (problem,) = call(ada, "get", f"/drafts/{draft['id']}").json()["problems"]
    assert problem["field"] == "timeline.tracks.children[0].children[0]"
    assert "Clip 1" in problem["message"]
    (job,) = waiting_jobs("videos.discard_blobs")
    assert keeping.discard(job["names"]) == 3
    assert media_files(cell) == set()
    assert not blobs.original_path(original).exists()


def test_deleting_a_draft_keeps_files_that_another_uses(ada: Person, ben: Person, clip: Path, cell: Cell) -> None:
    mine, theirs = new_draft(ada), new_draft(ben)
    source_of(ada, mine, clip)
    source_of(ben, theirs, clip)
    files = media_files(cell)
    assert call(ada, "delete", f"/drafts/{mine['id']}").status_code == 204
    (job,) = waiting_jobs("videos.discard_blobs")
    assert keeping.discard(job["names"]) == 0
    assert media_files(cell) == files
    assert call(ada, "get", f"/drafts/{mine['id']}").status_code == 404


def test_export(ada: Person) -> None:
    draft = new_draft(ada)
    answer = signed_in(ada).get(f"/api/drafts/{draft['id']}/otio")
    assert answer.json() == draft["timeline"]
    assert answer["content-disposition"] == f'attachment; filename="{draft["id"]}.otio"'


VTT = """WEBVTT

00:00.500 --> 00:01.500 align:start
<v Ada>Hello &amp; <b>welcome</b>

NOTE nothing

00:00:02.000 --> 00:00:03.250
two
lines
"""


def test_captions_come_in_as_webvtt(ada: Person) -> None:
    draft = new_draft(ada)
    address = f"/api/drafts/{draft['id']}/captions"
    answer = signed_in(ada).post(address, VTT, content_type="text/vtt")
    assert answer.status_code == 200, answer.content
    assert answer.json()["version"] == 2
    assert answer.json()["timeline"]["metadata"]["glaswerk"]["captions"] == [
        {"start_ms": 500, "end_ms": 1500, "text": "Hello & welcome"},
        {"start_ms": 2000, "end_ms": 3250, "text": "two\nlines"},
    ]
    before = _rows()
    for bad in ("", "hello", "WEBVTT\n\n00:03.000 --> 00:01.000\nback\n", "WEBVTT\n\nxx --> yy\nno\n"):
        refused = signed_in(ada).post(address, bad, content_type="text/vtt")
        assert refused.status_code == 422, bad
        assert refused.json()["errors"][0]["field"] == "captions"
    assert signed_in(ada).post(address, b"\xff\xfe", content_type="text/vtt").status_code == 400
    assert signed_in(ada).post(f"{address}?version=1", VTT, content_type="text/vtt").status_code == 409
    assert _rows() == before


def _doors(draft: str, source: str) -> list[tuple[str, str, object]]:
    """Every endpoint of one draft."""
    timeline = {"OTIO_SCHEMA": "Timeline.1"}
    return [
        ("get", f"/drafts/{draft}", None),
        ("put", f"/drafts/{draft}", {"version": 1, "timeline": timeline}),
        ("delete", f"/drafts/{draft}", None),
        ("post", f"/drafts/{draft}/sources", {"upload": source}),
        ("get", f"/drafts/{draft}/sources/{source}", None),
        ("get", f"/drafts/{draft}/sources/{source}/peaks", None),
        ("delete", f"/drafts/{draft}/sources/{source}", None),
        ("get", f"/drafts/{draft}/otio", None),
        ("post", f"/drafts/{draft}/captions", {}),
    ]


def test_nobody_else_finds_a_draft(ada: Person, ben: Person, make_person: MakePerson, clip: Path) -> None:
    moderator = make_person("mod", role="moderator")
    operator = make_person("op", role="operator")
    draft = new_draft(ada)
    source = source_of(ada, draft, clip)
    before, files = _rows(), waiting_jobs("videos.discard_blobs")
    for person, status in ((None, 401), (ben, 404), (moderator, 404), (operator, 404)):
        for method, path, body in _doors(draft["id"], source["id"]):
            assert call(person, method, path, body).status_code == status, (person, method, path)
    assert _rows() == before
    assert waiting_jobs("videos.discard_blobs") == files
    for odd in ("0", "x" * 13, "%00", "..", "0123456789abc"):
        for method, path, body in _doors(odd, odd):
            assert call(ada, method, path, body).status_code in (404, 405), (method, path)


def test_a_document_goes_out_and_comes_back(ada: Person) -> None:
    draft = new_draft(ada)
    timeline = with_clips(draft["timeline"], clip_of("source:0123456789abc", 700))
    assert save(ada, draft, timeline).status_code == 200
    text = signed_in(ada).get(f"/api/drafts/{draft['id']}/otio").content
    answer = signed_in(ada).post("/api/drafts/import?title=Again", text, content_type="application/json")
    assert answer.status_code == 201, answer.content
    imported = answer.json()
    assert (imported["title"], imported["duration_ms"], imported["warnings"]) == ("Again", 700, [])
    assert imported["id"] != draft["id"]
    (problem,) = imported["problems"]
    assert "misses its file" in problem["message"]
    foreign = {**timeline, "metadata": {}}
    taken = signed_in(ada).post("/api/drafts/import", foreign, content_type="application/json")
    assert taken.status_code == 201, taken.content
    assert taken.json()["timeline"]["metadata"]["glaswerk"]["form"] == 1
    before = _rows()
    for bad in (b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'{"OTIO_SCHEMA": "Timeline.1"}', b'{"a": NaN}'):
        refused = signed_in(ada).post("/api/drafts/import", bad, content_type="application/json")
        assert refused.status_code in (400, 422), (bad[:20], refused.content)
    assert _rows() == before
