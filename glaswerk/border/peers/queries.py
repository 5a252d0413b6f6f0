"""What there is to say of peers."""

from datetime import timedelta
from typing import Any, Final

from django.db.models import Count
from django.utils import timezone

from glaswerk.border.models import Arrival, Cosignature, Peer
from glaswerk.border.peers.following import policy_of
from glaswerk.cell.models import Record
from glaswerk.tlog import open_checkpoint

# A living cell says its counts every day, so a log that has not grown for this long is not what it was.
STALE_AFTER: Final = timedelta(hours=36)


def peers_status() -> list[dict[str, Any]]:
    """Return what is known of every peer that is followed.  Five queries a peer."""
    return [_status(peer) for peer in Peer.objects.filter(removed_at=None).order_by("label")]


def _status(peer: Peer) -> dict[str, Any]:
    policy = policy_of(peer.key)
    seen = open_checkpoint(bytes(peer.checkpoint), policy).checkpoint if peer.checkpoint else None
    here = dict(Arrival.objects.filter(peer=peer).values_list("about").annotate(number=Count("pk")).order_by("about"))
    said = Record.objects.filter(kind="cross.in", facts__from=policy.key.name)
    grown = peer.grown_at or peer.added_at
    return {
        "name": peer.label,
        "url": peer.url,
        "key": peer.key,
        "state": peer.state,
        "ok": not peer.failure,
        "failure": peer.failure,
        "detail": peer.detail,
        "failed_at": peer.failed_at.isoformat() if peer.failed_at else None,
        # Nothing is expected of a log that was closed.
        "stale": peer.closed_at is None and timezone.now() - grown > STALE_AFTER,
        "closed_at": peer.closed_at.isoformat() if peer.closed_at else None,
        "successor": {"key": peer.successor, "size": peer.successor_size, "root": peer.successor_root}
        if peer.closed_at
        else None,
        "looked_at": peer.looked_at.isoformat() if peer.looked_at else None,
        "grown_at": peer.grown_at.isoformat() if peer.grown_at else None,
        "entries": seen.size if seen else 0,
        "root": seen.root.hex() if seen else "",
        "taken": peer.next_index,
        "here": {about: here.get(about, 0) for about in ("profile", "video", "offer")},
        "refused": said.filter(facts__has_key="refused").count(),
        "witness": _witness(peer),
    }


def _witness(peer: Peer) -> dict[str, Any]:
    """How it stands with the peer's cosignatures of this cell's own log."""
    last = Cosignature.objects.filter(peer=peer).first()
    refused = peer.refused_cosignatures.order_by("-pk").first()
    return {
        "key": peer.witness,
        "size": last.size if last else None,
        "time": last.time if last else None,
        "refused": refused.word if refused else "",
    }
