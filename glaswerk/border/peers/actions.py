"""What an operator does with peers."""

import re
from typing import Final
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from glaswerk.border.models import Peer
from glaswerk.border.peers import effects
from glaswerk.border.peers.closing import check_succession
from glaswerk.border.peers.fetching import Source
from glaswerk.border.peers.following import look
from glaswerk.people.names import CELL_PATTERN
from glaswerk.tlog import LogError, VerifierKey

_LABEL: Final = re.compile(CELL_PATTERN)


class PeerRefused(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """A peer that cannot be followed; `field` is what was given, and the message says what to do about it."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field


def log_address(url: str) -> str:
    """Return the address of a cell's log, from that address or the cell's own.  Raises PeerRefused."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise PeerRefused("url", "give the address of the cell or of its log, such as https://video.example")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/log') else f'{path}/log'}"


def add_peer(url: str, key: str, label: str = "", *, is_private: bool = False) -> Peer:
    """Begin to follow a cell, after a look at its log.  Raises PeerRefused, and LogError where the log is not what it says.

    Nothing is kept of a log that does not hold.
    """
    address = log_address(url)
    try:
        VerifierKey.parse(key.strip())
    except LogError as error:
        raise PeerRefused("key", f"{error.detail}; `glaswerk log key` prints it there") from None
    if VerifierKey.parse(key.strip()).name == effects.own_origin():
        raise PeerRefused("key", "this is the key of this cell's own log")
    called = label or (urlsplit(address).hostname or "").removeprefix("www.")
    if not _LABEL.fullmatch(called):
        raise PeerRefused("name", "give --name: up to 32 letters, digits, dashes and dots, such as us or video.example")
    with transaction.atomic():
        closed = Peer.objects.select_for_update().filter(successor=key.strip(), removed_at=None).first()
        # A cell that is followed already takes nobody's place, whatever a closed log says of it.
        if closed is not None and not Peer.objects.filter(key=key.strip()).exists():
            return _take_over(closed, key.strip(), address, label, is_private=is_private)
        known = Peer.objects.select_for_update().filter(Q(key=key.strip()) | Q(label=called)).first()
        if known is not None and known.key == key.strip() and known.closed_at is not None:
            raise PeerRefused("key", f"this log was closed; it goes on with the key {known.successor}")
        if known is not None and known.key != key.strip():
            raise PeerRefused("name", f"another cell is or was called {called}; choose another name")
        if known is not None and known.removed_at is None and known.label != called:
            raise PeerRefused("key", f"this cell is followed already, as {known.label}")
        # Who was followed before is held to what its log has shown then; who is followed now may have moved.
        peer = known or Peer(key=key.strip())
        if peer.removed_at is not None:
            peer.removed_at, peer.next_index, peer.added_at = None, 0, timezone.now()
        peer.label, peer.url, peer.is_private = called, address, is_private
        peer.save()
        with Source(peer) as source:
            look(peer, source)
    return peer


def _take_over(peer: Peer, key: str, address: str, label: str, *, is_private: bool) -> Peer:
    """Go on with the log that a closed one named; its people and videos are the same ones, and so are those who follow them."""
    if label not in ("", peer.label):
        raise PeerRefused("name", f"this cell goes on from {peer.label}, and its people keep that name; give no other")
    named = Peer(successor_size=peer.successor_size, successor_root=peer.successor_root)
    peer.key, peer.url, peer.is_private, peer.state, peer.notice = key, address, is_private, "open", ""
    peer.checkpoint, peer.next_index, peer.witness, peer.grown_at = b"", 0, "", None
    peer.closed_at, peer.successor, peer.successor_size, peer.successor_root = None, "", None, ""
    peer.added_at = timezone.now()
    peer.save()
    with Source(peer) as source:
        trusted = look(peer, source)
        assert trusted.last is not None
        check_succession(named, source.fetch, trusted.last.checkpoint)
    return peer


def remove_peer(label: str) -> int:
    """Follow a cell no more, and remove everything that came from it; return how many things that were."""
    with transaction.atomic():
        peer = Peer.objects.select_for_update().filter(label=label, removed_at=None).first()
        if peer is None:
            raise PeerRefused("name", f"no peer is called {label}; `glaswerk peer list` names them")
        Peer.objects.filter(pk=peer.pk).update(removed_at=timezone.now())
    return effects.forget_all(peer)
