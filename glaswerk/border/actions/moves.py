"""What somebody says of their own move, here: that they go to another cell, or that they come from one."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.border.failures import RightsError
from glaswerk.border.models import Arrival, MoveHalf, Peer
from glaswerk.border.peers.effects import own_origin
from glaswerk.border.peers.fetching import Refused
from glaswerk.border.peers.moving import hold_moves, origin_of, settle
from glaswerk.cell.ids import now_ms
from glaswerk.people.models import Person
from glaswerk.social.models import Block
from glaswerk.videos.reuse import is_protected


def say_half(person: Person, label: str, name: str, *, goes: bool) -> MoveHalf:
    """Say this cell's half of a move: to an account of a peer where one `goes`, and else from it.  Raises RightsError.

    The peer is named by its label here, and the account by its name there.  It counts once the other cell says the same.
    """
    with transaction.atomic():
        hold_moves()
        owner = Person.objects.select_for_update().get(pk=person.pk, is_active=True)
        _check_may_move(owner)
        peer = Peer.objects.filter(label=label, removed_at=None, closed_at=None).first()
        if peer is None:
            raise RightsError("cell", _("This cell does not follow that one. Please choose one of the list."))
        plain = name.strip().lower().lstrip("@").removesuffix(f"@{peer.label}")
        account = _account(owner, peer, plain)
        here, there = (own_origin(), owner.pk, owner.name), (origin_of(peer), account, plain)
        (home, item, before), (to, to_item, after) = (here, there) if goes else (there, here)
        earlier = MoveHalf.objects.filter(person=owner)
        last = earlier.order_by("-at").first()
        # A later move takes the place of an earlier one, which has happened.
        earlier.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
        half = MoveHalf.objects.create(
            person=owner,
            other=peer,
            home=home,
            item=item,
            name=before,
            to=to,
            to_item=to_item,
            to_name=after,
            at=max(now_ms(), last.at + 1 if last else 0),
        )
        try:
            settle(half)
        except Refused:
            raise RightsError(
                "name", _("Two accounts of that cell have this name here. Ask the operator."), 409
            ) from None
        half.refresh_from_db()
    return half


def withdraw_half(person: Person) -> None:
    """Take back what somebody said of their move, while the other half is not here.  Raises RightsError where it is."""
    with transaction.atomic():
        hold_moves()
        if not MoveHalf.objects.filter(person=person, withdrawn_at=None, done_at=None).update(
            withdrawn_at=timezone.now()
        ):
            raise RightsError("move", _("There is nothing to take back: both cells have said it, or none."), 409)


def _check_may_move(person: Person) -> None:
    if person.moved_at is not None:
        raise RightsError("move", _("This account has moved already."), 409)
    if person.stays_in_region:
        raise RightsError(
            "move", _("You stay in your region, so no other cell is told of you. Change that first."), 409
        )
    if is_protected(person):
        raise RightsError("move", _("Until you are sixteen, no other cell is told of you."), 403)
    if MoveHalf.objects.filter(person=person, withdrawn_at=None, done_at=None).exists():
        raise RightsError("move", _("You have said where you move already. Take that back first."), 409)


def _account(person: Person, peer: Peer, name: str) -> int:
    """Return the id of an account of a peer, by its name there.  Raises RightsError where none can be meant."""
    known = Arrival.objects.filter(peer=peer, about="profile", person__name=f"{name}@{peer.label}")
    arrival = known.select_related("person").first()
    if arrival is None:
        # Somebody who has not published yet is known by nothing but what they say of this very move.
        return _by_their_half(person, peer, name)
    account = arrival.person
    assert account is not None
    if not account.is_active or Block.objects.filter(blocker=person, blocked=account).exists():
        raise RightsError("name", _("You cannot move to or from this account."), 409)
    if account.moved_at is not None:
        raise RightsError("name", _("That account has moved already."), 409)
    return arrival.item


def _by_their_half(person: Person, peer: Peer, name: str) -> int:
    here, there = own_origin(), origin_of(peer)
    said = MoveHalf.objects.filter(said_by=peer, withdrawn_at=None)
    comes = said.filter(home=there, name=name, to=here, to_item=person.pk).first()
    if comes is not None:
        return comes.item
    goes = said.filter(home=here, item=person.pk, to=there, to_name=name).first()
    if goes is not None:
        return goes.to_item
    raise RightsError(
        "name", _("Nobody of that name is known here. Check the name, or begin with the other cell and come back.")
    )
