"""Moves between cells: the halves that peers say, and what happens when both halves of one are here.

A half alone does nothing.  Each is believed only from the cell whose account it is about, so a move needs both cells, and
in each of them the person, signed in.  Whatever says a half or takes one holds one lock, so that of two halves that come
at the same moment the later one finds the earlier.
"""

import uuid
from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from glaswerk.border import outbox
from glaswerk.border.messages import Move
from glaswerk.border.models import Arrival, MoveHalf, Peer
from glaswerk.border.peers.effects import own_origin, person_of
from glaswerk.border.peers.fetching import Refused
from glaswerk.cell.ids import decode_id, encode_id, now_ms
from glaswerk.cell.locks import Lock
from glaswerk.cell.log import publish_sync
from glaswerk.people.models import Person
from glaswerk.social.models import Block, Follow
from glaswerk.tlog import VerifierKey

# Clocks of two cells may differ by this much.
_AHEAD: Final = timedelta(days=1)
_EVENTS: Final = uuid.UUID("6f1f4c36-2f0b-4a53-9a50-5f0a9d1c7e42")


def origin_of(peer: Peer) -> str:
    """The name of a peer's log."""
    return VerifierKey.parse(peer.key).name


def hold_moves() -> None:
    """Let nobody else say or take a half until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [Lock.MOVES])


def halves_about(person: Person) -> QuerySet[MoveHalf]:
    """Every half that names an account of this cell, whoever said it."""
    here = own_origin()
    named = Q(home=here, item=person.pk) | Q(to=here, to_item=person.pk)
    return MoveHalf.objects.filter(Q(person=person) | named)


def take_half(peer: Peer, index: int, message: Move) -> None:
    """Keep the half that a peer says, in the caller's transaction, and move whom it completes.  Raises Refused."""
    hold_moves()
    origin = origin_of(peer)
    if (message.home == origin) == (message.to == origin):
        raise Refused("mismatch", "a move is said by the cell that it leads from or to, and leads from one to another")
    if sum(origin_of(one) == origin for one in Peer.objects.filter(removed_at=None)) != 1:
        raise Refused("ambiguous", "the logs of two peers have one name")
    if message.at > now_ms() + _AHEAD / timedelta(milliseconds=1):
        raise Refused("time", "this moment has not been yet")
    earlier = _said_of(peer, message.id if message.home == origin else message.to_id)
    if earlier.filter(at__gte=message.at).exists():
        raise Refused("replayed", "this was said before")
    there, account = (message.to, message.to_id) if message.home == origin else (message.home, message.id)
    if there == own_origin() and not _people_here().filter(pk=decode_id(account)).exists():
        raise Refused("nobody", "there is no such account in this cell")
    earlier.filter(withdrawn_at=None).update(withdrawn_at=timezone.now(), name="", to_name="")
    half = MoveHalf.objects.create(
        said_by=peer,
        home=message.home,
        item=decode_id(message.id),
        name=message.name,
        to=message.to,
        to_item=decode_id(message.to_id),
        to_name=message.to_name,
        at=message.at,
    )
    settle(half, index)


def forget_half(peer: Peer, public_id: str) -> None:
    """Let what a peer said of one of its accounts count no more; a move that happened has happened."""
    hold_moves()
    _said_of(peer, public_id).filter(withdrawn_at=None).update(withdrawn_at=timezone.now(), name="", to_name="")


def settle(half: MoveHalf, index: int = 0) -> bool:
    """Move the person of a half if the other one is here too and nothing stands against it; return whether it was done.

    The caller holds the lock of moves, and `index` is the entry by which a peer's half came.  Raises Refused.
    """
    pair = Q(home=half.home, item=half.item, to=half.to, to_item=half.to_item)
    # Whoever leaves, or stays in their region, changes their row first, and what they said falls with it.
    own = [item for origin, item in ((half.home, half.item), (half.to, half.to_item)) if origin == own_origin()]
    list(Person.objects.select_for_update().filter(pk__in=own))
    halves = MoveHalf.objects.filter(pair, withdrawn_at=None).select_related("said_by")
    leaving = next((one for one in halves if _origin(one) == one.home), None)
    coming = next((one for one in halves if _origin(one) == one.to), None)
    if leaving is None or coming is None:
        return False
    for one, other in ((leaving, coming), (coming, leaving)):
        if one.person_id is not None and one.other_id != other.said_by_id:
            # Another log of the same name is not the cell that this person meant.
            return False
    before = _account(leaving.said_by, leaving.item)
    if before is None or before.moved_at is not None or not before.is_active:
        return False
    after = _account(coming.said_by, coming.to_item)
    if after is None and coming.said_by is not None:
        after = person_of(coming.said_by, index, encode_id(coming.to_item), coming.to_name)
    # Who has moved away is nowhere to follow, so moves make no circle.
    if after is None or after.moved_at is not None or not after.is_active:
        return False
    now = timezone.now()
    Person.objects.filter(pk=before.pk).update(moved_to=after, moved_at=now)
    MoveHalf.objects.filter(pk__in=[leaving.pk, coming.pk]).update(done_at=now)
    outbox.carry_later(before.pk)
    return True


def carry_followers(person_id: int) -> int:
    """Have whoever follows somebody that moved follow the new account instead; return how many that were.

    They are told of as if they had pressed both buttons at the moment of the move, by events whose ids are the same however
    often they are sent.  Whoever has blocked the new account, or is blocked by it, follows it not.  Raises LogUnavailable.
    """
    person = Person.objects.filter(pk=person_id, moved_to__isnull=False).first()
    if person is None or person.moved_at is None:
        return 0
    new, at = person.moved_to_id, int(person.moved_at.timestamp() * 1000)
    assert new is not None
    blocks = Block.objects.filter(Q(blocker=new) | Q(blocked=new)).values_list("blocker_id", "blocked_id")
    apart = {number for pair in blocks for number in pair} | {new}
    followers = Follow.objects.filter(followed=person).order_by("pk").values_list("follower_id", flat=True)
    carried = 0
    for follower in [one for one in followers if one not in apart]:
        events: list[dict[str, Any]] = [
            {"id": _event_id(person, follower, kind), "kind": kind, "at": at, "creator": creator}
            for kind, creator in (("follow", new), ("unfollow", person.pk))
        ]
        publish_sync("events", {"viewer": follower, "slate": None, "events": events})
        carried += 1
    return carried


def _event_id(person: Person, follower: int, kind: str) -> str:
    return str(uuid.uuid5(_EVENTS, f"{person.public_id}:{encode_id(follower)}:{kind}"))


def _said_of(peer: Peer, public_id: str) -> QuerySet[MoveHalf]:
    """What a peer said of one of its accounts."""
    origin, item = origin_of(peer), decode_id(public_id)
    return MoveHalf.objects.filter(Q(home=origin, item=item) | Q(to=origin, to_item=item), said_by=peer)


def _people_here() -> QuerySet[Person]:
    return Person.objects.filter(home="", is_active=True)


def _origin(half: MoveHalf) -> str:
    return own_origin() if half.said_by is None else origin_of(half.said_by)


def _account(peer: Peer | None, item: int) -> Person | None:
    """Who stands here for an account: of this cell, or of a peer."""
    if peer is None:
        return _people_here().filter(pk=item).first()
    known = Arrival.objects.filter(peer=peer, about="profile", item=item).select_related("person").first()
    return known.person if known is not None else None
