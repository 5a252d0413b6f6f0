"""Delivery, driven as the front door drives it: ranges, validators and permission, exactly."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from glaswerk.cell import blobs, database
from glaswerk.people.models import Person
from glaswerk.reel import material
from glaswerk.social.models import Block, Follow
from glaswerk.videos import actions, media
from glaswerk.videos.models import CaptionTrack, Draft, Rendition, Sound, Source, SourceState, Video

from .conftest import MakePerson, published, uploaded

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def lean_database(monkeypatch: pytest.MonkeyPatch, clean_jobs: None) -> None:
    """Lead the asynchronous pool to the test's database."""
    parts = connection.get_connection_params()
    monkeypatch.setenv("DATABASE_URL", f"postgresql://{parts.get('user', '')}@/{parts['dbname']}?host={parts['host']}")


@asynccontextmanager
async def _client(person_id: int | None) -> AsyncIterator[httpx.AsyncClient]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await media.serve(scope, receive, send, person_id)

    await database.open_pool()
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://cell") as client:
            yield client
    finally:
        await database.close_pool()


def ask(
    url: str, headers: dict[str, str] | None = None, person: Person | None = None, method: str = "GET"
) -> httpx.Response:
    async def once() -> httpx.Response:
        async with _client(person.pk if person else None) as client:
            return await client.request(method, url, headers=headers)

    return asyncio.run(once())


@pytest.fixture
def video(ada: Person, clip: Path) -> Video:
    return published(ada, clip)


@pytest.fixture
def url(video: Video) -> str:
    return blobs.blob_url(Rendition.objects.get(video=video).blob, "mp4")


@pytest.fixture
def data(url: str) -> bytes:
    return blobs.blob_path(url[7:71], "mp4").read_bytes()


def test_whole_file(url: str, data: bytes) -> None:
    answer = ask(url)
    assert (answer.status_code, answer.content) == (200, data)
    assert dict(answer.headers) == {
        "etag": f'"{url[7:71]}"',
        "cache-control": "public, max-age=31536000, immutable",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-type": "video/mp4",
        "content-length": str(len(data)),
    }
    head = ask(url, {"range": "bytes=0-1"}, method="HEAD")
    assert (head.status_code, head.content, head.headers) == (200, b"", answer.headers)


def test_ranges(url: str, data: bytes) -> None:
    size = len(data)
    cases: list[tuple[str, int, Callable[[bytes], bytes], str | None]] = [
        ("bytes=0-0", 206, lambda d: d[:1], f"bytes 0-0/{size}"),
        ("bytes=0-", 206, lambda d: d, f"bytes 0-{size - 1}/{size}"),
        ("bytes=10-19", 206, lambda d: d[10:20], f"bytes 10-19/{size}"),
        (f"bytes=5-{size + 99}", 206, lambda d: d[5:], f"bytes 5-{size - 1}/{size}"),
        ("bytes=-7", 206, lambda d: d[-7:], f"bytes {size - 7}-{size - 1}/{size}"),
        (f"bytes=-{size * 9}", 206, lambda d: d, f"bytes 0-{size - 1}/{size}"),
        (f"bytes={size - 1}-", 206, lambda d: d[-1:], f"bytes {size - 1}-{size - 1}/{size}"),
        ("BYTES=1-2", 206, lambda d: d[1:3], f"bytes 1-2/{size}"),
        (f"bytes={size}-", 416, lambda d: b"", f"bytes */{size}"),
        (f"bytes={size}-{size + 5}", 416, lambda d: b"", f"bytes */{size}"),
        ("bytes=-0", 416, lambda d: b"", f"bytes */{size}"),
        # What is not one valid range of bytes is ignored.
        ("bytes=5-4", 200, lambda d: d, None),
        ("bytes=-", 200, lambda d: d, None),
        ("bytes=a-b", 200, lambda d: d, None),
        ("bytes=0-1,4-5", 200, lambda d: d, None),
        ("items=0-1", 200, lambda d: d, None),
        ("bytes=" + "9" * 5000 + "-", 200, lambda d: d, None),
    ]

    async def all_of_them() -> list[httpx.Response]:
        async with _client(None) as client:
            return [await client.get(url, headers={"range": case[0]}) for case in cases]

    for (field, status, part, content_range), answer in zip(cases, asyncio.run(all_of_them()), strict=True):
        assert (field, answer.status_code) == (field, status)
        assert answer.content == part(data), field
        assert answer.headers.get("content-range") == content_range, field
        assert answer.headers["content-length"] == str(len(part(data))), field
        assert answer.headers["etag"] == f'"{url[7:71]}"'


