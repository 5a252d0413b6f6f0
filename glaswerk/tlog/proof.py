"""Proofs in a file, by C2SP tlog-proof (https://c2sp.org/tlog-proof): that one entry is in a log, checked without a network."""

from dataclasses import dataclass
from typing import Final, Self

from glaswerk.tlog.checkpoint import Policy, SignedCheckpoint, open_checkpoint, read_number
from glaswerk.tlog.errors import LogError, Reason
from glaswerk.tlog.merkle import HASH_SIZE, check_inclusion, leaf_hash
from glaswerk.tlog.note import LONGEST_NOTE, from_base64, to_base64

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
LONGEST_PROOF: Final = LONGEST_NOTE + (1 << 17)
# A path has one hash a level, and no log has 2^63 entries.
MOST_HASHES: Final = 63


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An entry's number, its path from the leaf's sibling up, and the checkpoint's bytes. `extra`: not authenticated by anything."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        """The bytes of the file."""
        lines = [FIRST_LINE, *([f"extra {to_base64(self.extra)}"] if self.extra else []), f"index {self.index}"]
        return "".join(f"{line}\n" for line in (*lines, *map(to_base64, self.hashes), "")).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the file; nothing is verified. Raises LogError."""
        if len(data) > LONGEST_PROOF:
            raise LogError(Reason.TOO_LARGE, f"a proof has at most {LONGEST_PROOF} bytes")
        head, parted, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise LogError(Reason.MALFORMED, "a proof is ASCII up to its checkpoint") from None
        if not parted or lines.pop(0) != FIRST_LINE:
            raise LogError(
                Reason.MALFORMED, f"a proof begins with {FIRST_LINE} and has an empty line before its checkpoint"
            )
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = from_base64(lines.pop(0).removeprefix("extra "))
            if not extra:
                raise LogError(Reason.MALFORMED, "a proof without extra data has no line for it")
        if not lines or not lines[0].startswith("index "):
            raise LogError(Reason.MALFORMED, "the proof does not say which entry it is about")
        index = read_number(lines.pop(0).removeprefix("index "))
        if len(lines) > MOST_HASHES:
            raise LogError(Reason.TOO_LARGE, f"a proof has at most {MOST_HASHES} hashes")
        hashes = tuple(map(from_base64, lines))
        if any(len(one) != HASH_SIZE for one in hashes):
            raise LogError(Reason.MALFORMED, f"a hash has {HASH_SIZE} bytes")
        return cls(index, hashes, checkpoint, extra)

    def verify(self, entry: bytes, policy: Policy, now: float | None = None) -> SignedCheckpoint:
        """Return the checkpoint that vouches for this very entry. Raises LogError."""
        signed = open_checkpoint(self.checkpoint, policy, now)
        check_inclusion(self.index, signed.checkpoint.size, leaf_hash(entry), self.hashes, signed.checkpoint.root)
        return signed
