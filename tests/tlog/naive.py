"""The Merkle tree as RFC 6962 writes it, by recursion, and a few keys and logs to try things on."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from glaswerk.tlog import KeyKind, LogWriter, Note, Policy, Signature, Signer, VerifierKey

ORIGIN = "log.example/cell"
SIGNER = Signer(ORIGIN, bytes(range(32)))
POLICY = Policy(SIGNER.key)


def root(entries: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1."""
    if len(entries) < 2:
        return sha256(b"\0" + entries[0]).digest() if entries else sha256().digest()
    split = 1 << (len(entries) - 1).bit_length() - 1
    return sha256(b"\1" + root(entries[:split]) + root(entries[split:])).digest()


def path(index: int, entries: Sequence[bytes]) -> tuple[bytes, ...]:
    """RFC 6962, section 2.1.1."""
    if len(entries) == 1:
        return ()
    split = 1 << (len(entries) - 1).bit_length() - 1
    if index < split:
        return (*path(index, entries[:split]), root(entries[split:]))
    return (*path(index - split, entries[split:]), root(entries[:split]))


def growth(old: int, entries: Sequence[bytes], whole: bool = True) -> tuple[bytes, ...]:
    """RFC 6962, section 2.1.2."""
    if old == len(entries):
        return () if whole else (root(entries),)
    split = 1 << (len(entries) - 1).bit_length() - 1
    if old <= split:
        return (*growth(old, entries[:split], whole), root(entries[split:]))
    return (*growth(old - split, entries[split:], False), root(entries[:split]))


def numbered(count: int) -> list[bytes]:
    """Entries that are all different, of different lengths."""
    return [b"%d" % number * (number % 5) for number in range(count)]


def write_log(folder: Path, *batches: Sequence[bytes]) -> Path:
    """A log that was written in these batches."""
    with LogWriter.open(folder, SIGNER) as writer:
        for batch in batches:
            writer.append(*batch)
    return folder


def read_log(folder: Path) -> dict[str, bytes]:
    """What everybody may fetch."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".writer" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


class Witness:
    """A key that cosigns."""

    def __init__(self, name: str, seed: int) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.key = VerifierKey(name, self._private.public_key().public_bytes_raw(), KeyKind.COSIGNATURE)

    def cosign(self, data: bytes, time: int) -> bytes:
        """The note with this witness's line behind the others."""
        note = Note.parse(data)
        signed = self._private.sign(f"cosignature/v1\ntime {time}\n{note.text}".encode())
        line = Signature(self.key.name, self.key.id, time.to_bytes(8, "big") + signed)
        return Note(note.text, (*note.signatures, line)).encode()