def test_conditions(url: str, data: bytes) -> None:
    etag, other = f'"{url[7:71]}"', '"' + "0" * 64 + '"'
    cases = [
        ({"if-none-match": etag}, 304),
        ({"if-none-match": f"W/{etag}"}, 304),
        ({"if-none-match": f"{other}, {etag}"}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": etag, "range": "bytes=0-1"}, 304),
        ({"if-none-match": other}, 200),
        ({"if-range": etag, "range": "bytes=0-1"}, 206),
        ({"if-range": other, "range": "bytes=0-1"}, 200),
        ({"if-range": f"W/{etag}", "range": "bytes=0-1"}, 200),
        ({"if-range": "Sat, 29 Oct 1994 19:43:31 GMT", "range": "bytes=0-1"}, 200),
        ({"if-match": etag}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": other}, 412),
        ({"if-match": f"W/{etag}"}, 412),
    ]
    for headers, status in cases:
        answer = ask(url, headers)
        assert (headers, answer.status_code) == (headers, status)
        assert answer.content == {200: data, 206: data[:2]}.get(status, b"")
        assert answer.headers["etag"] == etag
        if status == 304:
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert "content-length" not in answer.headers


def test_other_methods_and_paths(url: str) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = ask(url, method=method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    source = Video.objects.get().source
    wrong = (
        "/media/",
        url.upper().replace("/MEDIA", "/media"),
        url[:-4],
        url[:-3] + "jpg",
        url + "/x",
        f"/media/{source}.mp4",
        f"/media/{'0' * 64}.mp4",
        "/media/../keys/django.jpg",
    )
    for path in wrong:
        assert ask(path).status_code == 404, path


def test_who_gets_which_file(
    ada: Person, ben: Person, make_person: MakePerson, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is remembered here, so that each answer is the rule's.
    monkeypatch.setattr(media, "_REMEMBERED_S", 0.0)
    fan, foe, judge = make_person("fan"), make_person("foe"), make_person("judge", role="moderator")
    for follower in (fan, foe):
        Follow.objects.create(follower=follower, followed=ada, at=timezone.now())
    Block.objects.create(blocker=ada, blocked=foe, at=timezone.now())
    everybody = {None, ada, ben, fan, foe, judge}
    video = published(ada, clip, visibility="public")
    addresses = [blobs.blob_url(video.poster, "jpg"), blobs.blob_url(Rendition.objects.get().blob, "mp4")]
    missing = ask(f"/media/{'0' * 64}.mp4")

    def check(allowed: set[Person | None], cache: str) -> None:
        for address in addresses:
            for person in everybody:
                answer = ask(address, person=person)
                assert answer.status_code == (200 if person in allowed else 404), (address, person)
                if person in allowed:
                    assert answer.headers["cache-control"] == cache
                    assert answer.headers.get("vary") == (None if "public" in cache else "Cookie")
                else:
                    assert (answer.headers, answer.content) == (missing.headers, missing.content)

    check(everybody, "public, max-age=31536000, immutable")
    actions.edit_video(ada, video, visibility="followers")
    check({ada, fan, judge}, "private, no-store")
    actions.edit_video(ada, video, visibility="private")
    check({ada, judge}, "private, no-store")
    actions.edit_video(ada, video, visibility="public")
    actions.take_down(judge, video)
    check(set(), "")


def test_same_bytes_in_a_public_and_a_private_video(ada: Person, ben: Person, clip: Path) -> None:
    published(ada, clip, visibility="private")
    public = published(ben, clip, visibility="public")
    address = blobs.blob_url(public.poster, "jpg")
    assert ask(address).status_code == 200
    actions.delete_video(ben, public)
    media._known_public.clear()
    assert ask(address).status_code == 404
    assert ask(address, person=ada).status_code == 200


def test_what_is_remembered_is_forgotten_soon(video: Video, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(url).status_code == 200
    Video.objects.filter(pk=video.pk).update(visibility="private")
    assert media._REMEMBERED_S <= 2
    assert ask(url).status_code == 200
    now = media.time.monotonic()
    monkeypatch.setattr(media.time, "monotonic", lambda: now + 2.01)
    assert ask(url).status_code == 404


def test_avatar(ada: Person) -> None:
    sha = blobs.store_bytes(b"RIFF....WEBP", "webp")
    assert ask(f"/media/{sha}.webp").status_code == 404
    Person.objects.filter(pk=ada.pk).update(avatar=sha)
    answer = ask(f"/media/{sha}.webp")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/webp", b"RIFF....WEBP")


def test_original_is_never_served(ada: Person, clip: Path) -> None:
    video = uploaded(ada, clip)
    for extension in ("mp4", "jpg", "webp"):
        assert ask(f"/media/{video.source}.{extension}", person=ada).status_code == 404


def test_client_that_leaves_stops_the_reading(video: Video, ada: Person) -> None:
    sha = blobs.store_bytes(bytes(20 << 20), "mp4")
    Rendition.objects.filter(video=video).update(blob=sha)

    async def leave() -> int:
        sent, left = 0, asyncio.Event()

        async def receive() -> dict[str, Any]:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal sent
            sent += len(message.get("body", b""))
            if sent >= 1 << 20:
                left.set()
                await asyncio.sleep(0)

        await database.open_pool()
        try:
            scope = {"type": "http", "method": "GET", "path": f"/media/{sha}.mp4", "headers": []}
            await media.serve(scope, receive, send, ada.pk)
        finally:
            await database.close_pool()
        return sent

    assert asyncio.run(leave()) < 4 << 20


def test_a_sound_goes_where_its_video_goes(ada: Person, ben: Person, make_person: MakePerson, video: Video) -> None:
    sound = Sound.objects.get(video=video)
    track = CaptionTrack.objects.create(video=video, language="en", blob=blobs.store_bytes(b"WEBVTT\n", "vtt"))
    addresses = {
        blobs.blob_url(sound.blob, "m4a"): "audio/mp4",
        blobs.blob_url(track.blob, "vtt"): "text/vtt; charset=utf-8",
    }
    fan = make_person("fan")
    Follow.objects.create(follower=fan, followed=ada, at=timezone.now())
    for address, kind in addresses.items():
        answer = ask(address)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert "immutable" in answer.headers["cache-control"]
    for visibility, allowed in (("followers", {ada.pk, fan.pk}), ("private", {ada.pk})):
        actions.edit_video(ada, video, visibility=visibility)
        media._known_public.clear()
        for address in addresses:
            for person in (None, ada, ben, fan):
                expected = 200 if person is not None and person.pk in allowed else 404
                assert ask(address, person=person).status_code == expected, (address, visibility, person)
    assert ask(next(iter(addresses)), person=ada).headers["cache-control"] == "private, no-store"


def test_what_a_draft_is_cut_from_is_its_owners_alone(
    ada: Person, ben: Person, make_person: MakePerson, clip: Path, tmp_path: Path
) -> None:
    made = material.prepare(clip, tmp_path / "made")
    draft = Draft.objects.create(owner=ada, timeline="{}")
    assert made.poster is not None
    source = Source.objects.create(
        draft=draft,
        state=SourceState.READY,
        kind=made.kind.value,
        original="0" * 64,
        proxy=blobs.store_file(made.proxy, "mp4"),
        poster=blobs.store_file(made.poster, "jpg"),
    )
    people = [None, ben, make_person("mod", role="moderator"), make_person("op", role="operator")]
    for address in (blobs.blob_url(source.proxy, "mp4"), blobs.blob_url(source.poster, "jpg")):
        answer = ask(address, person=ada)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
        assert [ask(address, person=person).status_code for person in people] == [404] * 4
    draft.delete()
    assert ask(blobs.blob_url(source.proxy, "mp4"), person=ada).status_code == 404
