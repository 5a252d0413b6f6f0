"""When a peer's log ends for good: the entry by which it does names the log that goes on, and nothing more comes from it.

What came from it stays, and is shown as before, until an operator follows the new owner's log (`add_peer`) or removes the
peer.  Nobody is followed by himself: who signs for a cell from now on is a matter of trust.
"""

import hashlib

from django.db import transaction
from django.utils import timezone

from glaswerk.border.models import Peer
from glaswerk.border.peers import effects
from glaswerk.border.peers.fetching import Refused
from glaswerk.cell.entries import Entry, EntryKind
from glaswerk.cell.records import record
from glaswerk.tlog import Checkpoint, LogError, LogReader, VerifierKey
from glaswerk.tlog.reader import Fetch

CARVED = "carved"


def closes(entry: Entry) -> bool:
    """Whether a log ends with this entry."""
    return entry.kind is EntryKind.CARVE and entry.facts["step"] == "finish" and "key" in entry.facts


def close_peer(peer: Peer, index: int, data: bytes, entry: Entry) -> None:
    """Follow the peer no further than this entry of it, and remember the log that goes on.  Raises Refused."""
    facts = entry.facts
    try:
        key = VerifierKey.parse(str(facts["key"]))
    except LogError as error:
        raise Refused("malformed", error.detail) from None
    if key.name != facts.get("log") or "size" not in facts or "head" not in facts:
        raise Refused("malformed", "it does not say which log goes on")
    if key.text == peer.key or key.name == effects.own_origin():
        raise Refused("mismatch", "a log cannot go on as itself or as that of this cell")
    with transaction.atomic():
        effects.move_past(peer, index)
        Peer.objects.filter(pk=peer.pk).update(
            state=CARVED,
            closed_at=timezone.now(),
            successor=key.text,
            successor_size=facts["size"],
            successor_root=facts["head"],
            failure="",
            detail="",
            failed_at=None,
        )
        record(
            EntryKind.CROSS_IN,
            {
                "message": "carve",
                "sha256": hashlib.sha256(data).hexdigest(),
                "from": VerifierKey.parse(peer.key).name,
                "index": index,
            },
        )
    peer.refresh_from_db()


def check_succession(peer: Peer, fetch: Fetch, shown: Checkpoint) -> None:
    """Return when the log that is shown begins with the checkpoint that the closed one named.  Raises LogError."""
    assert peer.successor_size is not None
    first = Checkpoint(shown.origin, peer.successor_size, bytes.fromhex(peer.successor_root))
    LogReader(fetch, shown).consistency(first)
