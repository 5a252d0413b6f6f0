"""Cells are each other's witnesses: each cosigns the checkpoints of the logs that it follows (C2SP tlog-cosignature, v1).

A cell signs only what it has held against everything that the log had shown it before, and publishes its last word about
each log as a file; nothing is sent.  Each fetches what its peers say of its own log, and holds it against the log itself.
What contradicts it, or an earlier word of the same peer, is refused, kept, and told of in the log: either somebody was
shown another log in this cell's name, or the peer signs what it has not seen.
"""

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from glaswerk.border.models import Cosignature, Peer, RefusedCosignature
from glaswerk.border.peers.fetching import Source
from glaswerk.cell.entries import EntryKind
from glaswerk.cell.public_log import log_key, log_signer, log_witness
from glaswerk.cell.records import log_policy, record
from glaswerk.tlog import (
    Checkpoint,
    LogError,
    LogReader,
    Note,
    Reason,
    Signature,
    VerifierKey,
    folder_fetch,
    read_checkpoint,
)
from glaswerk.tlog.note import LONGEST_NOTE

FOLDER: Final = "witness"
KEY_NAME: Final = "key"
_KEY_TEXT: Final = "glaswerk/witness/v1"
# Clocks of two cells may differ by this much.
_AHEAD_S: Final = int(timedelta(days=1).total_seconds())
# Of each peer so many are kept; a peer that floods this cell with contradictions says nothing new with the next one.
_MOST_REFUSED: Final = 100
_logger = structlog.get_logger("glaswerk.border")


class _Refused(Exception):  # noqa: N818 - it says what happened, not that something broke.
    def __init__(self, word: str, checkpoint: Checkpoint | None = None) -> None:
        super().__init__(word)
        self.word = word
        self.checkpoint = checkpoint


def name_of(origin: str) -> str:
    """The name of the file about a log."""
    return hashlib.sha256(origin.encode()).hexdigest()


def cosign(note: bytes, key: VerifierKey, now: int) -> bytes:
    """Return a checkpoint that was accepted with its log's signature and this cell's cosignature.  `now`: POSIX seconds."""
    said = Note.parse(note)
    own = log_witness(settings.CELL).cosign(said.text, now)
    return Note(said.text, (*_lines_of(said, key), own)).encode()


def key_note() -> bytes:
    """Return the key by which this cell cosigns, signed by that of its log.  Raises LogError where the log was closed."""
    signer = log_signer(settings.CELL)
    return signer.sign(f"{_KEY_TEXT}\n{signer.key.name}\n{log_witness(settings.CELL).key.text}\n").encode()


def read_key(data: bytes, log: VerifierKey) -> VerifierKey:
    """Return the key by which the cell with this log cosigns.  Raises LogError."""
    note = Note.parse(data)
    if log not in note.verified([log]):
        raise LogError(Reason.SIGNATURE, f"{log.name} did not sign the key of its witness")
    start = f"{_KEY_TEXT}\n{log.name}\n"
    if not note.text.startswith(start):
        raise LogError(Reason.MALFORMED, "this is not the key of a witness")
    return VerifierKey.parse(note.text.removeprefix(start).removesuffix("\n"))


def take_cosignature(peer: Peer, source: Source, now: Callable[[], float] = time.time) -> bool:
    """Fetch what the peer says of this cell's log; return whether there was something new, and right.

    What cannot be fetched is not there yet or comes another time.  What is wrong is kept and told of once.
    """
    try:
        data = source.fetch(f"{FOLDER}/{name_of(log_key(settings.CELL).name)}", LONGEST_NOTE)
        last = Cosignature.objects.filter(peer=peer).first()
        try:
            note, line, checkpoint, at = _checked(peer, source, data, last, int(now()))
        except _Refused as refused:
            _keep_refused(peer, data, refused)
            return False
    except LogError as error:
        if error.reason not in (Reason.MISSING, Reason.UNREACHABLE):
            _logger.warning("a cosignature cannot be taken", peer=peer.label, reason=str(error)[:300])
        return False
    if last is not None and (last.size, last.time) == (checkpoint.size, at):
        return False
    own = log_signer(settings.CELL).sign(note.text)
    Cosignature.objects.update_or_create(
        peer=peer,
        defaults={
            "note": Note(note.text, (*own.signatures, line)).encode(),
            "size": checkpoint.size,
            "time": at,
            "taken_at": timezone.now(),
        },
    )
    return True


