"""Moving between cells: followers go along when both cells have said the same, and nothing at all happens before."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client
from django.utils import timezone

from glaswerk.border.actions import moves
from glaswerk.border.exporter import BorderExporter
from glaswerk.border.failures import RightsError
from glaswerk.border.messages import Move, Profile, Tombstone, parse_message
from glaswerk.border.models import MoveHalf, Peer, Spoken
from glaswerk.border.outward.speaking import speak_waiting
from glaswerk.border.peers import effects, moving
from glaswerk.border.peers.actions import add_peer, remove_peer
from glaswerk.cell.config import Cell
from glaswerk.cell.ids import now_ms
from glaswerk.cell.log import EVENTS, EventLog, publish_sync
from glaswerk.cell.models import Record
from glaswerk.feed import projector
from glaswerk.feed.models import Watermark
from glaswerk.feed.viewers import PROJECTOR
from glaswerk.people.leaving import leave
from glaswerk.people.models import Person
from glaswerk.social.models import Block, Follow
from glaswerk.social.queries import followers_count
from glaswerk.tlog import LogWriter, Signer
from glaswerk.videos.actions import UploadError, edit_video, upload_video
from glaswerk.videos.models import Video
from tests.border.cells.another_cell import IDA, AnotherCell, another_cell, ida
from tests.border.cells.test_outward import ready
from tests.border.cells.test_peers import follow
from tests.videos.conftest import MakePerson, signed_in, waiting_jobs

pytestmark = pytest.mark.django_db
US, THIRD = "us.example/log", "third.example/log"


@pytest.fixture
def us(tmp_path: Path) -> Iterator[AnotherCell]:
    with another_cell(tmp_path / "us") as other:
        yield other


@pytest.fixture
def peer(us: AnotherCell, cell: Cell) -> Peer:
    return add_peer(us.url.removesuffix("/log"), us.key, "us", is_private=True)


@pytest.fixture
def third(tmp_path: Path, cell: Cell) -> Iterator[AnotherCell]:
    with another_cell(tmp_path / "one") as other:
        other.writer.close()
        other.signer, other.folder = Signer(THIRD, bytes(32)), tmp_path / "third"
        other.writer = LogWriter.open(other.folder, other.signer)
        yield other


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the log of events is told; what follows from it is asked of a real one below."""
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(moving, "publish_sync", lambda subject, item: said.append(item))
    return said


def half(person: Person, *, goes: bool, **other: Any) -> Move:
    """What `us` says: that Ida there is this person, who went there or came from there."""
    here, there = (effects.own_origin(), person.public_id, person.name), (US, IDA, "ida")
    (home, item, name), (to, to_id, to_name) = (here, there) if goes else (there, here)
    facts: dict[str, Any] = {"id": item, "name": name, "home": home, "to": to, "to_id": to_id, "to_name": to_name}
    return Move(**{**facts, "at": now_ms(), **other})


def state() -> list[Any]:
    """Everything that a move changes."""
    people = Person.objects.order_by("pk").values_list("name", "moved_to", "moved_at")
    follows = Follow.objects.order_by("pk").values_list("follower", "followed")
    return [list(people), list(follows), waiting_jobs("border.carry_followers")]


def refusals() -> list[str]:
    return [row.facts.get("refused", "") for row in Record.objects.filter(kind="cross.in").order_by("pk")]


def spoken() -> list[Any]:
    """What this cell says of moves, in order: messages that are served, and None for what is withdrawn."""
    while speak_waiting():
        pass
    found = [parse_message(one.body.encode()) if one.body else None for one in Spoken.objects.order_by("pk")]
    return [one for one in found if not isinstance(one, Profile)]


def follows(person: Person, other: Person) -> None:
    Follow.objects.create(follower=person, followed=other, at=timezone.now())


