"""What people say and see of themselves elsewhere: by pages and by the API, and nobody for anybody else."""

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from glaswerk.border.models import Arrival, Elsewhere, ForeignOffer, Peer
from glaswerk.cell.config import Cell
from glaswerk.people.models import Person
from glaswerk.tlog import Signer
from glaswerk.videos.models import Video
from tests.border.cells.test_outward import nothing_said, ready, said
from tests.videos.conftest import MakePerson, signed_in

pytestmark = pytest.mark.django_db
__all__ = ["nothing_said"]


@pytest.fixture
def peer(cell: Cell) -> Peer:
    key = Signer("us.example/log", bytes(range(32))).key.text
    return Peer.objects.create(label="us", url="http://us.example/log", key=key)


def test_one_stays_in_ones_region_by_the_page_and_by_the_api(ada: Person, ben: Person, cell: Cell) -> None:
    ready(ada)
    ready(ben)
    assert [message.type for message in said()] == ["video", "video", "profile", "profile"]
    page = signed_in(ada).get("/me/profile").content.decode()
    assert 'name="stays_in_region"' in page
    signed_in(ada).post("/me/profile", {"display_name": "Ada", "bio": "", "stays_in_region": "on"})
    assert {message.type for message in said()} == {"tombstone"}
    assert "stay in your region" in signed_in(ada).get("/me/elsewhere").content.decode()
    answer = signed_in(ada).put("/api/me/elsewhere", {"stays_in_region": False}, content_type="application/json")
    assert (answer.status_code, answer.json()["stays_in_region"]) == (200, False)
    assert [message.type for message in said()] == ["profile", "video"]


def test_nobody_else_says_so(ada: Person, cell: Cell) -> None:
    for client, status in ((Client(), 401), (Client(enforce_csrf_checks=True), 403)):
        if status == 403:
            client.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
        answer = client.put("/api/me/elsewhere", {"stays_in_region": True}, content_type="application/json")
        assert answer.status_code == status
    for bad in ({}, {"stays_in_region": "maybe"}, {"stays_in_region": None}):
        assert signed_in(ada).put("/api/me/elsewhere", bad, content_type="application/json").status_code == 422
    assert not Person.objects.filter(stays_in_region=True).exists()
    assert signed_in(None).get("/me/elsewhere").status_code == 302


def test_a_video_stays_in_its_region_by_the_page_and_by_the_api(ada: Person, ben: Person, cell: Cell) -> None:
    video = ready(ada)
    address = f"/v/{video.public_id}/edit"
    words: dict[str, Any] = {"caption": "x", "visibility": "public", "region": "1"}
    assert b"only_here" in signed_in(ada).get(address).content
    assert signed_in(ben).post(address, {**words, "only_here": "on"}).status_code == 403
    assert Video.objects.get().allow_elsewhere
    signed_in(ada).post(address, {**words, "only_here": "on"})
    assert not Video.objects.get().allow_elsewhere
    signed_in(ada).post(address, words)
    assert Video.objects.get().allow_elsewhere
    answer = signed_in(ada).patch(
        f"/api/videos/{video.public_id}", {"allow": {"elsewhere": False}}, content_type="application/json"
    )
    assert answer.json()["allow_said"]["elsewhere"] is False
    assert not Video.objects.get().allow_elsewhere


def test_nothing_of_a_child_goes_elsewhere(make_person: MakePerson, cell: Cell) -> None:
    child = make_person("kim", birth_year=timezone.localdate().year - 14)
    video = ready(child, allow_elsewhere=False)
    signed_in(child).post(f"/v/{video.public_id}/edit", {"caption": "x", "visibility": "public", "region": "1"})
    answer = signed_in(child).patch(
        f"/api/videos/{video.public_id}", {"allow": {"elsewhere": True}}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "allow")
    assert not Video.objects.get().allow_elsewhere


def test_plays_elsewhere_are_their_authors_to_see(ada: Person, ben: Person, peer: Peer, cell: Cell) -> None:
    video = ready(ada)
    said()
    for day, plays in ((date(2026, 3, 4), 120), (date(2026, 3, 5), 95)):
        Elsewhere.objects.create(peer=peer, video=video, day=day, plays=plays)
    assert "us: 215" in signed_in(ada).get("/me/elsewhere").content.decode()
    mine = signed_in(ada).get("/api/me/elsewhere").json()["videos"]
    assert mine == [{"id": video.public_id, "plays": {"us": 215}}]
    assert signed_in(ben).get("/api/me/elsewhere").json()["videos"] == []
    assert "Nothing of yours is elsewhere" in signed_in(ben).get("/me/elsewhere").content.decode()


def test_offers_of_another_cell_stand_with_its_videos(make_person: MakePerson, peer: Peer, cell: Cell) -> None:
    guest = make_person("ida@us", home="us", password="!")
    video = ready(guest, allow_elsewhere=False)
    Arrival.objects.create(peer=peer, about="video", item=7, index=1, video=video)
    offer = Arrival.objects.create(peer=peer, about="offer", item=8, index=2)
    ForeignOffer.objects.create(
        arrival=offer,
        title="Lamp",
        seller="Ida's",
        url="https://us.example/shop/8",
        currency="USD",
        minor=999,
        videos=[7],
    )
    address = f"/api/cells/offers?videos={video.public_id},nonsense"
    (found,) = signed_in(None).get(address).json()
    assert (found["cell"], found["title"], found["minor"], found["video"]) == ("us", "Lamp", 999, video.public_id)
    Video.objects.filter(pk=video.pk).update(taken_down_at="2026-01-01T00:00:00Z")
    assert signed_in(None).get(address).json() == []