def _checked(
    peer: Peer, source: Source, data: bytes, last: Cosignature | None, now: int
) -> tuple[Note, Signature, Checkpoint, int]:
    """Return what the peer has cosigned, its line and the time.  Raises _Refused, and LogError where another try may help."""
    try:
        note = Note.parse(data)
        checkpoint = Checkpoint.parse(note.text)
    except LogError:
        raise _Refused("malformed") from None
    own = log_key(settings.CELL)
    if checkpoint.origin != own.name:
        raise _Refused("origin", checkpoint)
    if checkpoint.extensions:
        # This cell's checkpoints have none, and it must not put its name to what others have written.
        raise _Refused("made_up", checkpoint)
    try:
        key, at = _signed(note, _key_of(peer, source, note))
    except LogError as error:
        if error.reason is not Reason.SIGNATURE:
            raise
        raise _Refused("signature", checkpoint) from None
    lines = _lines_of(note, key)
    if at is None or len(lines) != 1:
        raise _Refused("key", checkpoint)
    if at > now + _AHEAD_S:
        raise _Refused("future", checkpoint)
    if last is not None and at < last.time:
        raise _Refused("older", checkpoint)
    if last is not None and checkpoint.size < last.size:
        raise _Refused("rollback", checkpoint)
    _check_is_ours(note, checkpoint)
    return note, lines[0], checkpoint, at


def _key_of(peer: Peer, source: Source, note: Note) -> VerifierKey | None:
    """The peer's key as a witness.  It is asked for where it is not known, or where another one has signed."""
    known = VerifierKey.parse(peer.witness) if peer.witness else None
    if known is not None and _lines_of(note, known):
        return known
    said = read_key(source.fetch(f"{FOLDER}/{KEY_NAME}", LONGEST_NOTE), VerifierKey.parse(peer.key))
    if known != said:
        Peer.objects.filter(pk=peer.pk).update(witness=said.text)
        peer.witness = said.text
    return said


def _signed(note: Note, key: VerifierKey | None) -> tuple[VerifierKey, int | None]:
    if key is None:
        raise LogError(Reason.SIGNATURE, "the peer has no key as a witness")
    return key, note.verified([key]).get(key)


def _lines_of(note: Note, key: VerifierKey) -> tuple[Signature, ...]:
    return tuple(one for one in note.signatures if (one.name, one.key_id) == (key.name, key.id))


def _check_is_ours(note: Note, checkpoint: Checkpoint) -> None:
    """Raise _Refused where this cell's log never was what the peer has cosigned."""
    fetch, policy = folder_fetch(settings.CELL.tlog), log_policy(settings.CELL)
    shown = read_checkpoint(fetch, policy).checkpoint
    try:
        is_so = checkpoint.size <= shown.size
        if is_so and checkpoint.size:
            LogReader(fetch, shown).consistency(checkpoint)
    except LogError as error:
        if error.reason is not Reason.PROOF:
            raise
        is_so = False
    if is_so:
        return
    try:
        has_our_word = policy.key in note.verified([policy.key])
    except LogError:
        has_our_word = False
    # With the log's own signature somebody has its key, or it was put back from an old copy; without, the peer made it up.
    raise _Refused("fork" if has_our_word else "made_up", checkpoint)


def _keep_refused(peer: Peer, data: bytes, refused: _Refused) -> None:
    digest = hashlib.sha256(data).hexdigest()
    with transaction.atomic():
        Peer.objects.select_for_update().get(pk=peer.pk)
        before = RefusedCosignature.objects.filter(peer=peer)
        if before.filter(sha256=digest).exists() or before.count() >= _MOST_REFUSED:
            return
        RefusedCosignature.objects.create(peer=peer, word=refused.word, sha256=digest, note=data, at=timezone.now())
        facts: dict[str, str | int] = {
            "from": VerifierKey.parse(peer.key).name,
            "refused": refused.word,
            "sha256": digest,
        }
        if refused.checkpoint is not None:
            facts |= {"size": refused.checkpoint.size, "head": refused.checkpoint.root.hex()}
        record(EntryKind.WITNESS, facts)
    _logger.error("a cosignature of this cell's log was refused", peer=peer.label, reason=refused.word)