def test_followers_go_along_when_both_have_said_it(
    us: AnotherCell, peer: Peer, ada: Person, ben: Person, make_person: MakePerson, told: list[dict[str, Any]]
) -> None:
    cora = make_person("cora")
    us.say(ida())
    follow(peer)
    there = Person.objects.get(home="us")
    follows(ben, ada)
    follows(cora, ada)
    Block.objects.create(blocker=cora, blocked=there, at=timezone.now())
    before = state()
    own = moves.say_half(ada, "us", "@Ida", goes=True)
    # One half alone is said and does nothing.
    assert state() == before
    (said,) = spoken()
    assert (said.home, said.id, said.name) == (effects.own_origin(), ada.public_id, "ada")
    assert (said.to, said.to_id, said.to_name, said.at) == (US, IDA, "ida", own.at)
    us.say(half(ada, goes=True))
    follow(peer)
    assert refusals() == ["", ""] and peer.failure == ""
    ada.refresh_from_db()
    assert ada.moved_to == there and ada.moved_at is not None
    assert not MoveHalf.objects.filter(done_at=None).exists()
    assert waiting_jobs("border.carry_followers") == [{"person_id": ada.pk}]
    for _ in range(2):
        assert moving.carry_followers(ada.pk) == 1
    # Cora, who has blocked the new account, stays; and the same again has the same ids.
    assert told[0] == told[1] and told[0]["viewer"] == ben.pk
    assert [(one["kind"], one["creator"]) for one in told[0]["events"]] == [("follow", there.pk), ("unfollow", ada.pk)]
    page = signed_in(ben).get("/@ada").content.decode()
    assert '<a href="/@ida@us">@ida@us</a>' in page and "data-follow=" not in page
    # The control: a profile of somebody who stays is one to follow.
    assert "data-follow=" in signed_in(ada).get("/@ben").content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_the_log_is_told_becomes_follows(
    us: AnotherCell, peer: Peer, ada: Person, ben: Person, clean_jobs: None
) -> None:
    us.say(ida())
    follow(peer)
    there = Person.objects.get(home="us")
    pressed = {"id": str(uuid.uuid4()), "kind": "follow", "at": now_ms() - 1000, "creator": ada.pk}
    project(publish_sync("events", {"viewer": ben.pk, "slate": None, "events": [pressed]}))
    assert list(Follow.objects.values_list("follower", "followed")) == [(ben.pk, ada.pk)]
    us.say(half(ada, goes=True))
    follow(peer)
    moves.say_half(ada, "us", "ida", goes=True)
    assert followers_count(ada) == 1
    for _ in range(2):
        moving.carry_followers(ada.pk)
        project(publish_sync("events", {"viewer": ben.pk, "slate": None, "events": []}))
        assert list(Follow.objects.values_list("follower", "followed")) == [(ben.pk, there.pk)]
        assert (followers_count(ada), followers_count(there)) == (0, 1)


def project(end: int) -> None:
    """Let the projector come to a place of the log, on connections of its own as in a cell."""

    async def run() -> None:
        events = await EventLog.connect()
        task = asyncio.create_task(projector.project(EVENTS, events))
        try:
            async with asyncio.timeout(120):
                while not await Watermark.objects.filter(stream=PROJECTOR, sequence__gte=end).aexists():
                    assert not task.done(), task.exception()
                    await asyncio.sleep(0.1)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await events.close()
            await sync_to_async(connections.close_all)()

    asyncio.run(run())


def test_the_old_account_signs_in_and_publishes_no_more(
    us: AnotherCell, peer: Peer, ada: Person, ben: Person, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"\x00\x00\x00\x18ftypmp42")
    hidden = ready(ada, visibility="private")
    us.say(half(ada, goes=True))
    follow(peer)
    # Ida has not published; what she says of the move is how she is known.
    moves.say_half(ada, "us", "ida", goes=True)
    ada.refresh_from_db()
    assert ada.moved_to is not None and ada.moved_to.name == "ida@us"
    assert signed_in(ada).get("/me/data").status_code == 200
    with pytest.raises(UploadError) as refusal:
        upload_video(ada, clip)
    assert refusal.value.status == 403
    with pytest.raises(UploadError):
        edit_video(ada, hidden, visibility="public")
    assert list(Video.objects.values_list("visibility")) == [("private",)]
    # The control: somebody else may.
    upload_video(ben, clip)
    for act in (moves.withdraw_half, lambda one: moves.say_half(one, "us", "ida", goes=True)):
        with pytest.raises(RightsError):
            act(ada)
    assert Person.objects.get(pk=ada.pk).moved_at == ada.moved_at


def test_somebody_comes_from_another_cell(
    us: AnotherCell, peer: Peer, ada: Person, ben: Person, told: list[dict[str, Any]]
) -> None:
    us.say(ida())
    follow(peer)
    there = Person.objects.get(home="us")
    follows(ben, there)
    follows(ada, there)
    us.say(half(ada, goes=False))
    follow(peer)
    assert there.moved_to is None
    moves.say_half(ada, "us", "ida@us", goes=False)
    there.refresh_from_db()
    assert there.moved_to == ada
    assert moving.carry_followers(there.pk) == 1
    assert [(one["viewer"], one["events"][0]["creator"]) for one in told] == [(ben.pk, ada.pk)]
    # She has no video here, and is told of with her half, so that those elsewhere know whom to follow.
    assert spoken()[0].to_id == ada.public_id
    assert Spoken.objects.filter(type="profile", item=ada.pk, withdrawn_at=None).exists()


