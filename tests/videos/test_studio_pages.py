"""The pages of the studio: who may open them, and that the preview gets the very material that the renderer has."""

import re

import pytest

from glaswerk.people.models import Person
from glaswerk.reel.timeline.looks import LOOKS, table
from glaswerk.reel.timeline.stickers import STICKERS
from glaswerk.videos.studio.pages import STICKER_TITLES, TABLE_SIZE

from .conftest import signed_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/studio", "/studio/record", "/studio/0123456789abc", "/studio/looks"])
def test_strangers_sign_in_first(path: str) -> None:
    response = signed_in(None).get(path)
    assert (response.status_code, response["location"]) == (302, f"/accounts/login/?next={path}")


@pytest.mark.parametrize("path", ["/studio", "/studio/record", "/studio/0123456789abc"])
def test_the_pages_hold_nothing_inline_and_nothing_of_a_draft(ada: Person, path: str) -> None:
    response = signed_in(ada).get(path)
    page = response.content.decode()
    assert response.status_code == 200
    assert "csrftoken" in response.cookies
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", page)
    assert signed_in(ada).post(path).status_code == 405


def test_the_address_of_a_draft_is_only_text(ada: Person) -> None:
    page = signed_in(ada).get('/studio/"><script>alert(1)<').content.decode()
    assert "<script>alert" not in page


@pytest.mark.parametrize(("language", "title"), [("en", "Golden hour"), ("de", "Goldene Stunde")])
def test_looks_and_stickers_are_those_of_the_renderer(ada: Person, language: str, title: str) -> None:
    ada.language = language
    ada.save()
    client = signed_in(ada)
    material = client.get("/studio/looks").json()
    assert [look["name"] for look in material["looks"]] == list(LOOKS)
    assert title in [look["title"] for look in material["looks"]]
    assert [sticker["name"] for sticker in material["stickers"]] == list(STICKERS) == list(STICKER_TITLES)
    for look in material["looks"]:
        assert client.get(look["table"]).content == table(look["name"], 1.0, TABLE_SIZE)
    for sticker in material["stickers"]:
        answer = client.get(sticker["url"])
        assert answer["content-type"] == "image/svg+xml"
        assert answer.content.startswith(b"<svg ")


@pytest.mark.parametrize("path", ["/studio/looks/none", "/studio/looks/..%2f..%2fwarm", "/studio/stickers/none.svg"])
def test_what_the_renderer_lacks_is_not_there(ada: Person, path: str) -> None:
    assert signed_in(ada).get(path).status_code == 404
