"""The courier in the dark: it asks nobody for anything and tries no write that is refused, and goes on afterwards."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection

from glaswerk.border import courier
from glaswerk.border.models import Peer
from glaswerk.border.peers.actions import add_peer
from glaswerk.border.peers.fetching import Source
from glaswerk.border.peers.following import take_turn
from glaswerk.border.sunset import actions, keeping
from glaswerk.border.sunset.still import own_connection
from glaswerk.people.models import Person
from tests.border.cells.another_cell import AnotherCell, another_cell, ida

from .conftest import SIGNED

pytestmark = pytest.mark.usefixtures("sunset")


@pytest.fixture
def us(tmp_path: Path) -> Iterator[AnotherCell]:
    with another_cell(tmp_path / "us") as other:
        yield other


def turn(peer: Peer) -> None:
    with Source(peer, 10, 10) as source:
        take_turn(peer, source)


def test_the_courier_rests_in_the_dark_and_goes_on_when_it_is_over(us: AnotherCell) -> None:
    peer = add_peer(us.url, us.key, "us", is_private=True)
    us.say(ida())
    actions.make_dark(SIGNED)
    with pytest.raises(DatabaseError, match="dark"):
        turn(peer)
    connection.close()
    asked = len(us.asked)
    with own_connection(settings.CELL) as lock:
        courier._follow_until_it_fails(peer.pk, lock)
    courier._speak_until_it_fails()
    resting = threading.Thread(target=keeping.rest_in_the_dark)
    resting.start()
    assert len(us.asked) == asked and resting.is_alive()
    assert not Person.objects.exists()
    peer.refresh_from_db()
    assert (peer.failure, peer.next_index) == ("", 0)
    actions.resume(SIGNED)
    resting.join()
    turn(peer)
    assert Person.objects.get().name == "ida@us"


def test_a_cell_that_is_only_read_follows_on(us: AnotherCell) -> None:
    peer = add_peer(us.url, us.key, "us", is_private=True)
    us.say(ida())
    actions.make_readonly(SIGNED)
    assert not keeping.is_dark()
    turn(peer)
    assert Person.objects.get().name == "ida@us"