def test_a_third_cell_has_both_halves(
    us: AnotherCell, peer: Peer, third: AnotherCell, ben: Person, told: list[dict[str, Any]]
) -> None:
    other = add_peer(third.url, third.key, "third", is_private=True)
    us.say(ida())
    follow(peer)
    there = Person.objects.get(home="us")
    follows(ben, there)
    facts: dict[str, Any] = {"id": IDA, "name": "ida", "home": US, "to": THIRD, "to_id": "0" * 13, "to_name": "ada"}
    us.say(Move(**facts, at=5))
    follow(peer)
    # The cell that somebody leaves cannot say the other half, too.
    us.say(Move(**facts, at=6))
    follow(peer)
    assert Person.objects.get(home="us").moved_at is None
    third.say(Move(**facts, at=7))
    follow(other)
    there.refresh_from_db()
    assert there.moved_to is not None and there.moved_to.name == "ada@third"
    assert moving.carry_followers(there.pk) == 1
    assert told[0]["events"][0]["creator"] == there.moved_to_id
    # And back again: whoever has moved is nowhere to follow, so nothing goes round in a circle.
    back = {"id": "0" * 13, "name": "ada", "home": THIRD, "to": US, "to_id": IDA, "to_name": "ida"}
    before = state()
    third.say(Move(**back, at=8))
    us.say(Move(**back, at=8))
    follow(other)
    follow(peer)
    assert state() == before and refusals()[-2:] == ["", ""]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"to": THIRD}, "mismatch"),
        ({"home": US}, "mismatch"),
        ({"id": "0" * 13}, "nobody"),
        ({"at": now_ms() + 2 * 86_400_000}, "time"),
    ],
    ids=["not its own", "from itself", "nobody", "not yet"],
)
def test_a_half_that_cannot_be_is_refused_and_noted(
    wrong: dict[str, Any], word: str, us: AnotherCell, peer: Peer, ada: Person
) -> None:
    us.say(ida())
    follow(peer)
    moves.say_half(ada, "us", "ida", goes=True)
    before = state()
    us.say(half(ada, goes=True, **wrong))
    follow(peer)
    assert refusals() == ["", word] and state() == before
    assert MoveHalf.objects.count() == 1
    # The control: as it should be, it is done.
    us.say(half(ada, goes=True))
    follow(peer)
    assert Person.objects.get(pk=ada.pk).moved_at is not None


def test_another_accounts_half_does_nothing(us: AnotherCell, peer: Peer, ada: Person, ben: Person) -> None:
    """Ada says that she goes to Ida; in `us` it is Eve who says that she comes from Ada, and Ida from Ben."""
    us.say(ida())
    follow(peer)
    moves.say_half(ada, "us", "ida", goes=True)
    before = state()
    us.say(half(ada, goes=True, to_id="0" * 13, to_name="eve"))
    us.say(half(ben, goes=True))
    follow(peer)
    assert state() == before and MoveHalf.objects.filter(done_at=None).count() == 3


def test_a_cell_of_the_same_name_is_not_the_one_that_was_meant(
    us: AnotherCell, peer: Peer, third: AnotherCell, ada: Person, tmp_path: Path
) -> None:
    us.say(ida())
    follow(peer)
    third.writer.close()
    third.signer, third.folder = Signer(US, bytes(32)), tmp_path / "false"
    third.writer = LogWriter.open(third.folder, third.signer)
    false = add_peer(third.url, third.key, "false", is_private=True)
    moves.say_half(ada, "us", "ida", goes=True)
    before = state()
    third.say(half(ada, goes=True))
    follow(false)
    assert refusals()[-1] == "ambiguous" and state() == before


def test_what_was_withdrawn_does_not_count_when_it_comes_again(us: AnotherCell, peer: Peer, ada: Person) -> None:
    us.say(ida())
    said = half(ada, goes=True)
    us.say(said)
    us.say(Tombstone(id=IDA, of="move"))
    us.say(said)
    follow(peer)
    assert refusals() == ["", "", "", "replayed"]
    before = state()
    moves.say_half(ada, "us", "ida", goes=True)
    assert state() == before
    us.say(said)
    follow(peer)
    assert refusals()[-1] == "replayed" and state() == before
    # The control: said anew it counts.
    us.say(half(ada, goes=True, at=said.at + 1))
    follow(peer)
    assert Person.objects.get(pk=ada.pk).moved_at is not None


@pytest.mark.parametrize("act", ["withdraw", "stay in the region", "leave", "remove the peer"])
def test_ones_own_half_is_taken_back(act: str, us: AnotherCell, peer: Peer, ada: Person) -> None:
    us.say(ida())
    follow(peer)
    own = moves.say_half(ada, "us", "ida", goes=True)
    assert len(spoken()) == 1
    match act:
        case "withdraw":
            moves.withdraw_half(ada)
        case "stay in the region":
            Person.objects.filter(pk=ada.pk).update(stays_in_region=True)
        case "leave":
            leave(ada)
        case _:
            remove_peer("us")
    # It is served no more with the act itself, and the tombstone follows.
    assert not Spoken.objects.filter(type="move").exclude(body="").exists()
    assert Tombstone(id=ada.public_id, of="move") in spoken()
    own.refresh_from_db()
    assert own.withdrawn_at is not None
    before = state()
    us.say(half(ada, goes=True))
    follow(peer)
    assert state() == before


