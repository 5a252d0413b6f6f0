"""Checkpoints, by C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint): a log's name, size and root in a signed note."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from glaswerk.tlog.errors import LogError, Reason
from glaswerk.tlog.merkle import EMPTY_ROOT, HASH_SIZE, MAX_SIZE
from glaswerk.tlog.note import KeyKind, Note, VerifierKey, from_base64, to_base64

PATH: Final = "checkpoint"
# The last checkpoint that witnesses have cosigned, where a log shows it; it may be behind the one above.
WITNESSED: Final = "witnessed"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: `origin` (its name), `size` (how many entries) and `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, to_base64(self.root), *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a note. Raises LogError."""
        *lines, end = text.split("\n")
        if end or len(lines) < 3 or not all(lines):
            raise LogError(Reason.MALFORMED, "a checkpoint has at least three lines, none of them empty")
        origin, size, root, *extensions = lines
        found = cls(origin, read_number(size), from_base64(root), tuple(extensions))
        if len(found.root) != HASH_SIZE:
            raise LogError(Reason.MALFORMED, f"a root has {HASH_SIZE} bytes, not {len(found.root)}")
        if found.size == 0 and found.root != EMPTY_ROOT:
            raise LogError(Reason.MISMATCH, "this is not the root of an empty log")
        return found


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose word counts: the log's key, whose name is its origin, and of these witnesses at least `quorum`.

    `max_age_s`: with it, the quorum must have signed within so many seconds. Raises LogError where it cannot be met.
    """

    key: VerifierKey
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 0
    max_age_s: float | None = None

    def __post_init__(self) -> None:
        keys = (self.key, *self.witnesses)
        if self.key.kind != KeyKind.ED25519 or any(one.kind != KeyKind.COSIGNATURE for one in self.witnesses):
            raise LogError(Reason.MALFORMED, "a log signs with a key of kind 1, a witness with one of kind 4")
        if len({(key.name, key.id) for key in keys}) != len(keys) or len({key.public for key in keys}) != len(keys):
            raise LogError(Reason.MALFORMED, "two of these keys are the same")
        if not 0 <= self.quorum <= len(self.witnesses):
            raise LogError(Reason.MALFORMED, f"{len(self.witnesses)} witnesses cannot make a quorum of {self.quorum}")
        if self.max_age_s is not None and self.quorum == 0:
            raise LogError(Reason.MALFORMED, "only cosignatures say when; an age needs a quorum of witnesses")


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint whose signatures were verified, its bytes, and when which witness (by name) cosigned it."""

    checkpoint: Checkpoint
    note: bytes
    cosigned: tuple[tuple[str, int], ...] = ()


def open_checkpoint(data: bytes, policy: Policy, now: float | None = None) -> SignedCheckpoint:
    """Read a checkpoint and verify who signed it. `now`: POSIX seconds, needed for `max_age_s`. Raises LogError."""
    note = Note.parse(data)
    signed = note.verified((policy.key, *policy.witnesses))
    if policy.key not in signed:
        raise LogError(
            Reason.SIGNATURE, f"{policy.key.name} did not sign this checkpoint with key {policy.key.id.hex()}"
        )
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != policy.key.name:
        raise LogError(Reason.MISMATCH, f"this is a checkpoint of {checkpoint.origin!r}, not of {policy.key.name!r}")
    cosigned = tuple(sorted((key.name, time) for key, time in signed.items() if time is not None))
    if len(cosigned) < policy.quorum:
        raise LogError(Reason.WITNESSES, f"{len(cosigned)} of {policy.quorum} witnesses signed this checkpoint")
    if policy.max_age_s is not None:
        _check_age([time for _, time in cosigned], policy, now)
    return SignedCheckpoint(checkpoint, data, cosigned)


def _check_age(times: Sequence[int], policy: Policy, now: float | None) -> None:
    if now is None or policy.max_age_s is None:
        raise LogError(Reason.STALE, "the age of a checkpoint is asked for, and nobody said what time it is")
    # So many witnesses have vouched for it at this time or later.
    vouched = sorted(times, reverse=True)[policy.quorum - 1]
    if now - vouched > policy.max_age_s:
        raise LogError(Reason.STALE, f"the witnesses saw this checkpoint {now - vouched:.0f} seconds ago")


def read_number(text: str) -> int:
    """A number below 2^63 in its only spelling. Raises LogError."""
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SIZE:
        raise LogError(Reason.MALFORMED, f"{text[:30]!r} is not a number below 2^63 without leading zeros")
    return int(text)
