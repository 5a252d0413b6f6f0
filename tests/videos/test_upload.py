"""Uploading, editing and deleting through the API: who may, what is refused, and that a refusal changes nothing."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from glaswerk.cell import blobs, keeping
from glaswerk.cell.config import Cell, Config
from glaswerk.people.models import Person
from glaswerk.videos.models import Rendition, Video

from .conftest import MakePerson, media_files, published, signed_in, upload, uploaded, waiting_jobs

pytestmark = pytest.mark.django_db


def _rows() -> list[dict[str, object]]:
    return list(Video.objects.order_by("pk").values())


def _limit(cell: Cell, **videos: int) -> None:
    cell.config = Config.model_validate({"videos": videos})


def test_upload_makes_a_waiting_video_and_a_creator(ada: Person, make_person: MakePerson, clip: Path) -> None:
    ben = make_person("ben")
    response = upload(ada, clip, caption="Bowls by @ben and @nobody #Töpfern #töpfern", visibility="followers")
    assert response.status_code == 201
    video = Video.objects.get()
    assert response.json() == {"id": video.public_id, "state": "uploaded", "duplicate_of": None}
    assert video.caption == "Bowls by @ben and @nobody #Töpfern #töpfern"
    assert (video.hashtags, video.mentions, video.visibility) == (["töpfern"], [ben.pk], "followers")
    assert (video.region, video.sound_title, video.poster) == ("eu", "Original sound – ada", "")
    assert blobs.original_path(video.source).read_bytes() == clip.read_bytes()
    ada.refresh_from_db()
    assert ada.role == "creator"
    assert waiting_jobs("videos.process_video") == [{"video_id": video.pk}]


def test_default_visibility_holds(make_person: MakePerson, clip: Path) -> None:
    shy = make_person("shy", default_visibility="private")
    assert uploaded(shy, clip).visibility == "private"
    assert uploaded(shy, clip, visibility="public").visibility == "public"


def test_stranger_is_refused(clip: Path, cell: Cell) -> None:
    response = upload(None, clip)
    assert (response.status_code, response["content-type"]) == (401, "application/problem+json")
    assert _rows() == []
    assert not any((cell.uploads / "originals").rglob("*"))


def test_cross_site_request_is_refused(ada: Person, clip: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = client.post("/api/videos", {"file": SimpleUploadedFile("a.mp4", clip.read_bytes())})
    assert response.status_code == 403
    assert _rows() == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"caption": "x" * 2201}, "caption"),
        ({"caption": "a\x00b"}, "caption"),
        ({"caption": " ".join(f"#a{n}" for n in range(31))}, "caption"),
        ({"visibility": "nobody"}, "visibility"),
    ],
)
def test_bad_field_is_named(ada: Person, clip: Path, cell: Cell, fields: dict[str, str], field: str) -> None:
    response = upload(ada, clip, **fields)
    assert (response.status_code, response["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert _rows() == []
    ada.refresh_from_db()
    assert ada.role == "viewer"


def test_missing_and_empty_file(ada: Person) -> None:
    missing = signed_in(ada).post("/api/videos", {"caption": "hello"})
    empty = upload(ada, b"")
    for response in (missing, empty):
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "file"
    assert _rows() == []


def test_too_large_is_refused_by_its_announced_length_and_while_reading(ada: Person, cell: Cell) -> None:
    _limit(cell, max_upload_mb=1)
    # Just above the limit, the length of the whole request could still be right, so the bytes are counted.
    for size in ((1 << 20) + 1, 3 << 20):
        response = upload(ada, b"x" * size)
        assert (response.status_code, response["content-type"]) == (413, "application/problem+json")
        assert response.json()["errors"] == [
            {
                "field": "file",
                "message": "The file is too large. Please upload at most 1 MiB; exporting at 1080p makes it smaller.",
            }
        ]
    assert _rows() == []
    assert [path for path in cell.uploads.rglob("*") if path.is_file()] == []


def test_full_disk_is_told(ada: Person, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blobs, "store_original", full)
    response = upload(ada, clip)
    assert response.status_code == 507
    assert response.json()["errors"][0]["field"] == "file"
    assert _rows() == []
    assert waiting_jobs("videos.process_video") == []


def test_own_list_and_pages(ada: Person, ben: Person, clip: Path) -> None:
    videos = [uploaded(ada, clip, caption=str(number)) for number in range(3)]
    uploaded(ben, clip)
    client = signed_in(ada)
    first = client.get("/api/me/videos?limit=2").json()
    assert [each["caption"] for each in first["videos"]] == ["2", "1"]
    assert first["next"] == videos[1].public_id
    second = client.get(f"/api/me/videos?limit=2&before={first['next']}").json()
    assert ([each["caption"] for each in second["videos"]], second["next"]) == (["0"], None)
    assert client.get("/api/me/videos?before=nonsense").status_code == 422
    assert signed_in(None).get("/api/me/videos").status_code == 401


def test_edit(ada: Person, clip: Path) -> None:
    video = published(ada, clip, caption="#old")
    announced = len(waiting_jobs("videos.announce_video"))
    response = signed_in(ada).patch(
        f"/api/videos/{video.public_id}", {"caption": "#new", "visibility": "private"}, content_type="application/json"
    )
    assert response.status_code == 200
    assert (response.json()["caption"], response.json()["visibility"]) == ("#new", "private")
    video.refresh_from_db()
    assert (video.caption, video.hashtags, video.visibility) == ("#new", ["new"], "private")
    assert video.edited_at is not None
    assert waiting_jobs("videos.announce_video")[announced:] == [{"video_id": video.pk}]
    before = _rows()
    refused = signed_in(ada).patch(
        f"/api/videos/{video.public_id}", {"visibility": "x", "caption": "y"}, content_type="application/json"
    )
    assert refused.status_code == 422
    assert _rows() == before


@pytest.mark.parametrize(("visibility", "status"), [("public", 403), ("followers", 404), ("private", 404)])
def test_others_cannot_change_a_video(ada: Person, ben: Person, clip: Path, visibility: str, status: int) -> None:
    video = published(ada, clip, visibility=visibility)
    before, jobs = _rows(), waiting_jobs("videos.announce_video")
    address = f"/api/videos/{video.public_id}"
    stranger, other = signed_in(None), signed_in(ben)
    for client, expected in ((stranger, 401), (other, status)):
        assert client.patch(address, {"caption": "mine"}, content_type="application/json").status_code == expected
        assert client.delete(address).status_code == expected
        assert client.post(f"{address}/retry").status_code == expected
        assert client.get(f"{address}/state").status_code == expected
    assert _rows() == before
    assert waiting_jobs("videos.announce_video") == jobs
    assert blobs.original_path(video.source).exists()


def test_hidden_and_missing_look_the_same(ada: Person, ben: Person, clip: Path) -> None:
    hidden = published(ada, clip, visibility="private").public_id
    missing = "0123456789abc"
    for client in (signed_in(None), signed_in(ben)):
        answers = [client.get(f"/api/videos/{public_id}") for public_id in (hidden, missing, "nonsense")]
        assert [answer.status_code for answer in answers] == [404] * 3
        assert len({answer.content for answer in answers}) == 1


def test_who_may_read(ada: Person, ben: Person, make_person: MakePerson, clip: Path) -> None:
    from glaswerk.social.models import Block, Follow

    fan, foe = make_person("fan"), make_person("foe")
    for follower in (fan, foe):
        Follow.objects.create(follower=follower, followed=ada, at="2026-01-01T00:00Z")
    # More followers must not multiply what is found.
    Block.objects.create(blocker=ada, blocked=foe, at="2026-01-01T00:00Z")
    videos = {v: published(ada, clip, visibility=v) for v in ("public", "followers", "private")}
    expected = {
        None: {"public"},
        ben: {"public"},
        fan: {"public", "followers"},
        foe: set(),
        ada: {"public", "followers", "private"},
    }
    for person, allowed in expected.items():
        client = signed_in(person)
        answers = {v: client.get(f"/api/videos/{video.public_id}").status_code for v, video in videos.items()}
        assert answers == {v: 200 if v in allowed else 404 for v in videos}, person
    waiting = uploaded(ada, clip)
    assert signed_in(fan).get(f"/api/videos/{waiting.public_id}").status_code == 404
    assert signed_in(ada).get(f"/api/videos/{waiting.public_id}").status_code == 200


def test_card(ada: Person, clip: Path) -> None:
    video = published(ada, clip, caption="Hello #world")
    card = signed_in(None).get(f"/api/videos/{video.public_id}").json()
    assert card["creator"] == {"name": "ada", "display_name": "ada", "avatar": ""}
    assert (card["caption"], card["hashtags"], card["width"], card["height"]) == ("Hello #world", ["world"], 96, 160)
    assert card["poster"] == f"/media/{video.poster}.jpg"
    rendition = Rendition.objects.get()
    assert card["renditions"][0]["url"] == f"/media/{rendition.blob}.mp4"
    assert abs(card["duration_ms"] - 500) <= 100
    assert card["counts"] == {"likes": 0, "comments": 0, "saves": 0, "shares": 0}
    assert "visibility" not in card


def test_delete_removes_row_and_files_but_not_shared_ones(ada: Person, ben: Person, clip: Path, cell: Cell) -> None:
    first, second = published(ada, clip), published(ben, clip)
    assert first.source == second.source
    files = media_files(cell)
    # Tests that commit may have left jobs: no test's end clears the queue's own tables.
    before = len(waiting_jobs("videos.discard_blobs"))
    assert signed_in(ada).delete(f"/api/videos/{first.public_id}").status_code == 204
    (job,) = waiting_jobs("videos.discard_blobs")[before:]
    assert keeping.discard(job["names"]) == 0
    assert media_files(cell) == files
    assert signed_in(ada).get(f"/api/videos/{first.public_id}").status_code == 404
    assert signed_in(ben).delete(f"/api/videos/{second.public_id}").status_code == 204
    *_, job = waiting_jobs("videos.discard_blobs")
    assert keeping.discard(job["names"]) == 4
    assert keeping.discard(job["names"]) == 4
    assert media_files(cell) == set()
    assert not blobs.original_path(first.source).exists()
    assert waiting_jobs("videos.announce_video")[-1] == {"video_id": second.pk}
