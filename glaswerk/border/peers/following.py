"""Following one peer: its checkpoint, held against everything that it showed before, and then its entries in their order.

A checkpoint that is refused changes nothing, and says so at the peer (`failure`) until the log is itself again.  How far the
entries were taken stands in the peer's row, and moves with what each of them did.
"""

from itertools import count
from typing import Final

from django.utils import timezone

from glaswerk.border.models import Peer
from glaswerk.border.peers.fetching import Source
from glaswerk.border.peers.taking import Busy, take_entry
from glaswerk.border.peers.witnessing import cosign
from glaswerk.tlog import LogError, LogReader, Policy, TrustedLog, VerifierKey, follow

# Then the checkpoint is looked at again.
MOST_AT_ONCE: Final = 2048


def policy_of(key: str) -> Policy:
    """Whose word counts about a log with this key.  Raises LogError where it is no key of a log."""
    return Policy(VerifierKey.parse(key))


def look(peer: Peer, source: Source) -> TrustedLog:
    """Accept the peer's checkpoint of now, and remember it.  Raises LogError, and what was remembered stays then."""
    trusted = TrustedLog(policy_of(peer.key), bytes(peer.checkpoint) or None)
    grown = follow(trusted, source.fetch)
    assert trusted.last is not None
    now = timezone.now()
    changes = {
        "checkpoint": trusted.last.note,
        "cosigned": cosign(trusted.last.note, VerifierKey.parse(peer.key), int(now.timestamp())),
        "looked_at": now,
        "failure": "",
        "detail": "",
        "failed_at": None,
    }
    if grown:
        changes["grown_at"] = now
    _change(peer, **changes)
    return trusted


def take_turn(peer: Peer, source: Source) -> bool:
    """Take what the peer's log has that was not taken yet, a stretch of it at most; return whether there is more.

    What keeps it from going on is noted at the peer, and nothing is raised but what a lost database does.
    """
    try:
        trusted = look(peer, source)
        assert trusted.last is not None
        size, start = trusted.last.checkpoint.size, peer.next_index
        end = min(size, start + MOST_AT_ONCE)
        if start >= size:
            return False
        reader = LogReader(source.fetch, trusted.last.checkpoint)
        for index, data in zip(count(start), reader.entries(start, end), strict=False):
            try:
                take_entry(peer, index, data, source)
                if peer.closed_at is not None:
                    if size > index + 1:
                        note_failure(peer, "reopened", "Its log goes on behind the entry that closed it.")
                    return False
            except Busy:
                _advance(peer, index)
                return False
            except (LogError, OSError):
                _advance(peer, index)
                raise
        _advance(peer, end)
    except LogError as error:
        note_failure(peer, error.reason.value, error.detail)
        return False
    except OSError as error:
        note_failure(peer, "storage", error.strerror or str(error))
        return False
    return end < size


def note_failure(peer: Peer, word: str, detail: str) -> None:
    """Say at the peer why nothing is taken from it."""
    _change(peer, failure=word[:20], detail=detail[:500], failed_at=timezone.now())


def _advance(peer: Peer, index: int) -> None:
    if peer.next_index < index:
        Peer.objects.filter(pk=peer.pk, next_index__lt=index).update(next_index=index)
        peer.next_index = index


def _change(peer: Peer, **fields: object) -> None:
    Peer.objects.filter(pk=peer.pk).update(**fields)
    for name, value in fields.items():
        setattr(peer, name, value)
