"""Signed notes, by C2SP signed-note (https://c2sp.org/signed-note), with Ed25519 keys and witness cosignatures (v1).

What is read is exactly what would be written: UTF-8, no control character but the newline, canonical base64, and nothing
before or behind. A signature by a key that nobody configured is ignored; one by a known key must verify.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from glaswerk.tlog.errors import LogError, Reason

LONGEST_NOTE: Final = 1 << 17
MOST_SIGNATURES: Final = 64
LONGEST_NAME: Final = 255
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
_VKEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")


class KeyKind(IntEnum):
    """The signature type identifier of a key."""

    ED25519 = 1
    COSIGNATURE = 4


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key and its name. `public`: 32 bytes (RFC 8032). Raises LogError for a name or length that cannot be."""

    name: str
    public: bytes
    kind: KeyKind = KeyKind.ED25519

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != 32:
            raise LogError(Reason.MALFORMED, f"an Ed25519 key has 32 bytes, not {len(self.public)}")

    @property
    def id(self) -> bytes:
        """The four bytes that signatures name it by."""
        return sha256(self.name.encode() + b"\n" + bytes((self.kind,)) + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """The key as one word (a vkey): `name+id+base64(kind ‖ key)`."""
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes((self.kind,)) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a vkey. Raises LogError."""
        found = _VKEY.fullmatch(text)
        if found is None:
            raise LogError(Reason.MALFORMED, "a key is written name+id+base64, as `glaswerk log key` prints it")
        name, key_id, coded = found.groups()
        material = from_base64(coded)
        if material[:1] not in (b"\x01", b"\x04"):
            raise LogError(Reason.MALFORMED, "this key is of a kind that is not known here")
        key = cls(name, material[1:], KeyKind(material[0]))
        if key.id.hex() != key_id:
            raise LogError(Reason.MALFORMED, f"the id of key {name} is {key.id.hex()}, not {key_id}")
        return key

    def verify(self, text: str, signature: bytes) -> int | None:
        """Return when the signature is this key's over the text, with the time of a cosignature (POSIX seconds). Raises LogError."""
        time: int | None = None
        message = text.encode()
        if self.kind == KeyKind.COSIGNATURE:
            # https://c2sp.org/tlog-cosignature: eight bytes of time, which the signed message repeats.
            time = int.from_bytes(signature[:8], "big")
            if len(signature) != 72 or time >= 1 << 63:
                raise LogError(Reason.MALFORMED, f"the cosignature of {self.name} is not of version 1")
            message = f"cosignature/v1\ntime {time}\n".encode() + message
            signature = signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise LogError(Reason.SIGNATURE, f"the signature of {self.name} does not hold") from None
        return time


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line: the key's name, its id (4 bytes) and the bytes of the signature."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line in the note, with its newline."""
        return f"— {self.name} {to_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends in a newline, and the signatures under it."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The bytes of the note."""
        return f"{self.text}\n{''.join(one.line for one in self.signatures)}".encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a note; no signature is verified. Raises LogError."""
        if len(data) > LONGEST_NOTE:
            raise LogError(Reason.TOO_LARGE, f"a note has at most {LONGEST_NOTE} bytes")
        try:
            whole = data.decode()
        except UnicodeDecodeError:
            raise LogError(Reason.MALFORMED, "the note is not UTF-8") from None
        if _CONTROL.search(whole):
            raise LogError(Reason.MALFORMED, "the note holds a control character")
        # Texts may hold empty lines: the last one parts them from the signatures.
        text, parted, rest = whole.rpartition("\n\n")
        if not parted or not rest.endswith("\n"):
            raise LogError(Reason.MALFORMED, "a note is a text, an empty line and signatures, each with a newline")
        lines = rest.removesuffix("\n").split("\n")
        if len(lines) > MOST_SIGNATURES:
            raise LogError(Reason.TOO_LARGE, f"a note has at most {MOST_SIGNATURES} signatures")
        return cls(text + "\n", tuple(map(_signature, lines)))

    def verified(self, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int | None]:
        """The keys of these that signed, each with its cosignature's time. Raises LogError where one of them signed wrongly."""
        known = {(key.name, key.id): key for key in keys}
        found: dict[VerifierKey, int | None] = {}
        for one in self.signatures:
            key = known.get((one.name, one.key_id))
            if key is not None:
                time = key.verify(self.text, one.signature)
                # A witness may have signed twice; its latest word counts.
                found[key] = time if time is None else max(time, found.get(key) or 0)
        return found


class Signer:
    """A key that signs notes. `seed`: the 32 bytes of the private key (RFC 8032). Its bytes are never printed."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Raises LogError for a name or a seed that cannot be."""
        if len(seed) != 32:
            raise LogError(Reason.MALFORMED, f"the seed of an Ed25519 key has 32 bytes, not {len(seed)}")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifierKey(name, self._private.public_key().public_bytes_raw())

    def sign(self, text: str) -> Note:
        """The text with this key's signature. The same text gives the same bytes."""
        return Note(text, (Signature(self.key.name, self.key.id, self._private.sign(text.encode())),))


class Witness:
    """A key that cosigns the checkpoints of others. `seed`: the 32 bytes of the private key (RFC 8032). They are never printed."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Raises LogError for a name or a seed that cannot be."""
        if len(seed) != 32:
            raise LogError(Reason.MALFORMED, f"the seed of an Ed25519 key has 32 bytes, not {len(seed)}")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifierKey(name, self._private.public_key().public_bytes_raw(), KeyKind.COSIGNATURE)

    def cosign(self, text: str, time: int) -> Signature:
        """A cosignature of version 1 for the text of a checkpoint. `time`: POSIX seconds.

        Whoever calls it has seen that the checkpoint's tree begins with that of every earlier one that was cosigned.
        """
        signed = self._private.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        return Signature(self.key.name, self.key.id, time.to_bytes(8, "big") + signed)


def check_name(name: str) -> None:
    """Return when a key can have this name. Raises LogError otherwise."""
    if not name or "+" in name or any(letter.isspace() or letter < " " for letter in name):
        raise LogError(Reason.MALFORMED, "the name of a key is not empty and has neither spaces nor plus signs")
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise LogError(Reason.MALFORMED, "the name of a key is not UTF-8") from None
    if length > LONGEST_NAME:
        raise LogError(Reason.TOO_LARGE, f"the name of a key has at most {LONGEST_NAME} bytes")


def from_base64(text: str) -> bytes:
    """The bytes of standard base64 (RFC 4648, section 4), which has one spelling only. Raises LogError."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise LogError(Reason.MALFORMED, f"{text[:60]!r} is not base64") from None
    if to_base64(data) != text:
        raise LogError(Reason.MALFORMED, f"{text[:60]!r} is not the canonical base64 of its bytes")
    return data


def to_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, coded = rest.partition(" ")
    if dash != "—":
        raise LogError(Reason.MALFORMED, "a line of a signature begins with an em dash and a space")
    check_name(name)
    data = from_base64(coded)
    if len(data) < 5:
        raise LogError(Reason.MALFORMED, f"the signature of {name} is too short")
    return Signature(name, data[:4], data[4:])
