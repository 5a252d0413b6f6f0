"""What an entry of a peer's log does here: exactly once, in one transaction with our own entry about it.

Whatever is fetched is fetched before that transaction begins, so that a slow peer holds no lock.
"""

import hashlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from glaswerk.border.messages import (
    File,
    Message,
    MessageRefused,
    Move,
    Offer,
    Profile,
    Tombstone,
    Video,
    parse_message,
)
from glaswerk.border.models import Peer
from glaswerk.border.peers import closing, effects, moving
from glaswerk.border.peers.fetching import Gone, Refused, Source
from glaswerk.cell.entries import Entry, EntryKind
from glaswerk.cell.keeping import keep_blobs
from glaswerk.cell.records import record
from glaswerk.people.avatars import MAX_BYTES as MOST_PICTURE_BYTES
from glaswerk.tlog import VerifierKey
from glaswerk.videos.captions import find_hashtags
from glaswerk.videos.drafts.webvtt import MAX_TEXT_BYTES
from glaswerk.videos.limits import max_upload_bytes
from glaswerk.videos.work import work_folder

# So many videos of one peer are prepared at a time: they take turns with everybody's uploads, and never are the crowd.
MOST_UNDERWAY: Final = 4
_logger = structlog.get_logger("glaswerk.border")


class Busy(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """Enough of this peer's videos are being prepared; the entry's turn comes later."""


@dataclass(frozen=True, slots=True)
class _Said:
    """An entry of a peer's log that names a message."""

    index: int
    kind: str
    sha256: str
    blobs: frozenset[str]


def take_entry(peer: Peer, index: int, data: bytes, source: Source) -> None:
    """Do what entry `index` of the peer's log says.  Raises LogError and OSError where another try may help, and Busy.

    Where the log ends with it, the peer is closed afterwards.
    """
    try:
        entry = Entry.parse(data)
    except ValueError:
        # A later version may have entries that this one does not know.
        return
    if closing.closes(entry):
        try:
            closing.close_peer(peer, index, data, entry)
        except Gone:
            return
        except Refused as error:
            said = _Said(index, "carve", hashlib.sha256(data).hexdigest(), frozenset())
            _refuse(peer, said, error.word, str(error))
        return
    if (found := _said(index, entry)) is not None:
        _take(peer, found, source)


def _take(peer: Peer, said: _Said, source: Source) -> None:
    index = said.index
    try:
        message = _read(said, source)
        _check(peer, said, message)
        with ExitStack() as files:
            paths = _fetch(peer, message, source, files)
            with transaction.atomic():
                effects.move_past(peer, index)
                keep_blobs()
                _apply(peer, index, message, paths)
                _note(peer, said, message)
    except Gone:
        return
    except (Refused, MessageRefused) as error:
        _refuse(peer, said, error.word if isinstance(error, Refused) else "malformed", str(error))


def _apply(peer: Peer, index: int, message: Message, paths: dict[str, Path]) -> None:
    match message:
        case Move():
            moving.take_half(peer, index, message)
        case Tombstone(of="move"):
            moving.forget_half(peer, message.id)
        case _:
            effects.apply(peer, index, message, paths)


def _refuse(peer: Peer, said: _Said, word: str, detail: str) -> None:
    _logger.warning("refused from a peer", peer=peer.label, index=said.index, reason=f"{word}: {detail}"[:300])
    with suppress(Gone), transaction.atomic():
        effects.move_past(peer, said.index)
        _note(peer, said, None, word)


def _said(index: int, entry: Entry) -> _Said | None:
    """Read an entry; None where it is nothing that was said to this cell."""
    if entry.kind is not EntryKind.CROSS_OUT:
        return None
    facts = entry.facts
    if facts.get("to", "") not in ("", effects.own_origin()):
        return None
    blobs = facts.get("blobs", ())
    assert isinstance(blobs, list | tuple)
    return _Said(index, str(facts["message"]), str(facts["sha256"]), frozenset(blobs))


def _read(said: _Said, source: Source) -> Message:
    message = parse_message(source.message(said.sha256))
    if message.type != said.kind:
        raise Refused("mismatch", f"the log names a {said.kind}, and this is a {message.type}")
    if not {file.sha256 for file in message.files} <= said.blobs:
        raise Refused("unlogged", "the message names a file that its entry of the log does not name")
    return message


def _check(peer: Peer, said: _Said, message: Message) -> None:
    """Raise Refused where this region does not take such things; what came of it before goes, too."""
    refuse = settings.CELL.config.peers.refuse
    is_refused = message.type in refuse
    if isinstance(message, Video):
        is_refused |= f"language:{message.language.partition('-')[0]}" in refuse
        is_refused |= any(f"#{tag}" in refuse for tag in find_hashtags(message.caption))
    if is_refused:
        with transaction.atomic():
            effects.forget(peer, message)
        raise Refused("category", "this region does not take such things")
    if isinstance(message, Video):
        effects.check_room(peer, message)
        if effects.underway(peer) >= MOST_UNDERWAY:
            raise Busy


def _fetch(peer: Peer, message: Message, source: Source, files: ExitStack) -> dict[str, Path]:
    """Fetch the files of a message that are not here yet."""
    folder = work_folder()
    wanted: list[tuple[File, int]] = []
    match message:
        case Video():
            if effects.media_of(peer, message.id) != message.media.sha256:
                wanted.append((message.media, max_upload_bytes()))
            wanted += [(track, MAX_TEXT_BYTES) for track in message.captions]
        case Profile() | Offer():
            wanted += [(file, MOST_PICTURE_BYTES) for file in message.files]
        case _:
            pass
    return {file.sha256: files.enter_context(source.file(file, most, folder)) for file, most in wanted}


def _note(peer: Peer, said: _Said, message: Message | None, refused: str = "") -> None:
    facts: dict[str, str | int | list[str]] = {
        "message": said.kind,
        "sha256": said.sha256,
        "from": VerifierKey.parse(peer.key).name,
        "index": said.index,
    }
    if message is not None:
        facts["bytes"] = len(message.encode()) + sum(file.bytes for file in message.files)
        if said.blobs:
            facts["blobs"] = sorted(said.blobs)
        if isinstance(message, Profile | Video | Offer | Tombstone):
            facts["item"] = message.id
    if refused:
        facts["refused"] = refused
    record(EntryKind.CROSS_IN, facts)
