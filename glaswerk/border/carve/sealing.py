"""Sealing for one reader, in the format of age (age-encryption.org/v1) with an X25519 recipient.

The buyer's keys are age's own (`age1…`, `AGE-SECRET-KEY-1…`), so what is sealed here opens with any program that knows
age, and the buyer needs none of ours to look.  Only this one kind of recipient is made and read.

header    version, one stanza `-> X25519 share` with the wrapped file key, `---` and an HMAC over the header
payload   16 random bytes, then ChaCha20-Poly1305 in chunks of 64 KiB (STREAM): the nonce counts, and marks the last
"""

import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from glaswerk.border.carve.failures import CarveRefused

CHUNK: Final = 64 << 10
_TAG: Final = 16
_VERSION: Final = b"age-encryption.org/v1"
_LABEL: Final = b"age-encryption.org/v1/X25519"
_PUBLIC: Final = "age"
_SECRET: Final = "AGE-SECRET-KEY-"  # noqa: S105 - what every secret key begins with.
_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_LONGEST_LINE: Final = 512


class Target(Protocol):
    """Whatever sealed bytes are written to."""

    def write(self, data: bytes, /) -> object:
        """Take bytes."""


class Identity:
    """The secret key that opens."""

    def __init__(self, secret: bytes) -> None:
        """Take 32 bytes."""
        self._key = X25519PrivateKey.from_private_bytes(secret)
        self._secret = secret

    @classmethod
    def new(cls) -> Self:
        """Make a key."""
        return cls(os.urandom(32))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key as `age-keygen` writes it; lines that begin with # are remarks.  Raises CarveRefused."""
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        if len(lines) != 1 or not lines[0].startswith(_SECRET):
            raise CarveRefused("This is no identity of age: one line that begins with AGE-SECRET-KEY-1 is needed.")
        return cls(_from_bech32(_SECRET.lower(), lines[0].lower()))

    @property
    def text(self) -> str:
        """The key as age writes it."""
        return _to_bech32(_SECRET.lower(), self._secret).upper()

    @property
    def recipient(self) -> "Recipient":
        """Whom to seal for."""
        return Recipient(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def file_key(self, share: bytes, body: bytes) -> bytes:
        """Open the key of a file.  Raises CarveRefused where it was sealed for somebody else."""
        try:
            shared = self._key.exchange(X25519PublicKey.from_public_bytes(share))
            wrapping = _derive(shared, share + self.recipient.key, _LABEL)
            return ChaCha20Poly1305(wrapping).decrypt(bytes(12), body, None)
        except (InvalidTag, ValueError):
            raise CarveRefused("This was sealed for another key than the one that was given.") from None


class Recipient:
    """The public key that is sealed for."""

    def __init__(self, key: bytes) -> None:
        """Take 32 bytes."""
        self.key = key

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key as age writes it.  Raises CarveRefused."""
        if not text.startswith(f"{_PUBLIC}1"):
            raise CarveRefused("This is no recipient of age: it begins with age1.")
        return cls(_from_bech32(_PUBLIC, text))

    @property
    def text(self) -> str:
        """The key as age writes it."""
        return _to_bech32(_PUBLIC, self.key)

    def stanza(self, file_key: bytes) -> bytes:
        """The key of a file, wrapped for this recipient, as lines of a header."""
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        wrapping = _derive(ephemeral.exchange(X25519PublicKey.from_public_bytes(self.key)), share + self.key, _LABEL)
        body = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
        return b"-> X25519 " + _plain64(share) + b"\n" + _plain64(body) + b"\n"


def seal(parts: Iterable[bytes], recipient: Recipient, out: Target) -> None:
    """Write the parts, one behind another, sealed for the recipient; in the memory of a chunk."""
    file_key = os.urandom(16)
    header = _VERSION + b"\n" + recipient.stanza(file_key) + b"---"
    mac = hmac.digest(_derive(file_key, b"", b"header"), header, "sha256")
    nonce = os.urandom(16)
    out.write(header + b" " + _plain64(mac) + b"\n" + nonce)
    cipher = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
    waiting, number = bytearray(), 0
    for part in parts:
        waiting += part
        # A full chunk waits for the next byte, because the last one is marked and may be full.
        while len(waiting) > CHUNK:
            out.write(cipher.encrypt(_nonce(number, last=False), bytes(waiting[:CHUNK]), None))
            del waiting[:CHUNK]
            number += 1
    out.write(cipher.encrypt(_nonce(number, last=True), bytes(waiting), None))


def unseal(source: BinaryIO, identity: Identity) -> Iterator[bytes]:
    """Yield what was sealed, chunk by chunk.  Each is genuine; that nothing is missing is known at the end.

    Raises CarveRefused where anything is not as it was sealed, or was sealed for another key.
    """
    file_key = _open_header(source, identity)
    nonce = source.read(16)
    cipher = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
    chunk, number = source.read(CHUNK + _TAG), 0
    while True:
        following = source.read(CHUNK + _TAG)
        try:
            plain = cipher.decrypt(_nonce(number, last=not following), chunk, None)
        except InvalidTag:
            raise CarveRefused("A sealed file is not what it was when it was sealed.") from None
        if not plain and number:
            raise CarveRefused("A sealed file has an empty chunk at its end.")
        yield plain
        if not following:
            return
        chunk, number = following, number + 1


def _open_header(source: BinaryIO, identity: Identity) -> bytes:
    lines = [source.readline(_LONGEST_LINE) for _ in range(4)]
    version, stanza, body, end = lines
    words = stanza.split()
    if version != _VERSION + b"\n" or words[:2] != [b"->", b"X25519"] or len(words) != 3 or end[:4] != b"--- ":
        raise CarveRefused("This is no file of age that was sealed for one X25519 key.")
    file_key = identity.file_key(_from_plain64(words[2], 32), _from_plain64(body.rstrip(b"\n"), 32))
    mac = hmac.digest(_derive(file_key, b"", b"header"), version + stanza + body + b"---", "sha256")
    if not hmac.compare_digest(mac, _from_plain64(end[4:].rstrip(b"\n"), 32)):
        raise CarveRefused("The header of a sealed file is not what it was when it was sealed.")
    return file_key


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _derive(key: bytes, salt: bytes, label: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=salt, info=label).derive(key)


def _plain64(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _from_plain64(text: bytes, size: int) -> bytes:
    try:
        data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        data = b""
    if len(data) != size or _plain64(data) != text:
        raise CarveRefused("The header of a sealed file is malformed.")
    return data


# Bech32 (BIP 173), which age writes its keys in.
def _to_bech32(prefix: str, data: bytes) -> str:
    values = _regrouped(data, 8, 5, pad=True)
    check = _checksum(prefix, [*values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [(check >> 5 * (5 - place)) & 31 for place in range(6)]
    return f"{prefix}1{''.join(_ALPHABET[value] for value in values)}"


def _from_bech32(prefix: str, text: str) -> bytes:
    try:
        found, _, rest = text.rpartition("1")
        values = [_ALPHABET.index(letter) for letter in rest]
        if found != prefix or _checksum(prefix, values) != 1:
            raise ValueError
        data = bytes(_regrouped(values[:-6], 5, 8, pad=False))
        if len(data) != 32:
            raise ValueError
    except ValueError:
        raise CarveRefused("This key has a mistake in it; copy it again as a whole.") from None
    return data


def _checksum(prefix: str, values: Iterable[int]) -> int:
    check = 1
    letters = prefix.encode()
    for value in [*(letter >> 5 for letter in letters), 0, *(letter & 31 for letter in letters), *values]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= factor if top >> bit & 1 else 0
    return check


def _regrouped(values: Iterable[int], old: int, new: int, pad: bool) -> list[int]:
    found, held, bits = [], 0, 0
    for value in values:
        held, bits = held << old | value, bits + old
        while bits >= new:
            bits -= new
            found.append(held >> bits & (1 << new) - 1)
    if pad and bits:
        found.append(held << new - bits & (1 << new) - 1)
    elif not pad and (bits >= old or held & (1 << bits) - 1):
        raise ValueError
    return found
