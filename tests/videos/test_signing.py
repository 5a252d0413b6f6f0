"""Signed addresses: one opens exactly one file, until its time is over, and nothing else."""

import re
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.cell import blobs
from glaswerk.cell.blobs import Verdict, check_signature, signing
from glaswerk.cell.config import Cell
from glaswerk.people.models import Person
from glaswerk.videos import actions, media
from glaswerk.videos.models import Rendition

from .conftest import MakePerson, published, signed_in, uploaded
from .test_media import ask, lean_database

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["lean_database"]
SHA = "ab" * 32


def _parts(url: str) -> tuple[str, bytes]:
    parts = urlsplit(url)
    return parts.path, parts.query.encode()


def test_an_address_names_its_end_and_is_signed(cell: Cell) -> None:
    url = blobs.signed_url(SHA, "mp4")
    path, query = _parts(url)
    assert path == blobs.blob_url(SHA, "mp4")
    assert re.fullmatch(rb"expires=\d+&signature=[0-9a-f]{64}", query)
    assert check_signature(path, query) is Verdict.VALID
    lasts = int(parse_qs(query.decode())["expires"][0]) - time.time()
    assert lasts <= cell.config.storage.signed_seconds
    # The key is the cell's own, made once and readable by nobody else.
    assert (cell.keys / "media").stat().st_mode & 0o077 == 0
    assert len((cell.keys / "media").read_text()) == 64


def test_another_cell_signs_otherwise(cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = blobs.signed_url(SHA, "mp4")
    monkeypatch.setattr(settings, "CELL", Cell(tmp_path / "another"))
    assert check_signature(*_parts(url)) is Verdict.WRONG


def test_time_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    path, query = _parts(blobs.signed_url(SHA, "mp4", 60))
    now = time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + 58)
    assert check_signature(path, query) is Verdict.VALID
    monkeypatch.setattr(signing.time, "time", lambda: now + 60)
    assert check_signature(path, query) is Verdict.EXPIRED


def test_nothing_of_it_can_be_exchanged() -> None:
    path, query = _parts(blobs.signed_url(SHA, "mp4", 60))
    expires, signature = query.split(b"&")
    later = b"expires=%d" % (int(expires[8:]) + 1)
    altered = signature[:-1] + (b"0" if signature[-1:] != b"0" else b"1")
    for other_path, other_query in (
        (path, later + b"&" + signature),
        (path, expires + b"&" + altered),
        (path, expires + b"&" + signature[:-1]),
        (path, expires + b"&" + signature + b"0"),
        (path, expires + b"&" + signature.upper()),
        (path, expires),
        (path, signature),
        (path, expires + b"&signature="),
        (path, b"expires=&" + signature),
        (path, b"expires=-1&" + signature),
        (path, b"expires=1e9&" + signature),
        (path, b"expires=0" + expires[8:] + b"&" + signature),
        (path, query + b"&" + expires),
        (path, query + b"&" + later),
        (path, query + b"&" + signature),
        (path, query + b"&" + b"&".join(b"x%d" % number for number in range(50))),
        (path, query + b"\xff"),
        (path.replace("mp4", "jpg"), query),
        (path.replace("ab", "cd"), query),
        ("/media/", query),
    ):
        assert check_signature(other_path, other_query) is Verdict.WRONG, other_query
    for unsigned in (b"", b"x=1", b"t=%C3%A4"):
        assert check_signature(path, unsigned) is Verdict.UNSIGNED
    # Other parameters, such as a player's own, change nothing.
    assert check_signature(path, query + b"&t=3") is Verdict.VALID


@given(st.binary(max_size=200))
def test_no_other_query_opens_anything(query: bytes) -> None:
    assert check_signature(blobs.blob_url(SHA, "mp4"), query) is not Verdict.VALID
    assert check_signature(blobs.blob_url(SHA, "mp4"), b"expires=99999999999&signature=" + query) is not Verdict.VALID


@pytest.mark.usefixtures("storage")
def test_it_opens_what_is_private_until_it_is_taken_down(
    ada: Person, make_person: MakePerson, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = make_person("judge", role="moderator")
    video = published(ada, clip, visibility="private")
    sha = Rendition.objects.get().blob
    plain, signed = blobs.blob_url(sha, "mp4"), blobs.signed_url(sha, "mp4")
    poster = blobs.signed_url(video.poster, "jpg")
    assert ask(plain).status_code == 404
    for url in (signed, poster):
        answer = ask(url, {"range": "bytes=0-9"})
        assert (answer.status_code, len(answer.content)) == (206, 10)
        assert answer.headers["cache-control"] == "private, no-store"
    # It does not open the door for others.
    assert ask(plain).status_code == 404
    assert ask(f"{plain}?{urlsplit(poster).query}").status_code == 403

    now = time.time()
    with monkeypatch.context() as patch:
        patch.setattr(signing.time, "time", lambda: now + 301)
        answer = ask(signed)
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
        assert answer.json()["errors"] == [
            {"field": "expires", "message": "This address has expired. Ask the cell for a new one."}
        ]
        # Somebody who may see it, and comes with an address that does not hold, is told so as well.
        assert ask(signed, person=ada).status_code == 403
    missing = ask(f"/media/{SHA}.mp4?expires=1&signature={'0' * 64}")
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (403, "signature")

    actions.take_down(judge, video)
    assert ask(signed).status_code == 404
    actions.delete_video(ada, video)
    assert ask(f"/media/{SHA}.mp4?{urlsplit(blobs.signed_url(SHA, 'mp4')).query}").status_code == 404


def test_it_opens_no_original(ada: Person, clip: Path) -> None:
    video = uploaded(ada, clip)
    for extension in ("mp4", "jpg", "webp"):
        assert ask(blobs.signed_url(video.source, extension)).status_code == 404


def test_it_ends_with_the_owner(ada: Person, clip: Path) -> None:
    published(ada, clip, visibility="private")
    signed = blobs.signed_url(Rendition.objects.get().blob, "mp4")
    avatar = blobs.store_bytes(b"RIFF....WEBP", "webp")
    Person.objects.filter(pk=ada.pk).update(avatar=avatar)
    picture = blobs.signed_url(avatar, "webp")
    assert [ask(signed).status_code, ask(picture).status_code] == [200, 200]
    Person.objects.filter(pk=ada.pk).update(is_active=False)
    media._known_public.clear()
    assert [ask(signed).status_code, ask(picture).status_code] == [404, 404]


def test_who_may_see_a_video_gets_addresses_for_others(ada: Person, ben: Person, clip: Path) -> None:
    video = published(ada, clip, visibility="private")
    path = f"/api/videos/{video.public_id}/addresses"
    for person in (None, ben):
        assert signed_in(person).get(path).status_code == 404
    answer = signed_in(ada).get(path).json()
    assert set(answer["addresses"]) == {
        blobs.blob_url(video.poster, "jpg"),
        blobs.blob_url(Rendition.objects.get().blob, "mp4"),
    }
    for plain, signed in answer["addresses"].items():
        assert signed.startswith(f"{settings.PUBLIC_URL}{plain}?expires=")
        assert ask(plain).status_code == 404
        assert ask(signed.removeprefix(settings.PUBLIC_URL)).status_code == 200
    assert datetime.fromisoformat(answer["expires_at"]) > timezone.now()
