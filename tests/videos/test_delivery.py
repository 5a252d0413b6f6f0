"""Delivery from a store elsewhere: by way of the cell, or by an address that leads there."""

import asyncio
import hashlib
import hmac
import os
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from glaswerk.cell import blobs
from glaswerk.cell.blobs import Blob
from glaswerk.cell.config import Cell
from glaswerk.people.models import Person
from glaswerk.videos import media
from glaswerk.videos.models import Rendition
from glaswerk.web.middleware import POLICY, policy
from tests.s3 import S3, use_s3

from .conftest import published
from .test_media import ask, lean_database

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["lean_database"]
SIZE = 700_001


@pytest.mark.usefixtures("storage")
@effort(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ends=st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)))
def test_any_stretch_of_a_blob(ends: tuple[int, int]) -> None:
    first, last = sorted(ends)
    data = bytes(range(251)) * (SIZE // 251 + 1)
    data = data[:SIZE]
    blob = Blob(hashlib.sha256(data).hexdigest(), "mp4")
    store = blobs.current_store()
    if store.stat(blob) is None:
        blobs.store_bytes(data, "mp4")

    async def read() -> bytes:
        opened = await store.open(blob)
        try:
            assert opened.size == SIZE
            return b"".join([piece async for piece in await opened.read(first, last)])
        finally:
            await opened.close()

    assert asyncio.run(read()) == data[first : last + 1]


@given(
    field=st.from_regex(rb"bytes=[ ]?[0-9]{0,4}-[0-9]{0,4}", fullmatch=True) | st.binary(max_size=40),
    size=st.integers(0, 3000),
)
def test_any_range_is_within_the_file_or_none(field: bytes, size: int) -> None:
    match media._range(field, size):
        case media._Part(first, last):
            assert 0 <= first <= last < size
        case media._Unsatisfiable():
            start = field.split(b"=")[1].strip().split(b"-")[0]
            assert size == 0 or start == b"" or int(start) >= size
        case media._Whole():
            start, _, end = field.partition(b"=")[2].strip().partition(b"-")
            assert not (start.isdigit() and end.isdigit() and int(start) <= int(end)) or not field.startswith(b"bytes=")


def _expected_signature(address: str, s3: S3) -> str:
    """Return the signature of a presigned GET as Amazon's document on Signature Version 4 has it."""
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    query.pop("X-Amz-Signature")
    canonical = "&".join(f"{quote(name, safe='')}={quote(query[name], safe='')}" for name in sorted(query))
    request = f"GET\n{parts.path}\n{canonical}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    scope = query["X-Amz-Credential"].partition("/")[2]
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{digest}"
    key = f"AWS4{s3.secret_access_key}".encode()
    for word in scope.split("/"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def test_what_is_not_public_is_led_to_a_signed_address(
    ada: Person, ben: Person, clip: Path, cell: Cell, s3: S3
) -> None:
    section = use_s3(cell, s3, delivery="redirect")
    published(ada, clip, visibility="private")
    sha = Rendition.objects.get().blob
    url = blobs.blob_url(sha, "mp4")
    for person in (None, ben):
        assert ask(url, person=person).status_code == 404
    answer = ask(url, person=ada)
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (302, b"", "private, no-store")
    address = answer.headers["location"]
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (
        f"{s3.endpoint}/{s3.bucket}/{section.prefix}/media/{sha[:2]}/{sha}.mp4"
    )
    query = parse_qs(parts.query)
    assert query["X-Amz-Expires"] == ["300"]
    assert query["X-Amz-Signature"] == [_expected_signature(address, s3)]
    assert s3.secret_access_key not in address
    # What has no body is answered here, and so is somebody who has the file already.
    head = ask(url, person=ada, method="HEAD")
    assert (head.status_code, int(head.headers["content-length"])) == (200, Rendition.objects.get().size)


def test_what_is_public_is_led_to_the_public_address(ada: Person, clip: Path, cell: Cell, s3: S3) -> None:
    use_s3(cell, s3, delivery="redirect", public_url="https://cdn.example/files/")
    video = published(ada, clip)
    answer = ask(blobs.blob_url(video.poster, "jpg"))
    assert (answer.status_code, answer.headers["cache-control"]) == (302, "public, max-age=60")
    assert answer.headers["location"] == f"https://cdn.example/files/{video.poster[:2]}/{video.poster}.jpg"
    use_s3(cell, s3, delivery="redirect")
    answer = ask(blobs.blob_url(video.poster, "jpg"))
    assert answer.headers["location"].startswith(f"{s3.endpoint}/{s3.bucket}/")


def test_the_store_says_what_a_file_is(cell: Cell, s3: S3, tmp_path: Path) -> None:
    import obstore

    use_s3(cell, s3)
    store = blobs.current_store()
    sha = blobs.store_bytes(b"a", "webp")
    large = tmp_path / "large"
    large.write_bytes(os.urandom(9_000_000))
    for blob, kind in (
        (Blob(sha, "webp"), "image/webp"),
        (Blob(blobs.store_file(large, "mp4"), "mp4"), "video/mp4"),
        (Blob(blobs.store_original(large)), "application/octet-stream"),
    ):
        said = obstore.get(store._bucket, blob.key).attributes  # type: ignore[attr-defined]
        assert said["Content-Type"] == kind
        assert said["Cache-Control"] == ("max-age=31536000, immutable" if blob.extension else "no-store")


def test_pages_may_load_files_from_where_they_are_led_to(s3: S3) -> None:
    assert policy(s3.section().delivery_origins) == POLICY
    section = s3.section(delivery="redirect", public_url="https://cdn.example/files")
    parts = policy(section.delivery_origins).split("; ")
    more = f"{s3.endpoint} https://cdn.example"
    assert f"media-src 'self' blob: {more}" in parts
    assert f"img-src 'self' blob: data: {more}" in parts
    assert [
        part
        for part in parts
        if "cdn.example" in part and part.split()[0] not in ("img-src", "media-src", "connect-src")
    ] == []
