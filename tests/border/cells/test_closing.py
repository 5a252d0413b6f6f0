"""The end of a peer: its log says who goes on, nothing more comes from it, and its people go on with the new owner's log."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from glaswerk.border.courier import _followed
from glaswerk.border.models import Peer
from glaswerk.border.peers.actions import PeerRefused, add_peer
from glaswerk.border.peers.queries import peers_status
from glaswerk.cell.config import Cell
from glaswerk.cell.entries import Entry, EntryKind
from glaswerk.people.models import Person
from glaswerk.social.models import Follow
from glaswerk.tlog import Checkpoint, LogError, LogWriter, Note, Signer
from tests.border.cells.another_cell import AnotherCell, another_cell, ida
from tests.border.cells.test_peers import crossed, follow

pytestmark = pytest.mark.django_db
NEW = Signer("new.example/log", bytes(range(1, 33)))


@pytest.fixture
def us(tmp_path: Path) -> Iterator[AnotherCell]:
    with another_cell(tmp_path / "us") as other:
        other.say(ida())
        yield other


@pytest.fixture
def peer(us: AnotherCell, cell: Cell) -> Peer:
    return follow(add_peer(us.url, us.key, "us", is_private=True))


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[AnotherCell]:
    """The new owner's cell, whose log has begun."""
    with another_cell(tmp_path / "owner") as other:
        other.writer.close()
        other.signer, other.folder = NEW, tmp_path / "owner-log"
        other.writer = LogWriter.open(other.folder, NEW)
        other.enter("counts", "5" * 64)
        yield other


def shown(cell: AnotherCell) -> Checkpoint:
    return Checkpoint.parse(Note.parse((cell.folder / "checkpoint").read_bytes()).text)


def end(us: AnotherCell, first: Checkpoint, **other: Any) -> None:
    """Close the log as a carve-out does."""
    facts = {
        "step": "finish",
        "root": "5" * 64,
        "log": NEW.key.name,
        "key": NEW.key.text,
        "size": first.size,
        "head": first.root.hex(),
        **other,
    }
    entry = Entry(99, datetime(2026, 3, 4, tzinfo=UTC), EntryKind.CARVE, facts)
    us.writer.append(entry.encode())


def test_a_closed_log_is_followed_no_more_and_says_who_goes_on(us: AnotherCell, peer: Peer, owner: AnotherCell) -> None:
    assert list(_followed()) == [peer]
    first = shown(owner)
    end(us, first)
    follow(peer)
    assert (peer.state, peer.failure, peer.successor) == ("carved", "", NEW.key.text)
    assert list(_followed()) == []
    (status,) = peers_status()
    assert (status["ok"], status["stale"], status["state"]) == (True, False, "carved")
    assert status["successor"] == {"key": NEW.key.text, "size": first.size, "root": first.root.hex()}
    assert crossed()[-1] == {**crossed()[-1], "message": "carve", "from": "us.example/log", "index": 1}
    # What came from it stays.
    assert Person.objects.filter(name="ida@us").exists()
    with pytest.raises(PeerRefused, match="closed"):
        add_peer(us.url, us.key, "us", is_private=True)


def test_nothing_behind_the_end_is_taken(us: AnotherCell, peer: Peer, owner: AnotherCell) -> None:
    end(us, shown(owner))
    us.say(ida(display_name="From beyond"))
    follow(peer)
    assert (peer.failure, peer.next_index) == ("reopened", 2)
    assert Person.objects.get(name="ida@us").display_name == "Ida"
    assert not peers_status()[0]["ok"]


@pytest.mark.parametrize(
    "change",
    [
        {"log": "third.example/log"},
        {"key": Signer("us.example/log", bytes(range(32))).key.text, "log": "us.example/log"},
        {"key": NEW.key.text.replace("+", "+00000000+", 1).replace(f"+{NEW.key.id.hex()}", "", 1)},
    ],
)
def test_an_end_that_names_nobody_is_none(
    us: AnotherCell, peer: Peer, owner: AnotherCell, change: dict[str, str]
) -> None:
    end(us, shown(owner), **change)
    us.say(ida(display_name="Still here"))
    follow(peer)
    assert peer.closed_at is None and list(_followed()) == [peer]
    assert crossed()[-2]["refused"] in ("malformed", "mismatch")
    assert Person.objects.get(name="ida@us").display_name == "Still here"


def test_people_and_their_followers_go_on_with_the_new_owner(
    us: AnotherCell, peer: Peer, owner: AnotherCell, ada: Person
) -> None:
    guest = Person.objects.get(name="ida@us")
    Follow.objects.create(follower=ada, followed=guest, at=datetime.now(UTC))
    end(us, shown(owner))
    follow(peer)
    owner.say(ida(display_name="Ida, elsewhere"))
    with pytest.raises(PeerRefused, match="keep that name"):
        add_peer(owner.url, owner.key, "new", is_private=True)
    again = follow(add_peer(owner.url, owner.key, is_private=True))
    assert (again.pk, again.key, again.state, again.failure) == (peer.pk, NEW.key.text, "open", "")
    assert list(_followed()) == [again]
    guest.refresh_from_db()
    assert (guest.name, guest.display_name) == ("ida@us", "Ida, elsewhere")
    assert Follow.objects.filter(follower=ada, followed=guest).exists()
    assert Person.objects.filter(home="us").count() == 1


def test_a_log_that_does_not_begin_as_it_was_said_does_not_take_over(
    us: AnotherCell, peer: Peer, owner: AnotherCell
) -> None:
    first = shown(owner)
    end(us, Checkpoint(first.origin, first.size, b"\5" * 32))
    follow(peer)
    before = Peer.objects.filter(pk=peer.pk).values().get()
    with pytest.raises(LogError):
        add_peer(owner.url, owner.key, is_private=True)
    assert Peer.objects.filter(pk=peer.pk).values().get() == before


def test_a_log_that_was_cut_short_does_not_take_over(us: AnotherCell, peer: Peer, owner: AnotherCell) -> None:
    end(us, Checkpoint(NEW.key.name, shown(owner).size + 1, b"\5" * 32))
    follow(peer)
    with pytest.raises(LogError):
        add_peer(owner.url, owner.key, is_private=True)
    assert Peer.objects.get(pk=peer.pk).closed_at is not None


def test_a_closed_log_puts_nobody_into_the_place_of_another_peer(
    us: AnotherCell, peer: Peer, owner: AnotherCell
) -> None:
    third = add_peer(owner.url, owner.key, "third", is_private=True)
    end(us, shown(owner))
    follow(peer)
    again = add_peer(owner.url, owner.key, "third", is_private=True)
    assert (again.pk, again.label) == (third.pk, "third")
    peer.refresh_from_db()
    assert (peer.label, peer.key, peer.state) == ("us", us.key, "carved")
    assert list(_followed()) == [third]