@pytest.mark.parametrize("why", ["cell", "name", "moved", "blocked", "closed", "region", "child", "twice"])
def test_what_cannot_be_said_is_refused(why: str, us: AnotherCell, peer: Peer, ada: Person, ben: Person) -> None:
    us.say(ida())
    follow(peer)
    there = Person.objects.get(home="us")
    label, name, field = "us", "ida", "move"
    match why:
        case "cell":
            label, field = "nowhere", "cell"
        case "name":
            name, field = "eve", "name"
        case "moved":
            field = "name"
            Person.objects.filter(pk=there.pk).update(moved_at=timezone.now())
        case "blocked":
            field = "name"
            Block.objects.create(blocker=ada, blocked=there, at=timezone.now())
        case "closed":
            field = "name"
            Person.objects.filter(pk=there.pk).update(is_active=False)
        case "region":
            Person.objects.filter(pk=ada.pk).update(stays_in_region=True)
        case "child":
            Person.objects.filter(pk=ada.pk).update(birth_year=timezone.now().year - 14)
        case _:
            moves.say_half(ada, "us", "ida", goes=False)
    before, halves = state(), MoveHalf.objects.count()
    for goes in (True, False):
        with pytest.raises(RightsError) as refusal:
            moves.say_half(ada, label, name, goes=goes)
        assert refusal.value.field == field
    assert (state(), MoveHalf.objects.count()) == (before, halves)
    # The control: Ben, against whom nothing stands, may where the account is one.
    if field == "move" or why == "blocked":
        moves.say_half(ben, label, name, goes=True)


def test_an_erased_person_leaves_no_half(us: AnotherCell, peer: Peer, ada: Person, ben: Person) -> None:
    us.say(ida())
    follow(peer)
    moves.say_half(ada, "us", "ida", goes=True)
    us.say(half(ada, goes=False))
    us.say(half(ben, goes=True, to_id="0" * 13))
    follow(peer)
    spoken()
    exporter = BorderExporter()
    assert [one["to_name"] for one in exporter.moves(ada)] == ["ida", "ada"]
    gone = ada.public_id
    exporter.erase(ada)
    ada.delete()
    assert [one.name for one in MoveHalf.objects.all()] == ["ben"]
    assert Tombstone(id=gone, of="move") in spoken()
    assert not Spoken.objects.filter(type="move").exclude(body="").exists()


def test_the_page_says_it_and_takes_it_back(us: AnotherCell, peer: Peer, ada: Person, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["tests.people.conftest.CheapArgon2"]
    ada.set_password("a calm long password")
    ada.email = "ada@example.org"
    ada.save()
    ada.emailaddress_set.create(email=ada.email, verified=True, primary=True)
    us.say(ida())
    us.say(half(ada, goes=True, to_id="0" * 13, to_name="eve"))
    follow(peer)
    client = Client()
    client.post("/accounts/login/", {"login": "ada", "password": "a calm long password"})
    assert "/me/move" in client.get("/me/data").content.decode()
    # Nothing is said before it is asked once more who is there.
    asked = client.post("/me/move", {"act": "go", "cell": "us", "name": "ida"})
    assert asked.status_code == 302 and asked["Location"].startswith("/accounts/reauthenticate/")
    assert not MoveHalf.objects.filter(person=ada).exists()
    client.post("/accounts/reauthenticate/", {"password": "a calm long password"})
    assert "eve in the cell us says: I come from this account" in client.get("/me/move").content.decode()
    wrong = client.post("/me/move", {"act": "go", "cell": "us", "name": "nobody"})
    assert wrong.status_code == 422 and "Nobody of that name" in wrong.content.decode()
    for body in ({"act": "withdraw"}, {"act": "fly"}):
        assert client.post("/me/move", body).status_code in (409, 422)
    assert not MoveHalf.objects.filter(person=ada).exists()
    assert client.post("/me/move", {"act": "go", "cell": "us", "name": "ida"})["Location"] == "/me/move"
    assert "You move to ida in the cell us" in client.get("/me/move").content.decode()
    client.post("/me/move", {"act": "withdraw"})
    assert not MoveHalf.objects.filter(person=ada, withdrawn_at=None).exists()
    client.post("/me/move", {"act": "come", "cell": "us", "name": "ida"})
    assert "You come from ida in the cell us" in client.get("/me/move").content.decode()
    us.say(half(ada, goes=False))
    follow(peer)
    assert "You came from ida in the cell us" in client.get("/me/move").content.decode()
    assert 'moved to <a href="/@ada">@ada</a>' in Client().get("/@ida@us").content.decode()
