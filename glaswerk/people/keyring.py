"""Everybody's own keys: a data key that what is stored about them is encrypted with, and a salt that names them in the log.

Both lie in the database wrapped by the cell's key holder (`cell/key_holder.py`).  Destroying them makes noise of every
encrypted value about their owner, in every backup too, and unlinks every entry of the public log that is about them.

An owner is named by a number: a person's id, or that of a guest who buys without an account, which is negative.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from threading import Lock
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from glaswerk.cell.key_holder import (
    KeyDestroyed,
    KeyHolder,
    KeyLost,
    LocalKeyHolder,
    NoWarrant,
    Warrant,
    owner_name,
    pseudonym_with,
)
from glaswerk.cell.records import log_policy
from glaswerk.people.models import DataKey, Person

__all__ = [
    "KeyDestroyed",
    "KeyLost",
    "NoWarrant",
    "Warrant",
    "commitment",
    "destroy_keys",
    "load_keys",
    "pseudonym",
    "seal",
    "unseal",
]

_FORMAT: Final = b"\x01"
_NONCE: Final = 12
_SIZE: Final = 32
_MOST_CACHED: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Keys:
    data: AESGCM
    salt: bytes


class _Cache:
    """Keys that were unwrapped, the least used ones forgotten first.  Whether they still may be used, the holder says."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], _Keys] = OrderedDict()
        self._lock = Lock()

    def get(self, owner: int) -> _Keys | None:
        """The owner's keys, unless they are not here or were destroyed by anybody."""
        name = (str(settings.CELL.keys), owner)
        with self._lock:
            found = self._kept.get(name)
            if found is not None:
                self._kept.move_to_end(name)
        if found is not None and not key_holder().holds(owner):
            self.drop(owner)
            return None
        return found

    def drop(self, owner: int) -> None:
        """Forget an owner's keys."""
        with self._lock:
            self._kept.pop((str(settings.CELL.keys), owner), None)

    def put(self, owner: int, keys: _Keys) -> None:
        """Keep an owner's keys."""
        with self._lock:
            self._kept[str(settings.CELL.keys), owner] = keys
            while len(self._kept) > _MOST_CACHED:
                self._kept.popitem(last=False)


_cache = _Cache()


def key_holder() -> KeyHolder:
    """Whoever holds this cell's key."""
    return LocalKeyHolder(settings.CELL.keys, partial(log_policy, settings.CELL))


# Who reads, where it is not the cell itself at work for somebody: staff, and what they have to show for an owner.
Door = Callable[[int, str], Warrant]
_door: ContextVar[Door | None] = ContextVar("door", default=None)


@contextmanager
def through(door: Door) -> Iterator[None]:
    """Let everything that is decrypted meanwhile be read through a door, which gives a warrant for it or raises NoWarrant."""
    token = _door.set(door)
    try:
        yield
    finally:
        _door.reset(token)


def show_warrant(owner: int, warrant: Warrant) -> None:
    """Return when the key holder takes this warrant.  Raises NoWarrant and KeyDestroyed."""
    row = DataKey.objects.filter(owner=owner, destroyed_at=None).first()
    if row is None:
        raise KeyDestroyed(f"there is no key of {owner_name(owner)}")
    key_holder().unwrap_for(owner, bytes(row.wrapped), warrant)


def pseudonym(person: Person) -> str:
    """How a person appears in the public log: HMAC-SHA256(their salt, their id).  Raises KeyDestroyed."""
    return pseudonym_of(person.pk)


def pseudonym_of(owner: int) -> str:
    """The same of any owner's id."""
    return pseudonym_with(_keys(owner).salt, owner)


def commitment(person: Person, text: str) -> str:
    """A hash that binds a text about a person without telling it: HMAC-SHA256(their salt, SHA-256 of the text)."""
    return hmac.digest(_keys(person.pk).salt, b"text/" + sha256(text.encode()).digest(), "sha256").hex()


def seal(owner: int, place: str, text: str) -> bytes:
    """Encrypt a text for one place, such as `table/column/row`: anywhere else it is noise.  Raises KeyDestroyed."""
    nonce = secrets.token_bytes(_NONCE)
    return _FORMAT + nonce + _keys(owner).data.encrypt(nonce, text.encode(), place.encode())


def unseal(owner: int, place: str, data: bytes) -> str:
    """Decrypt what `seal` made.

    Raises KeyDestroyed, KeyLost where it is not what was sealed there, and NoWarrant where staff read who may not.
    """
    if data[:1] != _FORMAT:
        raise KeyLost(f"{place} holds no encrypted value")
    if (door := _door.get()) is not None:
        show_warrant(owner, door(owner, place.partition("/")[0]))
    try:
        return _keys(owner).data.decrypt(data[1 : 1 + _NONCE], data[1 + _NONCE :], place.encode()).decode()
    except (InvalidTag, ValueError):
        raise KeyLost(f"{place} was not encrypted for this place with its owner's key") from None


def load_keys(owners: Iterable[int]) -> None:
    """Have these owners' keys at hand, for lists.  One query; nothing is made for those who have none."""
    missing = [owner for owner in set(owners) if _cache.get(owner) is None]
    for row in DataKey.objects.filter(pk__in=missing, destroyed_at=None):
        _keep(row.owner, _unwrapped(row))


def destroy_keys(owner: int) -> None:
    """Destroy an owner's keys for ever, with the commit of the transaction around the call.  Safe to run again."""
    marked = {"wrapped": b"", "destroyed_at": timezone.now()}
    _, made = DataKey.objects.get_or_create(owner=owner, defaults=marked)
    if not made:
        DataKey.objects.filter(owner=owner, destroyed_at=None).update(**marked)
    transaction.on_commit(partial(_destroy, owner))


def _destroy(owner: int) -> None:
    # Where a kill comes before this, `finish_destroying` makes up for it.
    _cache.drop(owner)
    key_holder().destroy(owner)


def finish_destroying() -> int:
    """Have the holder forget whatever was to be destroyed, also what a kill or an old backup kept.  Returns how many."""
    holder, late = key_holder(), 0
    for owner in DataKey.objects.exclude(destroyed_at=None).values_list("owner", flat=True).iterator():
        if holder.holds(owner):
            holder.destroy(owner)
            late += 1
    return late


def _keys(owner: int) -> _Keys:
    found = _cache.get(owner)
    if found is None:
        row = DataKey.objects.filter(owner=owner).first() or _made(owner)
        if row.destroyed_at is not None:
            raise KeyDestroyed(f"the key of {owner_name(owner)} was destroyed")
        found = _unwrapped(row)
        _keep(owner, found)
    return found


def _made(owner: int) -> DataKey:
    wrapped = key_holder().wrap(owner, secrets.token_bytes(2 * _SIZE))
    # Whoever else makes it at the same moment is waited for, and then theirs is taken.
    DataKey.objects.bulk_create([DataKey(owner=owner, wrapped=wrapped)], ignore_conflicts=True)
    return DataKey.objects.get(owner=owner)


def _unwrapped(row: DataKey) -> _Keys:
    unwrapped = key_holder().unwrap(row.owner, bytes(row.wrapped))
    return _Keys(AESGCM(unwrapped[:_SIZE]), unwrapped[_SIZE:])


def _keep(owner: int, keys: _Keys) -> None:
    """Keep keys once it is certain that their row stays: what is encrypted under a key that was rolled back is lost."""
    transaction.on_commit(partial(_cache.put, owner, keys))
